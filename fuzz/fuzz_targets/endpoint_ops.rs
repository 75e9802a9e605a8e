//! See `serfer_tests::fuzz::endpoint_ops`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| serfer_tests::fuzz::endpoint_ops(input));
