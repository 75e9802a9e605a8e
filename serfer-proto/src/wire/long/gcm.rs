//! AES-GCM around a long text, in pieces.
//!
//! What [`seal`](crate::wire::seal) does to a packet in one go would take a node too long for the state of
//! a large cluster. The bytes are the same. Neither back end of `seal` works in pieces, so this has the
//! parts of `aes-gcm` with the feature `aws-lc`, too.

use aes_gcm::aes::{Aes128, Aes192, Aes256};
use ctr::Ctr32BE;
use ctr::cipher::{KeyIvInit, StreamCipher};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;

use crate::wire::seal::{Nonce, TAG_LEN};

type Keystream = Box<dyn StreamCipher + Send + Sync>;

/// A text that is being encrypted or decrypted with one key and nonce.
pub(in crate::wire) struct Gcm {
    keystream: Keystream,
    ghash: GHash,
    /// What the hash becomes the tag with.
    mask: [u8; TAG_LEN],
    aad_len: u64,
    text_len: u64,
}

impl Gcm {
    /// `None` unless the key is 16, 24 or 32 bytes long.
    pub(in crate::wire) fn new(key: &[u8], nonce: Nonce, aad: &[u8]) -> Option<Self> {
        let mut hash_key = [0; TAG_LEN];
        keystream(key, [0; TAG_LEN])?.apply_keystream(&mut hash_key);
        let mut ghash = GHash::new(&hash_key.into());
        ghash.update_padded(aad);

        let mut first_block = [0; TAG_LEN];
        first_block[..nonce.len()].copy_from_slice(&nonce);
        first_block[TAG_LEN - 1] = 1;
        let mut keystream = keystream(key, first_block)?;
        let mut mask = [0; TAG_LEN];
        keystream.apply_keystream(&mut mask);
        Some(Self { keystream, ghash, mask, aad_len: aad.len() as u64, text_len: 0 })
    }

    /// Encrypts or decrypts the next piece.
    pub(in crate::wire) fn apply(&mut self, text: &mut [u8]) {
        self.keystream.apply_keystream(text);
    }

    /// Takes the next piece of the ciphertext into the tag. The length of each but the last is a multiple
    /// of sixteen.
    pub(in crate::wire) fn authenticate(&mut self, ciphertext: &[u8]) {
        self.text_len += ciphertext.len() as u64;
        self.ghash.update_padded(ciphertext);
    }

    /// The tag of everything that was authenticated.
    pub(in crate::wire) fn tag(&self) -> [u8; TAG_LEN] {
        let mut lengths = [0; TAG_LEN];
        lengths[..8].copy_from_slice(&(8 * self.aad_len).to_be_bytes());
        lengths[8..].copy_from_slice(&(8 * self.text_len).to_be_bytes());
        let mut ghash = self.ghash.clone();
        ghash.update(&[lengths.into()]);
        let mut tag = self.mask;
        tag.iter_mut().zip(ghash.finalize()).for_each(|(byte, hash)| *byte ^= hash);
        tag
    }

    /// Whether it has this tag. Takes as long whichever bytes differ.
    pub(in crate::wire) fn has_tag(&self, tag: &[u8]) -> bool {
        let own = self.tag();
        own.len() == tag.len() && own.iter().zip(tag).fold(0, |all, (a, b)| all | (a ^ b)) == 0
    }
}

impl std::fmt::Debug for Gcm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gcm(..)")
    }
}

fn keystream(key: &[u8], first_block: [u8; TAG_LEN]) -> Option<Keystream> {
    let block = &first_block;
    Some(match key.len() {
        16 => Box::new(Ctr32BE::<Aes128>::new_from_slices(key, block).ok()?),
        24 => Box::new(Ctr32BE::<Aes192>::new_from_slices(key, block).ok()?),
        32 => Box::new(Ctr32BE::<Aes256>::new_from_slices(key, block).ok()?),
        _ => return None,
    })
}
