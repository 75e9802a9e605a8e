//! Joining a cluster, and being refused.

use serfer_proto::wire::message::{PushNodeState, ip_bytes, state};
use serfer_proto::{
    Config, DropReason, Event, JoinDone, JoinFailure, Keyring, Label, MemberChange, Replay,
    SecretKey,
};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{VERSIONS, push_pull};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, name, secs};

/// How the last join of a node went.
#[track_caller]
fn join_done(cluster: &Cluster, node: usize) -> JoinDone {
    let done = cluster.nodes[node].events.iter().rev().find_map(|(_, event)| match event {
        Event::JoinDone(done) => Some(done.clone()),
        _ => None,
    });
    done.expect("the join has ended")
}

fn has_ended(cluster: &Cluster, node: usize) -> bool {
    cluster.nodes[node].events.iter().any(|(_, event)| matches!(event, Event::JoinDone(_)))
}

#[test]
fn a_join_tries_every_address_and_reports_the_outcome_of_each() {
    let mut cluster = Cluster::new(1);
    let nodes: Vec<usize> = (0..4).map(|node| cluster.add(local(node))).collect();
    cluster.network.cut(&[0], &[2], ALL);
    let nobody = 77;
    cluster.join(0, &[nobody, nodes[1], nodes[2], nodes[3]]);

    let took = cluster.run_until(secs(5), |it| has_ended(it, 0));
    assert_eq!(took, secs(1), "the stream timeout of the one that swallows everything");
    let done = join_done(&cluster, 0);
    assert_eq!(*done.reached, [addr(1), addr(3)]);
    assert_eq!(
        *done.failed,
        [(addr(nobody), JoinFailure::Unreachable), (addr(2), JoinFailure::TimedOut)]
    );
}

#[test]
fn a_join_that_reaches_no_node_ends_too() {
    let mut cluster = Cluster::new(1);
    cluster.add(local(0));
    cluster.join(0, &[77, 78]);
    cluster.run_until(secs(1), |it| has_ended(it, 0));
    let done = join_done(&cluster, 0);
    assert!(done.reached.is_empty());
    assert_eq!(done.failed.len(), 2);
    assert_eq!(cluster.node(0).stats().queued, 1, "only that it is there: it has not joined");
    assert_eq!(cluster.node(0).members().count(), 1);
}

#[test]
fn three_and_six_nodes_agree_within_a_second_of_joining_through_one() {
    for count in [3, 6] {
        for seed in 0..10 {
            let mut cluster = Cluster::new(seed);
            for node in 0..count {
                cluster.add(lan(node));
                cluster.join(node, &[0]);
            }
            cluster.run_until(secs(1), Cluster::agree);
            cluster.run(secs(5));
            for at in 0..count {
                assert!(cluster.changes(at).iter().all(|(_, how, _)| *how == MemberChange::Join));
                assert_eq!(cluster.changes(at).len(), count, "each joins once");
            }
        }
    }
}

#[test]
fn two_clusters_become_one_through_any_two_of_their_members() {
    let mut cluster = Cluster::new(1);
    for node in 0..6 {
        cluster.add(lan(node));
        cluster.join(node, &[node / 3 * 3]);
    }
    cluster.run(secs(5));
    assert_eq!(cluster.node(0).members().count(), 3);
    cluster.join(2, &[4]);
    cluster.run_until(secs(2), Cluster::agree);
}

#[test]
fn our_own_address_is_a_seed_like_any_other() {
    let mut cluster = Cluster::joined(1, 2, lan);
    cluster.join(0, &[0, 1]);
    cluster.run(secs(60));
    assert_eq!(*join_done(&cluster, 0).reached, [addr(0), addr(1)]);
    assert!(cluster.agree());
    assert_eq!(cluster.changes(0), []);
    assert_eq!(cluster.node(0).stats().refutations, 0);
}

#[test]
fn only_so_many_addresses_are_dialled_at_once() {
    let mut solo = Solo::new(local(0));
    let seeds: Vec<_> = (1..=40).map(addr).collect();
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    assert_eq!(solo.dialled.len(), 16);
    solo.pass(ms(1000));
    assert_eq!((solo.aborted.len(), solo.dialled.len()), (16, 32));
    solo.pass(ms(2000));
    let Some(Event::JoinDone(done)) = solo.events.last() else {
        panic!("{:?}", solo.events);
    };
    assert_eq!(done.failed.len(), 40);
}

