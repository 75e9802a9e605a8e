//! Starting again from a snapshot: which members are dialled, and which events are not repeated.

use std::net::SocketAddr;

use serfer_proto::wire::message::{Message, PushNodeState, ip_bytes, state};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{EventSlot, PastEvent, PushPull};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Event, MemberChange, RejoinDone, Replay, Status, StreamEnd};

use crate::harness::craft::{VERSIONS, alive, alive_at, leave_intent, push_pull, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::name;
use crate::snapshots::recording::{MS, SEC, config, disk, query, recovered};

#[test]
fn events_reported_before_a_restart_are_not_reported_again() {
    let mut solo = Solo::among(config("event-clock: 5\nquery-clock: 7\n"), 1);
    for ltime in [4, 5, 6] {
        solo.hear(1, &user_event("e", ltime));
    }
    for ltime in [6, 7, 8] {
        solo.hear(1, &query(ltime, "q"));
    }
    let told = solo.events.iter().map(|event| match event {
        Event::User(event) => ("event", event.ltime),
        Event::Query(query) => ("query", query.id.ltime()),
        other => panic!("{other:?}"),
    });
    assert_eq!(told.collect::<Vec<_>>(), [("event", 6), ("query", 8)]);
}

/// The push/pull of a node that knows these.
fn answer(nodes: &[usize]) -> Vec<u8> {
    let known: Vec<_> = nodes.iter().map(|&node| (name(node), ip_bytes(addr(node).ip()))).collect();
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

/// Answers all dials, or refuses them. Returns the addresses that were dialled.
fn dialled(solo: &mut Solo, answer: Option<&[u8]>) -> Vec<SocketAddr> {
    let mut to = Vec::new();
    while let Some((stream, addr)) = solo.dialled.pop() {
        to.push(addr);
        match answer {
            Some(bytes) => {
                solo.act(|node, now| node.handle_connected(now, stream));
                solo.act(|node, now| node.handle_stream_data(now, stream, bytes));
            }
            None => {
                solo.act(|node, now| node.handle_stream_end(now, stream, StreamEnd::Closed));
            }
        }
    }
    to
}

fn five_alive() -> String {
    (0..=5).map(|node| format!("alive: {} {}\n", name(node), addr(node))).collect()
}

/// The nodes that it has pinged since the last call, each by its name. They get nothing else.
fn pinged(solo: &mut Solo) -> Vec<usize> {
    let said = solo.said();
    let ping = |(to, message): &(SocketAddr, Vec<u8>)| match Message::decode(message) {
        Ok(Message::Ping(ping)) => {
            (0..100).find(|&it| *to == addr(it) && ping.node.0 == name(it).as_bytes())
        }
        _ => None,
    };
    let mut pinged: Vec<usize> = said.iter().filter_map(ping).collect();
    assert_eq!(pinged.len(), said.len(), "{said:?}");
    pinged.sort_unstable();
    pinged.dedup();
    pinged
}

fn rejoin_done(solo: &Solo) -> Option<(Option<SocketAddr>, usize)> {
    solo.events.iter().find_map(|event| match event {
        Event::RejoinDone(done) => Some((done.reached, done.tried)),
        _ => None,
    })
}

/// TestSerf_SnapshotRecovery.
#[test]
fn members_that_were_alive_are_asked_by_name_and_then_over_streams_too() {
    let mut solo = Solo::unanswered(config(&five_alive()));
    assert_eq!((pinged(&mut solo), solo.dialled.len()), (vec![1, 2, 3, 4, 5], 0));
    let mut tried = Vec::new();
    for _ in 0..20 {
        solo.pass(100 * MS);
        tried.extend(dialled(&mut solo, None));
    }
    assert_ne!(tried, [1, 2, 3, 4, 5].map(addr), "the order is any");
    tried.sort_unstable();
    assert_eq!(tried, [1, 2, 3, 4, 5].map(addr), "all of them, but not ourselves");
    assert_eq!(rejoin_done(&solo), None);
    solo.pass(SEC);
    assert_eq!(rejoin_done(&solo), Some((None, 5)));
}

#[test]
fn the_first_answer_is_enough_and_no_join_intent_is_sent() {
    let mut solo = Solo::new(config(&five_alive()));
    let tried = dialled(&mut solo, Some(&answer(&[1, 2])));
    assert_eq!(tried.len(), 1, "although all five have acked");
    let done = Event::RejoinDone(RejoinDone { reached: Some(tried[0]), tried: 5 });
    assert!(solo.events.contains(&done));
    solo.pass(SEC);
    let intent = |message: &[u8]| message.starts_with(&[8, 1]);
    assert!(!solo.said().iter().any(|(_, message)| intent(message)));
}

#[test]
fn a_member_that_acks_and_then_says_nothing_does_not_hold_up_the_others() {
    let mut solo = Solo::new(config(&five_alive()));
    for at_once in [1, 1, 2, 3, 3] {
        assert_eq!(solo.dialled.len(), at_once);
        solo.pass(700 * MS);
    }
}

/// A stranger at the address of a member keeps silent when that is asked for.
#[test]
fn strangers_at_the_addresses_of_members_are_not_joined() {
    let mut solo = Solo::unanswered(config(&five_alive()));
    solo.pass(600 * MS);
    for (stream, _) in std::mem::take(&mut solo.dialled) {
        solo.written.clear();
        solo.act(|node, now| node.handle_connected(now, stream));
        let [(_, asked)] = &solo.written[..] else { panic!("{:?}", solo.written) };
        assert!(matches!(StreamMessage::decode(asked), Ok(StreamMessage::Ping(_))));
        solo.act(|node, now| node.handle_stream_end(now, stream, StreamEnd::Eof));
    }
    solo.pass(10 * SEC);
    assert_eq!(rejoin_done(&solo), Some((None, 5)));
}

/// hs#333.
#[test]
fn members_that_failed_or_do_not_answer_are_asked_until_they_are_back() {
    let snapshot = format!("alive: {} {}\n# failed: {} {}\n", name(1), addr(1), name(2), addr(2));
    let mut solo = Solo::unanswered(config(&snapshot));
    for _ in 0..3 {
        solo.pass(70 * SEC);
        dialled(&mut solo, None);
        assert_eq!(pinged(&mut solo), [1, 2]);
    }
    solo.acks = true;
    for _ in 0..70 {
        solo.pass(SEC);
        dialled(&mut solo, Some(&answer(&[2])));
    }
    solo.pass(SEC);
    assert!(recovered(&disk(&solo, &snapshot)).alive().any(|(it, _)| it == name(2)));
    assert!(!recovered(&disk(&solo, &snapshot)).failed().any(|(it, _)| it == name(2)));
}

#[test]
fn who_had_failed_is_listed_and_who_does_not_come_back_has_failed_after_a_minute() {
    let snapshot = format!("{}# failed: {} {}\n", five_alive(), name(6), addr(6));
    let mut solo = Solo::unanswered(config(&snapshot));
    let status = |solo: &Solo, node| solo.node.member(&name(node)).map(|member| member.status());
    assert_eq!((status(&solo, 6), status(&solo, 1)), (Some(Status::Failed), None));
    solo.hear(1, &alive(1, 1));
    solo.pass(59 * SEC);
    assert_eq!((status(&solo, 1), status(&solo, 2)), (Some(Status::Alive), None));
    solo.events.clear();
    solo.pass(17 * SEC);
    let failed = |event: &Event| match event {
        Event::Member(event) if event.change == MemberChange::Failed => {
            event.members.first().cloned()
        }
        _ => None,
    };
    let mut failed: Vec<_> = solo.events.iter().filter_map(failed).collect();
    failed.retain(|member| member.name() != name(1));
    assert_eq!(
        failed.iter().map(|it| it.name().to_owned()).collect::<Vec<_>>(),
        [2, 3, 4, 5].map(name)
    );
    assert!(failed.iter().all(|member| member.tags().is_empty()));
    assert_eq!(solo.node.members().count(), 7);
    // They come back like any other that failed, or are made to leave.
    solo.hear(2, &alive(2, 1));
    solo.hear(1, &leave_intent(6, 9));
    assert_eq!((status(&solo, 2), status(&solo, 6)), (Some(Status::Alive), Some(Status::Left)));
    solo.pass(SEC);
    let it = recovered(&disk(&solo, &snapshot));
    assert!(it.failed().all(|(who, _)| who != name(6) && who != name(2)));
}

/// Others are not told of members that a node knows from its snapshot only.
#[test]
fn a_member_that_is_recalled_is_in_no_push_pull() {
    let mut solo = Solo::unanswered(config(&format!("# failed: {} {}\n", name(6), addr(6))));
    let stream = solo.accept(1, &push_pull(true, &[], None)).unwrap();
    let (_, said) = solo.written.iter().find(|(to, _)| *to == stream).unwrap();
    assert!(!said.windows(2).any(|it| it == name(6).as_bytes()), "{said:?}");
}

#[test]
fn failed_members_survive_a_compaction_and_are_tried_for_a_day() {
    let snapshot = format!("# failed: {} {}\nclock: 1\ntorn", name(2), addr(2));
    let mut solo = Solo::new(config(&snapshot).seed_keeper(None));
    solo.pass(23 * 3600 * SEC);
    assert_eq!(recovered(&disk(&solo, &snapshot)).failed().count(), 1);
    solo.pass(2 * 3600 * SEC);
    let it = recovered(&disk(&solo, &snapshot));
    assert_eq!((it.failed().count(), it.alive().count()), (0, 1));
}

#[test]
fn a_missing_member_that_is_forced_to_leave_is_no_longer_tried() {
    let snapshot = format!("# failed: {} {}\n", name(2), addr(2));
    let mut solo = Solo::new(config(&snapshot));
    solo.hear(1, &alive(1, 1));
    solo.hear(1, &leave_intent(2, 5));
    solo.pass(120 * SEC);
    assert_eq!(dialled(&mut solo, None), []);
    assert_eq!(recovered(&disk(&solo, &snapshot)).failed().count(), 0);
}

#[test]
fn a_member_may_have_moved_meanwhile() {
    let snapshot = format!("alive: {} {}\n", name(1), addr(1));
    let mut solo = Solo::new(config(&snapshot));
    solo.hear(1, &alive_at(&name(1), addr(9), 1));
    solo.pass(MS);
    let it = recovered(&disk(&solo, &snapshot));
    assert!(it.alive().any(|peer| peer == (name(1).as_str(), addr(9))));
}

/// Whatever peer answers first: a join of seeds that skips old events also skips those missed.
#[test]
fn missed_events_are_told_unless_a_join_skips_old_ones() {
    let missed = SeqBuf::of([PastEvent { name: "missed".into(), payload: b"" }]);
    let slots = SeqBuf::of([EventSlot { events: missed.as_seq(), ltime: 6 }]);
    let theirs = PushPull { event_ltime: 7, events: slots.as_seq(), ..PushPull::default() };
    let answer = push_pull(true, &[], Some(&theirs));
    let snapshot = format!("alive: {} {}\nevent-clock: 5\n", name(1), addr(1));
    for (join, told) in [(None, 1), (Some(Replay::Skip), 0), (Some(Replay::Deliver), 1)] {
        let mut solo = Solo::new(config(&snapshot));
        let rejoin = solo.dialled[0].0;
        if let Some(replay) = join {
            solo.act(|node, now| node.join(now, &[addr(2)], replay)).unwrap();
        }
        solo.act(|node, now| node.handle_connected(now, rejoin));
        solo.act(|node, now| node.handle_stream_data(now, rejoin, &answer));
        dialled(&mut solo, Some(&answer));
        let is_told = |event: &&Event| matches!(event, Event::User(_));
        assert_eq!(solo.events.iter().filter(is_told).count(), told, "{join:?}");
    }
}
