//! Name conflicts: two nodes of one name, and the vote between them.

use serfer_proto::wire::message::Message;
use serfer_proto::wire::serf_message::{Query, QueryResponse, SerfMessage};
use serfer_proto::{Event, NameConflicts, ShutdownReason};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive_at, user};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, name, secs};

fn wants_shutdown(cluster: &Cluster, at: usize) -> Option<ShutdownReason> {
    cluster.nodes[at].events.iter().find_map(|(_, event)| match event {
        Event::ShutdownWanted(reason) => Some(*reason),
        _ => None,
    })
}

/// The conflict queries that it sent since the last call.
fn votes(solo: &mut Solo) -> Vec<(u64, u32)> {
    let said = solo.said();
    let votes = said.iter().filter_map(|(_, message)| match SerfMessage::decode(&message[1..]) {
        Ok(SerfMessage::Query(it)) if &*it.name.to_string_lossy() == "_serf_conflict" => {
            Some((it.ltime, it.id))
        }
        _ => None,
    });
    let mut votes: Vec<_> = votes.collect();
    votes.dedup();
    votes
}

/// A node at node 9's address takes the name of node 0.
fn claim() -> Vec<u8> {
    alive_at("n0", addr(9), 3)
}

#[test]
fn of_two_live_nodes_the_newcomer_shuts_down() {
    for size in [2, 3, 8] {
        let mut cluster = Cluster::joined(1, size, local);
        // Node `size` also calls itself n0.
        cluster.add(local(size).named("n0"));
        cluster.join(size, &[size - 1]);
        cluster.run(secs(10));
        let lost = wants_shutdown(&cluster, size);
        let Some(ShutdownReason::NameTaken { ours: 0, responses }) = lost else {
            panic!("{lost:?}");
        };
        assert!(responses >= 1, "at least its seed knows where it claims to be");
        assert!((0..size).all(|at| wants_shutdown(&cluster, at).is_none()));
    }
}

#[test]
fn a_forged_claim_shuts_no_node_down() {
    for size in [1, 2, 5] {
        let mut cluster = Cluster::new(1);
        for at in 0..size {
            cluster.add(local(at));
            cluster.join(at, &[0]);
        }
        cluster.run(secs(5));
        for _ in 0..20 {
            cluster.hear(0, size - 1, &claim());
            cluster.run(secs(1));
        }
        assert_eq!(wants_shutdown(&cluster, 0), None);
        assert!(cluster.agree());
    }
}

#[test]
fn one_vote_at_a_time() {
    let mut solo = Solo::among(lan(0), 3);
    solo.pass(secs(10));
    solo.sent.clear();
    for _ in 0..50 {
        solo.hear(1, &claim());
    }
    solo.pass(secs(3));
    assert_eq!(votes(&mut solo).len(), 1);
    solo.pass(secs(2));
    solo.hear(1, &claim());
    solo.pass(secs(1));
    assert_eq!(votes(&mut solo).len(), 1, "another, five seconds later");
}

#[test]
fn a_node_that_only_reports_conflicts_starts_no_vote() {
    let mut solo = Solo::among(lan(0).name_conflicts(NameConflicts::Report), 3);
    solo.hear(1, &claim());
    solo.pass(secs(5));
    assert_eq!(votes(&mut solo), []);
    assert!(matches!(&solo.events[..], [Event::Conflict(_)]));
}

#[test]
fn only_members_vote_each_once() {
    let lost = |voters: &[&str]| {
        let mut solo = Solo::among(lan(0), 3);
        solo.pass(secs(10));
        solo.sent.clear();
        solo.hear(1, &claim());
        solo.pass(secs(1));
        let [(ltime, id)] = votes(&mut solo)[..] else {
            panic!("it asks once");
        };
        // "I know nobody of that name."
        let payload = b"\x06\xc0";
        for from in voters {
            let from = (*from).into();
            let response = QueryResponse { flags: 0, from, id, ltime, payload };
            solo.hear(1, &user(&SerfMessage::QueryResponse(response)));
        }
        solo.pass(secs(5));
        solo.events.iter().find_map(|event| match event {
            Event::ShutdownWanted(ShutdownReason::NameTaken { responses, .. }) => Some(*responses),
            _ => None,
        })
    };
    assert_eq!(lost(&["n7", "n8", "n9"]), None);
    assert_eq!(lost(&["n1", "n1", "n1"]), Some(1));
    assert_eq!(lost(&["n1", "n2", "n3"]), Some(3));
}

/// How it answers node 1's conflict query, and to which address.
fn answer(solo: &mut Solo, about: &[u8], by: &str) -> Option<(std::net::SocketAddr, Vec<u8>)> {
    solo.sent.clear();
    let query = Query {
        addr: &[10, 0, 0, 10],
        id: 7,
        ltime: 5,
        name: "_serf_conflict".into(),
        payload: about,
        port: 7946,
        source_node: by.into(),
        timeout: 10_000_000_000,
        ..Query::default()
    };
    solo.hear(1, &user(&SerfMessage::Query(query)));
    solo.said().iter().find_map(|(to, message)| match Message::decode(message) {
        Ok(Message::User(body)) => match SerfMessage::decode(body) {
            Ok(SerfMessage::QueryResponse(it)) => Some((*to, it.payload.to_vec())),
            _ => None,
        },
        _ => None,
    })
}

#[test]
fn a_conflict_query_is_answered_with_the_known_address() {
    let mut solo = Solo::among(lan(0), 3);
    let (to, known) = answer(&mut solo, b"n2", "n1").unwrap();
    assert_eq!(to, addr(1));
    let Ok(SerfMessage::ConflictResponse(Some(record))) = SerfMessage::decode(&known) else {
        panic!("{known:x?}");
    };
    assert_eq!((&*record.name.to_string_lossy(), record.addr), ("n2", &[10, 0, 0, 3][..]));
    assert_eq!((record.port, record.status, record.protocol_max), (7946, 1, 5));

    let (_, unknown) = answer(&mut Solo::among(lan(0), 3), b"nobody", "n1").unwrap();
    assert_eq!(unknown, b"\x06\xc0");
    assert_eq!(answer(&mut Solo::among(lan(0), 3), b"n0", "n1"), None, "a party does not vote");
    assert_eq!(answer(&mut Solo::among(lan(0), 3), b"\xff", "n1"), None);
    assert!(solo.events.is_empty(), "the application is not told");
}

#[test]
fn a_contender_is_answered_only_at_the_address_it_claims() {
    let mut solo = Solo::among(lan(0), 3);
    let at_its_member = answer(&mut solo, b"n2", "n2").map(|(to, _)| to);
    assert_eq!(at_its_member, Some(addr(2)), "nobody has claimed the name");

    let mut solo = Solo::among(lan(0), 3);
    solo.hear(1, &alive_at(&name(2), addr(9), 3));
    let contender = answer(&mut solo, b"n2", "n2").map(|(to, _)| to);
    assert_eq!(contender, Some(addr(9)));

    let mut solo = Solo::among(lan(0), 3);
    solo.hear(1, &alive_at(&name(2), addr(9), 3));
    let about_another = answer(&mut solo, b"n3", "n2").map(|(to, _)| to);
    assert_eq!(about_another, Some(addr(2)));
}
