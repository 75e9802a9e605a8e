//! What a hostile member could aim at, one test each: the node does not panic, its memory is
//! bounded, and the effect is as limited as it should be.
//!
//! Attacks with a whole family of tests are elsewhere: queries that name the address of a third
//! party, and answers with forged names (`queries/incoming`), relays to third parties
//! (`queries/relay`), key requests to a node without keys (`keys/changes`), implausible coordinates
//! (`coordinates`), storms of name conflicts (`members/name_conflict`), live members that are
//! pruned (`members/intents`), invalid names and tags that are too large (`hostile/limits`), bytes
//! that do not decode (`hostile/malformed`).

use allocation_counter::measure;
use serfer_proto::wire::kind;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    EventSlot, FLAG_ACK, Filter, Join, Leave, PastEvent, PushPull, Query, SerfMessage, TagFilter,
    UserEvent,
};
use serfer_proto::wire::stream::{self, StreamMessage};
use serfer_proto::{DropReason, Event, Limits, Prune, QueryParams, RespondError, Status};

use crate::harness::craft::{alive_at, join_intent, leave_intent, push_pull, user, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan, ms, secs};

/// The memory that a few packets may take.
const LITTLE: u64 = 256 << 10;

/// The most that the node can have to gossip about the two members.
const NEWS: usize = 4;

fn asked(id: u32, ltime: u64) -> Query<'static> {
    Query {
        addr: &[10, 0, 0, 2],
        flags: FLAG_ACK,
        id,
        ltime,
        name: "load".into(),
        port: 7946,
        source_node: "n1".into(),
        timeout: 1_000_000_000,
        ..Query::default()
    }
}

fn query(id: u32, ltime: u64) -> Vec<u8> {
    user(&SerfMessage::Query(asked(id, ltime)))
}

/// The most memory that the node takes while it hears all of these.
fn memory(solo: &mut Solo, packets: impl Iterator<Item = Vec<u8>>) -> u64 {
    let hear_all = || {
        for packet in packets {
            solo.hear(1, &packet);
            // What it sends and reports is kept by the test, and does not count.
            solo.sent.clear();
            solo.events.clear();
        }
    };
    measure(hear_all).bytes_max
}

/// serf's part of a push/pull, encoded.
fn exchange(user_state: &[u8]) -> Vec<u8> {
    let state = stream::PushPull { user_state, ..stream::PushPull::default() };
    let mut bytes = Vec::new();
    StreamMessage::PushPull(state).encode(&mut bytes);
    bytes
}

/// The Lamport times of what the node says next, by member clock, event clock and query clock.
fn clocks(solo: &mut Solo) -> [u64; 3] {
    solo.events.clear();
    solo.pass(secs(10));
    solo.sent.clear();
    solo.act(|node, now| node.user_event(now, "a", b"", Default::default())).unwrap();
    let query = solo.act(|node, now| node.query(now, "a", b"", &QueryParams::new())).unwrap();
    solo.act(|node, now| node.force_leave(now, "nobody", Prune::No)).unwrap();
    solo.pass(secs(10));
    let event = solo.events.iter().find_map(|event| match event {
        Event::User(event) => Some(event.ltime),
        _ => None,
    });
    let leave = solo.said().iter().find_map(|(_, message)| {
        match SerfMessage::decode(message.strip_prefix(&[kind::USER])?) {
            Ok(SerfMessage::Leave(leave)) => Some(leave.ltime),
            _ => None,
        }
    });
    [leave.unwrap(), event.unwrap(), query.ltime()]
}

#[test]
fn lamport_times_near_the_greatest_or_merely_huge() {
    for ltime in [u64::MAX, u64::MAX - 1, 1 << 63, (1 << 32) + 9] {
        let mut solo = Solo::among(lan(0), 2);
        solo.accept(1, &push_pull(false, &[], Some(&PushPull::default()))).unwrap();
        solo.hear(1, &join_intent(2, ltime));
        solo.hear(1, &leave_intent(2, ltime));
        solo.hear(1, &leave_intent(0, ltime));
        solo.hear(1, &join_intent(7, ltime));
        solo.hear(1, &user_event("a", ltime));
        solo.hear(1, &query(1, ltime));
        assert_eq!(solo.dropped(DropReason::OutOfReach), 6);

        // The same for all that a push/pull brings: three clocks, and the times of members and
        // events.
        let past = SeqBuf::of([PastEvent { name: "a".into(), payload: b"" }]);
        let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime }]);
        let times = SeqBuf::of([(Text(b"n1"), ltime), (Text(b"n2"), ltime), (Text(b"n0"), ltime)]);
        let left = SeqBuf::of([Text(b"n2"), Text(b"n0")]);
        let theirs = PushPull {
            event_ltime: ltime,
            events: slots.as_seq(),
            left_members: left.as_seq(),
            ltime,
            query_ltime: ltime,
            status_ltimes: times.as_seq(),
        };
        solo.accept(1, &push_pull(true, &[], Some(&theirs))).unwrap();
        assert_eq!(solo.dropped(DropReason::OutOfReach), 6 + 7);
        assert_eq!(solo.node.member("n2").unwrap().status(), Status::Alive);
        assert!(solo.events.is_empty(), "{:?}", solo.events);
        assert_eq!(clocks(&mut solo), [1, 1, 1]);
    }
}

