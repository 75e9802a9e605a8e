//! What each fuzz target does with its input.
//!
//! A target is a function of bytes that panics if a promise is broken. It does not depend on a
//! fuzzer, so `cargo test` also runs everything that a fuzzer ever found. The same bytes do the
//! same in every run: a target uses no clock and no randomness, and keeps nothing between two runs.

mod endpoint_ops;
mod filter;
mod grammar;
mod keys_and_places;
mod layers;
mod messages;
mod packet;
mod snapshot_replay;
mod stream;
mod watched;
mod words;

pub use endpoint_ops::endpoint_ops;
pub use filter::filter;
pub use messages::messages;
pub use packet::packet;
pub use snapshot_replay::snapshot_replay;
pub use stream::stream;

/// A target: its name, which is also a file of `fuzz/fuzz_targets`, and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 6] = [
    ("packet", packet),
    ("messages", messages),
    ("stream", stream),
    ("filter", filter),
    ("snapshot_replay", snapshot_replay),
    ("endpoint_ops", endpoint_ops),
];
