//! What stands around a message: key and label of the node that is fuzzed, and how to put them on.
//!
//! No fuzzer guesses a tag of AES-GCM. So an input may ask that its bytes be sealed as they should
//! be, and what lies behind the seal is reached.

use serfer_proto::wire::label;
use serfer_proto::wire::seal::{Cipher, Nonce, Sealing, Version};
use serfer_proto::wire::stream::{self, SEALED_HEADER_LEN};
use serfer_proto::{Config, Keyring, Label, SecretKey};

const KEY: [u8; 16] = [1; 16];
const NONCE: Nonce = [3; 12];
const LABEL: &[u8] = b"blue";

/// What a node requires, and whether an input is what it is or still to be wrapped.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layers {
    pub(super) keyed: bool,
    pub(super) labelled: bool,
    wrapped: bool,
    /// Whether what is sealed claims to end with padding, as by protocol 1. That claim is not
    /// authenticated.
    padded: bool,
}

impl Layers {
    /// The lowest three bits of a byte, and the highest.
    pub(super) fn from_bits(bits: u8) -> Self {
        let is_set = |bit: u8| bits & bit > 0;
        Self { keyed: is_set(1), labelled: is_set(2), wrapped: is_set(4), padded: is_set(128) }
    }

    /// As the node sends.
    pub(super) fn right(self) -> Self {
        Self { wrapped: true, padded: false, ..self }
    }

    pub(super) fn config(self, mut config: Config) -> Config {
        if self.keyed {
            config = config.keyring(Keyring::new(SecretKey::new(&KEY).expect("of 16 bytes")));
        }
        if self.labelled {
            config = config.label(Label::new(LABEL).expect("of 4 bytes"));
        }
        config
    }

    pub(super) fn packet(self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.wrapped {
            return message.to_vec();
        }
        label::put(self.label(), &mut out);
        let version_at = out.len();
        let sealing = self.keyed.then(|| Sealing::begin(Version::Plain, NONCE, &mut out));
        out.extend_from_slice(message);
        if let Some(sealing) = sealing {
            sealing.finish(&cipher(), self.label(), &mut out);
            self.claim_padding(&mut out[version_at..]);
        }
        out
    }

    /// What goes over a stream that the sender accepted; one that dialled puts its label before it.
    pub(super) fn frame(self, message: &[u8]) -> Vec<u8> {
        if !(self.wrapped && self.keyed) {
            return message.to_vec();
        }
        let mut out = Vec::new();
        let how = (Version::Plain, NONCE);
        stream::put_sealed(message, how, &cipher(), self.label(), &mut out);
        self.claim_padding(&mut out[SEALED_HEADER_LEN..]);
        out
    }

    pub(super) fn labelled_frame(self, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if self.wrapped {
            label::put(self.label(), &mut out);
        }
        out.extend(self.frame(message));
        out
    }

    fn claim_padding(self, sealed: &mut [u8]) {
        if self.padded {
            sealed[0] = Version::Padded as u8;
        }
    }

    fn label(self) -> &'static [u8] {
        if self.labelled { LABEL } else { b"" }
    }
}

fn cipher() -> Cipher {
    Cipher::new(&KEY).expect("of 16 bytes")
}
