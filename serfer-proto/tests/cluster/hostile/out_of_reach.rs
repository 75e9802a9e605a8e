//! Numbers that no honest node sends: Lamport times, incarnations and counts out of reach. What is
//! refused has no effect at all.

use serfer_proto::wire::message::{Alive, Dead, Message, PushNodeState, Suspect, ip_bytes, state};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    EventSlot, Join, Leave, PastEvent, PushPull, Query, SerfMessage, UserEvent,
};
use serfer_proto::{AfterLeave, Config, DropReason, Event, JoinFailure, Recovered, Replay};

use crate::harness::craft::{VERSIONS, alive, encoded, push_pull, user, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::lan;

const ABSURD: [u64; 4] = [u64::MAX, u64::MAX - 1, u64::MAX / 2, (1 << 32) + 9];

/// Joins a peer that answers with this.
fn join(solo: &mut Solo, replay: Replay, nodes: &[PushNodeState<'_>], theirs: &PushPull<'_>) {
    solo.act(|node, now| node.join(now, &[addr(1)], replay)).unwrap();
    let stream = solo.dialled.pop().unwrap().0;
    solo.act(|node, now| node.handle_connected(now, stream));
    let answer = push_pull(false, nodes, Some(theirs));
    solo.act(|node, now| node.handle_stream_data(now, stream, &answer));
}

fn peer() -> PushNodeState<'static> {
    PushNodeState {
        addr: &[10, 0, 0, 2],
        incarnation: 1,
        meta: b"\xff\x80",
        name: "n1".into(),
        port: 7946,
        versions: &VERSIONS,
        state: state::ALIVE,
    }
}

fn told(solo: &Solo) -> Vec<&str> {
    let mut names = Vec::new();
    for event in &solo.events {
        if let Event::User(event) = event {
            names.push(&*event.name);
        }
    }
    names
}

/// All that a message may have changed, besides the count of what was dropped.
fn seen(solo: &Solo) -> String {
    let mut stats = solo.node.stats();
    stats.dropped = Default::default();
    (stats.datagrams_received, stats.streams_accepted) = (0, 0);
    let members: Vec<_> =
        solo.node.members().map(|it| (it.name(), it.status(), it.addr())).collect();
    let (sent, events) = (solo.sent.len(), solo.events.len());
    format!("{stats:?} {members:?} {sent} sent {events} events {:?}", solo.node.incarnation())
}

#[test]
fn an_absurd_event_clock_in_the_answer_to_a_join_deafens_nobody() {
    for replay in [Replay::Skip, Replay::Deliver] {
        for event_ltime in ABSURD {
            let mut solo = Solo::new(lan(0));
            let past = SeqBuf::of([PastEvent { name: "old".into(), payload: b"" }]);
            let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime: 4 }]);
            let events = slots.as_seq();
            let theirs = PushPull { event_ltime, events, ltime: 3, ..PushPull::default() };
            join(&mut solo, replay, &[peer()], &theirs);
            assert!(solo.node.member("n1").is_some(), "the rest of the answer counts");
            solo.hear(1, &user_event("deploy", 5));
            let old: &[&str] = if replay == Replay::Skip { &[] } else { &["old"] };
            assert_eq!(told(&solo), [old, &["deploy"]].concat());
            assert_eq!(solo.dropped(DropReason::OutOfReach), 1);
            solo.act(|node, now| node.user_event(now, "ours", b"", Default::default())).unwrap();
            assert_eq!(told(&solo).last(), Some(&"ours"));
        }
    }
}

#[test]
fn an_event_clock_within_reach_hides_what_is_older() {
    let mut solo = Solo::new(lan(0));
    let theirs = PushPull { event_ltime: 100, ..PushPull::default() };
    join(&mut solo, Replay::Skip, &[peer()], &theirs);
    for (name, ltime) in [("old", 99), ("new", 100)] {
        solo.hear(1, &user_event(name, ltime));
    }
    assert_eq!(told(&solo), ["new"]);
}

#[test]
fn clocks_of_a_push_pull_are_refused_one_by_one() {
    for ltime in ABSURD {
        for (theirs, clocks) in [
            (PushPull { ltime, event_ltime: 5, query_ltime: 6, ..PushPull::default() }, (1, 5, 6)),
            (
                PushPull { ltime: 5, event_ltime: ltime, query_ltime: 6, ..PushPull::default() },
                (5, 1, 6),
            ),
            (
                PushPull { ltime: 5, event_ltime: 6, query_ltime: ltime, ..PushPull::default() },
                (5, 6, 1),
            ),
        ] {
            let mut solo = Solo::among(lan(0), 1);
            solo.accept(1, &push_pull(false, &[], Some(&theirs))).unwrap();
            let stats = solo.node.stats();
            assert_eq!((stats.member_ltime, stats.event_ltime, stats.query_ltime), clocks);
            assert_eq!(solo.dropped(DropReason::OutOfReach), 1);
        }
    }
}

