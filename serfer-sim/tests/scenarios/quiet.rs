//! An idle cluster has probes and push/pulls, and nothing else.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{
    change_tags, cluster, conflicts, lan, mins, ms, secs, settle, sum, with_seeds,
};

/// How long after the trouble the cluster must be quiet.
const QUIET_AFTER: Duration = mins(2);

const WATCHED: Duration = mins(10);

/// Lets time pass, and then counts: a ping and an ack for each node and second, a push/pull for each
/// node and half a minute, and no new incarnations.
#[track_caller]
fn assert_quiet(sim: &mut Sim) {
    let ids: Vec<NodeId> = sim.running().collect();
    let count = ids.len() as u64;
    let incarnations = |sim: &Sim| -> Vec<u32> {
        ids.iter().filter_map(|&id| sim.endpoint(id)).map(|it| it.incarnation()).collect()
    };
    let sent = |sim: &Sim| sum(sim, &ids, |stats| stats.datagrams_sent);
    let dialled = |sim: &Sim| sum(sim, &ids, |stats| stats.streams_dialled);

    sim.run_for(QUIET_AFTER);
    let before = (sent(sim), dialled(sim), incarnations(sim));
    sim.run_for(WATCHED);

    // One more for each node, which began before this time or ended after it.
    let datagrams = (2 * WATCHED.as_secs() + 1) * count;
    assert!(sent(sim) - before.0 <= datagrams, "{} of {datagrams} datagrams", sent(sim) - before.0);
    let streams = (WATCHED.as_secs() / 30 + 1) * count;
    assert!(dialled(sim) - before.1 <= streams, "{} of {streams} streams", dialled(sim) - before.1);
    assert_eq!(incarnations(sim), before.2, "a node still refutes");
}

/// foca#25: each of two nodes believes that the other is dead, tells it so, and is told the same, for
/// ever and as fast as the network allows.
#[test]
fn two_nodes_that_declared_each_other_dead_become_quiet() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 2);
        sim.partition(&ids[..1], &ids[1..]);
        let both_dead = |sim: &Sim| {
            let is_failed = |at: usize, name| sim.status(ids[at], name) == Some(Status::Failed);
            is_failed(0, "n2") && is_failed(1, "n1")
        };
        // They have not forgotten each other yet.
        sim.run_until(mins(2), both_dead).expect("both notice");
        sim.heal();
        assert_quiet(&mut sim);
        assert!(sim.converged());
    });
}

/// foca#25 with more nodes: all accuse all nodes of the other half.
#[test]
fn two_halves_that_declared_each_other_dead_become_quiet() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 12);
        sim.partition(&ids[..6], &ids[6..]);
        sim.run_for(secs(40));
        sim.heal();
        assert_quiet(&mut sim);
        assert!(sim.converged());
    });
}

/// A node restarts with a lower incarnation than others know: it is told so, refutes once, and that is
/// all.
#[test]
fn a_node_that_restarts_with_a_lower_incarnation_becomes_quiet() {
    with_seeds(|seed| {
        for down in [secs(1), secs(60)] {
            let (mut sim, ids) = cluster(seed, lan, 2);
            change_tags(&mut sim, ids[1], 20);
            sim.run_for(secs(5));
            sim.crash(ids[1]);
            sim.run_for(down);
            sim.restart(ids[1]);
            sim.join(ids[1], &[ids[0]]);
            assert_quiet(&mut sim);
            assert!(sim.converged());
        }
    });
}

/// Two nodes have one name and both stay: the third node keeps the first of them, and reports a
/// conflict for each push/pull with the other, but not more often.
#[test]
fn two_nodes_with_one_name_become_quiet() {
    with_seeds(|seed| {
        let mut sim = Sim::new(seed);
        sim.network().latency(ms(1)..ms(5));
        let [a, b] = sim.nodes(Config::lan, ["a", "b"]);
        sim.join(b, &[a]);
        settle(&mut sim);
        let other = sim.node(Config::lan("b"));
        sim.join(other, &[a]);
        assert_quiet(&mut sim);

        let b_of_a = sim.endpoint(a).and_then(|it| it.member("b")).map(|it| it.addr());
        assert_eq!(b_of_a, Some(sim.addr(b)));
        let push_pulls = (QUIET_AFTER + WATCHED).as_secs() as usize / 30 + 2;
        let conflicts = conflicts(&sim, &[a]);
        assert!((1..=2 * push_pulls).contains(&conflicts), "{conflicts} conflicts");
    });
}
