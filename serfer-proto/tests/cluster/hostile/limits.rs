//! Limits: what a node accepts from the network about members, and how much of it.

use serfer_proto::wire::message::{Alive, Message, PushNodeState, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Coalesce, DropReason, Event, JoinFailure, Limits, Replay, Status};

use crate::harness::craft::{VERSIONS, alive, encoded, push_pull};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan, secs};

fn news() -> Alive<'static> {
    Alive {
        addr: &[10, 0, 0, 2],
        incarnation: 1,
        meta: b"\xff\x80",
        node: "n1".into(),
        port: 7946,
        versions: &VERSIONS,
    }
}

fn hear(solo: &mut Solo, alive: Alive<'_>) {
    solo.hear(1, &encoded(&Message::Alive(alive)));
}

/// The reason for which a node drops an alive message. It must be the same by gossip and by
/// push/pull.
fn refused(alive: Alive<'_>) -> DropReason {
    let by_gossip = |solo: &mut Solo| hear(solo, alive);
    let by_push_pull = |solo: &mut Solo| {
        let node = PushNodeState {
            addr: alive.addr,
            incarnation: alive.incarnation,
            meta: alive.meta,
            name: alive.node,
            port: alive.port,
            state: state::ALIVE,
            versions: alive.versions,
        };
        solo.accept(1, &push_pull(true, &[node], None)).unwrap();
    };
    let reason = |tell: &dyn Fn(&mut Solo)| {
        let mut solo = Solo::new(lan(0));
        tell(&mut solo);
        assert_eq!(solo.node.stats().members, 1, "{alive:?}");
        assert!(solo.is_well());
        let dropped = solo.node.stats().dropped;
        let mut reasons = dropped.iter().filter(|(_, count)| *count > 0);
        let (reason, count) = reasons.next().expect("it is counted");
        assert_eq!((count, reasons.next()), (1, None));
        reason
    };
    let reasons = (reason(&by_gossip), reason(&by_push_pull));
    assert_eq!(reasons.0, reasons.1);
    reasons.0
}

fn accepted(alive: Alive<'_>) -> Solo {
    let mut solo = Solo::new(lan(0));
    hear(&mut solo, alive);
    assert_eq!(solo.node.stats().members, 2, "{alive:?}");
    assert_eq!(solo.node.stats().dropped.total(), 0);
    solo
}

#[test]
fn an_invalid_name_is_refused() {
    for name in [&b""[..], b"a\nleave", b"a\x00", "a\u{85}".as_bytes(), b"\xff", &[b'x'; 1025]] {
        assert_eq!(refused(Alive { node: Text(name), ..news() }), DropReason::Name);
    }
    for name in ["a/b", "ünïcode", "with space", &"x".repeat(1024)] {
        let solo = accepted(Alive { node: name.into(), ..news() });
        assert_eq!(solo.node.member(name).unwrap().status(), Status::Alive);
    }
}

#[test]
fn an_invalid_address_is_refused() {
    for addr in [&b""[..], &[10, 0, 0], &[0; 5], &[0; 17]] {
        assert_eq!(refused(Alive { addr, ..news() }), DropReason::Address);
    }
}

#[test]
fn versions_that_do_not_fit_are_refused() {
    for versions in [
        &b""[..],
        &[1, 5, 2],
        &[1, 5, 2, 2, 5, 5, 5],
        &[0; 6],
        &[1, 5, 6, 2, 5, 5],
        &[3, 5, 3, 2, 5, 5],
        &[1, 5, 2, 2, 5, 6],
        &[1, 5, 2, 2, 4, 4],
        &[1, 5, 2, 255, 255, 255],
    ] {
        assert_eq!(refused(Alive { versions, ..news() }), DropReason::Versions);
    }
    accepted(Alive { versions: &[1, 4, 2, 2, 5, 4], ..news() });
}

