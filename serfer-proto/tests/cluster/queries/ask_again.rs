//! Queries that go again, directly, to those that have not been heard of.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::wire::message::Message;
use serfer_proto::wire::serf_message::{
    FLAG_ACK, FLAG_NO_BROADCAST, Query, QueryResponse, SerfMessage,
};
use serfer_proto::{Config, Event, Limits, Queries, QueryId, QueryParams};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive_at, dead, query, user};
use crate::harness::network::{UDP, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, name, secs};

/// A quarter of the default timeout in a small cluster, with the LAN preset.
const QUARTER: Duration = ms(800);

fn ask_again(config: Config, ask_again: u32) -> Config {
    config.queries(Queries { ask_again, ..Queries::default() })
}

/// The flags and receivers of all queries that a node sent directly, each by itself in a packet.
fn asked_again(solo: &mut Solo) -> Vec<(SocketAddr, u32)> {
    let said = solo.said();
    let queries = said.iter().filter_map(|(to, message)| match Message::decode(message) {
        Ok(Message::User(body)) => match SerfMessage::decode(body) {
            Ok(SerfMessage::Query(query)) if query.flags & FLAG_NO_BROADCAST != 0 => {
                Some((*to, query.flags))
            }
            _ => None,
        },
        _ => None,
    });
    queries.collect()
}

/// Node 0 hears that a member acks or replies.
fn answer(solo: &mut Solo, member: usize, query: QueryId, flags: u32) {
    let (from, ltime) = (name(member), query.ltime());
    // The random half of its identity is in what was sent.
    let id = solo.sent.iter().find_map(|(_, packet)| query_in(packet)).unwrap();
    let response = QueryResponse { flags, from: (&*from).into(), id, ltime, payload: b"x" };
    solo.hear(member, &user(&SerfMessage::QueryResponse(response)));
}

fn query_in(packet: &[u8]) -> Option<u32> {
    crate::harness::craft::messages(packet).iter().find_map(|message| {
        let Ok(Message::User(body)) = Message::decode(message) else { return None };
        match SerfMessage::decode(body) {
            Ok(SerfMessage::Query(query)) => Some(query.id),
            _ => None,
        }
    })
}

fn ask(solo: &mut Solo, params: &QueryParams) -> QueryId {
    solo.act(|node, now| node.query(now, "load", b"now?", params)).unwrap()
}

fn silent(solo: &Solo) -> Vec<String> {
    let closed = solo.events.iter().find_map(|event| match event {
        Event::QueryClosed(closed) => Some(closed.silent.clone()),
        _ => None,
    });
    let mut silent: Vec<_> =
        closed.expect("it is closed").iter().map(|it| it.to_string()).collect();
    silent.sort_unstable();
    silent
}

#[test]
fn at_each_quarter_it_goes_to_those_that_are_silent() {
    let mut solo = Solo::among(lan(0), 4);
    let query = ask(&mut solo, &QueryParams::new());
    solo.pass(ms(799));
    let gossiped = solo.sent.clone();
    assert_eq!(asked_again(&mut solo), []);
    solo.sent = gossiped;
    answer(&mut solo, 1, query, FLAG_ACK);
    answer(&mut solo, 2, query, 0);
    solo.sent.clear();
    let direct = FLAG_ACK | FLAG_NO_BROADCAST;
    solo.pass(ms(1));
    assert_eq!(asked_again(&mut solo), [(addr(3), direct), (addr(4), direct)]);
    assert_eq!(solo.node.stats().queries_repeated, 2);

    for rounds in [1, 1, 0] {
        solo.hear(3, &dead(3, 3, 1));
        solo.pass(QUARTER);
        assert_eq!(asked_again(&mut solo), vec![(addr(4), direct); rounds], "3 is gone");
    }
    solo.pass(secs(1));
    assert_eq!(silent(&solo), ["n4"]);
    assert_eq!(solo.node.stats().queries_repeated, 4);
}

#[test]
fn a_query_that_all_have_answered_is_not_asked_again() {
    let mut solo = Solo::among(lan(0), 2);
    let query = ask(&mut solo, &QueryParams::new().until_timeout());
    solo.pass(ms(400));
    [0, FLAG_ACK].iter().for_each(|&flags| answer(&mut solo, 1, query, flags));
    answer(&mut solo, 2, query, 0);
    solo.sent.clear();
    solo.pass(secs(4));
    assert_eq!(asked_again(&mut solo), []);
    assert_eq!(silent(&solo), [""; 0]);
}

