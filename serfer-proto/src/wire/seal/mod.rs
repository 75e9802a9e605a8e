//! AES-GCM around a packet or a stream, in place.
//!
//! ```text
//! version: u8 | nonce: 12 bytes | ciphertext | tag: 16 bytes
//! ```
//!
//! The key's length chooses AES-128, -192 or -256. Version 0 pads the plaintext to sixteen bytes and
//! is written by protocol 1 only; version 1 does not pad. The caller chooses the additional
//! authenticated data: the label, and on streams the frame's header, too.
//!
//! The cipher itself comes from `rust_crypto.rs`, or with the feature `aws-lc` from `aws_lc.rs`. Their bytes
//! are the same. Tests compile both, and `known_answers.rs` compares them.

#[cfg(feature = "aws-lc")]
mod aws_lc;
#[cfg(test)]
mod known_answers;
mod rust_crypto;

#[cfg(feature = "aws-lc")]
use aws_lc::AwsLc as BackEnd;
#[cfg(not(feature = "aws-lc"))]
use rust_crypto::RustCrypto as BackEnd;

/// How the plaintext is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Padded to sixteen bytes as in PKCS #7.
    Padded = 0,
    /// As it is.
    Plain = 1,
}

impl Version {
    /// The length of a sealed message of `len` bytes.
    pub fn sealed_len(self, len: usize) -> usize {
        HEADER_LEN + len + TAG_LEN + self.padding(len)
    }

    /// The most that sealing adds to a message.
    pub fn overhead(self) -> usize {
        match self {
            Self::Padded => HEADER_LEN + BLOCK + TAG_LEN,
            Self::Plain => HEADER_LEN + TAG_LEN,
        }
    }

    fn padding(self, len: usize) -> usize {
        match self {
            Self::Padded => BLOCK - len % BLOCK,
            Self::Plain => 0,
        }
    }

    /// Appends the padding of a text of `len` bytes.
    pub(in crate::wire) fn pad(self, len: usize, out: &mut Vec<u8>) {
        let padding = self.padding(len);
        out.resize(out.len() + padding, padding as u8);
    }

    /// The version of a sealed message that is long enough for it.
    pub(in crate::wire) fn of(sealed: &[u8]) -> Result<Self, OpenError> {
        let version = match sealed.first().ok_or(OpenError::TooShort(0))? {
            0 => Self::Padded,
            1 => Self::Plain,
            other => return Err(OpenError::Version(*other)),
        };
        if sealed.len() < version.overhead() {
            return Err(OpenError::TooShort(sealed.len()));
        }
        Ok(version)
    }
}

/// A nonce, never to be used twice with one key.
pub type Nonce = [u8; 12];

/// The length of what stands before a sealed message: version and nonce.
pub const HEADER_LEN: usize = 1 + size_of::<Nonce>();
pub(in crate::wire) const TAG_LEN: usize = 16;

/// What sealing appends to a text at most: the padding and the tag.
pub(in crate::wire) const TAIL_MAX: usize = BLOCK + TAG_LEN;
const BLOCK: usize = 16;

/// Why a sealed message could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// It is shorter than header and tag.
    #[error("{0} bytes are too few to decrypt")]
    TooShort(usize),
    /// Its layout is unknown.
    #[error("encryption version {0} is not supported")]
    Version(u8),
    /// No key fits, or it was tampered with.
    #[error("no installed key decrypts it")]
    NoKey,
    /// Its padding is wrong, although the sender has the key.
    #[error("broken padding")]
    Padding,
}

/// A key, expanded once and then used for many messages.
#[derive(Clone)]
pub struct Cipher(BackEnd);

impl Cipher {
    /// Expands a key; `None` unless it is 16, 24 or 32 bytes long.
    pub fn new(key: &[u8]) -> Option<Self> {
        BackEnd::new(key).map(Self)
    }
}

impl std::fmt::Debug for Cipher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cipher(..)")
    }
}

/// A message being sealed: its header is written, its plaintext is appended next.
#[must_use = "the plaintext is only encrypted by `finish`"]
#[derive(Debug)]
pub struct Sealing {
    version: Version,
    nonce: Nonce,
    text_start: usize,
}

impl Sealing {
    /// Appends the header.
    pub fn begin(version: Version, nonce: Nonce, out: &mut Vec<u8>) -> Self {
        out.push(version as u8);
        out.extend_from_slice(&nonce);
        Self { version, nonce, text_start: out.len() }
    }

    /// Encrypts everything appended since [`begin`](Self::begin) and appends the tag.
    pub fn finish(self, cipher: &Cipher, aad: &[u8], out: &mut Vec<u8>) {
        self.version.pad(out.len() - self.text_start, out);
        let tag = cipher.0.encrypt(self.nonce, aad, &mut out[self.text_start..]);
        out.extend_from_slice(&tag);
    }
}

