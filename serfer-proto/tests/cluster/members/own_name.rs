//! Another node is said to have our name: whether it is there decides what happens.

use serfer_proto::wire::message::Message;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Event, NameConflicts, Replay, ShutdownReason, Status};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, alive_at, encoded, messages, ping};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, secs};

const ELSEWHERE: usize = 9;

fn claim() -> Vec<u8> {
    alive_at("n0", addr(ELSEWHERE), 3)
}

fn lost(solo: &Solo) -> Option<ShutdownReason> {
    solo.events.iter().find_map(|event| match event {
        Event::ShutdownWanted(reason) => Some(*reason),
        _ => None,
    })
}

/// The packets that it sent to the other address.
fn asked(solo: &Solo) -> Vec<Vec<u8>> {
    let there = solo.sent.iter().filter(|(to, _)| *to == addr(ELSEWHERE));
    there.map(|(_, packet)| packet.clone()).collect()
}

fn votes(solo: &Solo) -> usize {
    let is_vote = |packet: &[u8]| packet.windows(14).any(|it| it == b"_serf_conflict");
    solo.sent.iter().filter(|(_, packet)| is_vote(packet)).count()
}

/// A node that nobody knows yet, among three others that do not answer for the other address.
fn silent() -> Solo {
    let mut solo = Solo::among(lan(0), 3);
    solo.pass(secs(2));
    solo.sent.clear();
    solo.silent = Some(addr(ELSEWHERE));
    solo
}

#[test]
fn a_node_whose_old_address_is_silent_asks_nobody_to_vote_and_announces_itself_again() {
    let mut solo = silent();
    solo.hear(1, &claim());
    let sent = asked(&solo);
    assert_eq!(sent.len(), 1, "one ping");
    let [question] = &messages(&sent[0])[..] else {
        panic!("it tells a stranger of our cluster: {sent:?}");
    };
    assert!(matches!(Message::decode(question), Ok(Message::Ping(it)) if it.node == Text(b"n0")));
    assert!(solo.dialled.iter().any(|(_, to)| *to == addr(ELSEWHERE)), "and over a stream");
    solo.sent.clear();

    solo.pass(secs(60));
    assert_eq!(lost(&solo), None);
    assert_eq!(votes(&solo), 0);
    assert_eq!(asked(&solo).len(), 60 * 2 / 11, "again, five seconds after each half second");
    let is_me = |message: &Vec<u8>| matches!(Message::decode(message), Ok(Message::Alive(it)) if it.node == Text(b"n0"));
    let announced = solo.said().iter().filter(|(_, message)| is_me(message)).count();
    assert!(announced > 20, "{announced}");
}

#[test]
fn a_node_that_others_know_does_not_care_who_else_is_said_to_have_its_name() {
    let echo = alive(0, 1);
    for is_known_by in [echo, ping(0, 7)] {
        let mut solo = silent();
        solo.hear(1, &is_known_by);
        solo.sent.clear();
        solo.hear(1, &claim());
        solo.pass(secs(60));
        assert_eq!(asked(&solo).len(), 1, "it asks once");
        assert_eq!((lost(&solo), votes(&solo)), (None, 0));
    }
}

#[test]
fn waiting_ends_when_somebody_knows_us_at_our_address() {
    let mut solo = silent();
    solo.hear(1, &claim());
    solo.pass(secs(20));
    solo.hear(2, &alive(0, 1));
    solo.pass(secs(6));
    solo.sent.clear();
    solo.pass(secs(60));
    assert_eq!(asked(&solo).len(), 0);
}

#[test]
fn after_five_minutes_the_members_vote_all_the_same() {
    let mut solo = silent();
    solo.hear(1, &claim());
    let mut voted = 0;
    for minute in 1..=4 {
        solo.pass(secs(60));
        voted += votes(&solo);
        assert_eq!(voted, 0, "after {minute} minutes");
    }
    solo.pass(secs(70));
    assert!(votes(&solo) > 0);
}

#[test]
fn an_old_self_that_answers_later_is_a_case_for_a_vote() {
    let mut solo = silent();
    solo.hear(1, &claim());
    solo.pass(secs(3));
    assert_eq!(votes(&solo), 0);
    solo.silent = None;
    solo.pass(secs(10));
    assert!(votes(&solo) > 0);
    assert_eq!(solo.node.name_in_use_at(), None, "that was known some seconds ago");
}

