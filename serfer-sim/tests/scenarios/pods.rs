//! A pod that comes back with its name at another address.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::{Reclaim, Status};
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{cluster, conflicts, lan, mins, secs, unacquainted, with_seeds};

const NODES: usize = 12;

/// If the name is free: nobody acks a ping at the old address (0.5 s), and the news spreads.
const AT_ONCE: Duration = secs(5);

/// Among 12 nodes, one in a few thousand misses the news, and gets it with the next push/pull after
/// 30 s.
const MISSED_MAX: usize = 1;
const PUSH_PULL: Duration = secs(31);

/// How long dead members keep their names, if names can be reclaimed.
const DEAD_AFTER: Duration = secs(10);

/// From the crash: it is declared dead (11 s until it is probed, at most 24 s of suspicion), is dead
/// for `DEAD_AFTER`, and then claims its name again in its next push/pull (30 s).
const SOON: Duration = secs(75);

/// If names cannot be reclaimed: the same, but dead members are forgotten only after 30 s.
const ONCE_FORGOTTEN: Duration = secs(95);

fn reclaiming(name: String) -> Config {
    Config::lan(name).reclaim(Reclaim { dead_after: Some(DEAD_AFTER), ..Reclaim::default() })
}

/// Starts the pod's process at another address, and joins.
fn reschedule(sim: &mut Sim, pod: NodeId, seed: NodeId) {
    sim.readdress(pod, SocketAddr::from(([10, 1, 0, 1], 7946)));
    sim.restart(pod);
    sim.join(pod, &[seed]);
}

/// A pod crashes, and is rescheduled after `down`.
fn cluster_with_a_rescheduled_pod(seed: u64, config: fn(String) -> Config, down: Duration) -> Sim {
    let (mut sim, ids) = cluster(seed, config, NODES);
    let pod = ids[NODES - 1];
    sim.crash(pod);
    sim.run_for(down);
    reschedule(&mut sim, pod, ids[0]);
    sim
}

#[track_caller]
fn assert_known_within(sim: &mut Sim, bound: Duration) {
    let took = sim.run_until(bound, |sim| unacquainted(sim) <= MISSED_MAX);
    assert!(took.is_some(), "after {bound:?} not all nodes know its address");
    let took = sim.run_until_converged(PUSH_PULL);
    assert!(took.is_some(), "a node still does not know its address");
    sim.run_for(mins(2));
    assert!(sim.converged(), "the agreement does not last");
}

/// A rolling update: the pod leaves, and its successor starts at once. It gets the name as soon as a
/// ping to the old address is not acked. It does not count as leaving, although some nodes heard its
/// intent to join before its alive message.
#[test]
fn a_pod_that_left_is_known_at_its_new_address_at_once() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, NODES);
        let pod = ids[NODES - 1];
        sim.leave(pod);
        sim.run_for(secs(15));
        sim.crash(pod);
        reschedule(&mut sim, pod, ids[0]);
        assert_known_within(&mut sim, AT_ONCE);
        assert_eq!(conflicts(&sim, &ids), 0);
    });
}

/// A pod is killed, and rescheduled when it has been dead for long enough.
#[test]
fn a_pod_that_died_long_ago_is_known_at_its_new_address_at_once() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, reclaiming, NODES);
        let pod = ids[NODES - 1];
        sim.crash(pod);
        let name = sim.name(pod).to_owned();
        let noticed =
            |sim: &Sim| sim.running().all(|id| sim.status(id, &name) == Some(Status::Failed));
        sim.run_until(mins(2), noticed).expect("all nodes notice");
        sim.run_for(DEAD_AFTER);
        reschedule(&mut sim, pod, ids[0]);
        assert_known_within(&mut sim, AT_ONCE);
    });
}

/// A pod is usually back before the others have noticed that it died, so its claim is refused at
/// first. It need not be told to join again.
#[test]
fn a_pod_that_has_just_died_is_known_at_its_new_address_soon() {
    with_seeds(|seed| {
        let down = secs(5 * (seed % 5));
        let mut sim = cluster_with_a_rescheduled_pod(seed, reclaiming, down);
        assert_known_within(&mut sim, SOON - down);
    });
}

/// The default: dead members keep their names until they are forgotten.
#[test]
fn a_pod_that_died_is_known_at_its_new_address_once_it_is_forgotten() {
    with_seeds(|seed| {
        let mut sim = cluster_with_a_rescheduled_pod(seed, lan, secs(5));
        sim.run_for(secs(25));
        assert!(!sim.converged(), "its name was not free yet");
        assert_known_within(&mut sim, ONCE_FORGOTTEN - secs(30));
    });
}
