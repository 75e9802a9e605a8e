//! Outgoing queries: who is asked, and how acks and replies come back.

use std::time::Duration;

use serfer_proto::{
    Config, Event, Keyring, Label, Query, QueryEnd, QueryError, QueryId, QueryParams, RespondError,
    SecretKey, Status,
};

use crate::harness::cluster::Cluster;
use crate::harness::network::{ALL, LATENCY};
use crate::harness::support::{lan, local, ms, name, secs};

/// What a node was told about its query: who acked, who replied what, and when it closed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    acks: Vec<String>,
    replies: Vec<(String, Vec<u8>)>,
    closed: Option<(Duration, QueryEnd)>,
}

fn outcome(cluster: &Cluster, at: usize, query: QueryId) -> Outcome {
    let mut outcome = Outcome::default();
    for (when, event) in &cluster.nodes[at].events {
        match event {
            Event::Ack(ack) if ack.query == query => outcome.acks.push(ack.from.to_string()),
            Event::Reply(reply) if reply.query == query => {
                outcome.replies.push((reply.from.to_string(), reply.payload.to_vec()));
            }
            Event::QueryClosed(closed) if closed.query == query => {
                outcome.closed = Some((*when, closed.end));
            }
            _ => {}
        }
    }
    outcome.acks.sort_unstable();
    outcome.replies.sort_unstable();
    outcome
}

/// The queries that a node was told about.
fn asked(cluster: &Cluster, at: usize) -> Vec<Query> {
    let events = cluster.nodes[at].events.iter();
    let queries = events.filter_map(|(_, event)| match event {
        Event::Query(query) => Some(query.clone()),
        _ => None,
    });
    queries.collect()
}

fn who_was_asked(cluster: &Cluster) -> Vec<usize> {
    cluster.running().filter(|&at| !asked(cluster, at).is_empty()).collect()
}

#[track_caller]
fn ask(cluster: &mut Cluster, at: usize, params: &QueryParams) -> QueryId {
    cluster.act(at, |node, now| node.query(now, "load", b"now?", params)).unwrap()
}

fn names(nodes: impl IntoIterator<Item = usize>) -> Vec<String> {
    nodes.into_iter().map(name).collect()
}

#[test]
fn every_node_is_asked_once_acks_and_replies() {
    for (seed, count) in [(1, 5), (2, 20)] {
        let mut cluster = Cluster::joined(seed, count, lan);
        let query = ask(&mut cluster, 0, &QueryParams::new());
        cluster.run_until(secs(3), |it| who_was_asked(it).len() == count);
        for at in 0..count {
            let [question] = &asked(&cluster, at)[..] else {
                panic!("node {at} was asked more than once");
            };
            assert_eq!((question.id, &*question.name, &*question.from), (query, "load", "n0"));
            assert_eq!(question.payload, &b"now?"[..]);
            let answer = name(at).into_bytes();
            cluster.act(at, |node, now| node.respond(now, question, &answer)).unwrap();
        }
        let answered = cluster.elapsed();
        cluster.run(secs(30));
        let outcome = outcome(&cluster, 0, query);
        let mut everybody = names(0..count);
        everybody.sort_unstable();
        assert_eq!(outcome.acks, everybody);
        let answers = everybody.iter().map(|name| (name.clone(), name.clone().into_bytes()));
        assert_eq!(outcome.replies, answers.collect::<Vec<_>>());
        assert_eq!(outcome.closed, Some((answered + LATENCY, QueryEnd::Complete)));
        assert!((0..count).all(|at| asked(&cluster, at).len() == 1));
    }
}

#[test]
fn a_lone_node_asks_itself() {
    let mut cluster = Cluster::new(1);
    cluster.add(lan(0));
    let query = ask(&mut cluster, 0, &QueryParams::new());
    let question = asked(&cluster, 0).remove(0);
    cluster.act(0, |node, now| node.respond(now, &question, b"fine")).unwrap();
    cluster.run(secs(10));
    let outcome = outcome(&cluster, 0, query);
    assert_eq!(outcome.acks, ["n0"]);
    assert_eq!(outcome.replies, [("n0".to_owned(), b"fine".to_vec())]);
    assert_eq!(outcome.closed, Some((Duration::ZERO, QueryEnd::Complete)));
}

