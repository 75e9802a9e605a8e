//! Nodes that restart without a memory, while news of their last life is still spreading.

use std::ops::RangeInclusive;
use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::NodeId;

use crate::support::{change_tags, cluster, lan, secs, unacquainted, with_seeds};

const NODES: usize = 100;

/// How often each node changes its tags before it restarts. The others know an incarnation that is so
/// much higher than the 1 that it restarts with.
const CHANGES: u32 = 20;

/// A gossip tick or two until an accusation arrives, the refutation, and its spreading.
const NEARLY_ALL_WITHIN: Duration = secs(5);

/// Of 5,000 pairs of a node that stayed and one that restarted, gossip misses one now and then.
const MISSED_MAX: usize = 2;

/// The next push/pull repairs this: in a cluster of this size there is one every 90 s, and the first
/// one after 180 s at most.
const ALL_WITHIN: Duration = secs(185);

/// Half of a cluster crashes at once and restarts after `down`, when `dead` of them are known to have
/// failed.
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
    let known_dead = restarting.iter().filter(is_dead).count();
    assert!(dead.contains(&known_dead), "down for {down:?}: {known_dead} are dead");
    for (n, &id) in restarting.iter().enumerate() {
        sim.restart(id);
        sim.join(id, &[lasting[n % 5]]);
    }

    sim.run_for(NEARLY_ALL_WITHIN);
    let missed = unacquainted(&sim);
    assert!(missed <= MISSED_MAX, "down for {down:?}: gossip missed {missed}");
    let took = sim.run_until_converged(ALL_WITHIN - NEARLY_ALL_WITHIN);
    assert!(took.is_some(), "down for {down:?}: the nodes do not agree after {ALL_WITHIN:?}");
    sim.run_for(secs(60));
    assert!(sim.converged(), "down for {down:?}: the agreement does not last");
}

/// hm#311: 4,500 nodes restart. Messages about their death in their last life, with a high
/// incarnation, are still spreading. A node that hears them after the restart believes that the member
/// is dead and ignores its alive messages, and the member does not learn of this for minutes, since
/// dead members are not told.
#[test]
fn all_agree_after_half_a_cluster_restarts_while_its_failure_is_spreading() {
    with_seeds(|seed| restart_half(seed, secs(14), 1..=NODES / 2 - 1));
}

/// hm#311 when all have noticed: they are dead for all others, at an incarnation that they have not
/// reached again.
#[test]
fn all_agree_after_half_a_cluster_restarts_after_its_failure() {
    with_seeds(|seed| restart_half(seed, secs(60), NODES / 2..=NODES / 2));
}

/// Nobody has noticed, so there is nothing to refute, but the others know their tags and incarnations
/// from their last life.
#[test]
fn all_agree_after_half_a_cluster_restarts_unnoticed() {
    with_seeds(|seed| restart_half(seed, secs(1), 0..=0));
}