/// Silence is no sign that a query was lost if most members have nothing to say.
#[test]
fn without_acks_it_goes_again_only_if_replies_are_usual() {
    for (replies, again) in [(0, 0), (1, 0), (2, 0), (3, 3)] {
        let mut solo = Solo::among(lan(0), 5);
        let query = ask(&mut solo, &QueryParams::new().without_acks());
        solo.pass(ms(400));
        (1..=replies).for_each(|member| answer(&mut solo, member, query, 0));
        solo.sent.clear();
        solo.pass(ms(401));
        // Of six members, this node has not replied itself.
        let asked = asked_again(&mut solo);
        assert_eq!(asked.len(), if again > 0 { 2 } else { 0 }, "after {replies} replies");
        assert!(asked.iter().all(|(_, flags)| *flags == FLAG_NO_BROADCAST));
    }
}

#[test]
fn who_acks_and_does_not_reply_is_asked_again_only_if_replies_are_usual() {
    for (replies, again) in [(1, false), (3, true)] {
        let mut solo = Solo::among(lan(0), 4);
        let query = ask(&mut solo, &QueryParams::new());
        solo.pass(ms(400));
        (1..=4).for_each(|member| answer(&mut solo, member, query, FLAG_ACK));
        (1..=replies).for_each(|member| answer(&mut solo, member, query, 0));
        solo.sent.clear();
        solo.pass(ms(401));
        let asked: Vec<_> = asked_again(&mut solo).iter().map(|(to, _)| *to).collect();
        let expected: Vec<_> = if again { vec![addr(4)] } else { vec![] };
        assert_eq!(asked, expected, "after {replies} replies");
    }
}

#[test]
fn a_filter_holds_for_asking_again_too() {
    let mut solo = Solo::among(lan(0), 4);
    ask(&mut solo, &QueryParams::new().node("n2").node("n9"));
    solo.sent.clear();
    solo.pass(secs(2));
    let asked = asked_again(&mut solo);
    assert!(!asked.is_empty() && asked.iter().all(|(to, _)| *to == addr(2)), "{asked:?}");
    solo.pass(secs(2));
    assert_eq!(silent(&solo), ["n2"]);
}

#[test]
fn it_is_asked_again_as_often_as_is_set() {
    for rounds in 0..=3 {
        let mut solo = Solo::among(ask_again(lan(0), rounds), 1);
        ask(&mut solo, &QueryParams::new());
        solo.pass(secs(5));
        assert_eq!(asked_again(&mut solo).len(), rounds as usize);
        assert_eq!(silent(&solo), ["n1"]);
    }
    let error = ask_again(lan(0), 4).advertise(addr(0)).check().unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("queries.ask_again") && text.contains('4') && text.contains('3'),
        "{text}"
    );
}

/// A query with a long timeout is asked again when others are, and one with a short timeout in time.
#[test]
fn when_it_is_asked_again_follows_the_shorter_timeout() {
    for (timeout, first) in [(secs(600), QUARTER), (ms(400), ms(100))] {
        let mut solo = Solo::among(lan(0), 1);
        ask(&mut solo, &QueryParams::new().timeout(timeout));
        solo.pass(first - ms(1));
        assert_eq!(asked_again(&mut solo), []);
        solo.pass(ms(1));
        assert_eq!(asked_again(&mut solo).len(), 1);
    }
}

/// A node that knows thousands of members, none of which answers, never sends many messages at a time.
#[test]
fn a_large_cluster_is_asked_again_without_a_burst() {
    let limits = Limits { members: 10_000, ..Limits::default() };
    let mut solo = Solo::unanswered(ask_again(lan(0), 1).limits(limits));
    for member in 0..3000_u16 {
        let [high, low] = member.to_be_bytes();
        let at = SocketAddr::from(([10, 1, high, low], 7946));
        solo.hear(1, &alive_at(&format!("m{member}"), at, 1));
    }
    ask(&mut solo, &QueryParams::new());
    ask(&mut solo, &QueryParams::new().timeout(secs(60)));
    solo.sent.clear();
    let (mut asked, mut second) = (0, 0);
    for tick in 0..600 {
        solo.pass(ms(10));
        let now = asked_again(&mut solo).len();
        assert!(now <= 64, "{now} in 10 ms");
        asked += now;
        second = if tick % 100 == 0 { now } else { second + now };
        assert!(second <= 1024 + 64, "{second} in a second");
    }
    assert!(asked >= 2500, "{asked}");
    assert_eq!(solo.node.stats().queries_repeated as usize, asked);
}