/// The push/pull of a node that knows these.
fn knows(nodes: std::ops::RangeInclusive<usize>) -> Vec<u8> {
    let known: Vec<_> = nodes.map(|node| (name(node), ip_bytes(addr(node).ip()))).collect();
    let states = known.iter().map(|(name, ip)| PushNodeState {
        addr: ip,
        incarnation: 1,
        meta: b"\xff\x80",
        name: name.as_str().into(),
        port: 7946,
        state: state::ALIVE,
        versions: &VERSIONS,
    });
    push_pull(true, &states.collect::<Vec<_>>(), None)
}

/// All that are dialled answer: with these members, or with themselves only. Returns how many were dialled, and
/// the outcome.
fn joined(solo: &mut Solo, all: Option<&[u8]>) -> (usize, JoinDone) {
    let mut dialled = 0;
    while !solo.dialled.is_empty() {
        let (stream, to) = solo.dialled.remove(0);
        dialled += 1;
        let node = (0..200).find(|&node| addr(node) == to).unwrap();
        let answer = all.map_or_else(|| knows(node..=node), <[u8]>::to_vec);
        solo.act(|node, now| node.handle_connected(now, stream));
        solo.act(|node, now| node.handle_stream_data(now, stream, &answer));
    }
    let done = solo.events.iter().find_map(|event| match event {
        Event::JoinDone(done) => Some(done.clone()),
        _ => None,
    });
    (dialled, done.unwrap())
}

#[test]
fn a_name_with_hundreds_of_addresses_of_one_cluster_costs_a_few_push_pulls() {
    let mut solo = Solo::new(local(0));
    let seeds: Vec<_> = (1..=199).map(addr).collect();
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    let (dialled, done) = joined(&mut solo, Some(&knows(1..=199)));
    assert_eq!((dialled, done.reached.len(), done.failed.len()), (16, 199, 0));
}

#[test]
fn after_a_few_answers_the_rest_of_a_join_is_kept_in_reserve() {
    let seeds: Vec<_> = (1..=100).map(addr).collect();
    let mut solo = Solo::new(local(0));
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    let (dialled, done) = joined(&mut solo, None);
    assert!(dialled <= 16 + 8, "{dialled}");
    assert_eq!(done.reached.len(), dialled);
    assert!(done.failed.iter().all(|(_, why)| *why == JoinFailure::Reserved), "{done:?}");
    // It is tried soon.
    for _ in 0..100 {
        solo.pass(secs(1));
        joined(&mut solo, None);
    }
    assert_eq!(solo.node.stats().members_alive, 101);
}

#[test]
fn a_join_that_has_to_reach_more_dials_more() {
    let seeds: Vec<_> = (1..=100).map(addr).collect();
    let mut solo = Solo::new(local(0));
    solo.act(|node, now| node.join_at_least(now, &seeds, Replay::Skip, 60)).unwrap();
    let (dialled, done) = joined(&mut solo, None);
    assert!((60..=60 + 16).contains(&dialled), "{dialled}");
    assert_eq!(done.reached.len(), dialled);
    // Without retries there is no reserve.
    let mut solo = Solo::new(local(0).seed_keeper(None));
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    assert_eq!(joined(&mut solo, None).0, 100);
}

#[test]
fn a_join_that_is_cut_short_by_our_leaving_names_every_address() {
    let mut solo = Solo::new(local(0));
    let seeds: Vec<_> = (1..=20).map(addr).collect();
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(ms(10));
    let done = solo.events.iter().find_map(|event| match event {
        Event::JoinDone(done) => Some(done.failed.to_vec()),
        _ => None,
    });
    let mut failed = done.unwrap();
    failed.sort_unstable_by_key(|(addr, _)| *addr);
    let expected: Vec<_> = seeds.iter().map(|&addr| (addr, JoinFailure::Left)).collect();
    assert_eq!(failed, expected);
}

// Being refused. Nodes 0 and 1 are a cluster, and node 2 wants to join it.

fn keyed(config: Config, keys: &[u8]) -> Config {
    let mut keys = keys.iter().map(|&byte| SecretKey::new(&[byte; 32]).unwrap());
    let primary = Keyring::new(keys.next().unwrap());
    config.keyring(keys.fold(primary, Keyring::with))
}

