//! What counts as evidence about a member: every pair of what is known of it and what is heard, from
//! whom. ARCHITECTURE.md states the rules, [`TABLE`] has what follows from them.
//!
//! `UPDATE=1 cargo test -p serfer-proto-tests --test cluster evidence` writes the table anew; read the
//! difference.

use serfer_proto::wire::message::{PushNodeState, ip_bytes, state};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::PushPull as SerfState;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Event, MemberChange, Members, Status};
use std::fmt::Write as _;

use crate::harness::craft::{VERSIONS, alive, dead, join_intent, leave_intent, push_pull, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};

const TABLE: &str = include_str!("evidence.txt");

const HELD: &[&str] = &[
    "unknown",
    "alive 5",
    "suspect 5",
    "leaving 5",
    "failed 5",
    "left 5",
    "failed 5, forgotten by memberlist",
    "left 5, forgotten by memberlist",
    "reaped",
];

/// The Lamport time of what is held is 10.
const HEARD: &[&str] = &[
    "alive 4",
    "alive 5",
    "alive 6",
    "suspect 4",
    "suspect 5",
    "suspect 6",
    "dead 4",
    "dead 5",
    "dead 6",
    "farewell 4",
    "farewell 5",
    "farewell 6",
    "join intent of 10",
    "join intent of 11",
    "leave intent of 10",
    "leave intent of 11",
];

/// Who says it: node 1 itself, or node 2 about it, in a datagram or in a push/pull.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Itself,
    Another,
    PushPull,
}

const SOURCES: [Source; 3] = [Source::Itself, Source::Another, Source::PushPull];

/// What is known of node 1.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Known {
    status: Option<Status>,
    /// memberlist's state and incarnation.
    swim: Option<(i64, u32)>,
}

impl Known {
    fn number(&self) -> u32 {
        self.swim.map_or(0, |(_, incarnation)| incarnation)
    }

    fn is_live(&self) -> bool {
        matches!(self.status, Some(Status::Alive | Status::Leaving))
    }
}

/// What came of one message.
#[derive(Debug)]
struct Outcome {
    before: Known,
    after: Known,
    told: Vec<MemberChange>,
    /// It pinged node 1.
    asked: bool,
}

#[test]
fn every_pair_of_what_is_held_and_what_is_heard() {
    let mut table = String::from(
        "What is known of a member, what is heard of it, and what is known and told then. The numbers are\n\
         incarnations; the Lamport time of what is held is 10. A dash: nothing changes.\n",
    );
    for held in HELD {
        let columns = ["from itself", "from another", "in a push/pull"];
        writeln!(table, "\n{held:<36}{:<30}{:<30}{}", columns[0], columns[1], columns[2]).unwrap();
        for heard in HEARD {
            let cells = SOURCES.map(|source| cell(&outcome(held, heard, source)));
            let row = format!("  {heard:<34}{:<30}{:<30}{}", cells[0], cells[1], cells[2]);
            writeln!(table, "{}", row.trim_end()).unwrap();
        }
    }
    if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/cluster/members/evidence.txt");
        std::fs::write(file, &table).unwrap();
    } else {
        assert!(table == TABLE, "the table is another now:\n{table}");
    }
}

/// The rules, whatever the table says.
#[test]
fn no_pair_breaks_the_rules() {
    for held in HELD {
        for heard in HEARD {
            for source in SOURCES {
                let case = format!("{held}, {heard}, {source:?}");
                let it = outcome(held, heard, source);
                let number = heard.rsplit(' ').next().and_then(|it| it.parse::<u32>().ok());
                let is_farewell = heard.starts_with("farewell");
                if it.after.swim.is_some() {
                    assert!(it.after.number() >= it.before.number(), "numbers only rise: {case}");
                }
                if !heard.contains("intent") && number < Some(it.before.number()) {
                    assert_eq!(it.after, it.before, "what is older changes nothing: {case}");
                }
                if it.before.is_live() && it.told.contains(&MemberChange::Failed) {
                    let is_normal = heard.starts_with("dead") && number == Some(it.before.number());
                    assert!(is_normal, "only a death of this life is believed at once: {case}");
                }
                if it.before.is_live() && it.told.contains(&MemberChange::Leave) {
                    let is_sure = source == Source::Itself && is_farewell;
                    let is_leaving = it.before.status == Some(Status::Leaving);
                    assert!(is_sure || is_leaving, "hearsay is no farewell: {case}");
                }
                if it.told.contains(&MemberChange::Join) && it.before.status.is_some() {
                    let is_newer = number > Some(5);
                    assert!(is_newer || source == Source::Itself, "old news: {case}");
                }
            }
        }
    }
}