#[test]
fn an_address_that_is_ours_as_well_is_no_other_node() {
    let mut solo = silent();
    solo.hear(1, &claim());
    let question = asked(&solo).remove(0);
    solo.sent.clear();
    // It comes back to us, as a datagram from ourselves.
    solo.hear_from(addr(ELSEWHERE), &question);
    assert!(solo.said().is_empty(), "no answer, and no vote");
    solo.pass(secs(30));
    assert_eq!((asked(&solo).len(), votes(&solo), lost(&solo)), (0, 0, None));

    // The same over a stream.
    let mut solo = silent();
    solo.hear(1, &claim());
    let question = asked(&solo).remove(0);
    let Ok(Message::Ping(ping)) = Message::decode(&question) else {
        panic!("{question:x?}");
    };
    let mut bytes = Vec::new();
    StreamMessage::Ping(ping).encode(&mut bytes);
    solo.written.clear();
    solo.accept(ELSEWHERE, &bytes);
    assert_eq!(solo.written.len(), 0);
    solo.sent.clear();
    solo.pass(secs(30));
    assert_eq!(asked(&solo).len(), 0);
}

#[test]
fn another_node_of_our_name_gets_an_answer() {
    let mut solo = silent();
    let source = Message::Ping(serfer_proto::wire::message::Ping {
        node: Text(b"n0"),
        seq: 7,
        source_node: Some(Text(b"n0")),
        ..Default::default()
    });
    solo.hear(ELSEWHERE, &encoded(&source));
    let said = solo.said();
    let ack = said.iter().find(|(to, _)| *to == addr(ELSEWHERE));
    assert!(
        matches!(ack.map(|(_, it)| Message::decode(it)), Some(Ok(Message::Ack(it))) if it.seq == 7)
    );
}

#[test]
fn a_thousand_claims_make_few_events_and_few_questions() {
    let mut solo = silent();
    for n in 0..1000 {
        let there = std::net::SocketAddr::from(([10, 9, (n / 250) as u8, (n % 250) as u8], 7946));
        solo.hear(1, &alive_at("n0", there, 3));
        solo.hear(1, &alive_at("n1", there, 3));
        solo.pass(ms(5));
    }
    let told = solo.events.iter().filter(|event| matches!(event, Event::Conflict(_))).count();
    assert_eq!(told, 2 * 4, "the first, tenth, hundredth and thousandth of each name");
    assert_eq!(solo.node.stats().name_conflicts, 2000);
    let questions = solo.dialled.iter().filter(|(_, to)| to.ip() != addr(1).ip());
    assert!(questions.count() < 8);
}

#[test]
fn a_node_that_only_reports_conflicts_asks_nobody() {
    let mut solo = Solo::among(lan(0).name_conflicts(NameConflicts::Report), 3);
    solo.pass(secs(2));
    solo.sent.clear();
    solo.hear(1, &claim());
    solo.pass(secs(10));
    assert_eq!(asked(&solo).len(), 0);
}

#[test]
fn a_join_is_done_when_it_is_known_whether_our_name_is_in_use() {
    for is_cut in [false, true] {
        let mut cluster = Cluster::joined(1, 3, local);
        // Node 3 also calls itself n0, and joins through n2.
        let twin = cluster.add(local(3).named("n0"));
        if is_cut {
            cluster.network.cut(&[0], &[twin], ALL);
        }
        let now = cluster.network.now;
        cluster.act(twin, |node, _| node.join(now, &[addr(2)], Replay::Skip)).unwrap();
        let is_done = |it: &Cluster| {
            it.nodes[twin].events.iter().any(|(_, event)| matches!(event, Event::JoinDone(_)))
        };
        let took = cluster.run_until(secs(2), is_done);
        let in_use = cluster.node(twin).name_in_use_at();
        if is_cut {
            assert_eq!(in_use, None);
            assert!(took >= ms(200), "the probe timeout: {took:?}");
        } else {
            assert_eq!(in_use, Some(addr(0)));
            assert!(took < ms(100), "a round trip: {took:?}");
        }
    }
}

#[test]
fn a_node_that_is_restarted_at_another_address_at_once_has_its_name_back_within_a_minute() {
    let mut cluster = Cluster::joined(1, 5, lan);
    cluster.run(secs(60));
    cluster.kill(4);
    cluster.run(secs(1));
    // The same name on another machine.
    let again = cluster.add(lan(4));
    cluster.join(again, &[0]);
    let took = cluster.run_until(secs(90), |it| {
        (0..4).all(|at| {
            let member = it.node(at).member("n4").unwrap();
            (member.status(), member.addr()) == (Status::Alive, addr(again))
        })
    });
    assert!(took < secs(60), "{took:?}");
    let is_wanted = |(_, event): &(_, Event)| matches!(event, Event::ShutdownWanted(_));
    assert!(!cluster.nodes[again].events.iter().any(is_wanted));
}
