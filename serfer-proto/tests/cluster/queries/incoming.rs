//! Incoming queries and replies, of any sender: which are answered, and at which address.

use std::time::Duration;

use serfer_proto::wire::message::Message;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    FLAG_ACK, FLAG_NO_BROADCAST, Query, QueryResponse, SerfMessage,
};
use serfer_proto::{DropReason, Endpoint, Event, Limits, QueryParams, RespondError};

use crate::harness::craft::{alive, alive_at, dead, query, user};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, secs};

fn hear(solo: &mut Solo, query: Query<'_>) {
    solo.hear(1, &user(&SerfMessage::Query(query)));
}

fn asked(solo: &Solo) -> Vec<serfer_proto::Query> {
    let queries = solo.events.iter().filter_map(|event| match event {
        Event::Query(query) => Some(query.clone()),
        _ => None,
    });
    queries.collect()
}

/// The addresses that acks and replies were sent to. True is an ack.
fn answers(solo: &mut Solo) -> Vec<(std::net::SocketAddr, bool)> {
    let said = solo.said();
    let answers = said.iter().filter_map(|(to, message)| match Message::decode(message) {
        Ok(Message::User(body)) => match SerfMessage::decode(body) {
            Ok(SerfMessage::QueryResponse(response)) => Some((*to, response.flags == FLAG_ACK)),
            _ => None,
        },
        _ => None,
    });
    answers.collect()
}

#[test]
fn a_query_is_reported_and_gossiped_once() {
    let mut solo = Solo::among(lan(0), 2);
    for (ltime, id) in [(5, 7), (5, 7), (5, 8), (6, 7), (5, 7)] {
        hear(&mut solo, Query { ltime, id, ..query() });
    }
    assert_eq!(asked(&solo).len(), 3);
    assert_eq!(answers(&mut solo).len(), 3);
    solo.pass(secs(10));
    let packet = user(&SerfMessage::Query(query()));
    let passed_on = solo.said().iter().filter(|(_, message)| *message == packet).count();
    assert!(passed_on > 0);
    assert_eq!(solo.node.stats().queued, 0);
    hear(&mut solo, query());
    assert_eq!(solo.node.stats().queued, 0);
}

#[test]
fn a_query_with_the_no_broadcast_flag_is_not_gossiped() {
    let mut solo = Solo::among(lan(0), 2);
    solo.pass(secs(10));
    hear(&mut solo, Query { flags: FLAG_NO_BROADCAST, ..query() });
    assert_eq!((asked(&solo).len(), solo.node.stats().queued), (1, 0));
    assert_eq!(answers(&mut solo), [], "nor did it ask for an ack");
}

#[test]
fn a_query_for_others_is_gossiped_and_not_reported() {
    // A node filter for somebody else, a filter of an unknown kind, and one that is empty.
    for filter in [&b"\x00\x91\xa2n9"[..], b"\x02", b""] {
        let mut solo = Solo::among(lan(0), 2);
        solo.pass(secs(10));
        let filters = SeqBuf::of([filter]);
        hear(&mut solo, Query { filters: filters.as_seq(), ..query() });
        assert_eq!((asked(&solo).len(), solo.node.stats().queued), (0, 1));
        assert_eq!(answers(&mut solo), []);
    }
}

#[test]
fn a_member_is_answered_at_its_address() {
    let mut solo = Solo::among(lan(0), 2);
    hear(&mut solo, Query { addr: &[203, 0, 113, 9], port: 53, ..query() });
    let question = asked(&solo).remove(0);
    solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
    assert_eq!(answers(&mut solo), [(addr(1), true), (addr(1), false)]);
    assert_eq!(solo.dropped(DropReason::StrangeAnswerAddress), 0);
}

#[test]
fn a_query_without_a_known_name_is_answered_only_at_a_members_address() {
    for source in ["", "nobody"] {
        let mut solo = Solo::among(lan(0), 2);
        let source_node = source.into();
        hear(&mut solo, Query { addr: &[10, 0, 0, 3], source_node, ..query() });
        let question = asked(&solo).remove(0);
        assert_eq!(&*question.from, source);
        solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
        assert_eq!(answers(&mut solo), [(addr(2), true), (addr(2), false)]);
    }
}

#[test]
fn a_stranger_is_not_answered() {
    for (addr, port) in [(&[203, 0, 113, 9][..], 7946), (&[10, 0, 0, 3], 53), (&[10, 0], 7946)] {
        let mut solo = Solo::among(lan(0), 2);
        hear(&mut solo, Query { addr, port, source_node: "nobody".into(), ..query() });
        let question = asked(&solo).remove(0);
        solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
        solo.pass(secs(11));
        assert_eq!(answers(&mut solo), []);
        assert_eq!(solo.dropped(DropReason::StrangeAnswerAddress), 2, "an ack and a reply");
    }
}