#[test]
fn lamport_times_that_go_up_as_fast_as_they_may() {
    let mut solo = Solo::among(lan(0), 1);
    for step in 1..=50 {
        let ltime = step << 32;
        solo.hear(1, &user_event("a", ltime));
        solo.hear(1, &query(1, ltime));
        solo.hear(1, &join_intent(1, ltime));
    }
    assert_eq!(solo.node.stats().dropped.total(), 0);
    assert_eq!(clocks(&mut solo), [(50 << 32) + 1; 3]);
    assert!(solo.is_well());
}

#[test]
fn an_empty_filter() {
    let mut solo = Solo::among(lan(0), 1);
    let filters = SeqBuf::of([&b""[..]]);
    let query = Query { filters: filters.as_seq(), ..asked(1, 1) };
    solo.hear(1, &user(&SerfMessage::Query(query)));
    assert!(solo.events.is_empty() && solo.said().is_empty(), "it is for nobody");
    assert!(solo.is_well());
}

#[test]
fn lists_that_say_they_are_longer_than_they_are() {
    const ARRAY: &[u8] = b"\xdd\xff\xff\xff\xff";
    const MAP: &[u8] = b"\xdf\xff\xff\xff\xff";
    let bomb = |head: &[u8], list: &[u8]| [head, list].concat();
    for list in [ARRAY, MAP, b"\xdc\xff\xff", b"\xde\xff\xff", b"\xdd\x7f\xff\xff\xff\xc0\xc0"] {
        for state in [
            bomb(b"\x02\x81\xa6Events", list),
            bomb(b"\x02\x81\xa6Events\x91\x81\xa6Events", list),
            bomb(b"\x02\x81\xabLeftMembers", list),
            bomb(b"\x02\x81\xacStatusLTimes", list),
            bomb(b"\x02", list),
        ] {
            let mut solo = Solo::among(lan(0), 1);
            let stream = exchange(&state);
            let memory = measure(|| assert!(solo.accept(1, &stream).is_some())).bytes_max;
            assert!(memory < LITTLE, "{state:x?} takes {memory} bytes");
            assert_eq!(solo.dropped(DropReason::Malformed), 1, "{state:x?}");
            assert!(solo.is_well());
        }
        let mut filter = vec![b"\xa7Filters\x91\xc4".to_vec()];
        filter.push(vec![1 + list.len() as u8, 0]);
        let names_of_a_filter = [&filter.concat(), list].concat();
        for message in [
            bomb(b"\x04\x81\xa7Filters", list),
            bomb(b"\x04\x81", &names_of_a_filter),
            bomb(b"\x04", list),
            bomb(b"\x03\x81\xa7Payload", list),
            bomb(b"\x05\x81\xa7Payload", list),
            bomb(b"\x00", list),
            bomb(b"\x01\x81\xa4Node", list),
        ] {
            let mut solo = Solo::among(lan(0), 1);
            let packet = bomb(&[kind::USER], &message);
            let memory = memory(&mut solo, std::iter::once(packet));
            assert!(memory < LITTLE, "{message:x?} takes {memory} bytes");
            let is_whole = message.ends_with(&names_of_a_filter);
            assert_eq!(solo.node.stats().dropped.total(), u64::from(!is_whole), "{message:x?}");
            assert!(solo.is_well());
        }
    }
}

#[test]
fn lists_as_long_as_a_stream_can_be() {
    // A million empty slots: of more elements, no list is taken.
    let mut state = b"\x02\x81\xa6Events\xdd\x00\x10\x00\x00".to_vec();
    state.resize(state.len() + (1 << 20), 0xc0);
    let stream = exchange(&state);
    let mut solo = Solo::among(lan(0), 1);
    let memory = measure(|| assert!(solo.accept(1, &stream).is_some())).bytes_max;
    // The node joins the chunks that arrive, and makes nothing else of them.
    assert!(memory < 3 * stream.len() as u64, "{memory} bytes");
    assert_eq!(solo.node.stats().dropped.total(), 0);
    assert!(solo.is_well());
}

