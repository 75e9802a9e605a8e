//! Partitions that last so long that the halves have forgotten each other.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{
    assert_status, cluster, mins, ms, secs, settle, with_seeds, without_reconnects,
};

/// Much longer than dead members are gossiped to and remembered (30 s).
const APART: Duration = mins(10);

/// The longest pause of the seed retry (60 s), a dial that began before the heal and has to time out
/// (10 s), and the exchange and its spreading.
const REUNITED_WITHIN: Duration = secs(75);

fn lan(name: String) -> Config {
    without_reconnects(Config::lan(name))
}

/// Partitions a cluster until each half has declared the other one failed.
fn partition(sim: &mut Sim, these: &[NodeId], those: &[NodeId]) {
    sim.partition(these, those);
    sim.run_for(APART);
    assert_status(sim, these, those, Status::Failed);
    assert_status(sim, those, these, Status::Failed);
}

#[track_caller]
fn assert_heals(sim: &mut Sim) {
    sim.heal();
    let took = sim.run_until_converged(REUNITED_WITHIN);
    assert!(took.is_some(), "the halves are not reunited after {REUNITED_WITHIN:?}");
    sim.run_for(mins(1));
    assert!(sim.converged(), "the agreement does not last");
}

/// hm#222: two MetalLB speakers lost each other for a minute or two. Each forgot the other, neither
/// tried again, and both announced the same addresses until they were restarted. Since then users
/// write loops around `Join`.
#[test]
fn two_nodes_find_each_other_after_a_long_partition() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 2);
        partition(&mut sim, &ids[..1], &ids[1..]);
        assert_heals(&mut sim);
    });
}

/// hm#222, hs#605: a rack of a larger cluster comes back after the others have forgotten it. Its
/// members know only each other, so their gossip never reaches the others.
#[test]
fn two_of_twelve_find_the_others_after_a_long_partition() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 12);
        partition(&mut sim, &ids[..10], &ids[10..]);
        assert_heals(&mut sim);
    });
}

/// hm#222: an address to join helps only if it is on the other side. Here each half has joined only
/// its own members: a node that knew both halves, and left long ago, had brought them together. So
/// dead members are tried, too.
#[test]
fn halves_find_each_other_without_an_address_to_join_on_the_other_side() {
    with_seeds(|seed| {
        let mut sim = Sim::new(seed);
        sim.network().latency(ms(1)..ms(5));
        let ids = sim.many(lan, 12);
        let bridge = sim.node(lan("bridge".to_owned()));
        for (these, seed) in [(&ids[1..10], ids[0]), (&ids[11..], ids[10])] {
            these.iter().for_each(|&id| sim.join(id, &[seed]));
        }
        sim.join(bridge, &[ids[0], ids[10]]);
        settle(&mut sim);
        sim.leave(bridge);
        sim.run_for(secs(30));
        sim.crash(bridge);
        partition(&mut sim, &ids[..10], &ids[10..]);
        assert_heals(&mut sim);
    });
}

/// Without seed retries and reconnects, the halves stay apart.
#[test]
fn without_seed_retries_and_reconnects_halves_stay_apart() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, |name| lan(name).seed_keeper(None), 12);
        partition(&mut sim, &ids[..10], &ids[10..]);
        sim.heal();
        sim.run_for(mins(30));
        assert_status(&sim, &ids[..10], &ids[10..], Status::Failed);
        assert_status(&sim, &ids[10..], &ids[..10], Status::Failed);
    });
}
