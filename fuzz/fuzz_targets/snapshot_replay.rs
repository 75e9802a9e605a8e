//! See `serfer_tests::fuzz::snapshot_replay`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| serfer_tests::fuzz::snapshot_replay(input));
