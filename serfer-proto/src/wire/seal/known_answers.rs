//! Every back end makes the bytes of Go's `crypto/cipher`, and opens those of the others.

use super::rust_crypto::RustCrypto;
use super::{Nonce, TAG_LEN};

const NONCE: Nonce = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const AAD: &[u8] = b"blue";

/// Lengths of key and text, and the tag that Go prints: it depends on every byte of the ciphertext.
const TAGS: &[(usize, usize, u128)] = &[
    (16, 0, 0x539a7aaf2afaa1b84ec5e5e2b6bbe2a9),
    (16, 5, 0xdb5b5299a3b1e80d02a763e5d3e55bb4),
    (16, 16, 0x40cef9bc01b4acfbdf576c4f60fed5b0),
    (16, 1400, 0xce3fbee4ded1760d483a3e7c3f08ee43),
    (16, 5000, 0x8f6e87c59314ce42276f29a403f5aaa2),
    (24, 0, 0xa1fa974835a3a4353cda76e41fe73de3),
    (24, 5, 0xcc9fa4886a4902a80e487a1b54b4a69b),
    (24, 16, 0x9be4841a016919869d2b07233c3d1197),
    (24, 1400, 0xafdd2f59ae40f623e1ecdd8f5ef36f14),
    (24, 5000, 0x1a5cb39b5ee0a788b1cea58d02a1dac4),
    (32, 0, 0x6f81f4dbf02be7fb60d35637e054eb75),
    (32, 5, 0x2d718e6cb9cd91022384e73378396d66),
    (32, 16, 0xe072e10d4731bf074305f67815369e04),
    (32, 1400, 0xd171a1371f742df7204527ed9fc5e8b6),
    (32, 5000, 0x31da368e37dba0483309151c842aefd1),
];

type Encrypt = fn(&[u8], Nonce, &[u8], &mut [u8]) -> [u8; TAG_LEN];
type Decrypt = fn(&[u8], Nonce, &[u8], &mut [u8], [u8; TAG_LEN]) -> bool;

/// What a back end does with a key.
#[derive(Clone, Copy)]
struct Tried {
    name: &'static str,
    takes: fn(&[u8]) -> bool,
    encrypt: Encrypt,
    decrypt: Decrypt,
}

macro_rules! tried {
    ($back_end:ident) => {
        Tried {
            name: stringify!($back_end),
            takes: |key| $back_end::new(key).is_some(),
            encrypt: |key, nonce, aad, text| $back_end::new(key).unwrap().encrypt(nonce, aad, text),
            decrypt: |key, nonce, aad, text, tag| {
                $back_end::new(key).unwrap().decrypt(nonce, aad, text, tag)
            },
        }
    };
}

#[cfg(feature = "aws-lc")]
use super::aws_lc::AwsLc;

const BACK_ENDS: &[Tried] = &[
    tried!(RustCrypto),
    #[cfg(feature = "aws-lc")]
    tried!(AwsLc),
];

fn key(len: usize) -> Vec<u8> {
    (0..len).map(|at| at as u8).collect()
}

fn text(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at * 7 % 251) as u8).collect()
}

#[test]
fn the_tags_are_those_of_go() {
    for back_end in BACK_ENDS {
        for &(key_len, len, expected) in TAGS {
            let tag = (back_end.encrypt)(&key(key_len), NONCE, AAD, &mut text(len));
            assert_eq!(u128::from_be_bytes(tag), expected, "{} {key_len} {len}", back_end.name);
        }
    }
}

#[test]
fn each_opens_what_each_has_sealed() {
    // Around the lengths of a block, of eight blocks, and of what is copied on the stack.
    for len in (0..300).chain(1390..1410).chain(2040..2060).chain([65_535]) {
        for key_len in [16, 24, 32] {
            let key = key(key_len);
            let mut first = None;
            for from in BACK_ENDS {
                let mut sealed = text(len);
                let tag = (from.encrypt)(&key, NONCE, AAD, &mut sealed);
                let bytes = first.get_or_insert_with(|| (sealed.clone(), tag));
                assert_eq!(*bytes, (sealed.clone(), tag), "{} {key_len} {len}", from.name);
                for to in BACK_ENDS {
                    let mut opened = sealed.clone();
                    assert!((to.decrypt)(&key, NONCE, AAD, &mut opened, tag), "{}", to.name);
                    assert_eq!(opened, text(len), "{} {key_len} {len}", to.name);
                }
            }
        }
    }
}

/// The next key of a ring needs it as it was; and so does a node that takes it for one in the clear.
#[test]
fn what_does_not_open_stays_as_it_was() {
    for back_end in BACK_ENDS {
        for len in [0, 1, 16, 1400, 2048, 2049, 5000] {
            for key_len in [16, 24, 32] {
                let (key, mut sealed) = (key(key_len), text(len));
                let tag = (back_end.encrypt)(&key, NONCE, AAD, &mut sealed);
                let refused = |key: &[u8], nonce, aad: &[u8], tag| {
                    let mut opened = sealed.clone();
                    assert!(!(back_end.decrypt)(key, nonce, aad, &mut opened, tag));
                    assert_eq!(opened, sealed, "{} {key_len} {len}", back_end.name);
                };
                refused(&vec![9; key_len], NONCE, AAD, tag);
                refused(&key, [9; 12], AAD, tag);
                refused(&key, NONCE, b"red", tag);
                refused(&key, NONCE, AAD, tag.map(|byte| byte ^ 1));
                if let Some(last) = sealed.last_mut() {
                    *last ^= 1;
                    let mut opened = sealed.clone();
                    assert!(!(back_end.decrypt)(&key, NONCE, AAD, &mut opened, tag));
                    assert_eq!(opened, sealed, "{} {key_len} {len}", back_end.name);
                }
            }
        }
    }
}

#[test]
fn keys_have_one_of_three_lengths() {
    for back_end in BACK_ENDS {
        for len in 0..=64 {
            let takes = (back_end.takes)(&vec![0; len]);
            assert_eq!(takes, [16, 24, 32].contains(&len), "{} {len}", back_end.name);
        }
    }
}
