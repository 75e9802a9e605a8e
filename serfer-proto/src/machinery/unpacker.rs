//! Taking packets apart: compounds and compressions, however they are nested.

use crate::wire::compound::Parts;
use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::lzw::Lzw;

/// How deep compounds and compressions may be nested.
const NESTING_MAX: usize = 8;

/// How many messages one packet may bring, however they are wrapped. Unlike Go, which has no such
/// limit: nobody sends more than 255, but a few compressed bytes could hold tens of thousands of pings.
const MESSAGES_MAX: u64 = 1024;
const TOO_MANY: u64 = MESSAGES_MAX + 1;

/// How many compressions of one packet are opened. Each takes time, even if there is nothing in it.
const COMPRESSIONS_MAX: u64 = 64;

/// Takes packets apart.
#[derive(Debug)]
pub(crate) struct Unpacker {
    inflated_len_max: usize,
    lzw: Lzw,
    /// The room for everything that one packet inflates to, once a packet needed it.
    inflated: Vec<u8>,
    /// How many packets in a row have needed neither.
    idle: u32,
}

/// After so many the tables and the room are given back.
const IDLE_MAX: u32 = 64;

/// What is left of the room.
enum Room<'a> {
    All(&'a mut Vec<u8>),
    Rest(&'a mut [u8]),
}

/// A packet that is being taken apart.
struct Packet<'a, E> {
    lzw: &'a mut Lzw,
    inflated_len_max: usize,
    /// How much more it may inflate to.
    budget: usize,
    messages: u64,
    compressions: u64,
    each: E,
}

impl Unpacker {
    pub(crate) fn new(inflated_len_max: usize) -> Self {
        Self { inflated_len_max, lzw: Lzw::default(), inflated: Vec::new(), idle: 0 }
    }

    /// Calls `each` with every message in an opened packet, and with an error for each part that is
    /// broken. A broken part does not harm the others.
    pub(crate) fn unpack(&mut self, packet: &[u8], each: impl FnMut(Result<&[u8], DecodeError>)) {
        let inflated_len_max = self.inflated_len_max;
        let (lzw, budget) = (&mut self.lzw, inflated_len_max);
        let (messages, compressions) = (0, 0);
        let mut unpacking = Packet { lzw, inflated_len_max, budget, messages, compressions, each };
        unpacking.unpack(packet, NESTING_MAX, &mut Room::All(&mut self.inflated));
        match unpacking.compressions {
            1.. => self.idle = 0,
            0 if self.idle == IDLE_MAX => {}
            0 => {
                self.idle += 1;
                if self.idle == IDLE_MAX {
                    (self.lzw, self.inflated) = (Lzw::default(), Vec::new());
                }
            }
        }
    }
}

impl Room<'_> {
    /// All that is left of it. `len_max` is how large it is in all.
    fn bytes(&mut self, len_max: usize) -> &mut [u8] {
        match self {
            Self::All(bytes) => {
                if bytes.is_empty() {
                    **bytes = vec![0; len_max];
                }
                bytes
            }
            Self::Rest(bytes) => bytes,
        }
    }
}