#[test]
fn many_events_and_queries_of_one_time() {
    let mut solo = Solo::among(lan(0), 1);
    let events = memory(&mut solo, (0..5000).map(|n| user_event(&format!("event {n}"), 5)));
    let queries = memory(&mut solo, (0..5000).map(|n| query(n, 5)));
    // The two rings and the two queues have bounds in bytes; this is far below.
    assert!(events < 2 << 20 && queries < 2 << 20, "{events} and {queries} bytes");
    assert_eq!(solo.dropped(DropReason::Full), 0);
    assert!(solo.node.stats().queued <= 2 * 4096 + NEWS);
    assert!(solo.is_well());
}

#[test]
fn events_of_many_names_and_times() {
    let mut solo = Solo::among(lan(0), 1);
    let memory = memory(&mut solo, (1..20_000).map(|n| user_event(&format!("event {n}"), n)));
    // A ring of 512, and a queue of 4096.
    assert!(memory < 2 << 20, "{memory} bytes");
    assert!(solo.is_well());
}

#[test]
fn events_that_would_make_every_push_pull_too_large() {
    let mut solo = Solo::among(gos_timing(lan(0)), 1);
    let payload = [b'x'; 1200];
    let event = |n: u64, ltime| {
        let name = n.to_string();
        let (name, payload) = ((&*name).into(), &payload[..]);
        user(&SerfMessage::UserEvent(UserEvent { coalesce: false, ltime, name, payload }))
    };
    let memory = memory(&mut solo, (0..8000).map(|n| event(n, 1 + n / 100)));
    // A ring of 4 MiB, and a queue of 4096.
    assert!(memory < 12 << 20, "{memory} bytes");
    assert_eq!(solo.dropped(DropReason::Full), 0, "the oldest give way");
    solo.written.clear();
    solo.accept(1, &push_pull(false, &[], None)).unwrap();
    assert!(solo.written[0].1.len() < 5 << 20);
    solo.hear(1, &event(0, 10_000));
    assert!(solo.events.iter().any(|event| matches!(event, Event::User(_))));
    assert!(solo.is_well());
}

#[test]
fn intents_about_names_of_no_member() {
    let mut solo = Solo::among(lan(0), 1);
    let gossip = (0..20_000).map(|node| match node % 2 {
        0 => join_intent(9 + node, 4),
        _ => leave_intent(9 + node, 4),
    });
    let by_gossip = memory(&mut solo, gossip);
    assert!(by_gossip < 2 << 20, "{by_gossip} bytes");
    // One name again and again.
    let again = memory(&mut solo, (5..20_000).map(|ltime| join_intent(9, ltime)));
    assert!(again < LITTLE, "{again} bytes");

    let names: Vec<String> = (0..100_000).map(|n| format!("nobody-{n}")).collect();
    let times = SeqBuf::of(names.iter().map(|name| (Text(name.as_bytes()), 5_u64)));
    let left = SeqBuf::of(names.iter().step_by(2).map(|name| Text(name.as_bytes())));
    let theirs = PushPull {
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        ..PushPull::default()
    };
    let stream = push_pull(false, &[], Some(&theirs));
    let by_push_pull = measure(|| assert!(solo.accept(1, &stream).is_some())).bytes_max;
    assert!(by_push_pull < 3 * stream.len() as u64 + (2 << 20), "{by_push_pull} bytes");
    assert_eq!(solo.node.stats().members, 2);
    assert!(solo.node.stats().queued <= 4096 + NEWS);
    assert!(solo.is_well());
}

#[test]
fn a_slash_in_a_name() {
    let mut solo = Solo::among(lan(0), 1);
    let name = "n1/10.0.0.9:7946";
    solo.hear(1, &alive_at(name, addr(5), 1));
    let member = solo.node.member(name).unwrap();
    assert_eq!((member.name(), member.addr()), (name, addr(5)));
    assert_eq!(solo.node.member("n1").unwrap().addr(), addr(1));
}

#[test]
fn a_new_line_in_a_name() {
    for name in ["x\nleave", "x\r\nalive: n9 10.0.0.9:7946", "\u{1b}[2J", "x\u{85}y"] {
        let mut solo = Solo::among(lan(0), 1);
        let node = Text(name.as_bytes());
        solo.hear(1, &alive_at(name, addr(5), 1));
        solo.hear(1, &user(&SerfMessage::Join(Join { ltime: 3, node })));
        solo.hear(1, &user(&SerfMessage::Leave(Leave { ltime: 4, node, prune: true })));
        solo.hear(1, &user(&SerfMessage::Query(Query { source_node: node, ..asked(1, 1) })));
        let times = SeqBuf::of([(node, 3_u64)]);
        let left = SeqBuf::of([node]);
        let (left_members, status_ltimes) = (left.as_seq(), times.as_seq());
        for theirs in [
            PushPull { status_ltimes, ..PushPull::default() },
            PushPull { left_members, status_ltimes, ..PushPull::default() },
        ] {
            solo.accept(1, &push_pull(false, &[], Some(&theirs))).unwrap();
        }
        assert_eq!(solo.dropped(DropReason::Name), 6, "{name:?}");
        assert_eq!(solo.node.stats().members, 2);
        assert!(solo.events.is_empty(), "{:?}", solo.events);
    }
}

