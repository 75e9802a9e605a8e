//! Many messages in one packet.
//!
//! ```text
//! 07 | count: u8 | len[0]: u16 … len[count-1]: u16 | part[0] … part[count-1]
//! ```
//!
//! The writer cannot build a compound that hurts a deployed agent. Serf up to 0.9.5 computes the size of
//! the length table in eight bits, so it misreads more than 127 parts, and an empty part crashes it.

use crate::wire::kind;
use crate::wire::msgpack::{DecodeError, Reader};

/// The most parts that every version of serf reads.
pub const PARTS_MAX: usize = 127;

/// How many bytes each part costs besides its own.
pub const PART_OVERHEAD: usize = 2;

/// The length of a compound before its parts and their lengths.
pub const HEADER_LEN: usize = 2;

/// The parts of a compound, cut one by one.
#[derive(Clone, Debug)]
pub struct Parts<'a> {
    lengths: std::slice::ChunksExact<'a, u8>,
    bodies: Reader<'a>,
}

impl<'a> Parts<'a> {
    /// Reads the length table of a compound, whose type byte is already taken off.
    ///
    /// # Errors
    /// If the table is cut short: then no part can be trusted.
    pub fn parse(body: &'a [u8]) -> Result<Self, DecodeError> {
        let mut bodies = Reader::new(body);
        let count = usize::from(bodies.raw(1)?[0]);
        let lengths = bodies.raw(count * 2)?.chunks_exact(2);
        Ok(Self { lengths, bodies })
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<&'a [u8], DecodeError>;

    /// The next part. A part that is cut short is the last: those behind it are lost, those before it are
    /// valid.
    fn next(&mut self) -> Option<Self::Item> {
        let length = self.lengths.next()?;
        let length = u16::from_be_bytes([length[0], length[1]]);
        let part = self.bodies.raw(usize::from(length));
        if part.is_err() {
            self.lengths = [].chunks_exact(2);
        }
        Some(part)
    }
}

/// Puts messages together until a size is reached. Keeps its memory when cleared.
#[derive(Clone, Debug, Default)]
pub struct Compound {
    lengths: Vec<u8>,
    bodies: Vec<u8>,
    /// How many bytes parts and their lengths may still take up.
    room: usize,
}

impl Compound {
    /// Empties it and sets how long the finished packet may become.
    pub fn reset(&mut self, len_max: usize) {
        self.lengths.clear();
        self.bodies.clear();
        self.room = len_max.saturating_sub(HEADER_LEN);
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.lengths.len() / 2
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// How long a message may be to still fit.
    pub fn room(&self) -> usize {
        if self.len() == PARTS_MAX {
            return 0;
        }
        self.room.saturating_sub(PART_OVERHEAD)
    }

    /// Adds the first message, whatever its size. It must go out; only the others have to fit.
    pub fn push_first(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        debug_assert!(self.is_empty(), "there is already a first message");
        write(&mut self.bodies);
        self.note_part(0);
    }

    /// Adds a message made of `pieces`, if it is not empty and fits.
    pub fn push(&mut self, pieces: &[&[u8]]) -> bool {
        let len: usize = pieces.iter().map(|piece| piece.len()).sum();
        if len == 0 || len > self.room() || len > usize::from(u16::MAX) {
            return false;
        }
        let start = self.bodies.len();
        for piece in pieces {
            self.bodies.extend_from_slice(piece);
        }
        self.note_part(start);
        true
    }

    /// Appends the packet: a single message as it is, several as a compound.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.len() > 1 {
            out.push(kind::COMPOUND);
            out.push(self.len() as u8);
            out.extend_from_slice(&self.lengths);
        }
        out.extend_from_slice(&self.bodies);
    }

    fn note_part(&mut self, start: usize) {
        let len = self.bodies.len() - start;
        let length = u16::try_from(len).unwrap_or(0);
        self.lengths.extend_from_slice(&length.to_be_bytes());
        self.room = match length {
            // Only a first message can be empty or too long for a compound. It then goes alone.
            0 => 0,
            _ => self.room.saturating_sub(len + PART_OVERHEAD),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(hex: &str) -> Vec<Result<Vec<u8>, DecodeError>> {
        let body = hex::decode(hex).unwrap();
        match Parts::parse(&body) {
            Ok(parts) => parts.map(|part| part.map(<[u8]>::to_vec)).collect(),
            Err(error) => vec![Err(error)],
        }
    }

    #[test]
    fn two_messages_become_one_packet() {
        let mut compound = Compound::default();
        compound.reset(1400);
        assert!(compound.push(&[b"\x08ab"]));
        assert!(compound.push(&[b"\x08", b"cde"]));
        let mut packet = Vec::new();
        compound.write(&mut packet);
        assert_eq!(hex::encode(packet), "07020003000408616208636465");
    }

    #[test]
    fn one_message_goes_as_it_is() {
        let mut compound = Compound::default();
        compound.reset(1400);
        compound.push_first(|out| out.extend_from_slice(b"\x08ab"));
        let mut packet = Vec::new();
        compound.write(&mut packet);
        assert_eq!(packet, b"\x08ab");
    }

    #[test]
    fn no_part_is_empty_and_there_are_never_more_than_127() {
        let mut compound = Compound::default();
        compound.reset(65_000);
        assert!(!compound.push(&[b""]));
        for _ in 0..PARTS_MAX {
            assert!(compound.push(&[b"x"]));
        }
        assert!(!compound.push(&[b"x"]));
        assert_eq!(compound.len(), 127);
    }

    #[test]
    fn a_packet_never_exceeds_its_size() {
        let mut compound = Compound::default();
        compound.reset(2 + 4 + 5);
        assert!(compound.push(&[b"ab"]));
        assert_eq!(compound.room(), 3);
        assert!(!compound.push(&[b"abcd"]));
        assert!(compound.push(&[b"abc"]));
        let mut packet = Vec::new();
        compound.write(&mut packet);
        assert_eq!(packet.len(), 11);
    }

    #[test]
    fn a_truncated_length_table_loses_everything() {
        assert_eq!(parts(""), [Err(DecodeError::Truncated)]);
        assert_eq!(parts("80"), [Err(DecodeError::Truncated)]);
        assert_eq!(parts("020001"), [Err(DecodeError::Truncated)]);
    }

    #[test]
    fn a_truncated_part_loses_only_what_follows() {
        let cut = parts("03000100020001aabb");
        assert_eq!(cut, [Ok(vec![0xaa]), Err(DecodeError::Truncated)]);
        assert_eq!(parts("00"), []);
    }

    #[test]
    fn surplus_bytes_are_ignored() {
        assert_eq!(parts("010001aabbcc"), [Ok(vec![0xaa])]);
    }
}
