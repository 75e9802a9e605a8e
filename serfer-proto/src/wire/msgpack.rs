//! Go's flavour of MessagePack: what go-msgpack writes, and all that it reads.
//!
//! Both generations of go-msgpack write strings and byte slices in the *raw* family of the old
//! specification (`a0..bf`, `da`, `db`) and structs as maps keyed by field name, sorted. The older
//! generation (serf before 0.10.2) refuses `bin` where a string belongs, so [`put_raw`] is the only
//! way anything textual leaves this crate. Reading is lenient: integers of any width, every string
//! and binary form, `nil` for any zero value, unknown keys.
//!
//! The rule not to break: a length that was read is compared with the bytes that remain before
//! anything is done with it, and nothing here recurses on the input.

use rmp::{Marker, encode};

use crate::wire::scan::Scan;

/// Why bytes are not the value they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("input ends inside a value")]
    Truncated,
    /// A value of another type stands where this one belongs.
    #[error("value of the wrong type")]
    WrongType,
    /// A number does not fit its field.
    #[error("number out of range")]
    OutOfRange,
    /// A message type that does not belong here, or that nobody knows.
    #[error("message type {0} is not understood here")]
    UnknownType(u8),
    /// A message without even its type byte.
    #[error("empty message")]
    Empty,
    /// A stored checksum differs from the computed one.
    #[error("checksum mismatch")]
    Checksum,
    /// A label header that is cut short or empty.
    #[error("broken label header")]
    Label,
    /// A compressed message that is corrupt or inflates to nothing.
    #[error("broken compression")]
    Compression,
    /// Something is larger than its limit.
    #[error("larger than the limit of {max}")]
    TooLarge {
        /// The limit, in the unit of the thing that exceeded it.
        max: u64,
    },
}

/// A string as Go sends it: bytes that are usually, but not certainly, UTF-8.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl<'a> Text<'a> {
    /// The string, if it is UTF-8.
    pub fn to_str(self) -> Option<&'a str> {
        std::str::from_utf8(self.0).ok()
    }

    /// The string, with replacement characters where it is not UTF-8.
    pub fn to_string_lossy(self) -> String {
        String::from_utf8_lossy(self.0).into_owned()
    }
}

impl std::fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Text(text.as_bytes())
    }
}

/// A type with a place in a message.
pub trait Value<'a>: Sized {
    /// Appends the value.
    fn put(&self, out: &mut Vec<u8>);

    /// Reads the value; `nil` gives the zero value, as in Go.
    ///
    /// # Errors
    /// Whatever keeps the input from being such a value.
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError>;

    /// Whether the field is left out of its map altogether (Go's `omitempty`).
    fn is_omitted(&self) -> bool {
        false
    }
}

