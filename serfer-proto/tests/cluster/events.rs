//! User events: each node is told of each event once.

use allocation_counter::measure;
use bytes::Bytes;
use serfer_proto::wire::message::{PushNodeState, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{self, EventSlot, PastEvent, PushPull, SerfMessage};
use serfer_proto::{
    Coalesce, Compression, Config, DropReason, Event, EventError, Keyring, Label, Limits, Replay,
    SecretKey, UserEvent,
};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{VERSIONS, push_pull, user, user_event};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan, ms, secs};

/// The user events that a node told its application about.
fn told(cluster: &Cluster, at: usize) -> Vec<UserEvent> {
    users(cluster.nodes[at].events.iter().map(|(_, event)| event))
}

fn users<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<UserEvent> {
    let users = events.into_iter().filter_map(|event| match event {
        Event::User(event) => Some(event.clone()),
        _ => None,
    });
    users.collect()
}

fn names(events: &[UserEvent]) -> Vec<&str> {
    events.iter().map(|event| &*event.name).collect()
}

fn send(cluster: &mut Cluster, from: usize, name: &str) {
    cluster.act(from, |node, now| node.user_event(now, name, b"v2", Coalesce::No)).unwrap();
}

#[test]
fn each_node_of_a_cluster_of_twenty_is_told_exactly_once() {
    for seed in 0..3 {
        let mut cluster = Cluster::joined(seed, 20, lan);
        for (from, name) in [(0, "a"), (7, "b"), (7, "c"), (19, "d")] {
            send(&mut cluster, from, name);
        }
        cluster.run_until(secs(3), |it| (0..20).all(|at| told(it, at).len() == 4));
        cluster.run(secs(120));
        for at in 0..20 {
            let told = told(&cluster, at);
            let mut names = names(&told);
            names.sort_unstable();
            assert_eq!(names, ["a", "b", "c", "d"], "node {at}");
            assert!(told.iter().all(|event| event.payload == b"v2"[..] && !event.coalesce));
        }
        assert!(cluster.is_quiet());
    }
}

#[test]
fn an_event_carries_its_time_and_whether_it_may_be_coalesced() {
    let mut cluster = Cluster::joined(1, 2, lan);
    for (name, coalesce) in [("a", Coalesce::Yes), ("b", Coalesce::No)] {
        cluster.act(0, |node, now| node.user_event(now, name, b"", coalesce)).unwrap();
        cluster.run(secs(2));
    }
    let event = |ltime, name: &str, coalesce| UserEvent {
        ltime,
        name: name.into(),
        payload: Bytes::new(),
        coalesce,
    };
    let expected = [event(1, "a", true), event(2, "b", false)];
    assert_eq!(told(&cluster, 0), expected);
    assert_eq!(told(&cluster, 1), expected);
}

#[test]
fn an_event_is_told_once_however_often_it_comes() {
    let mut solo = Solo::among(lan(0), 1);
    let other_payload = {
        let mut packet = user_event("a", 5);
        *packet.last_mut().unwrap() ^= 1;
        packet
    };
    for packet in [&user_event("a", 5), &user_event("a", 5), &other_payload, &user_event("b", 5)] {
        solo.hear(1, packet);
    }
    solo.hear(1, &user_event("a", 4));
    solo.hear(1, &user_event("a", 5));
    let told = users(&solo.events);
    assert_eq!(names(&told), ["a", "a", "b", "a"]);
    assert_eq!(told.iter().map(|event| event.ltime).collect::<Vec<_>>(), [5, 5, 5, 4]);
}

