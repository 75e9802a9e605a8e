//! See `serfer_tests::fuzz::stream`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| serfer_tests::fuzz::stream(input));
