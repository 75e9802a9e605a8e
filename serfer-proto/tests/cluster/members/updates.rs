//! What alive, suspect and dead messages change, and what they do not.

use serfer_proto::wire::message::{Alive, Message, PushNodeState, state};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{
    Coalesce, Config, Event, MemberChange, Probe, Status, Suspicion, Tags, Versions,
};

use crate::harness::craft::{VERSIONS, alive, dead, encoded, push_pull, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, name, secs};

/// Node 0, which knows some other members, has nothing left to gossip and hardly ever probes.
fn quiet(others: usize) -> Solo {
    let probe =
        Probe { interval: secs(1000), timeout: ms(500), indirect_checks: 3, stream_fallback: true };
    let mut solo = Solo::among(lan(0).probe(probe), others);
    solo.pass(secs(10));
    assert_eq!(solo.node.stats().queued, 0);
    solo.sent.clear();
    solo
}

/// The alive, suspect and dead messages that it gossips until nothing is left.
fn passed_on(solo: &mut Solo) -> Vec<Vec<u8>> {
    solo.sent.clear();
    solo.pass(secs(10));
    let is_word = |message: &Vec<u8>| {
        matches!(
            Message::decode(message),
            Ok(Message::Alive(_) | Message::Suspect(_) | Message::Dead(_))
        )
    };
    let mut words: Vec<_> = solo.said().into_iter().map(|(_, message)| message).collect();
    words.retain(is_word);
    words.sort_unstable();
    words.dedup();
    words
}

fn changes(solo: &Solo) -> Vec<(MemberChange, &str)> {
    let changes = solo.events.iter().filter_map(|event| match event {
        Event::Member(event) => Some((event.change, event.members[0].name())),
        _ => None,
    });
    changes.collect()
}

fn status(solo: &Solo, of: usize) -> Option<Status> {
    solo.node.member(&name(of)).map(|member| member.status())
}