#[test]
fn deadlines_from_the_network_are_taken_with_care() {
    const HOUR: i64 = 3600 * 1_000_000_000;
    for (timeout, open_for) in [
        (i64::MIN, Duration::ZERO),
        (-1, Duration::ZERO),
        (0, Duration::ZERO),
        (HOUR, secs(3600)),
        (HOUR + 1, secs(3600)),
        (i64::MAX, secs(3600)),
    ] {
        let mut solo = Solo::among(lan(0), 1);
        hear(&mut solo, Query { timeout, ..query() });
        assert_eq!(asked(&solo)[0].deadline, solo.now + open_for);
    }
}

#[test]
fn an_answer_to_what_is_not_remembered_is_too_late() {
    let limits = Limits { ring: 4, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    hear(&mut solo, query());
    for ltime in 6..12 {
        hear(&mut solo, Query { ltime, ..query() });
    }
    let question = asked(&solo).remove(0);
    let error = solo.act(|node, now| node.respond(now, &question, b"x"));
    assert_eq!(error, Err(RespondError::Late));
    assert_eq!(solo.dropped(DropReason::Full), 0);
}

#[test]
fn only_so_many_queries_of_one_time_are_told_apart() {
    let limits = Limits { ring_slot: 3, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    for id in 0..5 {
        hear(&mut solo, Query { id, ..query() });
    }
    assert_eq!(asked(&solo).len(), 3);
    assert_eq!(solo.dropped(DropReason::Full), 2);
}

#[test]
fn three_hundred_queries_of_one_time_are_all_asked() {
    let mut solo = Solo::among(lan(0), 1);
    for id in (0..300).chain(0..300) {
        hear(&mut solo, Query { id, ..query() });
    }
    assert_eq!(asked(&solo).len(), 300);
    for question in asked(&solo) {
        solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
    }
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn no_time_of_a_query_poisons_the_clock() {
    let mut solo = Solo::among(lan(0), 1);
    for ltime in [u64::MAX, (1 << 32) + 2] {
        hear(&mut solo, Query { ltime, ..query() });
    }
    assert_eq!(solo.dropped(DropReason::OutOfReach), 2);
    let asking = |node: &mut Endpoint, now| node.query(now, "a", b"", &QueryParams::new());
    assert_eq!(solo.act(asking).unwrap().ltime(), 1);
    // A time within reach moves the clock.
    hear(&mut solo, Query { ltime: 1 << 32, ..query() });
    assert_eq!(solo.act(asking).unwrap().ltime(), (1 << 32) + 1);
}

#[test]
fn names_in_queries_and_answers_must_be_names() {
    let mut solo = Solo::among(lan(0), 1);
    for broken in [&b"n1\n"[..], b"\xff", &[b'x'; 1025]] {
        let before = solo.dropped(DropReason::Name);
        let source_node = Text(broken);
        hear(&mut solo, Query { source_node, ..query() });
        assert_eq!(solo.dropped(DropReason::Name), before + 1, "{broken:x?}");
    }
    hear(&mut solo, Query { name: Text(b"\xff"), ..query() });
    assert_eq!(solo.dropped(DropReason::Name), 4);
    assert_eq!(asked(&solo).len(), 0);
}

// Replies to our own query.

/// Our query, and a function that makes a reply to it from a name and flags.
fn ours(solo: &mut Solo, params: &QueryParams) -> impl Fn(&[u8], u32) -> Vec<u8> + use<> {
    solo.sent.clear();
    solo.act(|node, now| node.query(now, "load", b"", params)).unwrap();
    solo.pass(secs(1));
    let said = solo.said();
    let (ltime, id) = said
        .iter()
        .find_map(|(_, message)| match SerfMessage::decode(&message[1..]) {
            Ok(SerfMessage::Query(query)) => Some((query.ltime, query.id)),
            _ => None,
        })
        .unwrap();
    solo.events.clear();
    move |from, flags| {
        let from = Text(from);
        let response = QueryResponse { flags, from, id, ltime, payload: b"x" };
        user(&SerfMessage::QueryResponse(response))
    }
}

#[test]
fn each_node_is_heard_once() {
    let mut solo = Solo::among(lan(0), 2);
    let answer = ours(&mut solo, &QueryParams::new());
    for (from, flags) in [("n1", 0), ("n1", 0), ("n1", FLAG_ACK), ("n1", FLAG_ACK), ("n2", 0)] {
        solo.hear(1, &answer(from.as_bytes(), flags));
    }
    let [Event::Reply(one), Event::Ack(ack), Event::Reply(two)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((&*one.from, &*ack.from, &*two.from), ("n1", "n1", "n2"));
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn replies_to_unknown_queries_are_ignored() {
    let mut solo = Solo::among(lan(0), 2);
    let answer = ours(&mut solo, &QueryParams::new().without_acks());
    solo.hear(1, &answer(b"n1", FLAG_ACK));
    let stranger = QueryResponse { flags: 0, from: "n1".into(), id: 99, ltime: 99, payload: b"x" };
    solo.hear(1, &user(&SerfMessage::QueryResponse(stranger)));
    assert_eq!(solo.events, []);
    solo.pass(secs(10));
    solo.events.clear();
    solo.hear(1, &answer(b"n1", 0));
    assert_eq!(solo.events, []);
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

#[test]
fn only_replies_of_members_count() {
    let mut solo = Solo::among(lan(0), 2);
    let answer = ours(&mut solo, &QueryParams::new());
    for n in 0..1000 {
        solo.hear(1, &answer(format!("bot-{n}").as_bytes(), 0));
    }
    assert_eq!(solo.events, []);
    solo.hear(1, &answer(b"n2", 0));
    assert_eq!(solo.events.len(), 1);
    solo.pass(secs(60));
    assert_eq!(solo.dropped(DropReason::Stranger), 1000);
}

/// Its news and its answer travel on different ways.
#[test]
fn an_answer_that_comes_before_the_news_of_its_node_counts_as_soon_as_that_is_a_member() {
    let mut solo = Solo::among(lan(0), 2);
    let answer = ours(&mut solo, &QueryParams::new());
    solo.hear(5, &answer(b"n5", FLAG_ACK));
    solo.hear(5, &answer(b"n5", 0));
    assert_eq!(solo.events, []);
    solo.hear(1, &alive(5, 1));
    let [Event::Member(_), Event::Ack(ack), Event::Reply(reply)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((&*ack.from, &*reply.from), ("n5", "n5"));
}

/// A query that outruns the news of its asker is answered once that is known, at a member's address. The
/// node that passed the query on is asked to relay the answers meanwhile.
#[test]
fn an_asker_that_is_not_known_yet_is_answered_when_it_is() {
    let mut solo = Solo::among(lan(0), 2);
    let asker = Query { addr: &[10, 0, 0, 6], source_node: "n5".into(), ..query() };
    hear(&mut solo, asker);
    let question = asked(&solo).remove(0);
    solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
    let said = solo.said();
    let relayed = |(to, message): &&(_, Vec<u8>)| *to == addr(1) && message.get(1) == Some(&9);
    assert_eq!(said.iter().filter(relayed).count(), 2, "{said:x?}");
    solo.hear(1, &alive(5, 1));
    assert_eq!(answers(&mut solo), [(addr(5), true), (addr(5), false)]);
    solo.pass(secs(60));
    assert_eq!(answers(&mut solo), []);
    assert_eq!(solo.dropped(DropReason::StrangeAnswerAddress), 0);
}

/// Its old address would be the wrong one.
#[test]
fn an_asker_that_is_about_to_be_back_at_another_address_is_answered_there() {
    let mut solo = Solo::among(lan(0), 3);
    solo.hear(2, &dead(3, 2, 1));
    solo.pass(secs(40));
    solo.sent.clear();
    hear(&mut solo, Query { addr: &[10, 0, 0, 54], source_node: "n3".into(), ..query() });
    assert_eq!(answers(&mut solo), []);
    solo.hear_from(addr(53), &alive_at("n3", addr(53), 1));
    assert_eq!(answers(&mut solo), [(addr(53), true)]);
}

/// Askers that never become members are forgotten.
#[test]
fn what_is_held_for_unknown_askers_has_a_bound() {
    let mut solo = Solo::among(lan(0), 2);
    for id in 0..400 {
        let ltime = 5 + u64::from(id / 200);
        let eve = Query { addr: &[203, 0, 113, 9], source_node: "eve".into(), ..query() };
        hear(&mut solo, Query { id, ltime, ..eve });
    }
    let dropped = solo.dropped(DropReason::StrangeAnswerAddress);
    assert!(dropped > 0, "256 are held");
    solo.pass(secs(11));
    assert_eq!(answers(&mut solo), []);
    solo.hear(1, &alive_at("eve", std::net::SocketAddr::from(([203, 0, 113, 9], 7946)), 1));
    assert_eq!(answers(&mut solo), []);
}

#[test]
fn an_answer_names_its_sender() {
    let mut solo = Solo::among(lan(0), 2);
    let answer = ours(&mut solo, &QueryParams::new());
    for broken in [&b""[..], b"n1\n", b"\xff", &[b'x'; 1025]] {
        let before = solo.dropped(DropReason::Name);
        solo.hear(1, &answer(broken, 0));
        assert_eq!(solo.dropped(DropReason::Name), before + 1, "{broken:x?}");
    }
    assert_eq!(solo.events, []);
}
