//! Nodes that leave and come back, one after another, in a network that loses packets.

use std::time::Duration;

use serfer_proto::Status;

use crate::support::{assert_status, cluster, failures, lan, mins, secs, with_seeds};

const NODES: usize = 50;

/// Each node leaves, is down for a while and comes back. Gossip misses a node now and then, also without
/// loss: some miss the leave intent, some the leave message, some both. None of them sees a failure.
fn rolling_restart(seed: u64, loss: f64, down: Duration) {
    let (mut sim, ids) = cluster(seed, lan, NODES);
    sim.network().loss(loss);
    for (n, &id) in ids.iter().enumerate() {
        sim.leave(id);
        sim.run_for(secs(8));
        sim.crash(id);
        sim.run_for(down);
        sim.restart(id);
        sim.join(id, &[ids[(n + 7) % NODES]]);
        sim.run_for(secs(5));
    }
    sim.run_for(mins(3));
    let failures = failures(&sim, &ids);
    assert!(failures.is_empty(), "seen as failures: {failures:?}");
    assert_status(&sim, &ids, &ids, Status::Alive);
}

#[test]
fn members_that_leave_and_come_back_in_turn_are_never_seen_as_failures() {
    with_seeds(|seed| {
        let loss = match seed % 3 {
            0 => 0.0,
            1 => 0.05,
            _ => 0.1,
        };
        rolling_restart(seed, loss, secs(3));
    });
}