#[test]
fn a_member_that_is_gone_and_answers_is_back() {
    for held in ["failed 5, forgotten by memberlist", "left 5, forgotten by memberlist"] {
        for source in [Source::Another, Source::PushPull] {
            let mut solo = holding(held);
            solo.acks = true;
            hear(&mut solo, "alive 1", source);
            assert_eq!(told(&solo), [MemberChange::Join], "{held}, {source:?}");
        }
    }
}

#[test]
fn a_member_that_is_gone_and_means_to_be_one_is_back() {
    for held in ["failed 5, forgotten by memberlist", "left 5, forgotten by memberlist"] {
        for source in SOURCES {
            let mut solo = holding(held);
            hear(&mut solo, "join intent of 11", source);
            hear(&mut solo, "alive 1", Source::Another);
            assert_eq!(told(&solo), [MemberChange::Join], "{held}, {source:?}");
        }
    }
}

/// It begins a suspicion, which ends as a leave if the member does not object.
#[test]
fn hearsay_that_somebody_left_is_a_leave_in_the_end() {
    let mut solo = holding("alive 5");
    hear(&mut solo, "farewell 6", Source::PushPull);
    solo.pass(secs(60));
    assert_eq!(told(&solo), [MemberChange::Leave]);

    let mut solo = holding("alive 5");
    hear(&mut solo, "farewell 6", Source::PushPull);
    hear(&mut solo, "alive 7", Source::Another);
    solo.acks = true;
    solo.pass(secs(60));
    assert_eq!(told(&solo), []);
}

/// Nobody could outbid it, and a Go node that is told of it would begin at zero again.
#[test]
fn an_absurd_death_of_a_member_that_is_gone_is_not_believed() {
    let mut solo = holding("failed 5, forgotten by memberlist");
    hear(&mut solo, "dead 4294967295", Source::Another);
    hear(&mut solo, "alive 6", Source::Another);
    assert_eq!(told(&solo), [MemberChange::Join]);
}

/// It has refuted the farewell, or else nobody could suspect it of more.
#[test]
fn a_member_that_fails_after_hearsay_that_it_left_has_failed() {
    let mut solo = holding("alive 5");
    hear(&mut solo, "farewell 5", Source::PushPull);
    hear(&mut solo, "suspect 6", Source::Another);
    solo.pass(secs(60));
    assert_eq!(told(&solo), [MemberChange::Failed]);
}

/// Its refutation is lost, but it answers.
#[test]
fn a_member_that_answers_is_not_declared_dead_on_hearsay() {
    let mut solo = holding("alive 5");
    solo.acks = true;
    hear(&mut solo, "dead 6", Source::Another);
    solo.pass(secs(120));
    assert_eq!(told(&solo), []);
    solo.acks = false;
    solo.pass(secs(120));
    assert_eq!(told(&solo), [MemberChange::Failed]);
}

/// The same incarnation, but other tags: the member has forgotten its incarnation, and is told.
#[test]
fn a_member_that_is_described_in_two_ways_is_told() {
    let mut solo = holding("alive 5");
    let other = PushNodeState { meta: b"\xff\x81\xa4role\xa3new", ..pushed(5, state::ALIVE) };
    solo.accept(2, &push_pull(false, &[other], None)).unwrap();
    solo.pass(secs(1));
    assert!(solo.said().contains(&(addr(1), alive(1, 5))));
}

fn outcome(held: &str, heard: &str, source: Source) -> Outcome {
    let mut solo = holding(held);
    let before = known(&mut solo);
    solo.sent.clear();
    hear(&mut solo, heard, source);
    let pinged = serfer_proto::wire::kind::PING;
    let asked = solo.said().iter().any(|(to, it)| *to == addr(1) && it.first() == Some(&pinged));
    Outcome { before, after: known(&mut solo), told: told(&solo), asked }
}

fn cell(it: &Outcome) -> String {
    let mut words = Vec::new();
    if it.after != it.before {
        words.push(describe(&it.after));
    }
    words.extend(it.told.iter().map(|change| format!("told {change}")));
    if it.asked {
        words.push("asked".to_owned());
    }
    if words.is_empty() { "-".to_owned() } else { words.join(", ") }
}

fn describe(known: &Known) -> String {
    let status = known.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
    match (known.status, known.swim) {
        (Some(Status::Leaving), Some((state::SUSPECT, number))) => {
            format!("leaving suspect {number}")
        }
        (_, Some((state::SUSPECT, number))) => format!("suspect {number}"),
        (_, Some((_, number))) => format!("{status} {number}"),
        (_, None) => status,
    }
}

