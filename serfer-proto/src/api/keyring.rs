//! The keys a cluster shares.
//!
//! The first key of a ring, the primary, seals everything that a node sends. All keys are tried, in order,
//! on everything that it receives. So a sender's primary must be in every receiver's ring; it is not enough
//! that two rings have some key in common. A ring may change while a node runs; a change is in force for the
//! next message. Counterpart of memberlist's `keyring.go`.
//!
//! A key is never shown. Its [`Fingerprint`] is shown in its place.

use base64::Engine;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest, Sha256};

use crate::wire::seal::Cipher;

/// An AES key of 16, 24 or 32 bytes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretKey(Box<[u8]>);

/// Identifies a key without revealing it: the first eight hexadecimal digits of a key's SHA-256.
///
/// `echo KEY | base64 -d | sha256sum` begins with the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; 4]);

/// Why something is not a [`SecretKey`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretKeyError {
    /// Keys are 16, 24 or 32 bytes long. `serf keygen` and `head -c32 /dev/urandom | base64` make
    /// good ones.
    #[error(
        "a key of {len} bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`"
    )]
    Length {
        /// The length found.
        len: usize,
    },
    /// Keys are written in standard base64 with padding.
    #[error("key is not base64, as `serf keygen` makes it: {reason}")]
    Base64 {
        /// What the decoder says; it does not show the key.
        reason: String,
    },
}

/// As Go's decoder, which does not look at the last bits that belong to no byte.
const AS_GO: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

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

    /// Takes the key as `serf agent -encrypt` does: in standard base64, padded. Line breaks count for nothing,
    /// so what `cat` or a mounted secret gives can be taken as it is.
    ///
    /// # Errors
    /// If it is not base64 of 16, 24 or 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, SecretKeyError> {
        let kept = || text.bytes().enumerate().filter(|(_, byte)| !b"\r\n".contains(byte));
        let packed: Vec<u8> = kept().map(|(_, byte)| byte).collect();
        let place = |at| kept().nth(at).map_or(at, |(at, _)| at);
        let bytes = AS_GO.decode(packed).map_err(|error| SecretKeyError::Base64 {
            reason: match error {
                base64::DecodeError::InvalidByte(at, _) => format!("invalid byte at {}", place(at)),
                base64::DecodeError::InvalidLength(len) => format!("invalid length {len}"),
                base64::DecodeError::InvalidLastSymbol { .. } => "invalid last symbol".to_owned(),
                _ => "invalid padding".to_owned(),
            },
        })?;
        Self::new(&bytes)
    }

    /// The key in standard base64. It is a secret: do not log it.
    pub fn to_base64(&self) -> String {
        AS_GO.encode(&self.0)
    }

    /// The fingerprint to show in place of the key.
    pub fn fingerprint(&self) -> Fingerprint {
        let [a, b, c, d, ..] = <[u8; 32]>::from(Sha256::digest(&self.0));
        Fingerprint([a, b, c, d])
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Shows the fingerprint.
impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretKey({})", self.fingerprint())
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{:08x}", u32::from_be_bytes(self.0)))
    }
}

impl std::fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// Why a ring was not changed. The texts are those that Go's memberlist sends to the asking node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Install the key first.
    #[error("requested key is not in the keyring")]
    Unknown,
    /// Make another key the primary first. Members could not read messages sealed with a removed key.
    #[error("removing the primary key is not allowed")]
    Primary,
    /// Remove keys that no member seals with.
    #[error("the keyring has {KEYS_MAX} keys, the most there may be")]
    Full,
}

