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

/// Takes packets apart.
#[derive(Debug)]
pub(crate) struct Unpacker {
    inflated_len_max: usize,
    lzw: Lzw,
    /// Buffers for inflated messages, one for each level of nesting seen so far.
    buffers: Vec<Vec<u8>>,
}

impl Unpacker {
    pub(crate) fn new(inflated_len_max: usize) -> Self {
        Self { inflated_len_max, lzw: Lzw::default(), buffers: Vec::new() }
    }

    /// Calls `each` with every message in an opened packet, and with an error for each part that is
    /// broken. A broken part does not harm the others.
    pub(crate) fn unpack(
        &mut self,
        packet: &[u8],
        each: &mut impl FnMut(Result<&[u8], DecodeError>),
    ) {
        let mut messages = 0;
        let mut counted = |message: Result<&[u8], DecodeError>| {
            messages += 1;
            match messages {
                ..=MESSAGES_MAX => each(message),
                TOO_MANY => each(Err(DecodeError::TooLarge { max: MESSAGES_MAX })),
                _ => {}
            }
        };
        let mut budget = self.inflated_len_max;
        self.unpack_nested(packet, NESTING_MAX, &mut budget, &mut counted);
    }

    fn unpack_nested(
        &mut self,
        message: &[u8],
        nesting_left: usize,
        budget: &mut usize,
        each: &mut impl FnMut(Result<&[u8], DecodeError>),
    ) {
        match message.split_first() {
            Some((&(kind::COMPOUND | kind::COMPRESS), _)) if nesting_left == 0 => {
                each(Err(DecodeError::TooLarge { max: NESTING_MAX as u64 }));
            }
            Some((&kind::COMPOUND, body)) => {
                let parts = match Parts::parse(body) {
                    Ok(parts) => parts,
                    Err(error) => return each(Err(error)),
                };
                for part in parts {
                    match part {
                        Ok(part) => self.unpack_nested(part, nesting_left - 1, budget, each),
                        Err(error) => each(Err(error)),
                    }
                }
            }
            Some((&kind::COMPRESS, body)) => {
                let mut inflated = self.buffers.pop().unwrap_or_default();
                let result = self.lzw.inflate(body, *budget, &mut inflated);
                *budget = budget.saturating_sub(inflated.len());
                match result {
                    Ok(()) => self.unpack_nested(&inflated, nesting_left - 1, budget, each),
                    Err(error) => each(Err(error)),
                }
                self.buffers.push(inflated);
            }
            Some(_) => each(Ok(message)),
            None => each(Err(DecodeError::Empty)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(packet: &[u8], inflated_len_max: usize) -> Vec<Result<Vec<u8>, DecodeError>> {
        let mut messages = Vec::new();
        Unpacker::new(inflated_len_max)
            .unpack(packet, &mut |message| messages.push(message.map(Vec::from)));
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