#[test]
fn a_ring_of_another_size() {
    let limits = Limits { ring: 8, ring_slot: 4, ..Limits::default() };
    let mut solo = Solo::among(gos_timing(lan(0)).limits(limits), 1);
    let names: Vec<String> = (0..40).map(|n| format!("event {n}")).collect();
    let all = |names: &[String]| {
        let mut events = SeqBuf::default();
        for name in names {
            events.push(&PastEvent { name: (&**name).into(), payload: b"" });
        }
        events
    };
    let (one, many) = (all(&names[..1]), all(&names));
    let mut slots = SeqBuf::default();
    slots.push(&EventSlot { events: many.as_seq(), ltime: 2000 });
    for ltime in 2..2000 {
        slots.push(&EventSlot { events: one.as_seq(), ltime });
    }
    let theirs = PushPull { events: slots.as_seq(), ..PushPull::default() };
    let stream = push_pull(true, &[], Some(&theirs));
    let memory = measure(|| assert!(solo.accept(1, &stream).is_some())).bytes_max;
    assert!(memory < LITTLE + 3 * stream.len() as u64, "{memory} bytes");
    // The latest slots, as many as our ring has, and as many events of each as a slot of ours takes.
    let told = solo.events.iter().filter(|event| matches!(event, Event::User(_))).count();
    assert_eq!(told, 4 + 7);
    assert!(solo.is_well());
}

#[test]
fn expressions_that_are_large() {
    // However much work they are to compile.
    let limits = Limits { filter_steps: usize::MAX, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits).tag("t", "x".repeat(400)).unwrap(), 1);
    let expr = |n: u32| match n % 4 {
        0 => format!(".{{0,{}}}$", 500 + n),
        1 => format!(r"(?:\pL{{{n}}})*"),
        2 => format!("({}a{})*", "(".repeat(n as usize), ")*".repeat(n as usize)),
        _ => format!(r"(?i)[!-\x{{10FFFF}}]{{{n}}}"),
    };
    let queries = (0..60).map(|n| {
        let mut filter = Vec::new();
        let expr = expr(n);
        Filter::Tag(TagFilter { expr: (&*expr).into(), tag: "t".into() }).encode(&mut filter);
        let filters = SeqBuf::of([&*filter]);
        let query = Query { filters: filters.as_seq(), ..asked(n, n.into()) };
        user(&SerfMessage::Query(query))
    });
    let memory = memory(&mut solo, queries);
    // 2 MiB of cached expressions, and one more while it is compiled.
    assert!(memory < 6 << 20, "{memory} bytes");
    assert_eq!(solo.node.stats().dropped.total(), 0);
    assert!(solo.is_well());
}

#[test]
fn a_timeout_that_is_negative_or_huge() {
    for (timeout, open) in [
        (-1, secs(0)),
        (i64::MIN, secs(0)),
        (0, secs(0)),
        (5_000_000, ms(5)),
        (i64::MAX, secs(3600)),
    ] {
        let mut solo = Solo::among(lan(0), 1);
        solo.hear(1, &user(&SerfMessage::Query(Query { timeout, ..asked(1, 1) })));
        let Some(Event::Query(query)) = solo.events.pop() else {
            panic!("it is asked");
        };
        assert_eq!(query.deadline - solo.now, open, "{timeout}");
        solo.pass(open + ms(1));
        let late = solo.act(|node, now| node.respond(now, &query, b"x"));
        assert_eq!(late, Err(RespondError::Late));
    }
}

#[test]
fn a_message_without_anything_in_it() {
    for message in
        [&b"\x00\x80"[..], b"\x01\x80", b"\x03\x80", b"\x04\x80", b"\x05\x80", b"\x09\x80"]
    {
        let mut solo = Solo::among(lan(0), 1);
        solo.hear(1, &[&[kind::USER], message].concat());
        solo.hear(1, &[&[kind::USER], &message[..1], b"\xc0"].concat());
        assert_eq!(solo.node.stats().members, 2);
        assert!(solo.is_well(), "{message:x?}");
    }
    let mut solo = Solo::among(lan(0), 1);
    let event = UserEvent::default();
    solo.hear(1, &user(&SerfMessage::UserEvent(event)));
    let empty = |event: &Event| matches!(event, Event::User(event) if event.name.is_empty());
    assert!(solo.events.iter().any(empty), "as in Go, an event may have no name");
}
