//! See `serfer_tests::fuzz::filter`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| serfer_tests::fuzz::filter(input));
