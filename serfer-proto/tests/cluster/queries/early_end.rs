//! Queries that end before their deadline.

use std::time::Duration;

use serfer_proto::{Event, Query, QueryEnd, QueryId, QueryParams, Tags};

use crate::harness::cluster::Cluster;
use crate::harness::network::{ALL, LATENCY};
use crate::harness::support::{lan, local, ms, secs};

/// When a query ended, and why.
fn end(cluster: &Cluster, query: QueryId) -> Option<(Duration, QueryEnd)> {
    let closed = cluster.nodes[0].events.iter().filter_map(|(when, event)| match event {
        Event::QueryClosed(closed) if closed.query == query => Some((*when, closed.end)),
        _ => None,
    });
    let closed: Vec<_> = closed.collect();
    assert!(closed.len() <= 1, "a query ends once");
    closed.first().copied()
}

#[track_caller]
fn why(cluster: &Cluster, query: QueryId) -> Option<QueryEnd> {
    end(cluster, query).map(|(_, why)| why)
}

/// Node 0 sends a query. All that receive it within a second are known to it.
#[track_caller]
fn ask(cluster: &mut Cluster, params: &QueryParams) -> QueryId {
    let params = params.clone().timeout(secs(600));
    let query = cluster.act(0, |node, now| node.query(now, "load", b"", &params)).unwrap();
    cluster.run(secs(1));
    query
}

#[track_caller]
fn answer(cluster: &mut Cluster, at: usize, query: QueryId) {
    let asked = cluster.nodes[at].events.iter().find_map(|(_, event)| match event {
        Event::Query(asked) if asked.id == query => Some(asked.clone()),
        _ => None,
    });
    let asked: Query = asked.unwrap_or_else(|| panic!("node {at} was not asked"));
    cluster.act(at, |node, now| node.respond(now, &asked, b"x")).unwrap();
}

#[track_caller]
fn answers(cluster: &mut Cluster, nodes: impl IntoIterator<Item = usize>, query: QueryId) {
    for at in nodes {
        answer(cluster, at, query);
    }
    cluster.run(secs(1));
}

#[test]
fn a_query_ends_with_the_last_reply_and_not_before() {
    let mut cluster = Cluster::joined(1, 5, local);
    let query = ask(&mut cluster, &QueryParams::new());
    answers(&mut cluster, [4, 2, 0, 3], query);
    assert_eq!(end(&cluster, query), None);
    let answered = cluster.elapsed();
    answers(&mut cluster, [1], query);
    assert_eq!(end(&cluster, query), Some((answered + LATENCY, QueryEnd::Complete)));
}

#[test]
fn members_that_do_not_match_are_not_waited_for() {
    let config =
        |node: usize| local(node).tag("role", if node < 2 { "web" } else { "db" }).unwrap();
    let mut cluster = Cluster::joined(1, 5, config);
    for (params, asked) in [
        (QueryParams::new().node("n1").node("n3").node("n9").node("n1"), vec![1, 3]),
        (QueryParams::new().tag("role", "^db$"), vec![2, 3, 4]),
        (QueryParams::new().tag("role", "w").node("n1").node("n2"), vec![1]),
        (QueryParams::new().tag("zone", "^$"), vec![0, 1, 2, 3, 4]),
    ] {
        let query = ask(&mut cluster, &params);
        let (last, others) = asked.split_last().unwrap();
        answers(&mut cluster, others.iter().copied(), query);
        assert_eq!(why(&cluster, query), None, "{params:?}");
        answers(&mut cluster, [*last], query);
        assert_eq!(why(&cluster, query), Some(QueryEnd::Complete), "{params:?}");
    }
    for nobody in [QueryParams::new().node("n9"), QueryParams::new().tag("role", "mail")] {
        let before = cluster.elapsed();
        let query = ask(&mut cluster, &nobody);
        assert_eq!(end(&cluster, query), Some((before, QueryEnd::Complete)));
    }
}

#[test]
fn tags_count_as_they_were_when_the_query_was_sent() {
    let mut cluster = Cluster::joined(1, 3, |node| local(node).tag("role", "web").unwrap());
    let query = ask(&mut cluster, &QueryParams::new().tag("role", "web"));
    let tags = Tags::from_iter([("role", "db")]);
    cluster.act(2, |node, now| node.set_tags(now, tags)).unwrap();
    cluster.run(secs(1));
    answers(&mut cluster, [0, 1], query);
    assert_eq!(why(&cluster, query), None, "node 2 was asked");
    answers(&mut cluster, [2], query);
    assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
}

#[test]
fn members_that_fail_or_leave_are_no_longer_waited_for() {
    for filter in [QueryParams::new(), QueryParams::new().tag("zone", "")] {
        let mut cluster = Cluster::joined(1, 5, local);
        let query = ask(&mut cluster, &filter);
        answers(&mut cluster, [0, 1, 4], query);
        cluster.kill(2);
        cluster.act(3, |node, now| node.leave(now)).unwrap();
        cluster.run(secs(4));
        assert_eq!(why(&cluster, query), None, "2 may yet be there");
        cluster.run(secs(30));
        assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
    }
}

