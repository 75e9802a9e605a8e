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

/// Packets of the [grammar](serfer_tests::fuzz): compounds, compressions, checksums and labels, whole and
/// broken, nested in every way. More of them are tried if this is set: `SERFER_RANDOM_PACKETS=100000`.
#[test]
fn random_packets_do_no_harm() {
    let count = std::env::var("SERFER_RANDOM_PACKETS").map_or(300, |it| it.parse().unwrap());
    let (_, packet) = TARGETS[0];
    for seed in 1..=count {
        eprintln!("random packet {seed}");
        packet(&random_packet(seed));
    }
}

/// The same for the same seed (xorshift64*).
fn random_packet(seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    let len = 16 + 4 * usize::from(next());
    let mut bytes: Vec<u8> = (0..len).map(|_| next()).collect();
    // By the grammar, and readable for the node: sealed and labelled as it wants.
    bytes[0] = bytes[0] & 0b1011 | 0b1_0100;
    bytes
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
