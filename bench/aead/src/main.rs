//! The bare ciphers, with what nobody can save: the packet is written, and encrypted in place.

use aes_gcm::aead::{AeadInOut as _, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bench_common::micro::measure;
use std::hint::black_box;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[("aes-gcm", aes_gcm), ("aws-lc-rs", aws_lc)]);
}

const NONCE: [u8; 12] = [3; 12];
const TEXT: [u8; 1_400] = [5; 1_400];

fn aes_gcm() {
    rust::<Aes128Gcm>("aes-gcm aes=128", &[7; 16]);
    rust::<Aes256Gcm>("aes-gcm aes=256", &[7; 32]);
}

fn rust<A>(params: &str, key: &[u8])
where
    A: KeyInit
        + aes_gcm::aead::AeadInOut<
            NonceSize = aes_gcm::aead::consts::U12,
            TagSize = aes_gcm::aead::consts::U16,
        >,
{
    let cipher = A::new_from_slice(key).expect("the key has a length that AES has");
    let encrypt = |text: &mut [u8]| {
        let tag = cipher.encrypt_inout_detached(&NONCE.into(), b"", text.into());
        tag.expect("it is short enough").into()
    };
    let decrypt = |sealed: &mut [u8]| {
        let (text, tag) = sealed.split_last_chunk_mut::<16>().expect("it has a tag");
        cipher.decrypt_inout_detached(&NONCE.into(), b"", text.into(), &(*tag).into()).is_ok()
    };
    measure_both(params, encrypt, decrypt);
}

fn aws_lc() {
    for (params, key) in [
        ("aws-lc-rs aes=128", UnboundKey::new(&AES_128_GCM, &[7; 16])),
        ("aws-lc-rs aes=256", UnboundKey::new(&AES_256_GCM, &[7; 32])),
    ] {
        let key = LessSafeKey::new(key.expect("the key has a length that AES has"));
        let nonce = || Nonce::assume_unique_for_key(NONCE);
        let encrypt = |text: &mut [u8]| {
            let tag = key.seal_in_place_separate_tag(nonce(), Aad::empty(), text);
            tag.expect("it is short enough").as_ref().try_into().expect("a tag has sixteen bytes")
        };
        let decrypt = |sealed: &mut [u8]| key.open_in_place(nonce(), Aad::empty(), sealed).is_ok();
        measure_both(params, encrypt, decrypt);
    }
}

/// `encrypt` returns the tag, and `decrypt` whether it is right.
fn measure_both(
    params: &str,
    encrypt: impl Fn(&mut [u8]) -> [u8; 16],
    decrypt: impl Fn(&mut [u8]) -> bool,
) {
    let mut out = Vec::with_capacity(2_000);
    let seal = |out: &mut Vec<u8>| {
        out.clear();
        out.push(1);
        out.extend_from_slice(&NONCE);
        out.extend_from_slice(&TEXT);
        let tag = encrypt(&mut out[13..]);
        out.extend_from_slice(&tag);
    };
    measure("seal-1400", params, |meter| {
        meter.count(1_000, || (0..1_000).for_each(|_| seal(black_box(&mut out))));
    });
    seal(&mut out);
    let mut copy = out.clone();
    measure("open-1400", params, |meter| {
        meter.count(1_000, || {
            for _ in 0..1_000 {
                copy.copy_from_slice(&out);
                assert!(decrypt(&mut copy[13..]), "it is whole");
                black_box(&mut copy);
            }
        });
    });
}
