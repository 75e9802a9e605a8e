//! Compresses and inflates long messages, piece by piece. [`lzw`](crate::wire::lzw) has the layout.

use std::collections::VecDeque;
use std::ops::Range;

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use crate::wire::kind;
use crate::wire::long::message::LongMessage;
use crate::wire::lzw::{Compressed, Encoder, LZW, LzwKey};
use crate::wire::message::put;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value, offset_in, put_raw_head};

/// How many bytes a step takes, or brings, at most.
pub(crate) const PIECE: usize = 4 << 10;

/// How much is inflated into one chunk, and moved in one step, at most.
const CHUNK: usize = 64 << 10;

/// A compressed message that is being inflated. How long it is shows only at its end, so it is inflated into
/// chunks, which are put together then, one in each step. One buffer that grows would have to be moved as a
/// whole now and then.
pub(crate) struct Inflating {
    decoder: Decoder,
    /// What is still to be inflated.
    packed: Range<usize>,
    /// The chunks before the last.
    chunks: VecDeque<Vec<u8>>,
    last: Vec<u8>,
    /// How much has been inflated.
    len: usize,
    len_max: usize,
    /// The message, as far as it has been put together.
    message: Vec<u8>,
    is_inflated: bool,
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
        Ok(Self {
            decoder,
            packed,
            chunks: VecDeque::new(),
            last: Vec::new(),
            len: 0,
            len_max,
            message: Vec::new(),
            is_inflated: false,
        })
    }

    /// Takes the next step; says whether it was the last.
    ///
    /// # Errors
    /// If the compression is broken, or there is nothing in it, or too much.
    pub(crate) fn step(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        if !self.is_inflated {
            self.is_inflated = self.inflate(bytes)?;
            if self.is_inflated && self.chunks.is_empty() {
                self.message = std::mem::take(&mut self.last);
                return Ok(true);
            }
            return Ok(false);
        }
        if self.message.capacity() == 0 {
            self.message.reserve_exact(self.len);
        }
        let chunk = self.chunks.pop_front();
        self.message.extend_from_slice(chunk.as_ref().unwrap_or(&self.last));
        Ok(chunk.is_none())
    }

    /// Inflates the next [`PIECE`]; says whether it was the last.
    fn inflate(&mut self, bytes: &[u8]) -> Result<bool, DecodeError> {
        let packed = &bytes[self.packed.clone()];
        let piece = &packed[..packed.len().min(PIECE)];
        if self.last.len() == self.last.capacity() {
            let next = Vec::with_capacity(self.len.clamp(PIECE, CHUNK));
            let full = std::mem::replace(&mut self.last, next);
            self.chunks.extend(Some(full).filter(|chunk| !chunk.is_empty()));
        }
        let chunk = &mut self.last;
        let written = chunk.len();
        let room = PIECE.min(chunk.capacity() - written).min(self.len_max - self.len);
        chunk.resize(written + room, 0);
        let step = self.decoder.decode_bytes(piece, &mut chunk[written..]);
        chunk.truncate(written + step.consumed_out);
        self.len += step.consumed_out;
        self.packed.start += step.consumed_in;
        match step.status {
            Ok(LzwStatus::Done) if self.len == 0 => Err(DecodeError::Compression),
            Ok(LzwStatus::Done) => Ok(true),
            Ok(LzwStatus::Ok) => Ok(false),
            Ok(LzwStatus::NoProgress) if self.len == self.len_max => {
                Err(DecodeError::TooLarge { max: self.len_max as u64 })
            }
            Ok(LzwStatus::NoProgress) | Err(_) => Err(DecodeError::Compression),
        }
    }

    /// How much memory it takes: what is not in a chunk any more is in the message.
    pub(crate) fn memory(&self) -> usize {
        self.len
    }

    /// What has been inflated, after the last step.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.message)
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
