//! The rooms of each crate.

/// A room, with those that it may use besides itself.
pub(super) type Room = (&'static str, &'static [&'static str]);

/// The rooms of a crate from the bottom up. A room is a folder or a file; of several that a file is in,
/// the longest counts. `lib.rs` and `guide.rs` are in none: they show others.
pub(super) const CRATES: [(&str, &[Room]); 1] = [("serfer-proto", &PROTO)];

const PROTO: [Room; 10] = [
    ("wire", &[]),
    ("machinery/rng", &["wire"]),
    ("api", &["wire"]),
    ("snapshot", &["wire", "api"]),
    ("config", &["wire", "api", "snapshot"]),
    ("settings", &["wire", "api", "snapshot", "config"]),
    ("machinery", &["wire", "machinery/rng", "api", "config"]),
    ("memberlist", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery"]),
    ("serf", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery", "memberlist"]),
    (
        "endpoint",
        &["wire", "machinery/rng", "api", "snapshot", "config", "machinery", "memberlist", "serf"],
    ),
];