#[test]
fn filters_choose_the_nodes_that_are_asked() {
    let config = |node: usize| {
        let role = if node < 2 { "web" } else { "db" };
        lan(node).tag("role", role).unwrap().tag("rack", node.to_string()).unwrap()
    };
    let who = |params: QueryParams| {
        let mut cluster = Cluster::joined(1, 5, config);
        let query = ask(&mut cluster, 0, &params);
        cluster.run(secs(5));
        let asked = who_was_asked(&cluster);
        assert_eq!(outcome(&cluster, 0, query).acks, names(asked.clone()));
        asked
    };
    let all = QueryParams::new;
    assert_eq!(who(all()), [0, 1, 2, 3, 4]);
    assert_eq!(who(all().node("n1")), [1]);
    assert_eq!(who(all().node("n1").node("n3").node("n9")), [1, 3]);
    assert_eq!(who(all().tag("role", "^web$")), [0, 1]);
    assert_eq!(who(all().tag("role", "b")), [0, 1, 2, 3, 4]);
    assert_eq!(who(all().tag("role", "^db$").tag("rack", "[34]")), [3, 4]);
    assert_eq!(who(all().tag("role", "^db$").node("n1").node("n2")), [2]);
    assert_eq!(who(all().tag("zone", "^$")), [0, 1, 2, 3, 4]);
    assert_eq!(who(all().node("n9")), [0; 0]);
}

#[test]
fn a_filter_sees_the_tags_of_now() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let tags = serfer_proto::Tags::from_iter([("role", "web")]);
    cluster.act(2, |node, now| node.set_tags(now, tags)).unwrap();
    ask(&mut cluster, 0, &QueryParams::new().tag("role", "web"));
    cluster.run(secs(5));
    assert_eq!(who_was_asked(&cluster), [2]);
}

#[test]
fn a_query_that_asks_for_no_acks_gets_none() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let query = ask(&mut cluster, 0, &QueryParams::new().without_acks());
    cluster.run(secs(2));
    let question = asked(&cluster, 2).remove(0);
    cluster.act(2, |node, now| node.respond(now, &question, b"x")).unwrap();
    cluster.run(secs(5));
    let outcome = outcome(&cluster, 0, query);
    assert_eq!(outcome.acks, [""; 0]);
    assert_eq!(outcome.replies, [("n2".to_owned(), b"x".to_vec())]);
}

#[test]
fn a_query_closes_at_its_deadline() {
    let mut cluster = Cluster::joined(1, 2, lan);
    for (timeout, closes) in [
        (Duration::ZERO, Duration::ZERO),
        (ms(700), ms(700)),
        (secs(600), secs(600)),
        (Duration::MAX, secs(3600)),
    ] {
        let start = cluster.elapsed();
        let query = ask(&mut cluster, 0, &QueryParams::new().timeout(timeout));
        cluster.run(closes + secs(1));
        let closed = outcome(&cluster, 0, query).closed;
        assert_eq!(closed, Some((start + closes, QueryEnd::TimedOut)));
    }
}

#[test]
fn a_node_replies_only_once() {
    let mut cluster = Cluster::joined(1, 2, lan);
    let query = ask(&mut cluster, 0, &QueryParams::new());
    cluster.run(secs(1));
    for at in [0, 1] {
        let question = asked(&cluster, at).remove(0);
        cluster.act(at, |node, now| node.respond(now, &question, b"first")).unwrap();
        let second = cluster.act(at, |node, now| node.respond(now, &question, b"second"));
        assert_eq!(second, Err(RespondError::Answered));
        assert_eq!(second.unwrap_err().to_string(), "the query was answered already");
    }
    cluster.run(secs(5));
    let expected = names([0, 1]).into_iter().map(|name| (name, b"first".to_vec()));
    assert_eq!(outcome(&cluster, 0, query).replies, expected.collect::<Vec<_>>());
}

