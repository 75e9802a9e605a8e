//! Relays: replies that go through other members, and messages that a node relays for others.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serfer_proto::wire::message::{Alive, Message, ip_bytes};
use serfer_proto::wire::serf_message::{Query, QueryResponse, RelayHeader, SerfMessage, UdpAddr};
use serfer_proto::{DropReason, Event, Limits, QueryParams};

use crate::harness::craft::{dead, encoded, query, user};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};

fn relayed_query(relay_factor: u8) -> Vec<u8> {
    query_at(5, relay_factor)
}

fn query_at(ltime: u64, relay_factor: u8) -> Vec<u8> {
    user(&SerfMessage::Query(Query { ltime, relay_factor, ..query() }))
}

fn reply() -> Vec<u8> {
    let response = QueryResponse { from: "n2".into(), id: 7, ltime: 5, ..QueryResponse::default() };
    let mut bytes = Vec::new();
    SerfMessage::QueryResponse(response).encode(&mut bytes);
    bytes
}

fn relay_to(to: SocketAddr, message: &[u8]) -> Vec<u8> {
    let ip = ip_bytes(to.ip());
    let dest_addr = UdpAddr { ip: &ip, port: to.port().into(), zone: "".into() };
    user(&SerfMessage::Relay(RelayHeader { dest_addr, dest_name: "n1".into() }, message))
}

/// The members that it asked to relay something, and the final receiver of each.
fn relays(solo: &mut Solo) -> Vec<(SocketAddr, String)> {
    let said = solo.said();
    let relays = said.iter().filter_map(|(to, message)| match Message::decode(message) {
        Ok(Message::User(body)) => match SerfMessage::decode(body) {
            Ok(SerfMessage::Relay(header, inner)) => {
                assert!(matches!(SerfMessage::decode(inner), Ok(SerfMessage::QueryResponse(_))));
                Some((*to, header.dest_name.to_string_lossy()))
            }
            _ => None,
        },
        _ => None,
    });
    relays.collect()
}

#[test]
fn an_answer_goes_through_as_many_different_others_as_asked_for() {
    for factor in [0, 1, 3] {
        let mut solo = Solo::among(lan(0), 20);
        solo.pass(secs(10));
        solo.sent.clear();
        solo.hear(1, &relayed_query(factor));
        let acks = relays(&mut solo);
        let Some(Event::Query(question)) = solo.events.pop() else {
            panic!("it is asked");
        };
        solo.act(|node, now| node.respond(now, &question, b"x")).unwrap();
        let replies = relays(&mut solo);
        for relays in [acks, replies] {
            let mut helpers: Vec<_> = relays.iter().map(|(helper, _)| *helper).collect();
            helpers.sort_unstable();
            helpers.dedup();
            assert_eq!(helpers.len(), usize::from(factor), "each another one");
            assert!(!helpers.contains(&addr(0)) && !helpers.contains(&addr(1)));
            assert!(relays.iter().all(|(_, asker)| asker == "n1"));
        }
    }
}

#[test]
fn any_member_may_be_the_relay() {
    let mut solo = Solo::among(lan(0), 9);
    solo.pass(secs(10));
    let mut times = BTreeMap::new();
    for ltime in 0..800 {
        solo.sent.clear();
        solo.hear(1, &query_at(ltime, 1));
        relays(&mut solo).iter().for_each(|(helper, _)| *times.entry(*helper).or_insert(0) += 1);
    }
    assert_eq!(times.len(), 8, "{times:?}");
    assert!(times.values().all(|times| (60..140).contains(times)), "{times:?}");
}

#[test]
fn only_live_members_that_know_relays_are_chosen() {
    let mut solo = Solo::among(lan(0), 3);
    // Node 2 is dead, and node 4 speaks a protocol without relays.
    solo.hear(1, &dead(2, 1, 1));
    solo.hear(1, &dead(2, 2, 1));
    let old = name(4);
    let at = addr(4);
    solo.hear(
        1,
        &encoded(&Message::Alive(Alive {
            addr: &ip_bytes(at.ip()),
            incarnation: 1,
            meta: b"\xff\x80",
            node: old.as_str().into(),
            port: at.port(),
            versions: &[1, 4, 2, 2, 5, 4],
        })),
    );
    solo.pass(secs(10));
    solo.sent.clear();
    solo.hear(1, &relayed_query(5));
    assert_eq!(relays(&mut solo), [(addr(3), "n1".to_owned())]);
}

#[test]
fn no_query_makes_a_node_relay_to_more_than_ten() {
    for (limit, most) in [(10, 10), (2, 2), (0, 0)] {
        let limits = Limits { relay_factor: limit, ..Limits::default() };
        let mut solo = Solo::among(lan(0).limits(limits), 50);
        solo.pass(secs(20));
        solo.sent.clear();
        solo.hear(1, &relayed_query(255));
        assert_eq!(relays(&mut solo).len(), most);
    }
}