/// Decrypts `sealed` in place with the first of `ciphers` that fits, and returns the plaintext.
///
/// # Errors
/// If it was not sealed with one of them and `aad`. It is then unchanged.
pub fn open<'a, 'k>(
    sealed: &'a mut [u8],
    ciphers: impl IntoIterator<Item = &'k Cipher>,
    aad: &[u8],
) -> Result<&'a mut [u8], OpenError> {
    let len = sealed.len();
    let version = Version::of(sealed)?;
    let (header, rest) = sealed.split_at_mut(HEADER_LEN);
    let (text, tag) = rest.split_last_chunk_mut::<TAG_LEN>().ok_or(OpenError::TooShort(len))?;
    let nonce: Nonce = header[1..].try_into().expect("the header's tail is a nonce");
    let fits = |cipher: &&Cipher| cipher.0.decrypt(nonce, aad, text, *tag);
    ciphers.into_iter().find(fits).ok_or(OpenError::NoKey)?;
    match version {
        Version::Plain => Ok(text),
        Version::Padded => unpad(text),
    }
}

pub(in crate::wire) fn unpad(text: &mut [u8]) -> Result<&mut [u8], OpenError> {
    let padding = usize::from(*text.last().ok_or(OpenError::Padding)?);
    let len = text.len().checked_sub(padding).ok_or(OpenError::Padding)?;
    let (text, padded) = text.split_at_mut(len);
    let is_padding = |byte: &u8| usize::from(*byte) == padding;
    if (1..=BLOCK).contains(&padding) && padded.iter().all(is_padding) {
        Ok(text)
    } else {
        Err(OpenError::Padding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONCE: Nonce = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];

    fn sealed(version: Version, cipher: &Cipher, text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let sealing = Sealing::begin(version, NONCE, &mut out);
        out.extend_from_slice(text);
        sealing.finish(cipher, b"blue", &mut out);
        out
    }

    #[test]
    fn every_key_size_and_version_round_trips() {
        for key_len in [16, 24, 32] {
            let cipher = Cipher::new(&vec![7; key_len]).unwrap();
            for version in [Version::Padded, Version::Plain] {
                for len in 0..256 {
                    let text = vec![0x5a; len];
                    let mut packet = sealed(version, &cipher, &text);
                    assert_eq!(packet.len(), version.sealed_len(len));
                    assert_eq!(open(&mut packet, [&cipher], b"blue"), Ok(&mut text.clone()[..]));
                }
            }
        }
    }

    #[test]
    fn any_installed_key_opens_whatever_was_tried_before() {
        let [right, wrong] = [[1; 16], [2; 16]].map(|key| Cipher::new(&key).unwrap());
        let packet = sealed(Version::Plain, &right, b"hello");
        assert_eq!(
            open(&mut packet.clone(), [&wrong, &wrong, &right], b"blue"),
            Ok(&mut b"hello".to_owned()[..])
        );
        let mut untouched = packet.clone();
        assert_eq!(open(&mut untouched, [&wrong], b"blue"), Err(OpenError::NoKey));
        assert_eq!(untouched, packet);
    }

    #[test]
    fn another_label_or_any_changed_bit_is_refused() {
        let cipher = Cipher::new(&[1; 16]).unwrap();
        let packet = sealed(Version::Plain, &cipher, b"hello");
        assert_eq!(open(&mut packet.clone(), [&cipher], b"red"), Err(OpenError::NoKey));
        for at in 1..packet.len() {
            let mut changed = packet.clone();
            changed[at] ^= 1;
            assert_eq!(open(&mut changed, [&cipher], b"blue"), Err(OpenError::NoKey));
        }
    }

    #[test]
    fn what_cannot_be_sealed_is_named() {
        let cipher = Cipher::new(&[1; 16]).unwrap();
        assert_eq!(open(&mut [], [&cipher], b""), Err(OpenError::TooShort(0)));
        assert_eq!(open(&mut [1; 28], [&cipher], b""), Err(OpenError::TooShort(28)));
        assert_eq!(open(&mut [0; 44], [&cipher], b""), Err(OpenError::TooShort(44)));
        assert_eq!(open(&mut [2; 90], [&cipher], b""), Err(OpenError::Version(2)));
    }

    #[test]
    fn authenticated_but_broken_padding_is_refused() {
        let cipher = Cipher::new(&[1; 16]).unwrap();
        for (last, ok) in [(0, false), (1, true), (2, false), (16, false), (17, false)] {
            let mut text = [9; 16];
            text[15] = last;
            let mut packet = sealed(Version::Plain, &cipher, &text);
            packet[0] = Version::Padded as u8;
            assert_eq!(open(&mut packet, [&cipher], b"blue").is_ok(), ok, "{last}");
        }
    }

    #[test]
    fn keys_of_other_lengths_do_not_exist() {
        for len in [0, 1, 15, 17, 31, 33, 64] {
            assert!(Cipher::new(&vec![0; len]).is_none());
        }
    }
}
