//! The rooms of each crate.

/// A room, and the rooms that it may use besides itself.
pub(super) type Room = (&'static str, &'static [&'static str]);

/// The rooms of each crate, from the bottom up. A room is a folder or a file. A file that is in several
/// belongs to the one with the longest path. `lib.rs` and `guide.rs` belong to none.
pub(super) const CRATES: [(&str, &[Room]); 5] = [
    ("serfer-go-regex", &GO_REGEX),
    ("serfer-settings", &SETTINGS),
    ("serfer-proto", &PROTO),
    ("serfer-async", &ASYNC),
    ("serfer-sim", &SIM),
];

/// Sum types over all rooms: their fields may have types from above.
pub(super) const SUMS: [&str; 1] = ["error"];

const GO_REGEX: [Room; 6] = [
    ("problem", &[]),
    ("cursor", &[]),
    ("property", &["problem"]),
    ("class", &["problem", "cursor", "property"]),
    ("parse", &["problem", "cursor", "class"]),
    ("regex", &["problem", "class", "parse"]),
];

const SETTINGS: [Room; 4] = [
    ("values", &[]),
    ("reader", &["values"]),
    ("group", &["values"]),
    ("file", &["values", "reader", "group"]),
];

const PROTO: [Room; 9] = [
    ("wire", &[]),
    ("machinery/rng", &["wire"]),
    ("api", &["wire"]),
    ("snapshot", &["wire", "api"]),
    ("config", &["wire", "api", "snapshot"]),
    ("machinery", &["wire", "machinery/rng", "api", "config"]),
    ("memberlist", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery"]),
    ("serf", &["wire", "machinery/rng", "api", "snapshot", "config", "machinery", "memberlist"]),
    (
        "endpoint",
        &["wire", "machinery/rng", "api", "snapshot", "config", "machinery", "memberlist", "serf"],
    ),
];

const ASYNC: [Room; 12] = [
    ("runtime", &[]),
    ("pattern", &[]),
    ("node", &["runtime"]),
    ("discovery", &["runtime", "node"]),
    ("files", &["runtime", "node"]),
    ("options", &["discovery"]),
    ("settings", &["discovery", "options"]),
    ("error", &["node", "discovery", "files"]),
    ("handle", &["pattern", "node", "discovery", "error"]),
    ("router", &["pattern", "node", "error"]),
    ("uri", &["pattern", "error", "handle", "router"]),
    ("builder", &["runtime", "node", "discovery", "files", "options", "error", "handle", "router"]),
];

const SIM: [Room; 6] = [
    ("node_id", &[]),
    ("network", &["node_id"]),
    ("trace", &["node_id", "network"]),
    ("engine", &["node_id", "network", "trace"]),
    ("faults", &["node_id", "network", "engine"]),
    ("script", &["node_id", "network", "trace", "engine"]),
];