#[test]
fn messages_with_an_absurd_time_change_nothing() {
    for ltime in ABSURD {
        let node = "n1".into();
        for message in [
            SerfMessage::Join(Join { ltime, node }),
            SerfMessage::Join(Join { ltime, node: "unknown".into() }),
            SerfMessage::Leave(Leave { ltime, node, prune: false }),
            SerfMessage::Leave(Leave { ltime, node, prune: true }),
            SerfMessage::Leave(Leave { ltime, node: "n0".into(), prune: false }),
            SerfMessage::UserEvent(UserEvent {
                coalesce: false,
                ltime,
                name: "e".into(),
                payload: b"",
            }),
            SerfMessage::Query(Query { ltime, name: "q".into(), ..Query::default() }),
        ] {
            changes_nothing(|solo| solo.hear(1, &user(&message)));
        }
        let (times, left) = (SeqBuf::of([(node, ltime)]), SeqBuf::of([node]));
        let past = SeqBuf::of([PastEvent { name: "e".into(), payload: b"" }]);
        let slots = SeqBuf::of([EventSlot { events: past.as_seq(), ltime }]);
        let status_ltimes = times.as_seq();
        for theirs in [
            PushPull { status_ltimes, ..PushPull::default() },
            PushPull { status_ltimes, left_members: left.as_seq(), ..PushPull::default() },
            PushPull { events: slots.as_seq(), ..PushPull::default() },
        ] {
            let theirs = push_pull(false, &[], Some(&theirs));
            changes_nothing(|solo| assert!(solo.accept(1, &theirs).is_some()));
        }
    }
}

#[test]
fn messages_with_an_absurd_incarnation_change_nothing() {
    for incarnation in [u32::MAX, u32::MAX - (1 << 16)] {
        for (name, at) in [("n0", 0), ("n0", 9), ("n1", 1), ("n1", 9), ("new", 9)] {
            let alive = Alive {
                addr: &ip_bytes(addr(at).ip()),
                incarnation,
                meta: b"\xff\x80",
                node: name.into(),
                port: 7946,
                versions: &VERSIONS,
            };
            changes_nothing(|solo| solo.hear(1, &encoded(&Message::Alive(alive))));
        }
        for node in ["n0", "n1"].map(Into::into) {
            let from = "n2".into();
            let suspect = encoded(&Message::Suspect(Suspect { from, incarnation, node }));
            changes_nothing(|solo| solo.hear(1, &suspect));
            for from in [from, node] {
                let dead = encoded(&Message::Dead(Dead { from, incarnation, node }));
                changes_nothing(|solo| solo.hear(1, &dead));
            }
            for state in [state::ALIVE, state::SUSPECT, state::DEAD, state::LEFT] {
                let node = PushNodeState { name: node, incarnation, state, ..peer() };
                let theirs = push_pull(false, &[node], None);
                changes_nothing(|solo| assert!(solo.accept(1, &theirs).is_some()));
            }
        }
    }
}

#[track_caller]
fn changes_nothing(hear: impl Fn(&mut Solo)) {
    let mut solo = Solo::among(lan(0), 2);
    solo.pass(crate::harness::support::secs(1));
    let before = seen(&solo);
    hear(&mut solo);
    assert_eq!(seen(&solo), before);
    assert_eq!(solo.dropped(DropReason::OutOfReach), 1);
    assert_eq!(solo.node.stats().dropped.total(), 1);
}

#[test]
fn a_peer_of_which_nothing_can_be_taken_is_not_joined() {
    let mut solo = Solo::new(lan(0).accept_member(|_| panic!("nobody is to be asked")));
    let absurd = PushNodeState { incarnation: u32::MAX, ..peer() };
    join(&mut solo, Replay::Skip, &[absurd], &PushPull::default());
    let Some(Event::JoinDone(done)) = solo.events.last() else {
        panic!("{:?}", solo.events);
    };
    assert!(matches!(&*done.failed, [(_, JoinFailure::Unusable(_))]), "{done:?}");
}

#[test]
fn an_absurd_time_in_a_snapshot_is_skipped_and_named() {
    let lines =
        "clock: 7\nclock: 9223372036854775807\nevent-clock: 1099511627777\nquery-clock: 8\n";
    let recovered = Recovered::replay(lines.as_bytes(), AfterLeave::StayAway).unwrap();
    assert_eq!(recovered.problems().iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
    let mut solo = Solo::new(Config::lan("n0").recovered(recovered));
    solo.hear(1, &alive(1, 1));
    solo.hear(1, &user_event("deploy", 5));
    assert_eq!(told(&solo), ["deploy"]);
    assert_eq!((solo.node.stats().member_ltime, solo.node.stats().query_ltime), (8, 9));
}
