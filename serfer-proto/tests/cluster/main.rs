//! Whole nodes: alone, in clusters in virtual time, and against hostile peers.
//!
//! Only the public API is used, and no real time passes. [`harness`] runs whole clusters, or one
//! node among peers that a test makes up.
#![expect(clippy::unwrap_used, reason = "every helper here is part of a test")]

#[path = "../../../serfer-go-regex/tests/data/go_regex.rs"]
mod go_regex;
mod harness;

mod coordinates;
mod detection;
mod events;
mod hostile;
mod keys;
mod lifecycle;
mod members;
mod queries;
mod refused_calls;
mod snapshots;
mod streams;

use harness::cluster::Cluster;
use harness::support::{local, ms, secs};

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
