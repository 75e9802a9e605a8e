//! The layers around a message: key and label of the node that is fuzzed, and how to add them.
//!
//! No fuzzer guesses an authentication tag of AES-GCM. So an input may ask for its bytes to be
//! sealed correctly, which makes the code behind the seal reachable.

use base64::prelude::{BASE64_STANDARD, Engine};
use serfer_proto::wire::seal::{self, Cipher, Nonce, Sealing, Version};
use serfer_proto::wire::stream::{self, SEALED_HEADER_LEN};
use serfer_proto::wire::{checksum, label};
use serfer_proto::{Config, Keyring, Label, SecretKey};

const NONCE: Nonce = [3; 12];
const LABEL: &[u8] = b"blue";

/// What a node requires, and whether an input is complete or still has to be wrapped.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) keyed: bool,
    labelled: bool,
    wrapped: bool,
    /// Whether a sealed message claims to end with padding, as in protocol 1. That claim is not
    /// authenticated.
    padded: bool,
    key: SecretKey,
}

/// How many keys there are.
const KEYS: u8 = 4;

/// One of a few keys, of each length. Nodes start with the first.
pub(super) fn key(which: u8) -> SecretKey {
    let which = which % KEYS;
    let len = 16 + 8 * usize::from(which % 3);
    SecretKey::new(&vec![which + 1; len]).expect("keys are of 16, 24 or 32 bytes")
}

/// The bytes of a key.
pub(super) fn key_bytes(key: &SecretKey) -> Vec<u8> {
    BASE64_STANDARD.decode(key.to_base64()).expect("a key is written in base64")
}

impl Layers {
    /// The lowest three bits of a byte, and the highest.
    pub(super) fn from_bits(bits: u8) -> Self {
        let is_set = |bit: u8| bits & bit > 0;
        let (keyed, labelled, wrapped) = (is_set(1), is_set(2), is_set(4));
        Self { keyed, labelled, wrapped, padded: is_set(128), key: key(0) }
    }

    /// Wrapped as the node's own packets are.
    pub(super) fn right(&self) -> Self {
        Self { wrapped: true, padded: false, ..self.clone() }
    }

    /// The same, sealed with another key.
    pub(super) fn with_key(&self, key: &SecretKey) -> Self {
        Self { key: key.clone(), ..self.clone() }
    }

    pub(super) fn config(&self, mut config: Config) -> Config {
        if self.keyed {
            config = config.keyring(Keyring::new(self.key.clone())).store_keyring();
        }
        if self.labelled {
            config = config.label(Label::new(LABEL).expect("of 4 bytes"));
        }
        config
    }

    pub(super) fn packet(&self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.wrapped {
            return message.to_vec();
        }
        label::put(self.label(), &mut out);
        let version_at = out.len();
        let sealing = self.keyed.then(|| Sealing::begin(Version::Plain, NONCE, &mut out));
        out.extend_from_slice(message);
        if let Some(sealing) = sealing {
            sealing.finish(&self.cipher(), self.label(), &mut out);
            self.claim_padding(&mut out[version_at..]);
        }
        out
    }

    /// The bytes on a stream that the sender accepted. A sender that dialled puts its label before
    /// them.
    pub(super) fn frame(&self, message: &[u8]) -> Vec<u8> {
        if !(self.wrapped && self.keyed) {
            return message.to_vec();
        }
        let mut out = Vec::new();
        let how = (Version::Plain, NONCE);
        stream::put_sealed(message, how, &self.cipher(), self.label(), &mut out);
        self.claim_padding(&mut out[SEALED_HEADER_LEN..]);
        out
    }

    pub(super) fn labelled_frame(&self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.wrapped {
            label::put(self.label(), &mut out);
        }
        out.extend(self.frame(message));
        out
    }

    fn claim_padding(&self, sealed: &mut [u8]) {
        if self.padded {
            sealed[0] = Version::Padded as u8;
        }
    }

    fn label(&self) -> &'static [u8] {
        if self.labelled { LABEL } else { b"" }
    }

    fn cipher(&self) -> Cipher {
        Cipher::new(&key_bytes(&self.key)).expect("keys have the length of one")
    }

    /// The messages in a packet that the node sent.
    pub(super) fn open(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let mut packet = packet.to_vec();
        let (label, sealed) = label::split(&mut packet).ok()?;
        let plain = match self.keyed {
            true => seal::open(sealed, [&self.cipher()], label).ok()?,
            false => sealed,
        };
        Some(checksum::strip(plain).ok()?.to_vec())
    }
}