#[test]
fn events_of_one_time_are_told_apart_by_name_and_payload() {
    let mut solo = Solo::among(lan(0), 1);
    // The coalesce flag and the encoding of an empty payload make no difference.
    let event = |coalesce: u8, name: u8, payload: &[u8]| {
        let head = [8, 3, 0x84, 0xa2, b'C', b'C', coalesce, 0xa5];
        let name = [0xa4, b'N', b'a', b'm', b'e', 0xa1, name, 0xa7];
        [&head[..], b"LTime\x05", &name, b"Payload", payload].concat()
    };
    let (yes, no) = (0xc3, 0xc2);
    for packet in [
        event(no, b'a', b"\xa1x"),
        event(yes, b'a', b"\xa1x"),
        event(no, b'a', b"\xa1y"),
        event(yes, b'b', b"\xa1x"),
        event(no, b'b', b"\xa0"),
        event(no, b'b', b"\xc0"),
    ] {
        solo.hear(1, &packet);
    }
    let told = users(&solo.events);
    let told = told.iter().map(|event| (&*event.name, &*event.payload, event.coalesce));
    let expected =
        [("a", &b"x"[..], false), ("a", b"y", false), ("b", b"x", true), ("b", b"", false)];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn what_is_older_than_the_ring_counts_as_known() {
    let mut solo = Solo::among(lan(0).limits(Limits { ring: 8, ..Limits::default() }), 1);
    solo.hear(1, &user_event("new", 100));
    solo.hear(1, &user_event("old", 93));
    solo.hear(1, &user_event("too old", 92));
    assert_eq!(names(&users(&solo.events)), ["new", "old"]);
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn only_so_many_events_of_one_time_are_told_apart() {
    let limits = Limits { ring_slot: 3, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    for name in ["a", "b", "c", "d", "a"] {
        solo.hear(1, &user_event(name, 5));
    }
    assert_eq!(names(&users(&solo.events)), ["a", "b", "c"]);
    assert_eq!(solo.dropped(DropReason::Full), 1);
    solo.pass(secs(10));
    solo.hear(1, &user_event("d", 5));
    assert_eq!(solo.node.stats().queued, 0, "nor is it passed on");
    solo.hear(1, &user_event("d", 6));
    assert_eq!(names(&users(&solo.events)), ["a", "b", "c", "d"]);
}

#[test]
fn three_hundred_user_events_of_one_time_are_all_told() {
    let mut solo = Solo::among(gos_timing(lan(0)), 1);
    let all: Vec<String> = (0..300).map(|n| format!("ready-{n}")).collect();
    for name in all.iter().chain(&all) {
        solo.hear(1, &user_event(name, 5));
    }
    assert_eq!(names(&users(&solo.events)), all);
    assert_eq!(solo.node.stats().dropped.total(), 0);
    // All of them are in a push/pull, and whoever gets them from there is told all, too.
    solo.accept(1, &push_pull(false, &[], None)).unwrap();
    let mut other = Solo::among(gos_timing(lan(1)), 1);
    other.accept(0, &push_pull(false, &[], Some(&PushPull::default()))).unwrap();
    other.accept(0, &solo.written[0].1).unwrap();
    assert_eq!(names(&users(&other.events)), all);
}

#[test]
fn if_recent_user_events_take_too_much_memory_the_oldest_are_forgotten() {
    let limits = Limits { ring_bytes: 10_000, ..Limits::default() };
    let mut solo = Solo::among(gos_timing(lan(0)).limits(limits), 1);
    for n in 0..1000 {
        let name = format!("event {n}");
        solo.act(|node, now| node.user_event(now, &name, b"", Coalesce::No)).unwrap();
    }
    assert_eq!(users(&solo.events).len(), 1000, "whoever sends it is told, and so are others");
    assert_eq!(solo.dropped(DropReason::Full), 0);
    solo.hear(1, &user_event("event 0", 1));
    assert_eq!(users(&solo.events).len(), 1000);
}

#[test]
fn a_user_event_that_nobody_could_remember_is_refused() {
    let limits = Limits { ring_bytes: 100, ..Limits::default() };
    let mut solo = Solo::new(lan(0).limits(limits));
    let send = |solo: &mut Solo, payload: &[u8]| {
        solo.act(|node, now| node.user_event(now, "e", payload, Coalesce::No))
    };
    let error = send(&mut solo, &[0; 100]).unwrap_err();
    assert!(matches!(error, EventError::TooManyRecent { max: 100, .. }), "{error}");
    assert!(solo.events.is_empty() && solo.node.stats().events_queued == 0);
    send(&mut solo, b"").unwrap();
    assert_eq!(users(&solo.events).len(), 1);
}

#[test]
fn a_node_that_joins_is_told_of_old_events_only_if_it_asks() {
    for (replay, expected) in [(Replay::Skip, &["new"][..]), (Replay::Deliver, &["old", "new"])] {
        let mut cluster = Cluster::joined(1, 3, lan);
        send(&mut cluster, 1, "old");
        cluster.run(secs(5));
        let newcomer = cluster.add(lan(3));
        cluster.act(newcomer, |node, now| node.join(now, &[addr(0)], replay)).unwrap();
        cluster.run(secs(90));
        send(&mut cluster, 1, "new");
        cluster.run(secs(90));
        assert_eq!(names(&told(&cluster, newcomer)), expected);
        assert_eq!(names(&told(&cluster, 0)), ["old", "new"]);
    }
}

#[test]
fn old_events_that_are_skipped_are_not_gossiped_either() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.join(now, &[addr(1)], Replay::Skip)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    let past = SeqBuf::of([PastEvent { name: "old".into(), payload: b"" }]);
    let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 7 }]);
    let theirs = PushPull { event_ltime: 8, events: slots.as_seq(), ..PushPull::default() };
    let state = push_pull(false, &[NODE_1], Some(&theirs));
    solo.act(|node, now| node.handle_stream_data(now, stream, &state));
    solo.pass(secs(10));
    solo.hear(1, &user_event("old", 7));
    assert_eq!((solo.node.stats().queued, users(&solo.events).len()), (0, 0));
    solo.hear(1, &user_event("new", 8));
    assert_eq!((solo.node.stats().queued, users(&solo.events).len()), (1, 1));
}