/// Reads values from the front of a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Takes the next `len` bytes as they are.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer remain.
    pub fn raw(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Consumes a `nil` if one is next.
    pub fn nil(&mut self) -> bool {
        let is_nil = self.rest.first() == Some(&0xc0);
        if is_nil {
            self.rest = &self.rest[1..];
        }
        is_nil
    }

    /// Reads a map's head; `nil` is a map without entries.
    ///
    /// # Errors
    /// If no map is next, or it claims more entries than there are bytes.
    pub fn map_len(&mut self) -> Result<usize, DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::FixMap(len) => u32::from(len),
            Marker::Map16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Map32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        self.bounded(len, 2)
    }

    /// Reads a list's head; `nil` is an empty list.
    ///
    /// # Errors
    /// If no list is next, or it claims more elements than there are bytes.
    pub fn array_len(&mut self) -> Result<usize, DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::FixArray(len) => u32::from(len),
            Marker::Array16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Array32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        self.bounded(len, 1)
    }

    /// Reads bytes in any string or binary form.
    ///
    /// # Errors
    /// If none is next, or it is longer than what remains.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.marker()? {
            Marker::Null => 0,
            Marker::FixStr(len) => u32::from(len),
            Marker::Str8 | Marker::Bin8 => u32::from(u8::from_be_bytes(self.be()?)),
            Marker::Str16 | Marker::Bin16 => u32::from(u16::from_be_bytes(self.be()?)),
            Marker::Str32 | Marker::Bin32 => u32::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        };
        let len = self.bounded(len, 1)?;
        self.raw(len)
    }

    /// Reads an integer of any width and sign that fits an `i64`.
    ///
    /// # Errors
    /// If no integer is next or it is 2⁶³ or more.
    pub fn int(&mut self) -> Result<i64, DecodeError> {
        Ok(match self.marker()? {
            Marker::Null => 0,
            Marker::FixPos(value) => i64::from(value),
            Marker::FixNeg(value) => i64::from(value),
            Marker::U8 => i64::from(u8::from_be_bytes(self.be()?)),
            Marker::U16 => i64::from(u16::from_be_bytes(self.be()?)),
            Marker::U32 => i64::from(u32::from_be_bytes(self.be()?)),
            Marker::U64 => i64::try_from(u64::from_be_bytes(self.be()?))
                .map_err(|_| DecodeError::OutOfRange)?,
            Marker::I8 => i64::from(i8::from_be_bytes(self.be()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.be()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.be()?)),
            Marker::I64 => i64::from_be_bytes(self.be()?),
            _ => return Err(DecodeError::WrongType),
        })
    }

    /// Reads an integer of any width and sign that is not negative.
    ///
    /// # Errors
    /// If no integer is next or it is negative.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        if self.rest.first() == Some(&Marker::U64.to_u8()) {
            self.rest = &self.rest[1..];
            return Ok(u64::from_be_bytes(self.be()?));
        }
        u64::try_from(self.int()?).map_err(|_| DecodeError::OutOfRange)
    }

    /// Reads a floating-point number of any width, or an integer.
    ///
    /// # Errors
    /// If no number is next or it is an integer of 2⁶³ or more.
    pub fn float(&mut self) -> Result<f64, DecodeError> {
        let next = self.rest.first().map(|&byte| Marker::from_u8(byte));
        if !matches!(next, Some(Marker::F32 | Marker::F64)) {
            return Ok(self.int()? as f64);
        }
        Ok(match self.marker()? {
            Marker::F32 => f64::from(f32::from_be_bytes(self.be()?)),
            _ => f64::from_be_bytes(self.be()?),
        })
    }

    /// Steps over the next value, whatever it is.
    ///
    /// # Errors
    /// If the input ends first, or is not MessagePack.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        let mut scan = Scan::values(1);
        let used = scan.advance(self.rest)?;
        self.rest = &self.rest[used..];
        if scan.is_done() { Ok(()) } else { Err(DecodeError::Truncated) }
    }

    fn marker(&mut self) -> Result<Marker, DecodeError> {
        let (&byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(Marker::from_u8(byte))
    }

    fn be<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// A claimed number of elements, each at least `bytes_each` long, against what remains.
    fn bounded(&self, len: u32, bytes_each: usize) -> Result<usize, DecodeError> {
        let len = len as usize;
        if len > self.rest.len() / bytes_each {
            return Err(DecodeError::Truncated);
        }
        Ok(len)
    }
}

const INFALLIBLE: &str = "a Vec takes whatever is written to it";

/// Appends a map's head.
pub fn put_map(out: &mut Vec<u8>, entries: usize) {
    encode::write_map_len(out, length(entries)).expect(INFALLIBLE);
}

/// How long a string or bytes are once [appended](put_raw).
pub fn raw_len(len: usize) -> usize {
    let head = match len {
        0..=31 => 1,
        32..=0xffff => 3,
        0x1_0000.. => 5,
    };
    head + len
}

/// Appends a list's head.
pub fn put_array(out: &mut Vec<u8>, elements: usize) {
    encode::write_array_len(out, length(elements)).expect(INFALLIBLE);
}

/// Appends `nil`.
pub fn put_nil(out: &mut Vec<u8>) {
    encode::write_nil(out).expect(INFALLIBLE);
}