#[test]
fn an_answer_that_is_too_long_to_be_relayed_goes_straight_only() {
    let mut solo = Solo::among(lan(0), 5);
    solo.pass(secs(10));
    solo.hear(1, &relayed_query(3));
    solo.sent.clear();
    let Some(Event::Query(question)) = solo.events.pop() else {
        panic!("it is asked");
    };
    solo.act(|node, now| node.respond(now, &question, &[b'x'; 980])).unwrap();
    let to: Vec<_> = solo.sent.iter().map(|(to, _)| *to).collect();
    assert_eq!(to, [addr(1)]);
}

#[test]
fn a_relayed_reply_reaches_a_member_unchanged() {
    let mut solo = Solo::among(lan(0), 3);
    solo.sent.clear();
    solo.hear(2, &relay_to(addr(1), &reply()));
    let mut expected = vec![8];
    expected.extend_from_slice(&reply());
    assert_eq!(solo.said(), [(addr(1), expected)]);
    assert_eq!(solo.node.stats().dropped.total(), 0);
}

/// What an agent with another `query_response_size_limit` answers.
#[test]
fn a_long_reply_is_relayed_too() {
    let long = vec![b'x'; 8192];
    let response = QueryResponse { from: "n2".into(), payload: &long, ..QueryResponse::default() };
    let mut reply = Vec::new();
    SerfMessage::QueryResponse(response).encode(&mut reply);
    let mut solo = Solo::among(lan(0), 3);
    solo.sent.clear();
    solo.hear(2, &relay_to(addr(1), &reply));
    let said = solo.said();
    assert_eq!((said[0].0, &said[0].1[1..]), (addr(1), &*reply));
}

#[test]
fn an_answer_to_ourselves_is_taken_like_any_other() {
    let mut solo = Solo::among(lan(0), 2);
    let asked = solo.act(|node, now| node.query(now, "load", b"", &QueryParams::new())).unwrap();
    solo.pass(secs(1));
    let id = solo.said().iter().find_map(|(_, message)| match SerfMessage::decode(&message[1..]) {
        Ok(SerfMessage::Query(query)) => Some(query.id),
        _ => None,
    });
    let (id, ltime) = (id.unwrap(), asked.ltime());
    let response = QueryResponse { from: "n2".into(), id, ltime, ..QueryResponse::default() };
    let mut reply = Vec::new();
    SerfMessage::QueryResponse(response).encode(&mut reply);
    (solo.events, solo.sent) = (Vec::new(), Vec::new());
    solo.hear(1, &relay_to(addr(0), &reply));
    solo.hear(2, &user(&SerfMessage::QueryResponse(response)));
    assert!(matches!(&solo.events[..], [Event::Reply(reply)] if &*reply.from == "n2"));
    assert_eq!(solo.said(), []);
}

#[test]
fn a_node_relays_only_replies_and_only_to_members() {
    let stranger = SocketAddr::from(([203, 0, 113, 9], 53));
    let mut event = Vec::new();
    let (coalesce, ltime, name, payload) = (false, 1, "deploy".into(), &b""[..]);
    SerfMessage::UserEvent(serfer_proto::wire::serf_message::UserEvent {
        coalesce,
        ltime,
        name,
        payload,
    })
    .encode(&mut event);
    let nested = relay_to(addr(1), &reply());
    let long = vec![b'x'; 65_000];
    let response = QueryResponse { from: "n2".into(), payload: &long, ..QueryResponse::default() };
    let mut long = Vec::new();
    SerfMessage::QueryResponse(response).encode(&mut long);
    for (what, packet, reason) in [
        ("to a stranger", relay_to(stranger, &reply()), DropReason::StrangeAnswerAddress),
        (
            "a stranger's port",
            relay_to(SocketAddr::new(addr(1).ip(), 53), &reply()),
            DropReason::StrangeAnswerAddress,
        ),
        ("an event", relay_to(addr(1), &event), DropReason::UnknownType),
        ("a query", relay_to(addr(1), &relayed_query(1)[1..]), DropReason::UnknownType),
        ("a relay", relay_to(addr(1), &nested[1..]), DropReason::UnknownType),
        ("nothing", relay_to(addr(1), b""), DropReason::UnknownType),
        ("garbage", relay_to(addr(1), b"\x05\xc1"), DropReason::UnknownType),
        ("more than a datagram", relay_to(addr(1), &long), DropReason::Oversized),
    ] {
        let mut solo = Solo::among(lan(0), 3);
        solo.sent.clear();
        solo.hear(2, &packet);
        assert_eq!(solo.said(), [], "{what}");
        assert_eq!(solo.dropped(reason), 1, "{what}");
    }
}

#[test]
fn relays_are_limited_in_each_second() {
    let limits = Limits { relayed_answers: 100, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 3);
    solo.pass(secs(10));
    for second in 1..=3 {
        solo.sent.clear();
        for _ in 0..1000 {
            solo.hear(2, &relay_to(addr(1), &reply()));
        }
        assert_eq!(solo.said().len(), 100);
        assert_eq!(solo.dropped(DropReason::TooOften), second * 900);
        solo.pass(secs(1));
    }
}
