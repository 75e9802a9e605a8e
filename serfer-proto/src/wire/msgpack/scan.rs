//! Where a MessagePack value ends, without looking into it.
//!
//! Used to step over unknown fields, and to find the end of a message on a stream while it is still
//! arriving. A counter of the values still to come takes the place of recursion, so depth costs nothing.

use rmp::Marker;

use crate::wire::error::DecodeError;

/// Finds where a run of values ends, in input that may still be arriving.
#[derive(Clone, Debug)]
pub(in crate::wire) struct Scan {
    /// Values still to come.
    values: u64,
    /// Bytes of the current value still to come.
    payload: u64,
}

impl Scan {
    /// Looks for the end of `values` values.
    pub(in crate::wire) fn values(values: u64) -> Self {
        Self { values, payload: 0 }
    }

    /// Moves over `bytes` and returns how many of them were understood; the caller offers the
    /// others again, with more behind them.
    pub(in crate::wire) fn advance(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        let mut at = 0;
        loop {
            let skipped = self.payload.min((bytes.len() - at) as u64);
            self.payload -= skipped;
            at += skipped as usize;
            if self.values == 0 || self.payload > 0 {
                return Ok(at);
            }
            let Some(head) = Head::parse(&bytes[at..])? else {
                return Ok(at);
            };
            at += head.len;
            self.payload = head.payload;
            self.values = (self.values - 1).saturating_add(head.children);
        }
    }

    /// How many bytes of the current value are still to come, as its head claims.
    pub(in crate::wire) fn payload_left(&self) -> u64 {
        self.payload
    }

    pub(in crate::wire) fn is_done(&self) -> bool {
        self.values == 0 && self.payload == 0
    }
}

/// The first bytes of a value: marker and length.
struct Head {
    len: usize,
    payload: u64,
    children: u64,
}

impl Head {
    /// `None` if `bytes` ends inside the head.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, DecodeError> {
        let Some((&marker, rest)) = bytes.split_first() else {
            return Ok(None);
        };
        let (width, shape) = match Marker::from_u8(marker) {
            Marker::Reserved => return Err(DecodeError::WrongType),
            Marker::FixPos(_) | Marker::FixNeg(_) | Marker::Null | Marker::False | Marker::True => {
                (0, Shape::Payload(0))
            }
            Marker::U8 | Marker::I8 => (0, Shape::Payload(1)),
            Marker::U16 | Marker::I16 => (0, Shape::Payload(2)),
            Marker::U32 | Marker::I32 | Marker::F32 => (0, Shape::Payload(4)),
            Marker::U64 | Marker::I64 | Marker::F64 => (0, Shape::Payload(8)),
            Marker::FixExt1 => (0, Shape::Payload(2)),
            Marker::FixExt2 => (0, Shape::Payload(3)),
            Marker::FixExt4 => (0, Shape::Payload(5)),
            Marker::FixExt8 => (0, Shape::Payload(9)),
            Marker::FixExt16 => (0, Shape::Payload(17)),
            Marker::FixStr(len) => (0, Shape::Payload(u64::from(len))),
            Marker::FixArray(len) => (0, Shape::Children(u64::from(len))),
            Marker::FixMap(len) => (0, Shape::Children(2 * u64::from(len))),
            Marker::Str8 | Marker::Bin8 => (1, Shape::Payload(0)),
            Marker::Str16 | Marker::Bin16 => (2, Shape::Payload(0)),
            Marker::Str32 | Marker::Bin32 => (4, Shape::Payload(0)),
            Marker::Ext8 => (1, Shape::Payload(1)),
            Marker::Ext16 => (2, Shape::Payload(1)),
            Marker::Ext32 => (4, Shape::Payload(1)),
            Marker::Array16 => (2, Shape::Children(1)),
            Marker::Array32 => (4, Shape::Children(1)),
            Marker::Map16 => (2, Shape::Children(2)),
            Marker::Map32 => (4, Shape::Children(2)),
        };
        let Some(length) = rest.get(..width) else {
            return Ok(None);
        };
        let length = length.iter().fold(0, |value, &byte| value << 8 | u64::from(byte));
        let (payload, children) = match (width, shape) {
            (0, Shape::Payload(payload)) => (payload, 0),
            (0, Shape::Children(children)) => (0, children),
            (_, Shape::Payload(extra)) => (length + extra, 0),
            (_, Shape::Children(each)) => (0, length * each),
        };
        Ok(Some(Self { len: 1 + width, payload, children }))
    }
}

/// What follows a head. Where the head carries a length, the number is what to add to it
/// (an extension's type byte) or to multiply it by (a map's key and value).
enum Shape {
    Payload(u64),
    Children(u64),
}