/// Appends a string or bytes in the old raw family, which every version of serf reads.
pub fn put_raw(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = length(bytes.len());
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len @ 0..=31), _) => out.push(0xa0 | len),
        (_, Ok(len)) => {
            out.push(0xda);
            out.extend_from_slice(&len.to_be_bytes());
        }
        (_, Err(_)) => {
            out.push(0xdb);
            out.extend_from_slice(&len.to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}

/// Appends an integer in the shortest unsigned form.
pub fn put_uint(out: &mut Vec<u8>, value: u64) {
    encode::write_uint(out, value).expect(INFALLIBLE);
}

/// Lengths come from limits far below 4 GiB; one that does not fit is cut to a value that no
/// receiver accepts, instead of wrapping to one that it would.
fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

macro_rules! unsigned {
    ($($int:ty),*) => {$(
        impl<'a> Value<'a> for $int {
            fn put(&self, out: &mut Vec<u8>) {
                put_uint(out, u64::from(*self));
            }
            fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
                Self::try_from(from.uint()?).map_err(|_| DecodeError::OutOfRange)
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64);

/// Go's signed fields. Positive values go out in unsigned forms, as go-msgpack before v2 wrote
/// them; both generations read both.
impl<'a> Value<'a> for i64 {
    fn put(&self, out: &mut Vec<u8>) {
        encode::write_sint(out, *self).expect(INFALLIBLE);
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.int()
    }
}

/// Go's `float64`. Compared by its bits: each is equal to itself, even one that is no number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Float(pub f64);

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Float {}

impl<'a> Value<'a> for Float {
    fn put(&self, out: &mut Vec<u8>) {
        encode::write_f64(out, self.0).expect(INFALLIBLE);
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.float().map(Self)
    }
}

impl<'a> Value<'a> for bool {
    fn put(&self, out: &mut Vec<u8>) {
        encode::write_bool(out, *self).expect(INFALLIBLE);
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match from.marker()? {
            Marker::Null | Marker::False | Marker::FixPos(0) => Ok(false),
            Marker::True | Marker::FixPos(1) => Ok(true),
            _ => Err(DecodeError::WrongType),
        }
    }
}

impl<'a> Value<'a> for Text<'a> {
    fn put(&self, out: &mut Vec<u8>) {
        put_raw(out, self.0);
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.bytes().map(Text)
    }
}

/// Go's byte slices. An empty one is written as `nil`, which is what Go's are when nothing was put
/// into them.
impl<'a> Value<'a> for &'a [u8] {
    fn put(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            put_nil(out);
        } else {
            put_raw(out, self);
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        from.bytes()
    }
}

/// Go's `omitempty`: `None` leaves the field out of its map.
impl<'a, T: Value<'a>> Value<'a> for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.put(out),
            None => put_nil(out),
        }
    }
    fn take(from: &mut Reader<'a>) -> Result<Self, DecodeError> {
        T::take(from).map(Some)
    }
    fn is_omitted(&self) -> bool {
        self.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a, T: Value<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
        T::take(&mut Reader::new(bytes))
    }

    fn written<'a>(value: impl Value<'a>) -> String {
        let mut out = Vec::new();
        value.put(&mut out);
        hex::encode(out)
    }

    #[test]
    fn integers_take_the_shortest_unsigned_form() {
        assert_eq!(written(0u64), "00");
        assert_eq!(written(127u8), "7f");
        assert_eq!(written(128u64), "cc80");
        assert_eq!(written(256u16), "cd0100");
        assert_eq!(written(65536u64), "ce00010000");
        assert_eq!(written(1u64 << 32), "cf0000000100000000");
        assert_eq!(written(128i64), "cc80");
        assert_eq!(written(32768i64), "cd8000");
        assert_eq!(written(16_000_000_000i64), "cf00000003b9aca000");
        assert_eq!(written(-1i64), "ff");
        assert_eq!(written(-33i64), "d0df");
        assert_eq!(written(-129i64), "d1ff7f");
    }

    #[test]
    fn both_generations_of_signed_integers_are_read() {
        for bytes in ["cc80", "d10080", "cd0080", "d200000080", "d30000000000000080"] {
            let bytes = hex::decode(bytes).unwrap();
            assert_eq!(read::<u32>(&bytes), Ok(128));
            assert_eq!(read::<i64>(&bytes), Ok(128));
        }
        assert_eq!(read::<u8>(&[0xcd, 0x01, 0x00]), Err(DecodeError::OutOfRange));
        assert_eq!(read::<u32>(&[0xff]), Err(DecodeError::OutOfRange));
        assert_eq!(
            read::<i64>(&hex::decode("cf8000000000000000").unwrap()),
            Err(DecodeError::OutOfRange)
        );
        assert_eq!(read::<u32>(&[0xca, 0, 0, 0, 0]), Err(DecodeError::WrongType));
    }

    #[test]
    fn strings_are_raw_at_every_length_and_read_in_every_form() {
        let text = vec![b'x'; 65536];
        assert_eq!(written(Text(&text[..31]))[..2], *"bf");
        assert_eq!(written(Text(&text[..32]))[..6], *"da0020");
        assert_eq!(written(Text(&text))[..10], *"db00010000");
        for form in ["a178", "d90178", "da000178", "db0000000178", "c40178", "c5000178"] {
            assert_eq!(read::<Text<'_>>(&hex::decode(form).unwrap()), Ok(Text(b"x")));
        }
    }

    #[test]
    fn nil_is_the_zero_value_of_everything() {
        assert_eq!(read::<u32>(&[0xc0]), Ok(0));
        assert_eq!(read::<bool>(&[0xc0]), Ok(false));
        assert_eq!(read::<Text<'_>>(&[0xc0]), Ok(Text(b"")));
        assert_eq!(read::<&[u8]>(&[0xc0]), Ok(&[][..]));
    }

    #[test]
    fn floats_come_in_either_width_and_as_integers() {
        assert_eq!(written(Float(1.5)), "cb3ff8000000000000");
        let float = |hex: &str| read::<Float>(&hex::decode(hex).unwrap());
        for form in ["cb3ff8000000000000", "ca3fc00000"] {
            assert_eq!(float(form), Ok(Float(1.5)));
        }
        assert_eq!(float("ff"), Ok(Float(-1.0)));
        assert_eq!(float("cd0100"), Ok(Float(256.0)));
        assert_eq!(float("c0"), Ok(Float(0.0)));
        assert_eq!(float("cb7ff8000000000000").map(|it| it.0.is_nan()), Ok(true));
        assert_eq!(float("cb3ff80000"), Err(DecodeError::Truncated));
        assert_eq!(float("a178"), Err(DecodeError::WrongType));
    }

    #[test]
    fn booleans_may_come_as_zero_and_one() {
        assert_eq!(read::<bool>(&[0x00]), Ok(false));
        assert_eq!(read::<bool>(&[0x01]), Ok(true));
        assert_eq!(read::<bool>(&[0x02]), Err(DecodeError::WrongType));
    }

    #[test]
    fn lengths_beyond_the_input_are_refused() {
        let bomb = hex::decode("dbffffffff").unwrap();
        assert_eq!(read::<Text<'_>>(&bomb), Err(DecodeError::Truncated));
        let bomb = hex::decode("ddffffffff").unwrap();
        assert_eq!(Reader::new(&bomb).array_len(), Err(DecodeError::Truncated));
        let bomb = hex::decode("dfffffffff00").unwrap();
        assert_eq!(Reader::new(&bomb).map_len(), Err(DecodeError::Truncated));
    }

    #[test]
    fn any_value_can_be_skipped_however_deep() {
        let mut deep = vec![0x91; 1 << 20];
        deep.push(0xc0);
        deep.push(0x2a);
        let mut reader = Reader::new(&deep);
        assert_eq!(reader.skip(), Ok(()));
        assert_eq!(reader.rest(), [0x2a]);

        for value in [
            "c0",
            "c3",
            "2a",
            "ff",
            "cb0000000000000000",
            "a3616263",
            "c403616263",
            "c70301616263",
            "d40161",
            "d80100000000000000000000000000000000",
            "9201a161",
            "81a161c2",
            "de0001a16100",
        ] {
            let mut bytes = hex::decode(value).unwrap();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.skip(), Ok(()), "{value}");
            assert!(reader.rest().is_empty(), "{value}");
            bytes.pop();
            assert_eq!(Reader::new(&bytes).skip(), Err(DecodeError::Truncated), "{value}");
        }
        assert_eq!(Reader::new(&[0xc1]).skip(), Err(DecodeError::WrongType));
    }
}
