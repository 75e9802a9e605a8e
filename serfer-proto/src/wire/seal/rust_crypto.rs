//! AES-GCM by `aes-gcm`, which is Rust alone.

use aes_gcm::aead::consts::U12;
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm, AesGcm, aes::Aes192};

#[derive(Clone)]
pub(super) enum RustCrypto {
    Bits128(Box<Aes128Gcm>),
    Bits192(Box<AesGcm<Aes192, U12>>),
    Bits256(Box<Aes256Gcm>),
}

impl RustCrypto {
    /// `None` unless the key is 16, 24 or 32 bytes long.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        Some(match key.len() {
            16 => Self::Bits128(Box::new(Aes128Gcm::new_from_slice(key).ok()?)),
            24 => Self::Bits192(Box::new(AesGcm::new_from_slice(key).ok()?)),
            32 => Self::Bits256(Box::new(Aes256Gcm::new_from_slice(key).ok()?)),
            _ => return None,
        })
    }

    #[cfg(any(test, not(feature = "aws-lc")))]
    pub(super) fn encrypt(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
        let tag = match self {
            Self::Bits128(aes) => aes.encrypt_inout_detached(&nonce.into(), aad, text.into()),
            Self::Bits192(aes) => aes.encrypt_inout_detached(&nonce.into(), aad, text.into()),
            Self::Bits256(aes) => aes.encrypt_inout_detached(&nonce.into(), aad, text.into()),
        };
        tag.expect("AES-GCM takes messages of up to 64 GiB").into()
    }

    /// Leaves `text` as it was if the tag does not match.
    pub(super) fn decrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: [u8; 16],
    ) -> bool {
        let (nonce, tag, text) = (&nonce.into(), &tag.into(), text.into());
        match self {
            Self::Bits128(aes) => aes.decrypt_inout_detached(nonce, aad, text, tag),
            Self::Bits192(aes) => aes.decrypt_inout_detached(nonce, aad, text, tag),
            Self::Bits256(aes) => aes.decrypt_inout_detached(nonce, aad, text, tag),
        }
        .is_ok()
    }
}
