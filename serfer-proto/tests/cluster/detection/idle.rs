//! What a node does when there is nothing to do.

use std::time::Duration;

use serfer_proto::{Coalesce, Config, Event, MemberChange, Replay, Status};

use crate::harness::cluster::Cluster;
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, secs};

const TEN_MINUTES: Duration = secs(600);

/// Runs an idle cluster, whose nodes do a push/pull every `interval`.
fn idles(nodes: usize, config: fn(usize) -> Config, interval: Duration) {
    let mut cluster = Cluster::joined(1, nodes, config);
    cluster.run(secs(60));
    cluster.nodes.iter_mut().for_each(|node| node.wakes.clear());
    cluster.run(TEN_MINUTES);
    assert!(cluster.agree());
    assert_eq!(cluster.count_all(MemberChange::Failed), 0);
    let push_pulls = TEN_MINUTES.div_duration_f64(interval) as usize;
    for at in 0..nodes {
        let stats = cluster.node(at).stats();
        assert_eq!((stats.suspicions, stats.refutations, stats.probes_failed), (0, 0, 0));
        assert_eq!(stats.health_score, 0);
        let wakes = &cluster.nodes[at].wakes;
        assert_eq!(wakes.keys().copied().collect::<Vec<_>>(), ["probe", "push-pull"]);
        assert!(wakes["probe"].abs_diff(600) <= 1, "{wakes:?}");
        assert!(wakes["push-pull"].abs_diff(push_pulls) <= 1, "{wakes:?}");
    }
}

#[test]
fn an_idle_cluster_suspects_nobody_and_wakes_for_probes_and_push_pulls_only() {
    idles(2, lan, secs(30));
    idles(5, lan, secs(30));
    idles(12, lan, secs(30));
    idles(5, local, secs(15));
}

#[test]
fn a_lone_node_sleeps_for_good() {
    let mut solo = Solo::new(lan(0));
    solo.pass(secs(1));
    assert_eq!(solo.until(), None);
    // Not even something to gossip keeps it awake.
    solo.act(|node, now| node.user_event(now, "a", b"", Coalesce::No)).unwrap();
    solo.pass(secs(1));
    assert_eq!(solo.until(), None);
    assert_eq!(solo.node.stats().next_wake, None);
    assert!(solo.node.stats().queued > 0, "it is there for whoever comes");
}

#[test]
fn a_node_that_has_forgotten_all_others_sleeps_too() {
    let mut cluster = Cluster::joined(1, 3, local);
    cluster.act(1, |node, now| node.leave(now)).unwrap();
    cluster.act(2, |node, now| node.leave(now)).unwrap();
    cluster.run(secs(10));
    cluster.kill(1);
    cluster.kill(2);
    cluster.run(secs(60));
    cluster.nodes[0].wakes.clear();
    cluster.run(TEN_MINUTES);
    let wakes: Vec<_> = cluster.nodes[0].wakes.keys().copied().collect();
    assert_eq!(wakes, ["reap"], "those that left are remembered for a day, and then no longer");
}

#[test]
fn once_all_members_are_back_no_timer_for_failed_ones_is_left() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.kill(2);
    cluster.run_until(secs(60), |it| {
        [0, 1].iter().all(|&at| it.status(at, 2) == Some(Status::Failed))
    });
    cluster.start(2);
    cluster.join(2, &[0, 1]);
    cluster.run_until(secs(10), |it| it.agree() && it.is_quiet());
    // The next gossip tick finds that all has been sent. The next seed retry, a minute later at
    // most, finds that no seed is missing.
    cluster.run(secs(60));
    cluster.nodes.iter_mut().for_each(|node| node.wakes.clear());
    cluster.run(TEN_MINUTES);
    for node in &cluster.nodes {
        assert_eq!(node.wakes.keys().copied().collect::<Vec<_>>(), ["probe", "push-pull"]);
    }
}

#[test]
fn a_node_wakes_to_gossip_only_if_it_has_something_to_gossip() {
    let mut solo = Solo::among(lan(0).push_pull_interval(None), 5);
    let waits_to_gossip = |solo: &Solo| solo.node.stats().next_wake == Some("gossip");
    let wake = |solo: &mut Solo| solo.pass(solo.until().unwrap() - solo.now);
    assert!(solo.node.stats().queued > 0);
    while solo.node.stats().queued > 0 {
        wake(&mut solo);
    }
    if waits_to_gossip(&solo) {
        // A probe has sent the last broadcast with its ping.
        wake(&mut solo);
    }
    for _ in 0..600 {
        assert!(!waits_to_gossip(&solo));
        wake(&mut solo);
    }
}

#[test]
fn what_a_lone_node_queued_reaches_the_first_member_that_joins() {
    let mut cluster = Cluster::new(1);
    cluster.add(lan(0));
    cluster.act(0, |node, now| node.user_event(now, "a", b"", Coalesce::No)).unwrap();
    cluster.run(secs(100));
    cluster.add(lan(1));
    cluster.act(1, |node, now| node.join(now, &[addr(0)], Replay::Deliver)).unwrap();
    cluster.run_until(secs(2), |it| {
        it.nodes[1].events.iter().any(|(_, event)| matches!(event, Event::User(_)))
    });
}
