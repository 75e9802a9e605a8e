//! The compression wrapper: LZW as in GIF, inside a MessagePack map.
//!
//! ```text
//! 09 | { "Algo": 0, "Buf": LZW bytes }
//! ```
//!
//! Least significant bit first, eight-bit literals: Go's `compress/lzw`. What we write are the bytes that Go
//! would write. `weezl` reads them.

mod encoder;

use weezl::{BitOrder, LzwStatus, decode::Decoder};

use crate::wire::body::body;
use crate::wire::kind;
use crate::wire::message::put;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value};

pub(in crate::wire) use encoder::Encoder;
pub(crate) use encoder::LzwKey;

body! {
    pub(in crate::wire) struct Compressed<'a> {
        algorithm: u8 => "Algo",
        bytes: Text<'a> => "Buf",
    }
}

pub(in crate::wire) const LZW: u8 = 0;

/// Compresses and inflates. Its tables, 33 and 26 kB, are made when first needed, and then kept.
#[derive(Default)]
pub struct Lzw {
    key: LzwKey,
    encoder: Option<Encoder>,
    decoder: Option<Decoder>,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Lzw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lzw").finish_non_exhaustive()
    }
}

impl Lzw {
    /// One that compresses what others may have chosen.
    pub(crate) fn keyed(key: LzwKey) -> Self {
        Self { key, ..Self::default() }
    }

    /// Appends `message` inside a compression wrapper.
    ///
    /// It must not be empty: a wrapper around nothing crashes serf up to 0.10.
    pub fn compress(&mut self, message: &[u8], out: &mut Vec<u8>) {
        debug_assert!(!message.is_empty(), "an empty message is never sent");
        self.pack(message);
        let wrapper = Compressed { algorithm: LZW, bytes: Text(&self.packed) };
        put(out, kind::COMPRESS, &wrapper);
    }

    /// Replaces the content of `out` by the message inside a compression wrapper, whose type byte is
    /// already taken off.
    ///
    /// # Errors
    /// If the wrapper or what it holds is broken or empty, or inflates to more than `len_max`
    /// bytes. `out` then holds the bytes before the fault, never more than `len_max`.
    pub fn inflate(
        &mut self,
        body: &[u8],
        len_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        // A fault must not leave what an earlier message put here.
        out.clear();
        let mut packed = packed(body)?;
        let decoder = fresh(&mut self.decoder);
        loop {
            let written = out.len();
            let step_max = (2 * packed.len()).max(CHUNK).min(len_max - written);
            out.resize(written + step_max, 0);
            let (used, is_done) = step(decoder, &mut packed, &mut out[written..], len_max);
            out.truncate(written + used);
            if is_done? {
                return not_empty(out.len());
            }
        }
    }

    /// The same into the beginning of `out`, at most as much as fits. Returns how many bytes were written,
    /// in any case, and how it went.
    pub fn inflate_into(
        &mut self,
        body: &[u8],
        out: &mut [u8],
    ) -> (usize, Result<(), DecodeError>) {
        let mut packed = match packed(body) {
            Ok(packed) => packed,
            Err(error) => return (0, Err(error)),
        };
        let (decoder, len_max) = (fresh(&mut self.decoder), out.len());
        let mut written = 0;
        loop {
            let (used, is_done) = step(decoder, &mut packed, &mut out[written..], len_max);
            written += used;
            match is_done {
                Ok(false) => {}
                Ok(true) => return (written, not_empty(written)),
                Err(error) => return (written, Err(error)),
            }
        }
    }

    fn pack(&mut self, message: &[u8]) {
        self.packed.clear();
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(self.key));
        encoder.begin(message.len());
        encoder.push(message, &mut self.packed);
        encoder.finish(&mut self.packed);
    }
}

/// The bytes in a wrapper.
fn packed(body: &[u8]) -> Result<&[u8], DecodeError> {
    let wrapper = Compressed::take(&mut Reader::new(body))?;
    if wrapper.algorithm == LZW { Ok(wrapper.bytes.0) } else { Err(DecodeError::Compression) }
}

fn fresh(decoder: &mut Option<Decoder>) -> &mut Decoder {
    let decoder = decoder.get_or_insert_with(|| Decoder::new(BitOrder::Lsb, 8));
    decoder.reset();
    decoder
}