/// A node that has this of node 1, and knows nodes 2 to 9. Nobody answers it.
fn holding(held: &str) -> Solo {
    let members =
        Members { tombstone_timeout: secs(60), reap_interval: secs(1), ..Members::default() };
    let mut solo = Solo::new(lan(0).members(members));
    (2..10).for_each(|other| solo.hear(other, &alive(other, 1)));
    let mut say = |words: &[Vec<u8>]| words.iter().for_each(|word| solo.hear(1, word));
    match held.split(' ').next().unwrap() {
        "unknown" => {}
        "alive" => say(&[alive(1, 5), join_intent(1, 10)]),
        "suspect" => say(&[alive(1, 5), join_intent(1, 10), suspect(1, 2, 5)]),
        "leaving" => say(&[alive(1, 5), leave_intent(1, 10)]),
        "failed" => say(&[alive(1, 5), join_intent(1, 10), dead(1, 2, 5)]),
        "left" | "reaped" => say(&[alive(1, 5), leave_intent(1, 10), dead(1, 1, 5)]),
        other => panic!("{other} is nothing that can be held"),
    }
    solo.pass(match held {
        "reaped" => secs(65),
        _ if held.ends_with("memberlist") => secs(40),
        _ => secs(3),
    });
    solo.acks = false;
    solo.events.clear();
    solo
}

/// Takes in what node 1 or 2 says about node 1.
fn hear(solo: &mut Solo, heard: &str, source: Source) {
    let (what, number) = heard.rsplit_once(' ').unwrap();
    let number: u32 = number.parse().unwrap();
    let ltime = u64::from(number);
    let from = if source == Source::Itself { 1 } else { 2 };
    if source == Source::PushPull {
        return hear_push_pull(solo, what, number);
    }
    solo.hear(
        from,
        &match what {
            "alive" => alive(1, number),
            "suspect" => suspect(1, 2, number),
            "dead" => dead(1, 2, number),
            "farewell" => dead(1, 1, number),
            "join intent of" => join_intent(1, ltime),
            "leave intent of" => leave_intent(1, ltime),
            other => panic!("{other} is nothing that can be heard"),
        },
    );
}

fn hear_push_pull(solo: &mut Solo, what: &str, number: u32) {
    let state = match what {
        "alive" => state::ALIVE,
        "suspect" => state::SUSPECT,
        "dead" => state::DEAD,
        "farewell" => state::LEFT,
        // A node that agrees that the member left says nothing newer: one less.
        "join intent of" => return hear_times(solo, u64::from(number), &[]),
        "leave intent of" => return hear_times(solo, u64::from(number) - 1, &[Text(b"n1")]),
        other => panic!("{other} is nothing that can be heard"),
    };
    solo.accept(2, &push_pull(false, &[pushed(number, state)], None)).unwrap();
}

fn hear_times(solo: &mut Solo, ltime: u64, left: &[Text<'_>]) {
    let left = SeqBuf::of(left.iter().copied());
    let times = SeqBuf::of([(Text(b"n1"), ltime)]);
    let events = SeqBuf::default();
    let theirs = SerfState {
        ltime: 1,
        event_ltime: 1,
        query_ltime: 1,
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        events: events.as_seq(),
    };
    solo.accept(2, &push_pull(false, &[], Some(&theirs))).unwrap();
}

fn pushed(incarnation: u32, state: i64) -> PushNodeState<'static> {
    const IP: [u8; 4] = [10, 0, 0, 2];
    assert_eq!(*ip_bytes(addr(1).ip()), IP);
    let (port, meta) = (addr(1).port(), b"\xff\x80");
    PushNodeState {
        addr: &IP,
        incarnation,
        meta,
        name: Text(b"n1"),
        port,
        state,
        versions: &VERSIONS,
    }
}

fn known(solo: &mut Solo) -> Known {
    solo.written.clear();
    solo.accept(3, &push_pull(false, &[], None)).unwrap();
    let Ok(StreamMessage::PushPull(all)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let it = all.nodes.iter().find(|it| it.name.0 == b"n1");
    Known {
        status: solo.node.member(&name(1)).map(|member| member.status()),
        swim: it.map(|it| (it.state, it.incarnation)),
    }
}

fn told(solo: &Solo) -> Vec<MemberChange> {
    let changes = solo.events.iter().filter_map(|event| match event {
        Event::Member(event) if *event.members[0].name() == *name(1) => Some(event.change),
        _ => None,
    });
    changes.collect()
}
