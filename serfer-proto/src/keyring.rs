//! The keys a cluster shares.
//!
//! The first key of a ring, the primary, seals everything we send; all of them are tried, in order,
//! on what we receive. So a sender's primary must be in every receiver's ring: it is not enough that
//! two rings have some key in common. Counterpart of memberlist's `keyring.go`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::wire::seal::Cipher;

/// An AES key of 16, 24 or 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretKey(Box<[u8]>);

/// Why something is not a [`SecretKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// Keys are 16, 24 or 32 bytes long. `serf keygen` and `head -c32 /dev/urandom | base64` make
    /// good ones.
    #[error("a key of {len} bytes is not 16, 24 or 32 bytes long")]
    Length {
        /// The length found.
        len: usize,
    },
    /// Keys are written in standard base64 with padding.
    #[error("key is not base64: {reason}")]
    Base64 {
        /// What the decoder says; it does not show the key.
        reason: String,
    },
}

impl SecretKey {
    /// Takes the key's own bytes.
    ///
    /// # Errors
    /// If there are not 16, 24 or 32 of them.
    pub fn new(bytes: &[u8]) -> Result<Self, SecretKeyError> {
        match bytes.len() {
            16 | 24 | 32 => Ok(Self(bytes.into())),
            len => Err(SecretKeyError::Length { len }),
        }
    }

    /// Takes the key as `serf agent -encrypt` does: in standard base64, padded.
    ///
    /// # Errors
    /// If it is not base64 of 16, 24 or 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, SecretKeyError> {
        let bytes = STANDARD.decode(text).map_err(|error| SecretKeyError::Base64 {
            reason: match error {
                base64::DecodeError::InvalidByte(at, _) => format!("invalid byte at {at}"),
                base64::DecodeError::InvalidLength(len) => format!("invalid length {len}"),
                base64::DecodeError::InvalidLastSymbol { .. } => "invalid last symbol".to_owned(),
                _ => "invalid padding".to_owned(),
            },
        })?;
        Self::new(&bytes)
    }

    /// The key in standard base64, for whoever may see it.
    pub fn to_base64(&self) -> String {
        STANDARD.encode(&self.0)
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({} bytes)", self.0.len())
    }
}

/// At least one key, the primary first.
#[derive(Clone, Debug)]
pub struct Keyring {
    keys: Vec<(SecretKey, Cipher)>,
}

impl Keyring {
    /// A ring of one key.
    pub fn new(primary: SecretKey) -> Self {
        let mut ring = Self { keys: Vec::new() };
        ring.add(primary);
        ring
    }

    /// Adds a key to try on what we receive; one that is there already is left where it is.
    #[must_use]
    pub fn with(mut self, key: SecretKey) -> Self {
        self.add(key);
        self
    }

    /// Adds a key to try on what we receive; one that is there already is left where it is.
    pub fn add(&mut self, key: SecretKey) {
        if !self.keys().any(|known| *known == key) {
            let cipher = Cipher::new(&key.0).expect("a SecretKey has the length of an AES key");
            self.keys.push((key, cipher));
        }
    }

    /// All keys, the primary first.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// The key that seals what we send.
    pub fn primary(&self) -> &SecretKey {
        &self.keys[0].0
    }

    pub(crate) fn primary_cipher(&self) -> &Cipher {
        &self.keys[0].1
    }

    pub(crate) fn ciphers(&self) -> impl Iterator<Item = &Cipher> {
        self.keys.iter().map(|(_, cipher)| cipher)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_the_agent_reads_them() {
        let key = SecretKey::from_base64("U3VwZXJTZWN1cmVUb2tlbg==").unwrap();
        assert_eq!(key, SecretKey::new(b"SuperSecureToken").unwrap());
        assert_eq!(key.to_base64(), "U3VwZXJTZWN1cmVUb2tlbg==");
        assert_eq!(format!("{key:?}"), "SecretKey(16 bytes)");
    }

    #[test]
    fn a_bad_key_is_named_without_being_shown() {
        assert_eq!(SecretKey::new(b"short"), Err(SecretKeyError::Length { len: 5 }));
        let error = SecretKey::from_base64("not base64!").unwrap_err().to_string();
        assert_eq!(error, "key is not base64: invalid byte at 3");
        let error = SecretKey::from_base64("c2hvcnQ=").unwrap_err().to_string();
        assert_eq!(error, "a key of 5 bytes is not 16, 24 or 32 bytes long");
    }

    #[test]
    fn keys_are_16_24_or_32_bytes_long() {
        for len in [16, 24, 32] {
            assert!(SecretKey::new(&vec![7; len]).is_ok());
        }
        for len in [0, 1, 15, 17, 33, 64] {
            let error = SecretKeyError::Length { len };
            assert_eq!(SecretKey::new(&vec![7; len]), Err(error));
        }
    }

    #[test]
    fn a_ring_of_one_key_has_it_as_its_primary() {
        let key = SecretKey::new(&[1; 16]).unwrap();
        let ring = Keyring::new(key.clone());
        assert_eq!((ring.primary(), ring.keys().count()), (&key, 1));
    }

    #[test]
    fn the_first_key_stays_primary_and_none_is_there_twice() {
        let [a, b] = [1, 2].map(|byte| SecretKey::new(&[byte; 16]).unwrap());
        let ring = Keyring::new(a.clone()).with(b.clone()).with(a.clone());
        assert_eq!(ring.primary(), &a);
        assert_eq!(ring.keys().collect::<Vec<_>>(), [&a, &b]);
    }
}