#[test]
fn an_answer_after_the_deadline_is_refused() {
    let mut cluster = Cluster::joined(1, 2, lan);
    let query = ask(&mut cluster, 0, &QueryParams::new());
    cluster.run_until(secs(1), |it| !asked(it, 1).is_empty());
    let question = asked(&cluster, 1).remove(0);
    cluster.run(question.deadline - cluster.network.now + Duration::from_nanos(1));
    let late = cluster.act(1, |node, now| node.respond(now, &question, b"x"));
    assert_eq!(late, Err(RespondError::Late));
    assert_eq!(late.unwrap_err().to_string(), "the query's deadline has passed");

    // A reply that is sent in time but arrives too late is not reported, and nobody is to blame.
    let other = ask(&mut cluster, 0, &QueryParams::new().timeout(ms(3000)));
    cluster.run(ms(2999));
    let question = asked(&cluster, 1).remove(1);
    cluster.act(1, |node, now| node.respond(now, &question, b"x")).unwrap();
    cluster.run(LATENCY);
    assert_eq!(outcome(&cluster, 0, other).replies, []);
    assert_eq!(outcome(&cluster, 0, query).replies, []);
}

#[test]
fn an_answer_that_is_too_large_may_be_made_smaller() {
    let mut cluster = Cluster::joined(1, 2, lan);
    let query = ask(&mut cluster, 0, &QueryParams::new());
    cluster.run(secs(1));
    let question = asked(&cluster, 1).remove(0);
    let answer = vec![b'x'; 1000];
    let error = cluster.act(1, |node, now| node.respond(now, &question, &answer)).unwrap_err();
    let RespondError::TooLarge { len, max: 1024 } = error else {
        panic!("{error:?}");
    };
    assert_eq!(
        error.to_string(),
        format!(
            "answer of {len} encoded bytes exceeds 1024 bytes; see `Queries::response_len_max`"
        )
    );
    let largest = &answer[..1000 - (len - 1024)];
    cluster.act(1, |node, now| node.respond(now, &question, largest)).unwrap();
    cluster.run(secs(1));
    assert_eq!(outcome(&cluster, 0, query).replies[0].1, largest);
}

/// A reply is one datagram, which may be longer than all others.
#[test]
fn the_largest_answer_there_can_be_arrives_however_it_is_sealed() {
    let key = || Keyring::new(SecretKey::new(&[1; 16]).unwrap());
    let label = || Label::new("b".repeat(255)).unwrap();
    let queries = serfer_proto::Queries { response_len_max: 65_000, ..Default::default() };
    for seal in [false, true] {
        let mut cluster = Cluster::joined(1, 2, |node| {
            let config = lan(node).queries(queries);
            if seal { config.keyring(key()).label(label()) } else { config }
        });
        let query = ask(&mut cluster, 0, &QueryParams::new());
        cluster.run(secs(1));
        let question = asked(&cluster, 1).remove(0);
        let answer = vec![b'x'; 65_000];
        let error = cluster.act(1, |node, now| node.respond(now, &question, &answer)).unwrap_err();
        let RespondError::TooLarge { len, max: 65_000 } = error else {
            panic!("{error:?}");
        };
        let largest = &answer[..65_000 - (len - 65_000)];
        cluster.network.recording = Some([Vec::new(), Vec::new()]);
        cluster.act(1, |node, now| node.respond(now, &question, largest)).unwrap();
        let [datagrams, _] = cluster.network.recording.take().unwrap();
        assert!((65_000..=65_507).contains(&datagrams[0].len()));
        cluster.run(secs(1));
        assert_eq!(outcome(&cluster, 0, query).replies[0].1, largest);
    }
}

#[test]
fn the_largest_query_there_can_be_arrives() {
    let key = || Keyring::new(SecretKey::new(&[1; 16]).unwrap());
    let sealed = |config: Config| config.keyring(key()).label(Label::new("blue").unwrap());
    for seal in [false, true] {
        let queries = serfer_proto::Queries { len_max: 65_000, ..Default::default() };
        let mut cluster = Cluster::joined(1, 3, |node| {
            let config = lan(node).queries(queries);
            if seal { sealed(config) } else { config }
        });
        let ask = |cluster: &mut Cluster, len: usize| {
            let payload = vec![b'x'; len];
            cluster.act(0, |node, now| node.query(now, "a", &payload, &QueryParams::new()))
        };
        let Err(QueryError::TooLarge { len, max }) = ask(&mut cluster, 3000) else {
            panic!("it is larger than a packet");
        };
        ask(&mut cluster, 3000 - (len - max)).unwrap();
        cluster.run_until(secs(5), |it| who_was_asked(it).len() == 3);
        cluster.run(secs(5));
        assert!(cluster.is_quiet(), "it does not wait in a queue for a larger packet");
    }
}

