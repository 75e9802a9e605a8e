//! What goes on when nothing happens: probes and push/pulls, and nothing else.

use std::time::Duration;

use serfer_proto::Status;
use serfer_sim::{Config, NodeId, Sim};

use crate::support::{
    change_tags, cluster, conflicts, lan, mins, ms, secs, settle, sum, with_seeds,
};

/// How long after the trouble nothing may be going on any more.
const QUIET_AFTER: Duration = mins(2);

const WATCHED: Duration = mins(10);

/// Lets time pass, and then counts: a ping and an ack for every node and second, a push/pull for
/// every node and half a minute, and no new word of anybody about itself.
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

    // For each node one more, which the time began or ended in the middle of.
    let datagrams = (2 * WATCHED.as_secs() + 1) * count;
    assert!(sent(sim) - before.0 <= datagrams, "{} of {datagrams} datagrams", sent(sim) - before.0);
    let streams = (WATCHED.as_secs() / 30 + 1) * count;
    assert!(dialled(sim) - before.1 <= streams, "{} of {streams} streams", dialled(sim) - before.1);
    assert_eq!(incarnations(sim), before.2, "somebody still denies something");
}

/// foca#25: each of two nodes holds the other for dead, tells it so, and is told the same, for ever
/// and as fast as the network allows.
#[test]
fn two_nodes_that_hold_each_other_for_dead_stop_talking_about_it() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 2);
        sim.partition(&ids[..1], &ids[1..]);
        let both_dead = |sim: &Sim| {
            let held_for_dead = |at: usize, name| sim.status(ids[at], name) == Some(Status::Failed);
            held_for_dead(0, "n2") && held_for_dead(1, "n1")
        };
        // They have not forgotten each other yet.
        sim.run_until(mins(2), both_dead).expect("they notice");
        sim.heal();
        assert_quiet(&mut sim);
        assert!(sim.converged());
    });
}

/// foca#25 with more of them, who all contradict all of the other half.
#[test]
fn two_halves_that_hold_each_other_for_dead_stop_talking_about_it() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 12);
        sim.partition(&ids[..6], &ids[6..]);
        sim.run_for(secs(40));
        sim.heal();
        assert_quiet(&mut sim);
        assert!(sim.converged());
    });
}

/// A node starts behind what is known of its last life: it is told so, denies it, and that is all.
#[test]
fn a_node_that_restarts_behind_itself_is_not_argued_with_for_ever() {
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

/// Two nodes have one name and both stay: the third goes by the first of them, and tells its
/// application of the other whenever that compares everything, not more often.
#[test]
fn two_nodes_of_one_name_do_not_quarrel_without_end() {
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
        let comparisons = (QUIET_AFTER + WATCHED).as_secs() as usize / 30 + 2;
        let conflicts = conflicts(&sim, &[a]);
        assert!((1..=2 * comparisons).contains(&conflicts), "{conflicts} conflicts");
    });
}
