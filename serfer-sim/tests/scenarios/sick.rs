//! One sick node among healthy ones: what it thinks of them must not matter to them.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{NodeId, Sim, Traffic};

use crate::support::{
    assert_failed_at_most, assert_none_failed, assert_status, cluster, lan, mins, ms, secs, sum,
    with_seeds,
};

const NODES: usize = 64;

/// How long it is sick.
const SICK: Duration = mins(5);

/// How many healthy members it may accuse in that time, if it hears something now and then: all its
/// probes fail, and then it sends one in 8 s.
const ACCUSATIONS_MAX: u64 = 45;

/// The same if it hears nothing at all: it gives one after another up.
const DEAF_ACCUSATIONS_MAX: u64 = 20;

/// How often a healthy member may declare another one failed. It takes one that misses what the
/// accused answers and all who pass that on to it: seen twice in 80 runs, and then one of 3,900 pairs.
const FALSE_MAX: usize = 1;

/// Runs a cluster with one sick node. Healthy members must not declare each other failed, and only so
/// many may be accused.
#[track_caller]
fn with_a_sick_node(
    (seed, accusations_max): (u64, u64),
    sicken: impl FnOnce(&mut Sim, NodeId, &[NodeId]),
) -> (Sim, Vec<NodeId>) {
    let (mut sim, ids) = cluster(seed, lan, NODES);
    let (sick, healthy) = ids.split_last().expect("there are many");
    let denied_before = sum(&sim, healthy, |stats| stats.refutations);
    sicken(&mut sim, *sick, healthy);
    assert_failed_at_most(&sim, healthy, FALSE_MAX);
    let denied = sum(&sim, healthy, |stats| stats.refutations) - denied_before;
    assert!(denied <= accusations_max, "{denied} members had to deny that they are dead");
    (sim, ids)
}

/// hc#5567: one bad machine among thousands can send but not receive. Nobody answers it, so it
/// accuses them all, and the cluster is busy with denials until some of them come too late.
#[test]
fn a_node_that_hears_nothing_has_nobody_declared_failed() {
    with_seeds(|seed| {
        let (sim, ids) = with_a_sick_node((seed, DEAF_ACCUSATIONS_MAX), |sim, sick, healthy| {
            sim.block(healthy, &[sick], Traffic::All);
            sim.run_for(SICK);
        });
        let (healthy, sick) = ids.split_at(NODES - 1);
        assert_none_failed(&sim, healthy);
        assert_status(&sim, healthy, sick, Status::Failed);
    });
}

/// hc#5928: a machine half detached from the network hears just enough to stay: every tenth packet.
/// It is declared failed, denies it, and goes on accusing healthy members.
#[test]
fn a_node_that_hears_every_tenth_packet_has_hardly_anybody_declared_failed() {
    with_seeds(|seed| {
        with_a_sick_node((seed, ACCUSATIONS_MAX), |sim, sick, _| {
            sim.incoming(sick).loss(0.9);
            sim.run_for(SICK);
        });
    });
}

/// hc#5928 without streams, which would bring it the truth about others now and then.
#[test]
fn a_node_that_hears_every_tenth_datagram_has_hardly_anybody_declared_failed() {
    with_seeds(|seed| {
        with_a_sick_node((seed, ACCUSATIONS_MAX), |sim, sick, healthy| {
            sim.incoming(sick).datagrams().loss(0.9);
            sim.block(healthy, &[sick], Traffic::Streams);
            sim.run_for(SICK);
        });
    });
}

/// A machine that swaps or is throttled: its process stands still for a while, runs for a moment, and
/// stands still again. Whenever it runs it finds that all it has waited for is overdue.
#[test]
fn a_node_that_stands_still_again_and_again_has_nobody_declared_failed() {
    let paces = [(secs(2), ms(300)), (secs(8), ms(500)), (secs(20), secs(1)), (secs(60), secs(2))];
    with_seeds(|seed| {
        let (still, running) = paces[seed as usize % paces.len()];
        with_a_sick_node((seed, ACCUSATIONS_MAX), |sim, sick, healthy| {
            let start = sim.elapsed();
            while sim.elapsed() - start < SICK {
                sim.pause(sick);
                sim.run_for(still);
                sim.resume(sick);
                sim.run_for(running);
            }
            assert_none_failed(sim, healthy);
        });
    });
}