#[test]
fn a_query_that_is_refused_changes_nothing() {
    let mut cluster = Cluster::joined(1, 2, lan);
    let ask = |cluster: &mut Cluster, name: &str, payload: &[u8]| {
        let error = cluster.act(0, |node, now| node.query(now, name, payload, &QueryParams::new()));
        error.map(|id| id.ltime()).map_err(|error| error.to_string())
    };
    let too_large = ask(&mut cluster, "a", &[0; 1000]).unwrap_err();
    assert!(too_large.starts_with("query of 1"), "{too_large}");
    assert!(
        too_large.ends_with("encoded bytes exceeds 1024 bytes; see `Queries::len_max`"),
        "{too_large}"
    );
    let reserved = ask(&mut cluster, "_serf_conflict", b"n0").unwrap_err();
    assert_eq!(
        reserved,
        "query name \"_serf_conflict\" starts with the reserved prefix \"_serf_\""
    );
    cluster.run(secs(10));
    assert_eq!((who_was_asked(&cluster), cluster.is_quiet()), (vec![], true));
    assert_eq!(ask(&mut cluster, "a", b""), Ok(1));
}

#[test]
fn a_protocol_without_queries_sends_none_but_gossips_them() {
    let mut cluster = Cluster::joined(1, 3, |node| match node {
        0 => lan(0).serf_protocol(3),
        _ => lan(node),
    });
    let error = cluster.act(0, |node, now| node.query(now, "a", b"", &QueryParams::new()));
    assert_eq!(error, Err(QueryError::Protocol { protocol: 3 }));
    assert_eq!(error.unwrap_err().to_string(), "serf protocol 3 has no queries, set 4 or 5");
    cluster.network.cut(&[1], &[2], ALL);
    ask(&mut cluster, 1, &QueryParams::new());
    cluster.run(secs(2));
    assert!(who_was_asked(&cluster).contains(&2));
}

#[test]
fn only_so_many_queries_are_open() {
    let limits = serfer_proto::Limits { open_queries: 3, ..Default::default() };
    let mut cluster = Cluster::joined(1, 2, |node| local(node).limits(limits));
    for _ in 0..3 {
        ask(&mut cluster, 0, &QueryParams::new());
        cluster.run(ms(100));
    }
    let error = cluster.act(0, |node, now| node.query(now, "a", b"", &QueryParams::new()));
    assert_eq!(error, Err(QueryError::TooMany { open: 3 }));
    assert_eq!(error.unwrap_err().to_string(), "3 queries are open, the most there may be");
    cluster.run(ms(1300));
    ask(&mut cluster, 0, &QueryParams::new());
}

#[test]
fn serf_s_own_ping_is_acked_and_never_told() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let ping = |node: &mut serfer_proto::Endpoint, now| {
        node.query(now, "_serf_ping", b"", &QueryParams::new())
    };
    let query = cluster.act(0, ping).unwrap();
    cluster.run(secs(5));
    assert_eq!(outcome(&cluster, 0, query).acks, names(0..3));
    assert_eq!(who_was_asked(&cluster), [0; 0]);
}

#[test]
fn a_leaving_node_still_gets_its_replies() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let query = ask(&mut cluster, 0, &QueryParams::new().timeout(secs(20)));
    cluster.run(secs(1));
    cluster.act(0, |node, now| node.leave(now)).unwrap();
    cluster.run(secs(10));
    assert_eq!(cluster.status(1, 0), Some(Status::Left));
    let question = asked(&cluster, 1).remove(0);
    cluster.act(1, |node, now| node.respond(now, &question, b"x")).unwrap();
    cluster.run(secs(1));
    assert_eq!(outcome(&cluster, 0, query).replies, [(name(1), b"x".to_vec())]);
}