/// The most keys that other members can bring a ring to.
const KEYS_MAX: usize = 64;

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

    /// As [`add`](Self::add), for building a ring.
    #[must_use]
    pub fn with(mut self, key: SecretKey) -> Self {
        self.add(key);
        self
    }

    /// Adds a key to open messages with. A key that is there already keeps its place.
    pub fn add(&mut self, key: SecretKey) {
        if !self.has(&key) {
            let cipher = Cipher::new(&key.0).expect("a SecretKey has the length of an AES key");
            self.keys.push((key, cipher));
        }
    }

    /// As [`add`](Self::add), for other members, up to a limit.
    ///
    /// # Errors
    /// If the ring is full. Unlike Go, which has no limit, although every key is tried on every message that
    /// no key opens.
    pub(crate) fn install(&mut self, key: SecretKey) -> Result<(), KeyringError> {
        if self.keys.len() >= KEYS_MAX && !self.has(&key) {
            return Err(KeyringError::Full);
        }
        self.add(key);
        Ok(())
    }

    /// Makes a key of the ring the primary; the others keep their order. Go: `UseKey`.
    ///
    /// # Errors
    /// If the ring does not have it.
    pub fn make_primary(&mut self, key: &SecretKey) -> Result<(), KeyringError> {
        let at = self.keys().position(|known| known == key).ok_or(KeyringError::Unknown)?;
        self.keys[..=at].rotate_right(1);
        Ok(())
    }

    /// Removes a key, if it is there. Go: `RemoveKey`.
    ///
    /// # Errors
    /// If it is the primary.
    pub fn remove(&mut self, key: &SecretKey) -> Result<(), KeyringError> {
        if self.primary() == key {
            return Err(KeyringError::Primary);
        }
        self.keys.retain(|(known, _)| known != key);
        Ok(())
    }

    /// Whether the ring has a key.
    pub fn has(&self, key: &SecretKey) -> bool {
        self.keys().any(|known| known == key)
    }

    /// All keys, the primary first.
    pub fn keys(&self) -> impl Iterator<Item = &SecretKey> {
        self.keys.iter().map(|(key, _)| key)
    }

    /// The key that seals what we send.
    pub fn primary(&self) -> &SecretKey {
        &self.keys[0].0
    }

    /// The content of a keyring file: the keys in base64, the primary first, as `serf agent` writes and
    /// reads it. It is a secret: with it, everything that the cluster sends can be read.
    pub fn to_json(&self) -> String {
        let lines: Vec<String> =
            self.keys().map(|key| format!("  \"{}\"", key.to_base64())).collect();
        format!("[\n{}\n]", lines.join(",\n"))
    }

    pub(crate) fn primary_cipher(&self) -> &Cipher {
        &self.keys[0].1
    }

    /// The keys themselves, the primary first.
    pub(crate) fn key_bytes(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.keys.iter().map(|(key, _)| key.as_bytes())
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
    }

    /// What Go's decoder takes.
    #[test]
    fn a_key_may_have_line_breaks_and_any_last_bits() {
        let key = SecretKey::new(b"SuperSecureToken").unwrap();
        for text in [
            "U3VwZXJTZWN1cmVUb2tlbg==\n",
            "U3VwZXJTZWN1cmVUb2tlbg==\r\n",
            "\nU3VwZXJTZWN1\r\ncmVUb2tlbg=\n=\n\n",
            "U3VwZXJTZWN1cmVUb2tlbh==",
        ] {
            assert_eq!(SecretKey::from_base64(text), Ok(key.clone()), "{text:?}");
        }
        // A space is refused, and named by its place in the text.
        for (text, at) in [("U3VwZXJTZWN1\ncmVU b2tlbg==", 17), ("U3VwZXJTZWN1cmVUb2tlbg== \n", 24)]
        {
            let error = SecretKey::from_base64(text).unwrap_err().to_string();
            assert_eq!(
                error,
                format!("key is not base64, as `serf keygen` makes it: invalid byte at {at}")
            );
        }
        for text in ["\n", "", "U3VwZXJTZWN1cmVUb2tlbg", "U3VwZXJTZWN1cmVUb2tlbg=\n"] {
            assert!(SecretKey::from_base64(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_key_is_shown_as_its_fingerprint() {
        let key = SecretKey::new(b"SuperSecureToken").unwrap();
        // echo -n SuperSecureToken | sha256sum
        assert_eq!(key.fingerprint().to_string(), "fbf7d055");
        assert_eq!(format!("{key:?}"), "SecretKey(fbf7d055)");
        let ring = format!("{:?}", Keyring::new(key));
        assert_eq!(ring, "Keyring { keys: [(SecretKey(fbf7d055), Cipher(..))] }");
    }

    #[test]
    fn a_bad_key_is_named_without_being_shown() {
        assert_eq!(SecretKey::new(b"short"), Err(SecretKeyError::Length { len: 5 }));
        let error = SecretKey::from_base64("not base64!").unwrap_err().to_string();
        assert_eq!(error, "key is not base64, as `serf keygen` makes it: invalid byte at 3");
        let error = SecretKey::from_base64("c2hvcnQ=").unwrap_err().to_string();
        assert_eq!(
            error,
            "a key of 5 bytes is not 16, 24 or 32 bytes long; as text it is base64, see `serf keygen`"
        );
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

    fn three() -> ([SecretKey; 3], Keyring) {
        let keys = [1, 2, 3].map(|byte| SecretKey::new(&[byte; 16]).unwrap());
        let [a, b, c] = keys.clone();
        (keys, Keyring::new(a).with(b).with(c))
    }

    #[test]
    fn a_key_of_the_ring_becomes_primary_and_the_others_keep_their_order() {
        let ([a, b, c], mut ring) = three();
        assert_eq!(ring.make_primary(&c), Ok(()));
        assert_eq!(ring.keys().collect::<Vec<_>>(), [&c, &a, &b]);
        assert_eq!(ring.make_primary(&c), Ok(()));
        assert_eq!(ring.keys().collect::<Vec<_>>(), [&c, &a, &b]);
        let stranger = SecretKey::new(&[9; 16]).unwrap();
        assert_eq!(ring.make_primary(&stranger), Err(KeyringError::Unknown));
        assert_eq!(ring.primary(), &c);
    }

    #[test]
    fn any_key_but_the_primary_can_be_removed() {
        let ([a, b, c], mut ring) = three();
        assert_eq!(ring.remove(&a), Err(KeyringError::Primary));
        assert_eq!(ring.remove(&b), Ok(()));
        assert_eq!(ring.remove(&b), Ok(()));
        assert_eq!(ring.keys().collect::<Vec<_>>(), [&a, &c]);
        assert!(ring.has(&c) && !ring.has(&b));
    }

    #[test]
    fn a_keyring_file_is_written_as_the_agent_writes_it() {
        let [a, b] = ["SuperSecureToken", "AnotherSecret123"].map(|key| key.as_bytes());
        let ring = Keyring::new(SecretKey::new(a).unwrap()).with(SecretKey::new(b).unwrap());
        let expected = "[\n  \"U3VwZXJTZWN1cmVUb2tlbg==\",\n  \"QW5vdGhlclNlY3JldDEyMw==\"\n]";
        assert_eq!(ring.to_json(), expected);
    }
}
