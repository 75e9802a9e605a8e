//! Nodes that come back without a memory, while others still talk about their last life.

use std::ops::RangeInclusive;
use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::NodeId;

use crate::support::{change_tags, cluster, lan, secs, unacquainted, with_seeds};

const NODES: usize = 100;

/// How often each node has said something new about itself before it restarts: so much higher is the
/// incarnation of what floats about it than the 1 that it starts with.
const CHANGES: u32 = 20;

/// A gossip tick or two until somebody contradicts, the denial, and its spreading.
const NEARLY_ALL_WITHIN: Duration = secs(5);

/// Of 5,000 pairs of one who stayed and one who restarted, gossip misses one now and then.
const MISSED_MAX: usize = 2;

/// The next push/pull mends that: in a cluster of this size there is one every 90 s, and the first
/// after 180 s at most.
const ALL_WITHIN: Duration = secs(185);

/// Half of a cluster dies at once and restarts after `down`, when so many of them are held for dead.
fn restart_half(seed: u64, down: Duration, dead: RangeInclusive<usize>) {
    let (mut sim, ids) = cluster(seed, lan, NODES);
    let (lasting, restarting) = ids.split_at(NODES / 2);
    for &id in restarting {
        change_tags(&mut sim, id, CHANGES);
    }
    sim.run_for(secs(30));
    assert!(sim.converged());

    restarting.iter().for_each(|&id| sim.crash(id));
    sim.run_for(down);
    let is_dead = |&&id: &&NodeId| sim.status(lasting[0], sim.name(id)) == Some(Status::Failed);
    let held_for_dead = restarting.iter().filter(is_dead).count();
    assert!(dead.contains(&held_for_dead), "down for {down:?}: {held_for_dead} are dead");
    for (n, &id) in restarting.iter().enumerate() {
        sim.restart(id);
        sim.join(id, &[lasting[n % 5]]);
    }

    sim.run_for(NEARLY_ALL_WITHIN);
    let missed = unacquainted(&sim);
    assert!(missed <= MISSED_MAX, "down for {down:?}: gossip missed {missed}");
    let took = sim.run_until_converged(ALL_WITHIN - NEARLY_ALL_WITHIN);
    assert!(took.is_some(), "down for {down:?}: they do not agree after {ALL_WITHIN:?}");
    sim.run_for(secs(60));
    assert!(sim.converged(), "down for {down:?}: it does not last");
}

/// hm#311: 4,500 nodes restart. Word of their death in their last life, of a high incarnation, still
/// goes around; whoever hears of it after their return takes them for dead and ignores what they say,
/// and they do not learn of it for minutes, since nobody tells the dead.
#[test]
fn half_a_cluster_that_restarts_while_it_is_dying_is_agreed_on() {
    with_seeds(|seed| restart_half(seed, secs(14), 1..=NODES / 2 - 1));
}

/// hm#311, where everybody has noticed: all hold them for dead at an incarnation that they have yet
/// to reach again.
#[test]
fn half_a_cluster_that_restarts_after_it_died_is_agreed_on() {
    with_seeds(|seed| restart_half(seed, secs(60), NODES / 2..=NODES / 2));
}

/// Nobody has noticed, so there is nothing to deny, and what is known of them is of their last life.
#[test]
fn half_a_cluster_that_restarts_unnoticed_is_agreed_on() {
    with_seeds(|seed| restart_half(seed, secs(1), 0..=0));
}
