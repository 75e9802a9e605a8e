//! Compresses and inflates long messages, piece by piece. [`lzw`](crate::wire::lzw) has the layout.

use std::ops::Range;

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use crate::wire::kind;
use crate::wire::long::message::LongMessage;
use crate::wire::lzw::{Compressed, Encoder, LZW, LzwKey};
use crate::wire::message::put;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value, offset_in, put_raw_head};

/// How many bytes a step takes, or brings, at most.
pub(crate) const PIECE: usize = 4 << 10;

/// How many times as much memory as what has been inflated is taken ahead.
const AHEAD_MAX: usize = 7;

/// A compressed message that is being inflated.
pub(crate) struct Inflating {
    decoder: Decoder,
    /// What is still to be inflated.
    packed: Range<usize>,
    /// How much has been inflated.
    taken: usize,
    out: Vec<u8>,
    len_max: usize,
}

impl Inflating {
    /// Starts on the wrapper that is in `bytes` at `body`; its type byte is already taken off.
    ///
    /// # Errors
    /// If that is no such wrapper.
    pub(crate) fn begin(
        bytes: &[u8],
        body: Range<usize>,
        len_max: usize,
    ) -> Result<Self, DecodeError> {
        let wrapper = Compressed::take(&mut Reader::new(&bytes[body]))?;
        if wrapper.algorithm != LZW {
            return Err(DecodeError::Compression);
        }
        let packed = wrapper.bytes.0;
        let start = offset_in(packed, bytes);
        let packed = start..start + packed.len();
        let decoder = Decoder::new(BitOrder::Lsb, 8);
        Ok(Self { decoder, packed, taken: 0, out: Vec::new(), len_max })
    }

    /// Handles the next piece; says whether it was the last.
    ///
    /// # Errors
    /// If the compression is broken, or there is nothing in it, or too much.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let packed = &bytes[self.packed.clone()];
        let piece = &packed[..packed.len().min(PIECE)];
        let written = self.out.len();
        let room = PIECE.min(self.len_max - written);
        if self.out.capacity() - written < room {
            // A quarter more than the rest will take if it is like what is done, and never just for a piece, so
            // that little is moved. But the rest may be different, so not much more than there is.
            let more = written.saturating_mul(packed.len()) / self.taken.max(1);
            let more = more.saturating_add(more / 4).max(written / 8);
            let more = more.min(AHEAD_MAX.saturating_mul(written));
            self.out.reserve_exact(more.clamp(room, self.len_max - written));
        }
        self.out.resize(written + room, 0);
        let step = self.decoder.decode_bytes(piece, &mut self.out[written..]);
        self.out.truncate(written + step.consumed_out);
        self.packed.start += step.consumed_in;
        self.taken += step.consumed_in;
        match step.status {
            Ok(LzwStatus::Done) if self.out.is_empty() => Err(DecodeError::Compression),
            Ok(LzwStatus::Done) => Ok(true),
            Ok(LzwStatus::Ok) => Ok(false),
            Ok(LzwStatus::NoProgress) if self.out.len() == self.len_max => {
                Err(DecodeError::TooLarge { max: self.len_max as u64 })
            }
            Ok(LzwStatus::NoProgress) | Err(_) => Err(DecodeError::Compression),
        }
    }

    /// How much memory it takes.
    pub(crate) fn memory(&self) -> usize {
        self.out.capacity()
    }

    /// What has been inflated.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }
}

impl std::fmt::Debug for Inflating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inflating").finish_non_exhaustive()
    }
}

/// A message that is being compressed. It must not be empty.
pub(crate) struct Deflating {
    encoder: Encoder,
    /// How much of the message has been compressed.
    done: usize,
    out: LongMessage,
}

impl Deflating {
    /// Starts on a message of this length.
    pub(crate) fn new(key: LzwKey, len: usize) -> Self {
        let mut encoder = Encoder::new(key);
        encoder.begin(len);
        Self { encoder, done: 0, out: LongMessage::default() }
    }

    /// Handles the next [`PIECE`]; says whether it was the last.
    pub(crate) fn step(&mut self, message: &[u8]) -> bool {
        let rest = &message[self.done..];
        let piece = &rest[..rest.len().min(PIECE)];
        self.encoder.push(piece, self.out.end());
        self.done += piece.len();
        let is_last = self.done == message.len();
        if is_last {
            self.encoder.finish(self.out.end());
        }
        is_last
    }

    /// The message inside a compression wrapper.
    pub(crate) fn take(&mut self) -> LongMessage {
        let mut header = Vec::with_capacity(32);
        put(&mut header, kind::COMPRESS, &Compressed::around(&[]));
        // The length of nothing.
        header.pop();
        put_raw_head(&mut header, self.out.len());
        let mut out = std::mem::take(&mut self.out);
        out.prepend(&header);
        out
    }
}

impl std::fmt::Debug for Deflating {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflating").finish_non_exhaustive()
    }
}

impl<'a> Compressed<'a> {
    fn around(packed: &'a [u8]) -> Self {
        Self { algorithm: LZW, bytes: Text(packed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::lzw::Lzw;

    /// Bytes that hardly repeat, bytes that do, and many of one.
    fn messages() -> Vec<Vec<u8>> {
        let mut x: u32 = 1;
        let mut random = || {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (x >> 24) as u8
        };
        let lengths = [1, 2, PIECE - 1, PIECE, PIECE + 1, 10 * PIECE + 3];
        let random = lengths.iter().map(|&len| (0..len).map(|_| random()).collect());
        let regular = lengths.iter().map(|&len| (0..len).map(|at| (at % 61) as u8).collect());
        random.chain(regular).chain([vec![0; 1 << 20]]).collect()
    }

    fn inflated(bytes: &[u8], len_max: usize) -> Result<Vec<u8>, DecodeError> {
        let mut inflating = Inflating::begin(bytes, 1..bytes.len(), len_max)?;
        while !inflating.step(bytes)? {}
        Ok(inflating.take())
    }

    #[test]
    fn in_pieces_and_in_one_go_the_bytes_are_the_same() {
        for message in messages() {
            let mut deflating = Deflating::new(LzwKey(7), message.len());
            while !deflating.step(&message) {}
            let in_pieces = deflating.take().into_vec();
            let mut in_one_go = Vec::new();
            Lzw::default().compress(&message, &mut in_one_go);
            assert!(in_pieces == in_one_go, "{} bytes", message.len());
            assert!(inflated(&in_pieces, message.len()) == Ok(message));
        }
    }

    #[test]
    fn what_is_broken_or_too_long_is_refused() {
        let mut packed = Vec::new();
        Lzw::default().compress(&vec![0; 1 << 20], &mut packed);
        let too_large = DecodeError::TooLarge { max: (1 << 20) - 1 };
        assert_eq!(inflated(&packed, (1 << 20) - 1), Err(too_large));
        let wrapped = |hex: &str| hex::decode(format!("0982a4416c676f00a3427566{hex}")).unwrap();
        for hex in ["a3000302", "a3008308", "a3ffffff", "a0"] {
            assert_eq!(inflated(&wrapped(hex), 10), Err(DecodeError::Compression), "{hex}");
        }
        assert_eq!(inflated(&wrapped("a3410202"), 10), Ok(b"A".to_vec()));
        assert_eq!(inflated(&wrapped("a44102"), 10), Err(DecodeError::Truncated));
    }
}