/// Joins through node 1, whose event clock is `event_ltime`, and which remembers the `past` events.
fn join_among(solo: &mut Solo, replay: Replay, event_ltime: u64, past: &[(u64, &str)]) {
    solo.dialled.clear();
    solo.act(|node, now| node.join(now, &[addr(1)], replay)).unwrap();
    let stream = solo.dialled[0].0;
    solo.act(|node, now| node.handle_connected(now, stream));
    let mut slots = SeqBuf::default();
    for &(ltime, name) in past {
        let events = SeqBuf::of([PastEvent { name: name.into(), payload: b"" }]);
        slots.push(&EventSlot { events: events.as_seq(), ltime });
    }
    let theirs = PushPull { event_ltime, events: slots.as_seq(), ..PushPull::default() };
    let state = push_pull(false, &[NODE_1], Some(&theirs));
    solo.act(|node, now| node.handle_stream_data(now, stream, &state));
}

/// A proxy, for example: no member is known at that address, so it is tried now and then.
#[test]
fn a_seed_that_is_another_address_of_a_member_costs_no_event_that_is_on_its_way() {
    let mut solo = Solo::new(lan(0));
    join_among(&mut solo, Replay::Skip, 50, &[(49, "old")]);
    solo.pass(secs(10));
    solo.dialled.clear();
    solo.act(|node, now| node.update_seeds(now, &[addr(90)], Replay::Skip));
    while !solo.dialled.iter().any(|(_, to)| *to == addr(90)) {
        solo.pass(secs(1));
    }
    let (stream, _) = *solo.dialled.iter().find(|(_, to)| *to == addr(90)).unwrap();
    solo.act(|node, now| node.handle_connected(now, stream));
    // The member behind it has heard of an event that has not come to us yet.
    let past = SeqBuf::of([PastEvent { name: "recent".into(), payload: b"" }]);
    let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 60 }]);
    let theirs = PushPull { event_ltime: 61, events: slots.as_seq(), ..PushPull::default() };
    let state = push_pull(false, &[NODE_1], Some(&theirs));
    solo.act(|node, now| node.handle_stream_data(now, stream, &state));
    solo.hear(1, &user_event("on its way", 58));
    assert_eq!(names(&users(&solo.events)), ["recent", "on its way"]);
}

#[test]
fn once_old_events_are_skipped_they_stay_skipped() {
    let mut solo = Solo::new(lan(0));
    join_among(&mut solo, Replay::Skip, 50, &[(49, "old")]);
    solo.hear(1, &user_event("a", 49));
    // A cluster with a lower event clock does not lower ours, nor does a join that replays old
    // events.
    join_among(&mut solo, Replay::Skip, 5, &[(4, "older")]);
    join_among(&mut solo, Replay::Deliver, 5, &[(4, "older"), (49, "old")]);
    solo.hear(1, &user_event("b", 49));
    assert_eq!(names(&users(&solo.events)), [""; 0]);
    solo.hear(1, &user_event("c", 50));
    assert_eq!(names(&users(&solo.events)), ["c"]);
}

#[test]
fn old_events_are_told_in_the_order_they_come_and_not_as_ones_to_coalesce() {
    let mut solo = Solo::new(lan(0));
    join_among(&mut solo, Replay::Deliver, 10, &[(9, "newest"), (3, "oldest"), (5, "other")]);
    let told = users(&solo.events);
    assert_eq!(names(&told), ["newest", "oldest", "other"]);
    assert!(told.iter().all(|event| !event.coalesce));
    let is_event = |message: &[u8]| message.starts_with(b"\x08\x03");
    solo.pass(secs(10));
    assert!(!solo.said().iter().any(|(_, message)| is_event(message)), "nor passed on");
}

