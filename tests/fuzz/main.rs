//! Plays the inputs that fuzzing has found, without a fuzzer.
//!
//! All seeds of each target of `fuzz/` are played, including those that once broke something. Their
//! names start with `regression-` and say what broke.

use std::fs;
use std::path::PathBuf;

use serfer_tests::fuzz::TARGETS;

/// Inputs are short, so none needs much memory.
const MEMORY_MAX: u64 = 32 << 20;

#[test]
fn every_seed_does_no_harm() {
    for (name, target) in TARGETS {
        let seeds = seeds(name);
        assert!(seeds.len() > 10, "{name} has {} seeds", seeds.len());
        for seed in seeds {
            let input = fs::read(&seed).unwrap();
            // Printed only if the test fails. Then the last one is to blame.
            eprintln!("{}", seed.display());
            let memory = allocation_counter::measure(|| target(&input)).bytes_max;
            assert!(memory < MEMORY_MAX, "it took {memory} bytes");
        }
    }
}

#[test]
fn inputs_of_every_length_do_no_harm() {
    for (_, target) in TARGETS {
        for len in 0..100 {
            for byte in [0, 8, 16, 0xff] {
                target(&vec![byte; len]);
            }
        }
    }
}

/// In the order of their names, so that each run is the same.
fn seeds(target: &str) -> Vec<PathBuf> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/seeds")).join(target);
    let entries = fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut seeds: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be read").path()).collect();
    seeds.sort();
    seeds
}