#[test]
fn tags_that_are_too_large_are_refused() {
    assert_eq!(refused(Alive { meta: &[0xff; 4097], ..news() }), DropReason::Oversized);
    // More than fits into a packet is sent by push/pull only, and is not queued.
    let mut solo = accepted(Alive { meta: &[b'x'; 4096], ..news() });
    solo.pass(secs(10));
    assert_eq!((solo.node.stats().queued, solo.node.stats().broadcasts_dropped), (0, 1));
    solo.accept(2, &push_pull(false, &[], None)).unwrap();
    let (_, bytes) = &solo.written[0];
    assert!(bytes.windows(100).any(|window| window == [b'x'; 100]) || bytes[0] == 9);
}

#[test]
fn an_incarnation_out_of_reach_is_refused() {
    for incarnation in [u32::MAX, u32::MAX - (1 << 16)] {
        assert_eq!(refused(Alive { incarnation, ..news() }), DropReason::OutOfReach);
    }
    let mut solo = Solo::new(lan(0));
    hear(&mut solo, Alive { incarnation: 0, ..news() });
    assert_eq!(solo.node.stats().members, 1, "no node begins below 1");
}

#[test]
fn the_number_of_members_is_limited() {
    let limits = Limits { members: 4, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 3);
    solo.hear(4, &alive(4, 1));
    solo.hear(4, &alive(4, 2));
    assert_eq!((solo.node.stats().members, solo.dropped(DropReason::Full)), (4, 2));
    // Updates of known members are still accepted.
    hear(&mut solo, Alive { incarnation: 2, meta: b"web", ..news() });
    assert_eq!(solo.node.member("n1").unwrap().tags().get("role"), Some("web"));
}

#[test]
fn members_that_failed_take_up_room_until_they_are_reaped() {
    let limits = Limits { members: 3, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 2);
    solo.acks = false;
    solo.pass(secs(300));
    solo.hear(3, &alive(3, 1));
    assert_eq!((solo.node.stats().members, solo.dropped(DropReason::Full)), (3, 1));
    solo.hear(2, &alive(2, 9));
    assert_eq!(solo.node.member("n2").unwrap().status(), Status::Alive, "it has its place");
    solo.acks = true;
    solo.pass(secs(25 * 3600));
    solo.hear(3, &alive(3, 1));
    assert!(solo.node.member("n1").is_none() && solo.node.member("n3").is_some());
}

#[test]
fn a_missing_port_is_taken_to_be_ours() {
    let solo = accepted(Alive { port: 0, ..news() });
    assert_eq!(solo.node.member("n1").unwrap().addr(), addr(1));
}

#[test]
fn an_address_is_gossiped_as_it_came() {
    let mapped = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 2];
    let mut solo = accepted(Alive { addr: &mapped, ..news() });
    assert_eq!(solo.node.member("n1").unwrap().addr(), addr(1));
    solo.accept(2, &push_pull(false, &[], None)).unwrap();
    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    assert!(state.nodes.iter().any(|node| *node.addr == mapped));
}

#[test]
fn one_node_that_does_not_fit_does_not_spoil_a_push_pull() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    let node = |name: &'static str, versions| PushNodeState {
        addr: &[10, 0, 0, 2],
        incarnation: 1,
        name: name.into(),
        port: 7946,
        versions,
        ..PushNodeState::default()
    };
    let state = push_pull(false, &[node("bad", &[]), node("n1", &VERSIONS)], None);
    solo.act(|node, now| node.handle_stream_data(now, stream, &state));
    assert!(solo.node.member("n1").is_some() && solo.node.member("bad").is_none());
    let Some(Event::JoinDone(done)) = solo.events.last() else {
        panic!("{:?}", solo.events);
    };
    assert_eq!(*done.reached, [addr(1)]);
}