/// Node 1, alive.
const NODE_1: PushNodeState<'static> = PushNodeState {
    addr: &[10, 0, 0, 2],
    incarnation: 1,
    meta: b"\xff\x80",
    name: Text(b"n1"),
    port: 7946,
    state: state::ALIVE,
    versions: &VERSIONS,
};

#[test]
fn an_event_that_gossip_missed_comes_with_a_push_pull() {
    let mut cluster = Cluster::joined(1, 4, lan);
    cluster.network.cut(&[3], &[0, 1, 2], ALL);
    send(&mut cluster, 0, "missed");
    cluster.run(secs(3));
    assert_eq!(told(&cluster, 3), []);
    cluster.network.heal();
    cluster.run_until(secs(60), |it| told(it, 3).len() == 1);
    cluster.run(secs(60));
    assert_eq!(names(&told(&cluster, 3)), ["missed"]);
}

#[test]
fn the_largest_event_there_can_be_arrives() {
    let key = || Keyring::new(SecretKey::new(&[1; 16]).unwrap());
    let layers: [&dyn Fn(Config) -> Config; 3] =
        [&|config| config, &|config| config.keyring(key()), &|config| {
            config.keyring(key()).label(Label::new("blue").unwrap())
        }];
    for layers in layers {
        let mut cluster = Cluster::joined(1, 3, |node| layers(lan(node).user_event_len_max(9216)));
        let send = |cluster: &mut Cluster, len: usize| {
            let payload = vec![b'x'; len];
            cluster.act(0, |node, now| node.user_event(now, "a", &payload, Coalesce::No))
        };
        let Err(EventError::TooLarge { len, max }) = send(&mut cluster, 3000) else {
            panic!("it is larger than a packet");
        };
        let largest = 3000 - (len - max);
        assert!(send(&mut cluster, largest + 1).is_err());
        send(&mut cluster, largest).unwrap();
        cluster.run_until(secs(5), |it| (0..3).all(|at| told(it, at).len() == 1));
        cluster.run(secs(5));
        assert!(cluster.is_quiet(), "it does not wait in a queue for a larger packet");
    }
}

#[test]
fn an_event_that_came_in_a_larger_packet_than_ours_is_told_and_not_gossiped() {
    let mut solo = Solo::among(lan(0), 1);
    solo.pass(secs(10));
    let (name, payload) = ("large".into(), &[b'x'; 2000][..]);
    let event = serf_message::UserEvent { name, payload, ltime: 5, coalesce: false };
    solo.hear(1, &user(&SerfMessage::UserEvent(event)));
    assert_eq!(names(&users(&solo.events)), ["large"]);
    assert_eq!((solo.node.stats().queued, solo.node.stats().broadcasts_dropped), (0, 1));
}

#[test]
fn an_event_is_refused_if_more_wait_than_others_would_take_for_news() {
    let limits = Limits { ring: 20, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 2);
    solo.pass(secs(10));
    let send = |solo: &mut Solo| solo.act(|it, now| it.user_event(now, "a", b"", Coalesce::No));
    (0..10).for_each(|_| send(&mut solo).unwrap());
    assert!(!solo.node.has_room_for_user_event());
    assert_eq!(send(&mut solo), Err(EventError::QueueFull { waiting: 10, max: 10 }));
    assert_eq!(solo.node.stats().sends_refused, 1);
    assert_eq!(users(&solo.events).len(), 10, "nobody is told");
    // They are sent a moment later.
    solo.pass(ms(2));
    assert!(solo.node.has_room_for_user_event());
    send(&mut solo).unwrap();
    // A node that is alone has nobody to lose them.
    let mut alone = Solo::new(lan(0).limits(limits));
    (0..100).for_each(|_| send(&mut alone).unwrap());
    // Go refuses nothing.
    let mut go = Solo::among(gos_timing(lan(0).limits(limits)), 2);
    (0..100).for_each(|_| send(&mut go).unwrap());
}