/// The whole way: a node that gossip never reaches gets the query, and its answers come back.
#[test]
fn a_member_that_gossip_does_not_reach_answers_all_the_same() {
    let mut cluster = Cluster::joined(1, 3, lan);
    // Nothing reaches node 2 while the query spreads.
    cluster.network.cut_one_way(&[0, 1], &[2], UDP);
    let query =
        cluster.act(0, |node, now| node.query(now, "load", b"", &QueryParams::new())).unwrap();
    cluster.run(ms(790));
    cluster.network.heal();
    cluster.run(ms(30));
    let asked = cluster.nodes[2].events.iter().find_map(|(_, event)| match event {
        Event::Query(asked) => Some(asked.clone()),
        _ => None,
    });
    let asked = asked.expect("it was asked directly");
    cluster.act(2, |node, now| node.respond(now, &asked, b"fine")).unwrap();
    cluster.run(ms(10));
    let acked = |event: &Event| matches!(event, Event::Ack(ack) if &*ack.from == "n2");
    assert!(cluster.nodes[0].events.iter().any(|(_, event)| acked(event)));
    let replied = |event: &Event| matches!(event, Event::Reply(reply) if reply.query == query);
    assert_eq!(cluster.nodes[0].events.iter().filter(|(_, event)| replied(event)).count(), 1);
}

fn incoming(flags: u32) -> Vec<u8> {
    user(&SerfMessage::Query(Query { flags, relay_factor: 2, ..query() }))
}

/// The acks and replies that a node sent, without what others are to relay.
fn answers(solo: &mut Solo) -> Vec<(SocketAddr, u32)> {
    let said = solo.said();
    let answers = said.iter().filter_map(|(to, message)| match Message::decode(message) {
        Ok(Message::User(body)) => match SerfMessage::decode(body) {
            Ok(SerfMessage::QueryResponse(response)) => Some((*to, response.flags)),
            _ => None,
        },
        _ => None,
    });
    answers.collect()
}

fn respond(solo: &mut Solo) {
    let query = solo.events.iter().find_map(|event| match event {
        Event::Query(query) => Some(query.clone()),
        _ => None,
    });
    let query = query.expect("it was asked");
    solo.act(|node, now| node.respond(now, &query, b"fine")).unwrap();
}

#[test]
fn whoever_asks_again_gets_the_ack_and_the_reply_again() {
    let mut solo = Solo::among(lan(0), 4);
    solo.hear(1, &incoming(FLAG_ACK));
    assert_eq!(answers(&mut solo), [(addr(1), FLAG_ACK)]);
    solo.sent.clear();
    let direct = FLAG_ACK | FLAG_NO_BROADCAST;
    solo.hear(1, &incoming(direct));
    assert_eq!(answers(&mut solo), [(addr(1), FLAG_ACK)], "there is no reply yet");
    respond(&mut solo);
    solo.sent.clear();
    solo.hear(1, &incoming(direct));
    assert_eq!(answers(&mut solo), [(addr(1), FLAG_ACK), (addr(1), 0)]);
    solo.sent.clear();
    solo.hear(1, &incoming(FLAG_NO_BROADCAST));
    assert_eq!(answers(&mut solo), [(addr(1), 0)], "it does not want an ack");
    assert_eq!(solo.node.stats().answers_repeated, 4);
    solo.sent.clear();
    solo.hear(1, &incoming(direct));
    assert_eq!(answers(&mut solo), [], "three times are enough");
    let asked = solo.events.iter().filter(|event| matches!(event, Event::Query(_))).count();
    assert_eq!(asked, 1, "the application has it once");
}

/// A query that comes again by gossip, as between Go's nodes, is a copy and nothing else.
#[test]
fn a_copy_from_gossip_is_not_answered_again() {
    let mut solo = Solo::among(lan(0), 4);
    solo.hear(1, &incoming(FLAG_ACK));
    respond(&mut solo);
    solo.sent.clear();
    solo.hear(1, &incoming(FLAG_ACK));
    assert_eq!(answers(&mut solo), []);
}

/// Answers that are repeated go where the first ones went, whoever asks for them.
#[test]
fn nobody_can_direct_repeated_answers_at_a_stranger() {
    let mut solo = Solo::among(lan(0), 4);
    solo.hear(1, &incoming(FLAG_ACK));
    respond(&mut solo);
    solo.sent.clear();
    let elsewhere = user(&SerfMessage::Query(Query {
        addr: &[203, 0, 113, 9],
        port: 53,
        flags: FLAG_ACK | FLAG_NO_BROADCAST,
        source_node: "n9".into(),
        ..query()
    }));
    solo.hear(3, &elsewhere);
    assert_eq!(answers(&mut solo), []);
}

#[test]
fn a_query_that_is_for_others_is_not_answered_when_it_comes_again() {
    let filters = serfer_proto::wire::seq::SeqBuf::of([&b"\x00\x91\xa2n9"[..]]);
    let mut solo = Solo::among(lan(0), 4);
    for flags in [FLAG_ACK, FLAG_ACK | FLAG_NO_BROADCAST] {
        let query = Query { filters: filters.as_seq(), flags, ..query() };
        solo.hear(1, &user(&SerfMessage::Query(query)));
    }
    assert_eq!(answers(&mut solo), []);
}
