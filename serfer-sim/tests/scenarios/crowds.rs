//! Many nodes that join one seed at once.

use std::time::Duration;

use serfer_sim::{Event, NodeId, Sim};

use crate::support::{assert_none_failed, lan, ms, secs, sum, unacquainted, with_seeds};

/// More than the 128 streams that a node has at once.
const NODES: usize = 200;

/// Until each node knows nearly all others: refused nodes try again after a second, and then the
/// news of 200 members spreads at 60 messages a tick.
const NEARLY_ALL_WITHIN: Duration = secs(10);

/// Each node sends news 12 times, so a given node misses it with a probability of e⁻¹². Of the 40,000
/// pairs here, this happens to one now and then.
const MISSED_MAX: usize = 4;

/// The next push/pull repairs this: in a cluster of this size there is one every two minutes, and the
/// first one after four at most.
const ALL_WITHIN: Duration = secs(250);

/// hs#605: all machines of a data centre start at once and know one address. This node refuses most
/// of them, and those that do not try again stay alone.
#[test]
fn two_hundred_nodes_that_join_one_seed_at_once_all_find_each_other() {
    with_seeds(|seed| {
        let mut sim = Sim::new(seed);
        sim.network().latency(ms(1)..ms(5));
        let ids = sim.many(lan, NODES);
        for &id in &ids[1..] {
            sim.join(id, &[ids[0]]);
        }

        sim.run_for(NEARLY_ALL_WITHIN);
        let missed = unacquainted(&sim);
        assert!(missed <= MISSED_MAX, "gossip missed {missed}");
        assert!(sum(&sim, &ids, |stats| stats.seed_retries) > 0, "no node was refused");

        let rest = ALL_WITHIN - NEARLY_ALL_WITHIN;
        let took = sim.run_until_converged(rest);
        assert!(took.is_some(), "not all nodes know all others after {ALL_WITHIN:?}");
        assert_none_failed(&sim, &ids);
    });
}

/// Three hundred nodes that know each other are ready in the same moment, and say so: all these user events
/// have the same Lamport time.
#[test]
fn events_of_one_time_all_arrive() {
    const NODES: usize = 300;
    let mut sim = Sim::new(1);
    sim.network().latency(ms(1)..ms(5));
    let ids = sim.many(lan, NODES);
    for &id in &ids[1..] {
        sim.join(id, &[ids[0]]);
    }
    sim.run_until_converged(secs(300)).expect("they find each other");
    sim.run_for(secs(10));
    let dropped = |sim: &Sim| sum(sim, &ids, |stats| stats.dropped.total());
    let before = dropped(&sim);
    for &id in &ids {
        sim.take_events(id);
        let name = format!("ready-{}", sim.name(id));
        sim.user_event(id, &name, b"");
    }
    sim.run_for(secs(60));
    let heard = |&id: &NodeId| {
        sim.events(id).iter().filter(|it| matches!(it.event, Event::User(_))).count()
    };
    let counts: Vec<usize> = ids.iter().map(heard).collect();
    assert!(counts.iter().all(|&count| count == NODES), "{counts:?}");
    assert_eq!(dropped(&sim), before);
}

/// More than a join dials at once.
const ADDRESSES: usize = 60;

/// A name that stands for all members of a large cluster: with Go, a newcomer compares everything with each.
#[test]
fn a_newcomer_that_knows_all_addresses_compares_everything_with_a_few() {
    let mut sim = Sim::new(1);
    sim.network().latency(ms(1)..ms(5));
    let ids = sim.many(lan, ADDRESSES);
    for &id in &ids[1..] {
        sim.join(id, &[ids[0]]);
    }
    sim.run_until_converged(secs(120)).expect("they find each other");
    let late = sim.node(lan("late".to_owned()));
    sim.join(late, &ids);
    sim.run_for(secs(5));
    let dialled = sum(&sim, &[late], |stats| stats.streams_dialled);
    assert!(dialled < 20, "{dialled}");
    assert!(sim.converged());
}
