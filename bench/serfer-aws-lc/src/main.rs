//! Ours, with AWS-LC for the ciphers.

#[path = "../../serfer/src/aead.rs"]
mod aead;

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[("aead", || aead::aead("aws-lc "))]);
}
