//! Halves that were apart for so long that they have forgotten each other.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{
    assert_status, cluster, mins, ms, secs, settle, with_seeds, without_reconnects,
};

/// Much longer than the dead are told what is new (30 s) and after which they are forgotten.
const APART: Duration = mins(10);

/// The seed keeper's longest wait (60 s), a dial that was begun too early and has to time out before
/// it counts (10 s), and the exchange and its spreading.
const TOGETHER_WITHIN: Duration = secs(75);

fn lan(name: String) -> Config {
    without_reconnects(Config::lan(name))
}

/// Tears a cluster apart; in the end each half has given the other up.
fn tear(sim: &mut Sim, these: &[NodeId], those: &[NodeId]) {
    sim.partition(these, those);
    sim.run_for(APART);
    assert_status(sim, these, those, Status::Failed);
    assert_status(sim, those, these, Status::Failed);
}

#[track_caller]
fn assert_heals(sim: &mut Sim) {
    sim.heal();
    let took = sim.run_until_converged(TOGETHER_WITHIN);
    assert!(took.is_some(), "they are not together after {TOGETHER_WITHIN:?}");
    sim.run_for(mins(1));
    assert!(sim.converged(), "it does not last");
}

/// hm#222: two MetalLB speakers lost each other for a minute or two. Each forgot the other, nobody
/// ever tried again, and both announced the same addresses until they were restarted. Users have
/// since written loops around `Join`.
#[test]
fn two_nodes_find_each_other_after_a_long_partition() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 2);
        tear(&mut sim, &ids[..1], &ids[1..]);
        assert_heals(&mut sim);
    });
}

/// hm#222, hs#605: a rack of a larger cluster comes back after the others have forgotten it. Its own
/// members know each other, so no gossip of theirs ever crosses over.
#[test]
fn two_of_twelve_find_the_others_after_a_long_partition() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 12);
        tear(&mut sim, &ids[..10], &ids[10..]);
        assert_heals(&mut sim);
    });
}

/// hm#222: an address to join helps only if it is on the other side. Here each half has joined only
/// its own members: a node that knew both, and left long ago, had brought them together. So those
/// that died are tried too.
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
        tear(&mut sim, &ids[..10], &ids[10..]);
        assert_heals(&mut sim);
    });
}

/// The same without what is being tested: halves stay apart for as long as one cares to look.
#[test]
fn without_a_seed_keeper_and_reconnects_halves_stay_apart() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, |name| lan(name).seed_keeper(None), 12);
        tear(&mut sim, &ids[..10], &ids[10..]);
        sim.heal();
        sim.run_for(mins(30));
        assert_status(&sim, &ids[..10], &ids[10..], Status::Failed);
        assert_status(&sim, &ids[10..], &ids[..10], Status::Failed);
    });
}