#[test]
fn messages_that_shrink_are_compressed_if_the_configuration_says_so() {
    let mut solo = Solo::among(lan(0).compression(Compression::StreamsAndPackets), 3);
    solo.pass(secs(10));
    for _ in 0..3 {
        solo.sent.clear();
        solo.act(|node, now| node.user_event(now, "a", &[0; 400], Coalesce::No)).unwrap();
        solo.pass(ms(200));
        assert!(!solo.sent.is_empty());
        assert!(solo.sent.iter().all(|(_, packet)| packet.len() < 150), "{:?}", solo.sent);
        assert!(solo.said().iter().any(|(_, message)| message.len() > 400));
        solo.pass(secs(10));
    }
}

#[test]
fn an_event_that_is_too_large_changes_nothing() {
    let mut solo = Solo::among(lan(0), 1);
    let queued = solo.node.stats().queued;
    let payload = [b'x'; 500];
    let error = solo.act(|node, now| node.user_event(now, "deploy", &payload, Coalesce::No));
    assert_eq!(error, Err(EventError::TooLarge { len: 536, max: 512 }));
    assert_eq!(
        error.unwrap_err().to_string(),
        "user event of 536 encoded bytes exceeds 512 bytes; see `Config::user_event_len_max`"
    );
    assert_eq!((solo.node.stats().queued, users(&solo.events).len()), (queued, 0));
    // The name counts as well. Nothing is copied to find out.
    let name = "x".repeat(600);
    let error = solo.act(|node, now| node.user_event(now, &name, b"", Coalesce::No));
    assert_eq!(error, Err(EventError::TooLarge { len: 630, max: 512 }));
    let huge = vec![0; 64 << 20];
    let send = |solo: &mut Solo| {
        solo.act(|node, now| node.user_event(now, "deploy", &huge, Coalesce::No)).is_err()
    };
    assert!(measure(|| assert!(send(&mut solo))).bytes_max < 4096);
    // An event of exactly the maximum size is sent.
    let payload = &payload[..512 - 36];
    solo.act(|node, now| node.user_event(now, "deploy", payload, Coalesce::No)).unwrap();
    assert_eq!(users(&solo.events)[0].ltime, 1);
}

#[test]
fn the_name_of_an_event_is_text() {
    let mut solo = Solo::among(lan(0), 1);
    let name = Text(b"\xff");
    let event = serf_message::UserEvent { name, ltime: 5, ..Default::default() };
    solo.pass(secs(10));
    solo.hear(1, &user(&SerfMessage::UserEvent(event)));
    assert_eq!((solo.dropped(DropReason::Name), users(&solo.events).len()), (1, 0));
    assert_eq!(solo.node.stats().queued, 0);
}

#[test]
fn no_lamport_time_from_the_network_poisons_the_clock() {
    const TOO_FAR: u64 = (1 << 32) + 2;
    let mut solo = Solo::among(lan(0), 1);
    solo.accept(1, &push_pull(false, &[], Some(&PushPull::default()))).unwrap();
    for ltime in [u64::MAX, u64::MAX - 1, TOO_FAR] {
        let before = solo.dropped(DropReason::OutOfReach);
        solo.hear(1, &user_event("a", ltime));
        assert_eq!(solo.dropped(DropReason::OutOfReach), before + 1);
    }
    // The same for a push/pull: neither the clock of its sender nor those of its events move ours.
    let past = SeqBuf::of([PastEvent { name: "b".into(), payload: b"" }]);
    let slots = [u64::MAX, 3].map(|ltime| EventSlot { events: past.as_seq(), ltime });
    let slots = SeqBuf::of(slots);
    let theirs = PushPull {
        event_ltime: u64::MAX,
        events: slots.as_seq(),
        ltime: u64::MAX,
        query_ltime: TOO_FAR + 1,
        ..PushPull::default()
    };
    let before = solo.dropped(DropReason::OutOfReach);
    solo.accept(1, &push_pull(true, &[], Some(&theirs))).unwrap();
    assert_eq!(solo.dropped(DropReason::OutOfReach), before + 4);

    solo.act(|node, now| node.user_event(now, "c", b"", Coalesce::No)).unwrap();
    let told = users(&solo.events);
    assert_eq!(names(&told), ["b", "c"]);
    assert_eq!(told[1].ltime, 4);
}

#[test]
fn a_time_within_reach_moves_the_clock() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(1, &user_event("a", 1 << 32));
    solo.act(|node, now| node.user_event(now, "b", b"", Coalesce::No)).unwrap();
    assert_eq!(users(&solo.events)[1].ltime, (1 << 32) + 1);
}
