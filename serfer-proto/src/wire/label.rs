//! The label header, which keeps clusters that share a network apart. Since serf 0.9.6.
//!
//! ```text
//! f4 | len: u8 (1..255) | label
//! ```
//!
//! It is the outermost layer of a packet and the start of a stream, in the clear. Encryption
//! authenticates it as additional data. `serf agent` never sets one.

use crate::wire::kind;
use crate::wire::msgpack::DecodeError;

/// How much longer a packet becomes.
pub fn overhead(label: &[u8]) -> usize {
    match label.len() {
        0 => 0,
        len => 2 + len,
    }
}

/// Appends the header, or nothing for an empty label. At most 255 bytes of a label are written.
pub fn put(label: &[u8], out: &mut Vec<u8>) {
    let label = &label[..label.len().min(255)];
    if !label.is_empty() {
        out.extend_from_slice(&[kind::HAS_LABEL, label.len() as u8]);
        out.extend_from_slice(label);
    }
}

/// The length of the label at the front of `bytes`, header included; 0 if there is none, `None` if
/// it has not arrived whole.
///
/// # Errors
/// [`DecodeError::Label`] if there is a header around an empty label.
pub fn len(bytes: &[u8]) -> Result<Option<usize>, DecodeError> {
    match bytes {
        [kind::HAS_LABEL, 0, ..] => Err(DecodeError::Label),
        [kind::HAS_LABEL, len, rest @ ..] if rest.len() >= usize::from(*len) => {
            Ok(Some(2 + usize::from(*len)))
        }
        [kind::HAS_LABEL, ..] => Ok(None),
        _ => Ok(Some(0)),
    }
}

/// Takes the label off a packet: the label, empty if there was none, and the rest.
///
/// # Errors
/// [`DecodeError::Label`] if the header is cut short or its label empty.
pub fn split(packet: &mut [u8]) -> Result<(&[u8], &mut [u8]), DecodeError> {
    let header = len(packet)?.ok_or(DecodeError::Label)?;
    let (label, rest) = packet.split_at_mut(header);
    Ok((label.get(2..).unwrap_or_default(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_goes_before_everything() {
        let mut packet = Vec::new();
        put(b"blue", &mut packet);
        packet.extend_from_slice(b"\x08hello");
        assert_eq!(hex::encode(&packet), "f404626c75650868656c6c6f");
        assert_eq!(overhead(b"blue"), 6);
        let (label, rest) = split(&mut packet).unwrap();
        assert_eq!((label, &*rest), (&b"blue"[..], &b"\x08hello"[..]));
    }

    #[test]
    fn no_label_is_no_header() {
        let mut packet = Vec::new();
        put(b"", &mut packet);
        assert!(packet.is_empty());
        assert_eq!(overhead(b""), 0);
        packet.push(kind::PING);
        assert_eq!(split(&mut packet).unwrap(), (&b""[..], &mut [kind::PING][..]));
    }

    #[test]
    fn packets_without_one_pass_as_they_are() {
        for packet in ["008100", "0d80", "0a00000000", "01000102", "00", ""] {
            let mut packet = hex::decode(packet).unwrap();
            let expected = packet.clone();
            assert_eq!(split(&mut packet).unwrap(), (&b""[..], &mut expected.clone()[..]));
        }
    }

    #[test]
    fn broken_headers_are_refused() {
        for broken in ["f4", "f400", "f40561", "f4046162"] {
            let mut packet = hex::decode(broken).unwrap();
            assert_eq!(split(&mut packet), Err(DecodeError::Label), "{broken}");
        }
    }
}
