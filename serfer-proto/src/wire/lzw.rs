//! The compression wrapper: LZW as in GIF, inside a MessagePack map.
//!
//! ```text
//! 09 | { "Algo": 0, "Buf": LZW bytes }
//! ```
//!
//! Least significant bit first, eight-bit literals: Go's `compress/lzw`. For most small messages
//! `weezl` writes the same bytes as Go. Where it drops a code that Go would use (the 17th successor of
//! another) or clears its table at another place, both still read each other's output.

use weezl::{BitOrder, LzwStatus, decode::Decoder, encode::Encoder};

use crate::wire::body::body;
use crate::wire::kind;
use crate::wire::message::put;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value};

body! {
    pub(in crate::wire) struct Compressed<'a> {
        algorithm: u8 => "Algo",
        bytes: Text<'a> => "Buf",
    }
}

pub(in crate::wire) const LZW: u8 = 0;

/// Compresses and inflates. The tables are made when first needed, and then kept.
#[derive(Default)]
pub struct Lzw {
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
        let wrapper = Compressed::take(&mut Reader::new(body))?;
        if wrapper.algorithm != LZW {
            return Err(DecodeError::Compression);
        }
        self.unpack(wrapper.bytes.0, len_max, out)?;
        if out.is_empty() {
            return Err(DecodeError::Compression);
        }
        Ok(())
    }

    fn pack(&mut self, message: &[u8]) {
        self.packed.clear();
        let encoder = self.encoder.get_or_insert_with(|| Encoder::new(BitOrder::Lsb, 8));
        encoder.reset();
        let packed = encoder.into_vec(&mut self.packed).encode_all(message);
        packed.status.expect("every byte has an eight-bit code");
    }

    fn unpack(
        &mut self,
        mut packed: &[u8],
        len_max: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), DecodeError> {
        let decoder = self.decoder.get_or_insert_with(|| Decoder::new(BitOrder::Lsb, 8));
        decoder.reset();
        loop {
            let written = out.len();
            let step_max = (2 * packed.len()).max(CHUNK).min(len_max - written);
            out.resize(written + step_max, 0);
            let step = decoder.decode_bytes(packed, &mut out[written..]);
            out.truncate(written + step.consumed_out);
            packed = &packed[step.consumed_in..];
            match step.status {
                Ok(LzwStatus::Done) => return Ok(()),
                Ok(LzwStatus::Ok) => {}
                Ok(LzwStatus::NoProgress) if out.len() == len_max => {
                    return Err(DecodeError::TooLarge { max: len_max as u64 });
                }
                Ok(LzwStatus::NoProgress) | Err(_) => return Err(DecodeError::Compression),
            }
        }
    }
}

/// The least room for output that the decoder is offered.
const CHUNK: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn inflated(body: &[u8], len_max: usize) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        Lzw::default().inflate(body, len_max, &mut out)?;
        Ok(out)
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
    fn go_output_across_a_table_reset_inflates() {
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
