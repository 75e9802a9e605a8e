//! AES-GCM by AWS-LC, which is C and assembler, with the feature `aws-lc`.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use smallvec::SmallVec;

use super::rust_crypto::RustCrypto;

#[derive(Clone)]
pub(super) struct AwsLc {
    key: Arc<LessSafeKey>,
    /// Opens what is too long for a copy on the stack.
    long: RustCrypto,
}

impl AwsLc {
    /// `None` unless the key is 16, 24 or 32 bytes long.
    pub(super) fn new(key: &[u8]) -> Option<Self> {
        let algorithm = match key.len() {
            16 => &AES_128_GCM,
            24 => &AES_192_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        let long = RustCrypto::new(key)?;
        let key = Arc::new(LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?));
        Some(Self { key, long })
    }

    pub(super) fn encrypt(&self, nonce: [u8; 12], aad: &[u8], text: &mut [u8]) -> [u8; 16] {
        let tag = self.key.seal_in_place_separate_tag(unique(nonce), Aad::from(aad), text);
        let tag = tag.expect("AES-GCM takes messages of up to 64 GiB");
        tag.as_ref().try_into().expect("a tag has sixteen bytes")
    }

    /// Leaves `text` as it was if the tag does not match.
    pub(super) fn decrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        text: &mut [u8],
        tag: [u8; 16],
    ) -> bool {
        if text.len() > COPIED_MAX {
            return self.long.decrypt(nonce, aad, text, tag);
        }
        // AWS-LC clears the text if the tag does not match, and the next key needs it.
        let mut sealed = SmallVec::<[u8; COPIED_MAX]>::new();
        sealed.extend_from_slice(text);
        let aad = Aad::from(aad);
        let fits = self.key.open_in_place_separate_tag(unique(nonce), aad, &tag, text).is_ok();
        if !fits {
            text.copy_from_slice(&sealed);
        }
        fits
    }
}

/// The longest text that is copied. Packets of all presets are shorter.
const COPIED_MAX: usize = 2048;

fn unique(nonce: [u8; 12]) -> Nonce {
    Nonce::assume_unique_for_key(nonce)
}