/// Inflates some of `packed` into `room`. Returns how much of the room is used, and whether that was all.
fn step(
    decoder: &mut Decoder,
    packed: &mut &[u8],
    room: &mut [u8],
    len_max: usize,
) -> (usize, Result<bool, DecodeError>) {
    let step = decoder.decode_bytes(packed, room);
    *packed = &packed[step.consumed_in..];
    let is_done = match step.status {
        Ok(LzwStatus::Done) => Ok(true),
        Ok(LzwStatus::Ok) => Ok(false),
        Ok(LzwStatus::NoProgress) if room.is_empty() => {
            Err(DecodeError::TooLarge { max: len_max as u64 })
        }
        Ok(LzwStatus::NoProgress) | Err(_) => Err(DecodeError::Compression),
    };
    (step.consumed_out, is_done)
}

fn not_empty(len: usize) -> Result<(), DecodeError> {
    if len == 0 { Err(DecodeError::Compression) } else { Ok(()) }
}

/// The least room for output that the decoder is offered.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways must do the same.
    fn inflated(body: &[u8], len_max: usize) -> Result<Vec<u8>, DecodeError> {
        let (mut lzw, mut out, mut room) = (Lzw::default(), vec![1; 99], vec![2; len_max]);
        let result = lzw.inflate(body, len_max, &mut out);
        let (written, result_in_place) = lzw.inflate_into(body, &mut room);
        assert_eq!((result, &*out), (result_in_place, &room[..written]));
        result.map(|()| out)
    }

    fn wrapped(packed: &str) -> Vec<u8> {
        let mut body = hex::decode("82a4416c676f00a3427566").unwrap();
        Text(&hex::decode(packed).unwrap()).put(&mut body);
        body
    }

    #[test]
    fn small_messages_are_written_as_go_writes_them() {
        let mut lzw = Lzw::default();
        for (message, packed) in
            [(&b"A"[..], "00830404"), (b"AB", "0083080908"), (b"AAAA", "0083080c1210")]
        {
            let mut out = Vec::new();
            lzw.compress(message, &mut out);
            assert_eq!(hex::encode(&out[1..]), hex::encode(wrapped(packed)));
            assert_eq!(inflated(&out[1..], 100), Ok(message.to_vec()));
        }
    }

    #[test]
    fn output_across_a_table_reset_inflates() {
        let mut x: u32 = 1;
        let message: Vec<u8> = (0..20_000)
            .map(|_| {
                x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (x >> 24) as u8
            })
            .collect();
        assert_eq!(crc32fast::hash(&message), 0xc714_dd18);
        let mut out = Vec::new();
        Lzw::default().compress(&message, &mut out);
        assert_eq!(inflated(&out[1..], 20_000), Ok(message));
    }

    #[test]
    fn a_stream_need_not_start_with_a_clear_code() {
        // 'A' (9 bits: 0x41), end of information (9 bits: 0x101), least significant bit first.
        assert_eq!(inflated(&wrapped("410202"), 10), Ok(b"A".to_vec()));
    }

    #[test]
    fn what_inflates_to_nothing_is_refused() {
        assert_eq!(inflated(&wrapped("000302"), 10), Err(DecodeError::Compression));
    }

    #[test]
    fn truncated_and_corrupt_streams_are_refused() {
        assert_eq!(inflated(&wrapped("008308"), 10), Err(DecodeError::Compression));
        assert_eq!(inflated(&wrapped("ffffff"), 10), Err(DecodeError::Compression));
        assert_eq!(inflated(&wrapped(""), 10), Err(DecodeError::Compression));
        let mut other_algorithm = wrapped("00830404");
        other_algorithm[6] = 1;
        assert_eq!(inflated(&other_algorithm, 10), Err(DecodeError::Compression));
    }

    #[test]
    fn output_stops_at_the_limit() {
        let zeros = vec![0; 1 << 20];
        let mut out = Vec::new();
        Lzw::default().compress(&zeros, &mut out);
        assert_eq!(inflated(&out[1..], 1 << 20).map(|out| out.len()), Ok(1 << 20));
        let mut lzw = Lzw::default();
        let mut inflated = Vec::new();
        assert!(matches!(
            lzw.inflate(&out[1..], (1 << 20) - 1, &mut inflated),
            Err(DecodeError::TooLarge { .. })
        ));
        assert!(inflated.len() < 1 << 20);
    }
}