/// Why the join of node 2 fails, what node 0 counted, and what node 2 counted.
fn refused(cluster_of: impl Fn(Config) -> Config, joiner: impl Fn(Config) -> Config) -> Refused {
    let mut cluster = Cluster::joined(1, 2, |node| cluster_of(local(node)));
    cluster.add(joiner(local(2).seed_keeper(None)));
    cluster.expects_drops = true;
    cluster.join(2, &[0]);
    cluster.run(secs(20));
    for at in [0, 1] {
        assert_eq!(cluster.node(at).members().count(), 2);
        assert_eq!(cluster.node(at).stats().members_alive, 2);
        assert_eq!(cluster.changes(at), []);
    }
    assert_eq!(cluster.node(2).members().count(), 1);
    let done = join_done(&cluster, 2);
    assert!(done.reached.is_empty());
    let counted = |at: usize| {
        let dropped = cluster.node(at).stats().dropped;
        dropped.iter().filter(|(_, count)| *count > 0).collect()
    };
    Refused { why: done.failed[0].1.to_string(), there: counted(0), here: counted(2) }
}

#[derive(Debug, PartialEq, Eq)]
struct Refused {
    why: String,
    there: Vec<(DropReason, u64)>,
    here: Vec<(DropReason, u64)>,
}

#[test]
fn a_node_with_another_label_is_refused_silently() {
    let label =
        |label: &'static str| move |config: Config| config.label(Label::new(label).unwrap());
    let unlabelled = |config: Config| config;
    let expected = Refused {
        why: "closed without an answer: it has another label, no room, or is no serf node"
            .to_owned(),
        there: vec![(DropReason::Label, 1)],
        here: vec![],
    };
    assert_eq!(refused(label("blue"), label("red")), expected);
    assert_eq!(refused(label("blue"), unlabelled), expected);
    assert_eq!(refused(unlabelled, label("red")), expected);
}

#[test]
fn a_node_with_our_key_and_another_label_is_refused_silently() {
    let with = |label: &'static str| {
        move |config: Config| keyed(config.label(Label::new(label).unwrap()), &[1])
    };
    let expected = Refused {
        why: "closed without an answer: it has another label, no room, or is no serf node"
            .to_owned(),
        there: vec![(DropReason::Label, 1)],
        here: vec![],
    };
    assert_eq!(refused(with("blue"), with("red")), expected);
    assert_eq!(refused(with("blue"), |config| keyed(config, &[1])), expected);
    assert_eq!(refused(|config| keyed(config, &[1]), with("red")), expected);
}

#[test]
fn a_node_with_the_wrong_key_learns_that() {
    let answer = refused(|config| keyed(config, &[1]), |config| keyed(config, &[2]));
    let expected = Refused {
        why: "unusable answer: no installed keys could decrypt the message".to_owned(),
        there: vec![(DropReason::Undecryptable, 1)],
        here: vec![(DropReason::Undecryptable, 1)],
    };
    assert_eq!(answer, expected);
}

#[test]
fn a_node_without_a_key_learns_that() {
    let answer = refused(|config| keyed(config, &[1]), |config| config);
    let why = "unusable answer: remote state is encrypted and encryption is not configured";
    let expected = Refused {
        why: why.to_owned(),
        there: vec![(DropReason::RefusedPlaintext, 1)],
        here: vec![(DropReason::RefusedSealed, 1)],
    };
    assert_eq!(answer, expected);
}

#[test]
fn a_node_with_a_key_where_there_is_none_learns_that() {
    let answer = refused(|config| config, |config| keyed(config, &[1]));
    let why = "unusable answer: encryption is configured but remote state is not encrypted";
    let expected = Refused {
        why: why.to_owned(),
        there: vec![(DropReason::RefusedSealed, 1)],
        here: vec![(DropReason::RefusedPlaintext, 1)],
    };
    assert_eq!(answer, expected);
}

#[test]
fn a_joiner_whose_primary_key_others_lack_is_told_so() {
    // Node 2 can read the refusal, because it is sealed with a key that node 2 has too.
    let answer = refused(|config| keyed(config, &[1]), |config| keyed(config, &[2, 1]));
    let why = "the node there said: no installed keys could decrypt the message";
    assert_eq!(answer.why, why);
    assert_eq!(answer.there, [(DropReason::Undecryptable, 1)]);
    assert_eq!(answer.here, []);
}

#[test]
fn keyrings_that_hold_each_others_primary_keys_make_a_cluster() {
    let rings = [[1, 2], [2, 1], [1, 2]];
    let mut cluster = Cluster::joined(1, 3, |node| keyed(local(node), &rings[node]));
    cluster.run(secs(60));
    assert!(cluster.agree());
    assert_eq!(cluster.count_all(MemberChange::Failed), 0);
}
