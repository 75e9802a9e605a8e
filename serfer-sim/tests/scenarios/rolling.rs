//! Nodes that leave and come back, one after another, in a network that loses packets.

use std::time::Duration;

use serfer_proto::Status;

use crate::support::{assert_status, cluster, failures, lan, mins, secs, with_seeds};

const NODES: usize = 50;

/// What the others were told about a node wrongly: that it failed.
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
        for loss in [0.0, 0.05, 0.1] {
            rolling_restart(seed, loss, secs(3));
        }
    });
}