#[test]
fn a_cluster_that_does_not_fit_at_all_is_not_joined() {
    let fits = PushNodeState {
        addr: &[10, 0, 0, 2],
        incarnation: 1,
        name: "n1".into(),
        port: 7946,
        versions: &VERSIONS,
        ..PushNodeState::default()
    };
    for node in [
        PushNodeState { versions: &[6, 7, 7, 6, 7, 7], ..fits },
        PushNodeState { name: "n\t1".into(), ..fits },
    ] {
        let mut solo = Solo::new(lan(0));
        solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
        let stream = solo.dialled[0].0;
        solo.act(|node, now| node.handle_connected(now, stream));
        let state = push_pull(false, &[node], None);
        solo.act(|node, now| node.handle_stream_data(now, stream, &state));
        let Some(Event::JoinDone(done)) = solo.events.last() else {
            panic!("{:?}", solo.events);
        };
        let why =
            "none of its members has a name, an address and protocol versions that we can take";
        assert_eq!(*done.failed, [(addr(1), JoinFailure::Unusable(why.to_owned()))]);
    }
}

#[test]
fn a_queue_keeps_what_was_sent_least_when_it_is_full() {
    let limits = Limits { queue: 10, ..Limits::default() };
    let mut solo = Solo::among(gos_timing(lan(0)).limits(limits), 2);
    solo.pass(secs(10));
    for n in 0..30 {
        let name = format!("event {n:02}");
        solo.act(|node, now| node.user_event(now, &name, b"", Coalesce::No)).unwrap();
    }
    assert_eq!((solo.node.stats().queued, solo.node.stats().broadcasts_dropped), (10, 20));
    solo.pass(secs(10));
    assert_eq!(solo.node.stats().queued, 0);
}

#[test]
fn a_queue_has_a_size_in_bytes_too() {
    let limits = Limits { queue_bytes: 1000, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 2);
    solo.pass(secs(10));
    for n in 0..30 {
        let name = format!("event {n:02}");
        solo.act(|node, now| node.user_event(now, &name, &[0; 400], Coalesce::No)).unwrap();
    }
    assert_eq!(solo.node.stats().queued, 2);
}

#[test]
fn a_queue_holds_twice_as_many_messages_as_there_are_members_if_that_is_more() {
    for (queue, members, holds) in [(1024, 2, 1024), (16, 100, 200), (16, 101, 202)] {
        let limits = Limits { queue, ..Limits::default() };
        let mut solo = Solo::among(gos_timing(lan(0)).limits(limits), members - 1);
        for n in 0..1100 {
            let name = format!("event {n:04}");
            solo.act(|node, now| node.user_event(now, &name, b"", Coalesce::No)).unwrap();
        }
        assert_eq!(solo.node.stats().events_queued, holds, "{queue}, {members}");
    }
}

#[test]
fn a_queue_that_gets_deep_is_counted_once_until_it_is_shallow_again() {
    let limits = Limits { queue_warning: 10, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 2);
    solo.pass(secs(10));
    let send = |solo: &mut Solo, range: std::ops::Range<usize>| {
        for n in range {
            let name = format!("event {n:02}");
            solo.act(|node, now| node.user_event(now, &name, b"", Coalesce::No)).unwrap();
        }
        solo.node.stats().deep_queues
    };
    assert_eq!(send(&mut solo, 0..9), 0);
    assert_eq!(send(&mut solo, 9..30), 1);
    solo.pass(secs(10));
    assert_eq!(send(&mut solo, 30..40), 2);
}

#[test]
fn a_node_that_has_just_begun_counts_itself() {
    let stats = Solo::new(lan(0)).node.stats();
    assert_eq!((stats.members, stats.members_alive), (1, 1));
    assert_eq!((stats.members_failed, stats.members_left), (0, 0));
    assert_eq!((stats.member_ltime, stats.event_ltime, stats.query_ltime), (1, 1, 1));
    assert_eq!((stats.intents_queued, stats.events_queued, stats.queries_queued), (0, 0, 0));
    assert_eq!((stats.joins, stats.health_score, stats.queued), (1, 0, 1));
}
