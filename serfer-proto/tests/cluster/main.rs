//! Whole nodes: alone, in clusters in virtual time, and against peers that do not mean well.
//!
//! Nothing but the public API is used, and no real time passes. [`harness`] runs clusters, and
//! [`solo`] one node among peers that a test makes up.
#![expect(clippy::unwrap_used, reason = "every helper here is part of a test")]

mod craft;
#[path = "../../../serfer-go-regex/tests/data/go_regex.rs"]
mod go_regex;
mod harness;
mod network;
mod solo;
mod support;
mod wrap;

mod acks;
mod answering;
mod claiming;
mod coalescing;
mod coordinates;
mod deltas;
mod dialling;
mod ending;
mod events;
mod exchanged;
mod filters;
mod hostile;
mod idle;
mod intents;
mod joining;
mod keeping;
mod keys;
mod leaving;
mod limits;
mod malformed;
mod migrating;
mod mutated;
mod news;
mod probing;
mod queries;
mod questions;
mod recovering;
mod refusals;
mod relaying;
mod returning;
mod rotation;
mod snapshots;
mod storms;
mod streams;
mod surfaces;
mod suspicion;
mod transitions;
mod voting;

use harness::Cluster;
use support::{local, ms, secs};

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = |seed| {
        let mut cluster = Cluster::new(seed);
        cluster.trace = Some(Vec::new());
        for node in 0..5 {
            cluster.add(local(node));
            cluster.join(node, &[0]);
            cluster.run(ms(50));
        }
        cluster.run(secs(5));
        cluster.kill(3);
        cluster.run(secs(10));
        cluster.trace.take().unwrap()
    };
    let first = run(1);
    assert!(first.len() > 300);
    assert!(first == run(1));
    assert!(first != run(2));
}
