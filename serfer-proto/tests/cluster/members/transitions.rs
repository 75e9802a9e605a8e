//! The whole table of transitions: every status of a member, and everything that can happen to it.
//!
//! memberlist knows which members are alive, and intents say what a member wants. Only both
//! together tell a member that left from one that failed.

use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::serf_message::{Leave, SerfMessage};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Event, MemberChange, Tags};

use crate::harness::craft::{alive, alive_with, dead, join_intent, leave_intent, push_pull, user};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, name, secs};

/// What happens to node 1. Old intents have the Lamport time of its status, 10; new ones have 11.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Input {
    /// memberlist reports it as alive.
    Found,
    /// memberlist reports it as gone.
    Lost,
    /// It changes its tags.
    NewTags,
    OldJoin,
    NewJoin,
    OldLeave,
    NewLeave,
    /// It leaves, and is to be forgotten.
    Prune,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PassedOn {
    No,
    Yes,
}

/// The status before, the input, the status after, the Lamport time of that status, what the
/// application is told, and whether the input is gossiped.
type Row = (&'static str, Input, &'static str, u64, &'static [MemberChange], PassedOn);

#[rustfmt::skip]
const TABLE: &[Row] = {
    use Input::*;
    use MemberChange as It;
    use PassedOn::{No, Yes};
    &[
        // before    input    after      time   reported                gossiped
        ("unknown", Found,    "alive",   0,  &[It::Join],            No),
        ("unknown", Lost,     "unknown", 0,  &[],                    No),
        // Kept, in case the member appears.
        ("unknown", NewJoin,  "unknown", 0,  &[],                    Yes),
        ("unknown", NewLeave, "unknown", 0,  &[],                    Yes),
        ("unknown", Prune,    "unknown", 0,  &[],                    Yes),

        ("alive",   Lost,     "failed",  10, &[It::Failed],          No),
        ("alive",   NewTags,  "alive",   10, &[It::Update],          No),
        ("alive",   OldJoin,  "alive",   10, &[],                    No),
        ("alive",   NewJoin,  "alive",   11, &[],                    Yes),
        ("alive",   OldLeave, "alive",   10, &[],                    No),
        ("alive",   NewLeave, "leaving", 11, &[],                    Yes),
        // It may refute. It is forgotten only once it is gone.
        ("alive",   Prune,    "leaving", 11, &[],                    Yes),

        ("leaving", Lost,     "left",    10, &[It::Leave],           No),
        ("leaving", NewTags,  "leaving", 10, &[It::Update],          No),
        ("leaving", OldJoin,  "leaving", 10, &[],                    No),
        ("leaving", NewJoin,  "alive",   11, &[],                    Yes),
        ("leaving", OldLeave, "leaving", 10, &[],                    No),
        ("leaving", NewLeave, "leaving", 11, &[],                    Yes),
        ("leaving", Prune,    "leaving", 11, &[],                    Yes),

        ("left",    Found,    "alive",   10, &[It::Join],            No),
        ("left",    Lost,     "left",    10, &[],                    No),
        ("left",    OldJoin,  "left",    10, &[],                    No),
        // Unlike in Go, it keeps the time of its departure until it is alive again.
        ("left",    NewJoin,  "left",    10, &[],                    Yes),
        ("left",    OldLeave, "left",    10, &[],                    No),
        ("left",    NewLeave, "left",    11, &[],                    Yes),
        ("left",    Prune,    "unknown", 0,  &[It::Reap],            Yes),

        ("failed",  Found,    "alive",   10, &[It::Join],            No),
        ("failed",  Lost,     "failed",  10, &[],                    No),
        ("failed",  OldJoin,  "failed",  10, &[],                    No),
        ("failed",  NewJoin,  "failed",  10, &[],                    Yes),
        ("failed",  OldLeave, "failed",  10, &[],                    No),
        ("failed",  NewLeave, "left",    11, &[It::Leave],           Yes),
        ("failed",  Prune,    "unknown", 0,  &[It::Leave, It::Reap], Yes),
    ]
};

#[test]
fn every_status_goes_where_the_table_says() {
    for &(before, input, after, since, told, passed_on) in TABLE {
        let mut solo = with_node_1(before);
        let packet = packet(before, input);
        solo.hear(2, &packet);
        solo.pass(ms(900));

        let case = format!("{before}, {input:?}");
        assert_eq!(known(&mut solo), (after.to_owned(), since), "{case}");
        let changes: Vec<_> = solo.events.iter().map(change).collect();
        assert_eq!(changes, told, "{case}");
        let is_intent = !matches!(input, Input::Found | Input::Lost | Input::NewTags);
        let was_passed_on = is_intent && solo.said().iter().any(|(_, said)| *said == packet);
        assert_eq!(was_passed_on, passed_on == PassedOn::Yes, "{case}");
    }
}

#[test]
fn the_clock_is_past_every_intent_whatever_its_effect() {
    for before in ["unknown", "alive", "leaving", "left", "failed"] {
        for input in [Input::NewJoin, Input::NewLeave, Input::Prune] {
            let mut solo = with_node_1(before);
            solo.hear(2, &packet(before, input));
            assert_eq!(solo.node.stats().member_ltime, 12, "{before}, {input:?}");
        }
    }
}

/// A node that has node 1 in this status since Lamport time 10, and knows nodes 2 and 3.
fn with_node_1(status: &str) -> Solo {
    let mut solo = Solo::new(lan(0));
    (2..4).for_each(|other| solo.hear(other, &alive(other, 1)));
    let words = match status {
        "unknown" => vec![],
        "alive" => vec![alive(1, 1), join_intent(1, 10)],
        "leaving" => vec![alive(1, 1), leave_intent(1, 10)],
        "left" => vec![alive(1, 1), leave_intent(1, 10), dead(1, 1, 1)],
        "failed" => vec![alive(1, 1), join_intent(1, 10), dead(1, 2, 1)],
        other => panic!("{other} is no status"),
    };
    words.iter().for_each(|word| solo.hear(2, word));
    // Waits until all of that has been gossiped.
    solo.pass(secs(10));
    assert_eq!(known(&mut solo).0, status);
    solo.events.clear();
    solo.sent.clear();
    solo
}

fn packet(before: &str, input: Input) -> Vec<u8> {
    match input {
        Input::Found => alive(1, if before == "unknown" { 1 } else { 2 }),
        Input::Lost => dead(1, 2, 1),
        Input::NewTags => alive_with(1, 2, &Tags::from_iter([("role", "new")])),
        Input::OldJoin => join_intent(1, 10),
        Input::NewJoin => join_intent(1, 11),
        Input::OldLeave => leave_intent(1, 10),
        Input::NewLeave => leave_intent(1, 11),
        Input::Prune => {
            user(&SerfMessage::Leave(Leave { ltime: 11, node: Text(b"n1"), prune: true }))
        }
    }
}

/// The status of node 1, and the Lamport time that others are told for it.
fn known(solo: &mut Solo) -> (String, u64) {
    let status = solo.node.member(&name(1)).map(|member| member.status().to_string());
    solo.written.clear();
    solo.accept(9, &push_pull(false, &[], None)).unwrap();
    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let Ok(SerfMessage::PushPull(serf)) = SerfMessage::decode(state.user_state) else {
        panic!("{:x?}", state.user_state);
    };
    let time = serf.status_ltimes.iter().find(|(name, _)| name.0 == b"n1");
    (status.unwrap_or_else(|| "unknown".to_owned()), time.map_or(0, |(_, ltime)| ltime))
}

fn change(event: &Event) -> MemberChange {
    match event {
        Event::Member(event) => event.change,
        other => panic!("{other:?}"),
    }
}