#[test]
fn a_member_that_replied_and_then_fails_counts_once() {
    for filter in [QueryParams::new(), QueryParams::new().tag("zone", "")] {
        let mut cluster = Cluster::joined(1, 4, local);
        let query = ask(&mut cluster, &filter);
        answers(&mut cluster, [0, 1, 2], query);
        cluster.kill(2);
        cluster.run(secs(60));
        assert_eq!(why(&cluster, query), None, "3 has not answered");
        answers(&mut cluster, [3], query);
        assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
    }
}

#[test]
fn a_member_that_joins_later_is_neither_waited_for_nor_counted() {
    for filter in [QueryParams::new(), QueryParams::new().tag("zone", "")] {
        let mut cluster = Cluster::joined(1, 3, local);
        let query = ask(&mut cluster, &filter);
        cluster.add(local(3));
        cluster.join(3, &[0]);
        cluster.run(secs(1));
        answers(&mut cluster, [0, 1], query);
        // The query is gossiped to the newcomer only while it is new, so another node joins and
        // fails instead.
        cluster.kill(3);
        cluster.run(secs(60));
        assert_eq!(why(&cluster, query), None, "2 has not answered");
        answers(&mut cluster, [2], query);
        assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
    }
}

#[test]
fn a_member_that_is_back_may_reply_but_is_not_waited_for() {
    let mut cluster = Cluster::joined(1, 4, local);
    let query = ask(&mut cluster, &QueryParams::new());
    answers(&mut cluster, [0, 1], query);
    cluster.network.cut(&[2], &[0, 1, 3], ALL);
    cluster.run(secs(30));
    cluster.network.heal();
    cluster.run(secs(60));
    answers(&mut cluster, [2], query);
    assert_eq!(why(&cluster, query), None, "3 has not answered");
    let replies = cluster.nodes[0].events.iter();
    let replies =
        replies.filter(|(_, event)| matches!(event, Event::Reply(it) if it.query == query));
    assert_eq!(replies.count(), 3);
    answers(&mut cluster, [3], query);
    assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
}

#[test]
fn it_settles_once_all_have_acked_and_nothing_has_come_for_a_while() {
    let mut cluster = Cluster::joined(1, 3, local);
    let query = ask(&mut cluster, &QueryParams::new().settle(secs(2)));
    // All acks are there. Each reply starts the wait again.
    answers(&mut cluster, [1], query);
    cluster.run(ms(500));
    assert_eq!(why(&cluster, query), None);
    let answered = cluster.elapsed();
    answers(&mut cluster, [2], query);
    cluster.run(secs(5));
    assert_eq!(end(&cluster, query), Some((answered + LATENCY + secs(2), QueryEnd::Settled)));

    let query = ask(&mut cluster, &QueryParams::new().settle(secs(600)));
    answers(&mut cluster, [0, 1, 2], query);
    assert_eq!(why(&cluster, query), Some(QueryEnd::Complete));
}

#[test]
fn a_member_without_an_ack_keeps_a_query_open_until_it_fails() {
    let mut cluster = Cluster::joined(1, 3, local);
    cluster.kill(2);
    let query = ask(&mut cluster, &QueryParams::new().settle(ms(100)));
    cluster.run(secs(1));
    assert_eq!(why(&cluster, query), None);
    cluster.run(secs(60));
    assert_eq!(why(&cluster, query), Some(QueryEnd::Settled));
}

#[test]
fn a_query_may_wait_for_its_deadline_as_in_go() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let start = cluster.elapsed();
    let query = ask(&mut cluster, &QueryParams::new().until_timeout());
    answers(&mut cluster, [0, 1, 2], query);
    cluster.run(secs(600));
    assert_eq!(end(&cluster, query), Some((start + secs(600), QueryEnd::TimedOut)));
}

#[test]
fn the_default_deadline_is_that_of_go() {
    for (size, gossip_ticks) in [(1, 16), (9, 16), (10, 32)] {
        let mut cluster = Cluster::new(1);
        for at in 0..size {
            cluster.add(lan(at));
            cluster.join(at, &[0]);
        }
        cluster.run(secs(10));
        let start = cluster.elapsed();
        let params = QueryParams::new();
        let query = cluster.act(0, |node, now| node.query(now, "load", b"", &params)).unwrap();
        cluster.run(secs(10));
        let timeout = ms(200) * gossip_ticks;
        assert_eq!(end(&cluster, query), Some((start + timeout, QueryEnd::TimedOut)));
    }
}

#[test]
fn a_ping_ends_when_all_have_acked() {
    let mut cluster = Cluster::joined(1, 5, lan);
    let ping = |cluster: &mut Cluster, params: QueryParams| {
        let query = cluster.act(0, |node, now| node.query(now, "_serf_ping", b"", &params));
        cluster.run(secs(2));
        why(cluster, query.unwrap())
    };
    assert_eq!(ping(&mut cluster, QueryParams::new()), Some(QueryEnd::Complete));
    let silent = QueryParams::new().without_acks();
    assert_eq!(ping(&mut cluster, silent), None, "nothing will come");
}