impl<E: FnMut(Result<&[u8], DecodeError>)> Packet<'_, E> {
    /// What is inflated stays in the room until all of it is taken apart; what it holds in turn is inflated
    /// behind it. So whatever stands in a packet, the room is enough.
    fn unpack(&mut self, message: &[u8], nesting_left: usize, room: &mut Room<'_>) {
        if self.messages >= TOO_MANY {
            return;
        }
        match message.split_first() {
            Some((&(kind::COMPOUND | kind::COMPRESS), _)) if nesting_left == 0 => {
                self.take(Err(DecodeError::TooLarge { max: NESTING_MAX as u64 }));
            }
            Some((&kind::COMPOUND, body)) => {
                let parts = match Parts::parse(body) {
                    Ok(parts) => parts,
                    Err(error) => return self.take(Err(error)),
                };
                for part in parts {
                    match part {
                        Ok(part) => self.unpack(part, nesting_left - 1, room),
                        Err(error) => self.take(Err(error)),
                    }
                }
            }
            Some((&kind::COMPRESS, _)) if self.compressions >= COMPRESSIONS_MAX => {
                self.take(Err(DecodeError::TooLarge { max: COMPRESSIONS_MAX }));
            }
            Some((&kind::COMPRESS, body)) => {
                self.compressions += 1;
                let bytes = room.bytes(self.inflated_len_max);
                let within = self.budget.min(bytes.len());
                let (written, result) = self.lzw.inflate_into(body, &mut bytes[..within]);
                self.budget = self.budget.saturating_sub(written);
                let (inflated, rest) = bytes.split_at_mut(written);
                match result {
                    Ok(()) => self.unpack(inflated, nesting_left - 1, &mut Room::Rest(rest)),
                    Err(error) => self.take(Err(error)),
                }
            }
            Some(_) => self.take(Ok(message)),
            None => self.take(Err(DecodeError::Empty)),
        }
    }

    fn take(&mut self, message: Result<&[u8], DecodeError>) {
        self.messages += 1;
        match self.messages {
            ..=MESSAGES_MAX => (self.each)(message),
            TOO_MANY => (self.each)(Err(DecodeError::TooLarge { max: MESSAGES_MAX })),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packet: &[u8], inflated_len_max: usize) -> Vec<Result<Vec<u8>, DecodeError>> {
        let mut messages = Vec::new();
        Unpacker::new(inflated_len_max)
            .unpack(packet, |message| messages.push(message.map(Vec::from)));
        messages
    }

    fn compressed(message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Lzw::default().compress(message, &mut out);
        out
    }

    fn compound(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = vec![kind::COMPOUND, parts.len() as u8];
        for part in parts {
            out.extend_from_slice(&(part.len() as u16).to_be_bytes());
        }
        out.extend(parts.concat());
        out
    }

    #[test]
    fn wrappers_come_off_in_any_order() {
        let inner = compound(&[&compressed(b"\x08a"), b"\x08b"]);
        let packet = compressed(&compressed(&compound(&[b"\x08c", &inner])));
        let expected = [b"\x08c".to_vec(), b"\x08a".to_vec(), b"\x08b".to_vec()].map(Ok);
        assert_eq!(unpacked(&packet, 1000), expected);
    }

    #[test]
    fn who_hears_nothing_compressed_any_more_keeps_nothing_for_it() {
        let mut unpacker = Unpacker::new(1000);
        unpacker.unpack(&compressed(b"\x08a"), |message| assert_eq!(message, Ok(&b"\x08a"[..])));
        let unpack = |unpacker: &mut Unpacker| unpacker.unpack(b"\x08b", |_| {});
        (1..IDLE_MAX).for_each(|_| unpack(&mut unpacker));
        assert_eq!(unpacker.inflated.len(), 1000);
        unpack(&mut unpacker);
        assert_eq!(unpacker.inflated.capacity(), 0);
        unpacker.unpack(&compressed(b"\x08c"), |message| assert_eq!(message, Ok(&b"\x08c"[..])));
    }

    #[test]
    fn a_broken_part_does_not_harm_the_others() {
        let packet = compound(&[b"\x08a", b"", b"\x09\x80", b"\x08b"]);
        assert_eq!(
            unpacked(&packet, 1000),
            [
                Ok(b"\x08a".to_vec()),
                Err(DecodeError::Empty),
                Err(DecodeError::Compression),
                Ok(b"\x08b".to_vec()),
            ]
        );
    }

    #[test]
    fn nesting_and_inflation_end_somewhere() {
        let mut nested = b"\x08a".to_vec();
        for _ in 0..NESTING_MAX {
            nested = compound(&[&nested]);
        }
        assert_eq!(unpacked(&nested, 1000), [Ok(b"\x08a".to_vec())]);
        assert_eq!(unpacked(&compound(&[&nested]), 1000), [Err(DecodeError::TooLarge { max: 8 })]);

        let bomb = compressed(&vec![8; 600]);
        let results = unpacked(&compound(&[&bomb, &bomb]), 1000);
        assert!(results[0].is_ok());
        assert_eq!(results[1], Err(DecodeError::TooLarge { max: 400 }));
    }

    /// A few thousand bytes may hold 12,000 of them, with nothing in any.
    #[test]
    fn only_so_many_compressions_are_opened() {
        let nothing = compressed(&compound(&[]));
        let bomb = compound(&vec![&*compound(&vec![&*nothing; 200]); 60]);
        let packet = compound(&[&compressed(&bomb), &compressed(b"\x08")]);
        assert!(packet.len() < 5000);
        let results = unpacked(&packet, 1 << 20);
        let too_many = Err(DecodeError::TooLarge { max: COMPRESSIONS_MAX });
        let unopened = 200 * 60 + 2 - COMPRESSIONS_MAX as usize;
        assert_eq!(results.len(), unopened.min(TOO_MANY as usize));
        assert_eq!(results[0], too_many);
    }

    #[test]
    fn a_broken_part_does_not_use_up_the_budget_of_the_others() {
        let fine = compressed(&vec![8; 600]);
        let broken: &[u8] = b"\x09\xc1";
        let results = unpacked(&compound(&[&fine, broken, broken, broken]), 1000);
        assert_eq!(results[0], Ok(vec![8; 600]));
        assert!(results[1..].iter().all(|it| *it == Err(DecodeError::WrongType)), "{results:?}");
    }

    #[test]
    fn the_limit_holds_after_a_broken_part() {
        let bomb = compressed(&vec![8; 5000]);
        let results = unpacked(&compound(&[&compressed(&vec![8; 600]), b"\x09\xc1", &bomb]), 1000);
        assert_eq!(results[2], Err(DecodeError::TooLarge { max: 400 }));
    }
}
