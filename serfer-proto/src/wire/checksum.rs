//! The CRC-32 that packets carry towards peers who announced memberlist protocol 5.
//!
//! ```text
//! 0c | crc32: u32 | message…
//! ```

use crate::wire::kind;
use crate::wire::msgpack::DecodeError;

/// How much longer a packet becomes.
pub const OVERHEAD: usize = 5;

/// Starts a checked packet. The message is appended next, then [`finish`] fills the checksum in.
pub fn begin(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.extend_from_slice(&[kind::HAS_CRC, 0, 0, 0, 0]);
    start
}

/// Fills in the checksum of everything appended since [`begin`] returned `start`.
pub fn finish(out: &mut [u8], start: usize) {
    let (header, message) = out[start..].split_at_mut(OVERHEAD);
    header[1..].copy_from_slice(&crc32fast::hash(message).to_be_bytes());
}

/// Takes the checksum off, if there is one.
///
/// # Errors
/// [`DecodeError::Checksum`] if it does not match.
pub fn strip(packet: &[u8]) -> Result<&[u8], DecodeError> {
    let [kind::HAS_CRC, a, b, c, d, message @ ..] = packet else {
        return Ok(packet);
    };
    if u32::from_be_bytes([*a, *b, *c, *d]) == crc32fast::hash(message) {
        Ok(message)
    } else {
        Err(DecodeError::Checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_message_behind_it() {
        let mut packet = Vec::new();
        let start = begin(&mut packet);
        packet.extend_from_slice(b"\x08hello");
        finish(&mut packet, start);
        assert_eq!(hex::encode(&packet), "0cada372550868656c6c6f");
        assert_eq!(strip(&packet), Ok(&b"\x08hello"[..]));
        packet[7] ^= 1;
        assert_eq!(strip(&packet), Err(DecodeError::Checksum));
    }

    #[test]
    fn packets_without_one_pass() {
        assert_eq!(strip(b"\x08hello"), Ok(&b"\x08hello"[..]));
        assert_eq!(strip(b"\x0cab"), Ok(&b"\x0cab"[..]));
        assert_eq!(strip(b""), Ok(&b""[..]));
    }
}
