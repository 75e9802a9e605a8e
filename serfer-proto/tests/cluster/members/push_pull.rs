//! serf's part of a push/pull: clocks, statuses and events.

use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{EventSlot, PastEvent, PushPull, SerfMessage};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Coalesce, Event, QueryParams, Replay, Status};

use crate::harness::craft::{alive, dead, join_intent, leave_intent, push_pull, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};

#[test]
fn a_push_pull_brings_times_intents_and_events() {
    let left = SeqBuf::of([Text(b"n6")]);
    let times = SeqBuf::of([(Text(b"n5"), 20_u64), (Text(b"n6"), 15)]);
    let past = PastEvent { name: "deploy".into(), payload: b"v1" };
    let past = SeqBuf::of([past]);
    let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 45 }]);
    let theirs = PushPull {
        ltime: 42,
        event_ltime: 50,
        query_ltime: 100,
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        events: slots.as_seq(),
    };
    let mut solo = Solo::among(lan(0), 1);
    // To begin with, it hears of a cluster in which nothing has happened yet.
    solo.accept(1, &push_pull(false, &[], Some(&PushPull::default()))).unwrap();

    solo.accept(1, &push_pull(false, &[], Some(&theirs))).unwrap();

    let stats = solo.node.stats();
    assert_eq!((stats.member_ltime, stats.event_ltime, stats.query_ltime), (42, 50, 100));
    let Some(Event::User(event)) = solo.events.first() else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((&*event.name, &*event.payload, event.ltime), ("deploy", &b"v1"[..], 45));
    // The members that it names may become known later.
    let status_of = |solo: &mut Solo, node| {
        solo.hear(1, &alive(node, 1));
        solo.node.member(&name(node)).map(|member| member.status())
    };
    assert_eq!(status_of(&mut solo, 5), Some(Status::Alive));
    assert_eq!(status_of(&mut solo, 6), Some(Status::Leaving));
    // The leave is newer than the status time 15.
    solo.hear(1, &join_intent(6, 16));
    assert_eq!(status_of(&mut solo, 6), Some(Status::Leaving));
    solo.hear(1, &join_intent(6, 17));
    assert_eq!(status_of(&mut solo, 6), Some(Status::Alive));
}

/// It crashed, and others find it before it has looked for them.
#[test]
fn a_newcomer_that_others_find_first_is_told_nothing_from_before_unless_it_asks() {
    let past = SeqBuf::of([PastEvent { name: "old".into(), payload: b"" }]);
    let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 45 }]);
    let theirs = PushPull { event_ltime: 50, events: slots.as_seq(), ..PushPull::default() };
    let told = |solo: &mut Solo| {
        let events = std::mem::take(&mut solo.events);
        events.iter().filter(|event| matches!(event, Event::User(_))).count()
    };
    for join in [true, false] {
        let bytes = push_pull(join, &[], Some(&theirs));
        let mut solo = Solo::among(lan(0), 1);
        for _ in 0..2 {
            solo.accept(1, &bytes).unwrap();
            assert_eq!(told(&mut solo), 0);
        }
        solo.hear(1, &user_event("new", 50));
        assert_eq!(told(&mut solo), 1);
        // Its own join comes late, and asks for them, or not.
        solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
        solo.accept(1, &bytes).unwrap();
        assert_eq!(told(&mut solo), 0);
        solo.act(|node, now| node.join(now, &[addr(1)], Replay::Deliver)).unwrap();
        solo.accept(1, &bytes).unwrap();
        assert_eq!(told(&mut solo), 1);
    }
    // If it has asked before, it is told at once.
    let mut solo = Solo::among(lan(0), 1);
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Deliver)).unwrap();
    solo.accept(1, &push_pull(true, &[], Some(&theirs))).unwrap();
    assert_eq!(told(&mut solo), 1);
}

#[test]
fn a_push_pull_tells_statuses_events_and_clocks() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(1, &join_intent(1, 4));
    solo.hear(1, &leave_intent(2, 6));
    solo.hear(1, &dead(2, 2, 1));
    solo.act(|node, now| node.user_event(now, "deploy", b"v1", Coalesce::Yes)).unwrap();
    solo.act(|node, now| node.query(now, "who", b"", &QueryParams::new())).unwrap();
    solo.pass(secs(1));
    solo.written.clear();

    solo.accept(1, &push_pull(false, &[], None)).unwrap();

    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let Ok(SerfMessage::PushPull(ours)) = SerfMessage::decode(state.user_state) else {
        panic!("{:x?}", state.user_state);
    };
    assert_eq!((ours.ltime, ours.event_ltime, ours.query_ltime), (7, 2, 2));
    let left: Vec<_> = ours.left_members.iter().map(|name| name.to_string_lossy()).collect();
    assert_eq!(left, ["n2"]);
    let times = ours.status_ltimes.iter().map(|(name, ltime)| (name.to_string_lossy(), ltime));
    let mut times: Vec<_> = times.collect();
    times.sort_unstable();
    let expected = [("n0", 0), ("n1", 4), ("n2", 6)];
    assert_eq!(times, expected.map(|(name, ltime)| (name.to_owned(), ltime)));
    let mut told = Vec::new();
    for slot in ours.events.iter() {
        for past in slot.events.iter() {
            told.push((slot.ltime, past.name.to_string_lossy(), past.payload.to_vec()));
        }
    }
    assert_eq!(told, [(1, "deploy".to_owned(), b"v1".to_vec())]);
}
