//! The members of a push/pull, decoded as they arrive, so that it is known where they end and nobody has to
//! check them again.

use crate::wire::error::DecodeError;
use crate::wire::message::PushNodeState;
use crate::wire::msgpack::scan::Scan;
use crate::wire::msgpack::{Reader, Value};

/// Is shown a member, and where it is.
pub(crate) type See<'s> = dyn FnMut(&PushNodeState<'_>, usize) + 's;

/// How far they have been read.
#[derive(Clone, Debug)]
pub(super) struct NodesReader {
    len: u64,
    /// How many have not been decoded.
    left: u64,
    /// If the next one is cut short: how much of it is understood, and up to which byte. So it is decoded
    /// twice at most, however small the pieces are in which it comes.
    cut: Option<(Scan, usize)>,
}

impl NodesReader {
    pub(super) fn new(len: u64) -> Self {
        Self { len, left: len, cut: None }
    }

    /// How long those are that are still to come, if they are like the others. The first of them is at `at`.
    pub(super) fn expected_len(&self, at: usize) -> usize {
        let read = self.len - self.left;
        let each = if read == 0 { 0 } else { (at as u64).div_ceil(read) };
        usize::try_from(each.saturating_mul(self.left)).unwrap_or(usize::MAX)
    }

    /// Moves `at` over the members that are here, and shows each. Says whether that was all of them.
    ///
    /// # Errors
    /// If one is broken, or is to be longer than `bytes` may become.
    pub(super) fn advance(
        &mut self,
        bytes: &[u8],
        at: &mut usize,
        len_max: usize,
        see: &mut See<'_>,
    ) -> Result<bool, DecodeError> {
        while self.left > 0 {
            let is_whole = match &mut self.cut {
                None => false,
                Some((scan, scanned)) => {
                    *scanned += scan.advance(&bytes[*scanned..])?;
                    if !scan.is_done() {
                        let is_too_large = scan.payload_left() > (len_max - *scanned) as u64;
                        let too_large = DecodeError::TooLarge { max: len_max as u64 };
                        return if is_too_large { Err(too_large) } else { Ok(false) };
                    }
                    true
                }
            };
            let from = &mut Reader::new(&bytes[*at..]);
            match PushNodeState::take(from) {
                Ok(node) => {
                    see(&node, *at);
                    *at = bytes.len() - from.rest().len();
                    (self.left, self.cut) = (self.left - 1, None);
                }
                // It may be cut short. What else is wrong counts once it is whole, however it is cut.
                Err(_) if !is_whole => self.cut = Some((Scan::values(1), *at)),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::msgpack::Text;

    /// The members of a push/pull, and how many there are.
    fn read(bytes: &[u8], len: u64, piece: usize) -> Result<usize, DecodeError> {
        let (mut reader, mut at) = (NodesReader::new(len), 0);
        for end in (0..bytes.len()).step_by(piece).chain([bytes.len()]) {
            if reader.advance(&bytes[..end], &mut at, 1 << 20, &mut |_, _| {})? {
                return Ok(at);
            }
        }
        Err(DecodeError::Truncated)
    }

    #[test]
    fn members_end_at_their_last_byte_in_pieces_of_any_length() {
        let mut bytes = Vec::new();
        for meta in [0, 9, 300] {
            let meta = vec![b'x'; meta];
            PushNodeState { name: Text(b"a"), meta: &meta, ..Default::default() }.put(&mut bytes);
        }
        // No member of Go's has such a field. What is in it is stepped over.
        bytes.extend(b"\x82\xa4Name\xa1b\xa1X\x91\x81\xc0\xa1Y");
        let len = bytes.len();
        bytes.extend([0xc0; 9]);
        for piece in [1, 2, 3, 7, 50, 1000] {
            assert_eq!(read(&bytes, 4, piece), Ok(len), "{piece}");
            assert_eq!(read(&bytes[..len - 1], 4, piece), Err(DecodeError::Truncated), "{piece}");
        }
    }

    #[test]
    fn a_broken_member_is_refused_as_soon_as_it_is_here() {
        for (broken, error) in [
            (&b"\x81\xa4Name\x07"[..], DecodeError::WrongType),
            (b"\x81\xa4Port\xce\x00\x01\x00\x00", DecodeError::OutOfRange),
            (b"\x81\xa1X\xc1", DecodeError::WrongType),
            (b"\x81\xa4Name\xdb\x00\x20\x00\x00", DecodeError::TooLarge { max: 1 << 20 }),
        ] {
            for piece in [1, 4, 100] {
                assert_eq!(read(broken, 2, piece), Err(error), "{broken:x?}");
            }
        }
    }
}