/// The members that it sends in a push/pull, by name.
fn told<T>(solo: &mut Solo, of: impl Fn(&PushNodeState<'_>) -> T) -> Vec<(String, T)> {
    solo.written.clear();
    solo.accept(9, &push_pull(false, &[], None)).unwrap();
    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let told = state.nodes.iter().map(|node| (node.name.to_string_lossy(), of(&node)));
    let mut told: Vec<_> = told.collect();
    told.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    told
}

#[test]
fn a_node_says_where_it_is_and_what_it_speaks() {
    for config in [Config::lan("n0"), Config::wan("n0"), local(0)] {
        let mut solo = Solo::new(config);
        let me = solo.node.local_member();
        assert_eq!((me.status(), me.addr()), (Status::Alive, addr(0)));
        let Versions { protocol_cur, delegate_cur, .. } = me.versions();
        assert_eq!((protocol_cur, delegate_cur), (2, 5));
        let own = told(&mut solo, |node| {
            (node.addr.to_vec(), node.port, node.state, node.versions.to_vec())
        });
        let expected = (vec![10, 0, 0, 1], 7946, state::ALIVE, VERSIONS.to_vec());
        assert_eq!(own, [(name(0), expected)]);
    }
}

// Alive.

#[test]
fn a_newcomer_is_reported_and_gossiped() {
    let mut solo = quiet(1);
    solo.hear(1, &alive(2, 1));
    assert_eq!(changes(&solo), [(MemberChange::Join, "n2")]);
    assert_eq!(status(&solo, 2), Some(Status::Alive));
    assert_eq!(passed_on(&mut solo), [alive(2, 1)]);
}

#[test]
fn a_newer_alive_message_is_gossiped_and_not_reported() {
    let mut solo = quiet(2);
    (0..3).for_each(|_| solo.hear(1, &alive(1, 2)));
    assert_eq!(solo.node.stats().queued, 1);
    assert_eq!(passed_on(&mut solo), [alive(1, 2)]);
    assert_eq!(changes(&solo), []);
}

#[test]
fn a_suspect_that_refutes_was_never_gone() {
    let mut solo = quiet(2);
    solo.hear(2, &suspect(1, 2, 1));
    (0..=1).for_each(|stale| solo.hear(1, &alive(1, stale)));
    assert_eq!(passed_on(&mut solo), [suspect(1, 2, 1)]);
    solo.hear(1, &alive(1, 2));
    assert_eq!(passed_on(&mut solo), [alive(1, 2)]);
    solo.pass(secs(30_000));
    assert_eq!((status(&solo, 1), changes(&solo)), (Some(Status::Alive), vec![]));
}

#[test]
fn whatever_others_say_of_us_is_refuted_with_a_higher_incarnation() {
    let with_other_tags = |incarnation| {
        let alive = Alive {
            addr: &[10, 0, 0, 1],
            incarnation,
            meta: b"web",
            node: "n0".into(),
            port: 7946,
            versions: &VERSIONS,
        };
        encoded(&Message::Alive(alive))
    };
    for (word, denial) in [
        (suspect(0, 1, 1), 2),
        (suspect(0, 1, 7), 8),
        (dead(0, 1, 1), 2),
        (dead(0, 0, 4), 5),
        (with_other_tags(1), 2),
        (with_other_tags(3), 4),
    ] {
        let mut solo = quiet(2);
        solo.hear(1, &word);
        assert_eq!(solo.node.stats().health_score, 1);
        assert_eq!(solo.node.incarnation(), denial);
        assert_eq!(passed_on(&mut solo), [alive(0, denial)], "{word:x?}");
        assert_eq!((solo.node.local_member().tags(), changes(&solo)), (Tags::new(), vec![]));
    }
}

// Suspect.

/// When a suspect is declared failed, in a cluster of this size and with this many confirmations.
fn failed_after_ms(others: usize, confirmations: usize) -> u64 {
    let probe =
        Probe { interval: ms(100), timeout: ms(10), indirect_checks: 1, stream_fallback: true };
    let suspicion = Suspicion { mult: 5, max_timeout_mult: 2, awareness_max: 8 };
    let mut solo = Solo::among(lan(0).probe(probe).suspicion(suspicion), others);
    (20..=20 + confirmations).for_each(|accuser| solo.hear(9, &suspect(1, accuser, 1)));
    let failed = (1..2000).find(|_| {
        solo.pass(ms(1));
        status(&solo, 1) == Some(Status::Failed)
    });
    failed.unwrap()
}

#[test]
fn the_suspicion_timeout_depends_on_possible_and_actual_confirmations() {
    for (others, confirmations, expected) in [
        (1, 0, 500),
        (2, 0, 500),
        (3, 0, 500),
        (4, 0, 1000),
        (5, 0, 1000),
        (4, 1, 750),
        (4, 2, 603),
        (4, 3, 500),
    ] {
        let failed = failed_after_ms(others, confirmations);
        assert_eq!(failed, expected, "{others} others, {confirmations} confirmations");
    }
}

#[test]
fn a_suspect_whose_timeout_passes_is_dead_and_all_are_told() {
    let mut solo = quiet(2);
    solo.hear(2, &suspect(1, 2, 1));
    assert_eq!(passed_on(&mut solo), [suspect(1, 2, 1)]);
    solo.pass(secs(3990) - ms(1));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    solo.pass(ms(1));
    assert_eq!(changes(&solo), [(MemberChange::Failed, "n1")]);
    assert_eq!(passed_on(&mut solo), [dead(1, 0, 1)]);
}

#[test]
fn without_possible_confirmations_a_second_suspicion_changes_nothing() {
    let mut solo = quiet(2);
    solo.hear(2, &suspect(1, 2, 1));
    solo.pass(secs(1000));
    solo.hear(2, &suspect(1, 9, 1));
    assert_eq!((solo.node.stats().queued, solo.node.stats().suspicions), (0, 1));
    solo.pass(secs(3000) - ms(1));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    solo.pass(ms(1));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
}

#[test]
fn suspicions_of_unknown_nodes_are_ignored() {
    let mut solo = quiet(2);
    solo.hear(1, &suspect(9, 1, 1));
    solo.hear(1, &dead(9, 1, 1));
    solo.hear(1, &dead(9, 9, 1));
    assert_eq!((solo.node.stats().queued, solo.node.stats().members), (0, 3));
    assert_eq!(changes(&solo), []);
}

#[test]
fn a_suspect_counts_as_alive_and_the_dead_do_not() {
    let mut solo = quiet(3);
    solo.hear(3, &suspect(1, 3, 1));
    solo.hear(3, &dead(2, 3, 1));
    assert_eq!((solo.node.stats().members_alive, solo.node.stats().members), (3, 4));
}

// Dead.

#[test]
fn a_dead_member_does_not_die_again() {
    let mut solo = quiet(2);
    solo.hear(2, &dead(1, 2, 1));
    assert_eq!(passed_on(&mut solo), [dead(1, 2, 1)]);
    for again in [dead(1, 2, 1), dead(1, 9, 1), dead(1, 1, 1)] {
        solo.hear(2, &again);
        assert_eq!(solo.node.stats().queued, 0);
    }
    // A higher incarnation counts, so that nothing older brings it back.
    solo.hear(2, &dead(1, 2, 3));
    assert_eq!(passed_on(&mut solo), [dead(1, 2, 3)]);
    solo.hear(2, &alive(1, 3));
    assert_eq!(changes(&solo), [(MemberChange::Failed, "n1")]);
}

#[test]
fn the_dead_are_gossiped_to_for_a_while() {
    let mut solo = quiet(2);
    solo.hear(2, &dead(1, 2, 1));
    let hears = |solo: &mut Solo| {
        solo.sent.clear();
        solo.act(|node, now| node.user_event(now, "any", b"", Coalesce::No)).unwrap();
        solo.pass(secs(2));
        solo.sent.iter().any(|(to, _)| *to == addr(1))
    };
    assert!(hears(&mut solo));
    solo.pass(secs(25));
    assert!(hears(&mut solo), "29 s have passed");
    solo.pass(secs(2));
    assert!(!hears(&mut solo), "more than 30 s have passed");
}

// All three.

#[test]
fn a_push_pull_is_merged_member_by_member() {
    let mut solo = quiet(3);
    let names = [1, 2, 3, 4].map(name);
    let node = |of: usize, incarnation, state| PushNodeState {
        addr: &[10, 0, 0, 9],
        incarnation,
        meta: b"\xff\x80",
        name: names[of - 1].as_str().into(),
        port: 7946,
        state,
        versions: &VERSIONS,
    };
    let nodes = [
        PushNodeState { addr: &[10, 0, 0, 2], ..node(1, 2, state::ALIVE) },
        node(2, 1, state::SUSPECT),
        node(3, 1, state::DEAD),
        node(4, 1, state::ALIVE),
    ];
    solo.accept(1, &push_pull(false, &nodes, None)).unwrap();
    assert_eq!(changes(&solo), [(MemberChange::Join, "n4")]);
    assert_eq!(solo.node.stats().suspicions, 2);
    let states = told(&mut solo, |node| (node.incarnation, node.state));
    let [_, one, two, three, four] = &states[..] else {
        panic!("{states:?}");
    };
    assert_eq!(one.1, (2, state::ALIVE));
    assert_eq!((two.1, three.1), ((1, state::SUSPECT), (1, state::SUSPECT)));
    assert_eq!(four.1, (1, state::ALIVE));
}

#[test]
fn a_push_pull_tells_of_each_member_as_we_see_it() {
    let mut solo = quiet(4);
    solo.hear(4, &suspect(1, 4, 1));
    solo.hear(4, &dead(2, 4, 1));
    solo.hear(3, &dead(3, 3, 1));
    let expected = [state::ALIVE, state::SUSPECT, state::DEAD, state::LEFT, state::ALIVE];
    let states = told(&mut solo, |node| node.state);
    assert_eq!(states.iter().map(|(_, state)| *state).collect::<Vec<_>>(), expected);
}

/// Only the versions of a member change, for example because its agent was upgraded.
#[test]
fn a_member_that_changes_only_its_versions_is_an_update() {
    let mut solo = quiet(2);
    solo.node.watch_members();
    let versions = [1, 5, 2, 2, 5, 4];
    assert_ne!(versions, VERSIONS);
    let upgraded = Alive {
        addr: &[10, 0, 0, 2],
        incarnation: 2,
        meta: b"\xff\x80",
        node: "n1".into(),
        port: addr(1).port(),
        versions: &versions,
    };
    solo.hear(2, &encoded(&Message::Alive(upgraded)));
    assert_eq!(changes(&solo), [(MemberChange::Update, "n1")]);
    let deltas = solo.node.take_deltas();
    let [serfer_proto::MemberDelta::Changed(member)] = &deltas[..] else {
        panic!("{deltas:?}");
    };
    assert_eq!(member.versions().delegate_cur, 4);
    assert_eq!(solo.node.member("n1").unwrap().versions().delegate_cur, 4);
}
