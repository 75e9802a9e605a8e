//! Network coordinates: learnt from pings, sent with acks, and refused if they are implausible.

use std::time::Duration;

use serfer_proto::wire::coordinate;
use serfer_proto::wire::message::{Ack, IndirectPing, Message};
use serfer_proto::wire::msgpack::Float;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::{Coordinate, Coordinates, DropReason, Neighbor, Prune};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{dead, encoded, ping};
use crate::harness::network::{LATENCY, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, name, secs};

/// The payload of an ack.
fn payload(vec: &[f64], error: f64, adjustment: f64, height: f64) -> Vec<u8> {
    let vec = SeqBuf::of(vec.iter().copied().map(Float));
    let (adjustment, error) = (Float(adjustment), Float(error));
    let (height, vec) = (Float(height), vec.as_seq());
    let coordinate = coordinate::Coordinate { adjustment, error, height, vec };
    let mut payload = Vec::new();
    coordinate.encode_payload(&mut payload);
    payload
}

const NEAR: [f64; 8] = [0.0, 0.0, 0.001, 0.0, 0.0, 0.0, 0.0, 0.0];

/// Lets time pass until the node pings a member. Returns the member and the number of the ping.
fn pinged(solo: &mut Solo) -> (usize, u32) {
    solo.acks = false;
    solo.sent.clear();
    loop {
        let until = solo.until().unwrap();
        solo.pass(until - solo.now);
        for (to, message) in solo.said() {
            if let Ok(Message::Ping(ping)) = Message::decode(&message) {
                return ((1..9).find(|&node| addr(node) == to).unwrap(), ping.seq);
            }
        }
    }
}

/// Acks the next ping after this round trip time, with this payload. Returns the name of the
/// member.
fn acks(solo: &mut Solo, rtt: Duration, payload: &[u8]) -> String {
    let (from, seq) = pinged(solo);
    solo.pass(rtt);
    solo.hear(from, &encoded(&Message::Ack(Ack { payload, seq })));
    name(from)
}

fn names(neighbors: &[Neighbor]) -> Vec<&str> {
    neighbors.iter().map(|neighbor| neighbor.member.name()).collect()
}

#[test]
fn members_learn_how_far_they_are_from_each_other() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.run(secs(120));
    let rtt = 2 * LATENCY;
    for at in 0..3 {
        let node = cluster.node(at);
        assert_eq!(node.coordinate_of(&name(at)), node.coordinate());
        assert_eq!(node.stats().coordinates, 2);
        for other in (0..3).filter(|&other| other != at) {
            let distance = node.distance(&name(at), &name(other)).unwrap();
            assert!(distance.abs_diff(rtt) < rtt / 20, "{distance:?}");
        }
        assert_eq!(node.nearest(9).len(), 2);
        assert_eq!(node.nearest(1), node.nearest(9)[..1]);
        assert_eq!(node.within(rtt * 2).len(), 2);
        assert_eq!(node.within(rtt / 2), []);
    }
    let node = cluster.node(0);
    assert!(node.distance("n1", "n2").unwrap().abs_diff(rtt) < rtt / 20, "of two others");
    assert_eq!(node.distance("n1", "stranger"), None);
    assert_eq!(node.coordinate_of("stranger"), None);
}

#[test]
fn the_nearest_come_first_and_only_those_alive() {
    let mut solo = Solo::among(lan(0), 4);
    let far = |seconds: f64| payload(&[seconds, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], 1.5, 0.0, 1e-5);
    // A member with a lower number is farther away. Node 4 sends no coordinate.
    for _ in 0..8 {
        let (from, seq) = pinged(&mut solo);
        let payload = if from == 4 { Vec::new() } else { far(0.04 - 0.01 * from as f64) };
        solo.pass(ms(1));
        solo.hear(from, &encoded(&Message::Ack(Ack { payload: &payload, seq })));
    }
    assert_eq!(names(&solo.node.nearest(2)), ["n3", "n2"]);
    assert_eq!(names(&solo.node.nearest(usize::MAX)), ["n3", "n2", "n1"]);
    let [_, second, _] = &solo.node.nearest(3)[..] else { panic!("three have said something") };
    assert_eq!(solo.node.distance("n0", "n2"), Some(second.rtt));
    assert_eq!(names(&solo.node.within(second.rtt)), ["n3", "n2"]);
    assert_eq!(solo.node.coordinate_of("n4"), None);

    solo.hear(3, &dead(3, 3, 1));
    assert_eq!(names(&solo.node.nearest(2)), ["n2", "n1"]);
    assert!(solo.node.coordinate_of("n3").is_some(), "it may come back");
}

#[test]
fn a_member_that_is_forgotten_has_no_coordinate_any_more() {
    let mut cluster = Cluster::joined(1, 3, local);
    cluster.run(secs(10));
    cluster.kill(2);
    cluster.run(secs(30));
    assert!(cluster.node(0).coordinate_of("n2").is_some());
    cluster.act(0, |node, now| node.force_leave(now, "n2", Prune::Yes)).unwrap();
    assert_eq!(cluster.node(0).coordinate_of("n2"), None);
    assert_eq!(cluster.node(0).stats().coordinates, 1);
    assert!(cluster.node(0).coordinate().is_some());
}

#[test]
fn a_node_without_coordinates_sends_none_and_learns_none() {
    let mut cluster = Cluster::joined(1, 3, |node| {
        lan(node).coordinates(if node == 0 { Coordinates::Off } else { Coordinates::On })
    });
    cluster.run(secs(60));
    let without = cluster.node(0);
    assert_eq!((without.coordinate(), without.coordinate_of("n0")), (None, None));
    assert_eq!((without.coordinate_of("n1"), without.distance("n1", "n2")), (None, None));
    assert_eq!((without.nearest(9), without.stats().coordinates), (vec![], 0));
    let with = cluster.node(1);
    assert_eq!(with.coordinate_of("n0"), None);
    assert_eq!(names(&with.nearest(9)), ["n2"]);
}

#[test]
fn a_ping_is_acked_with_our_coordinate() {
    let mut solo = Solo::new(lan(0));
    solo.hear(1, &ping(0, 5));
    let fresh = payload(&[0.0; 8], 1.5, 0.0, 1e-5);
    let ack = encoded(&Message::Ack(Ack { payload: &fresh, seq: 5 }));
    assert!(solo.said().contains(&(addr(1), ack)));

    let mut solo = Solo::new(lan(0).coordinates(Coordinates::Off));
    solo.hear(1, &ping(0, 5));
    let ack = encoded(&Message::Ack(Ack { payload: &[], seq: 5 }));
    assert!(solo.said().contains(&(addr(1), ack)));
}

/// The coordinate equals that of the Go implementation, to the bit.
#[test]
fn an_ack_moves_us_by_the_time_since_its_ping() {
    let mut solo = Solo::among(lan(0), 1);
    acks(&mut solo, ms(2), &payload(&NEAR, 1.5, 0.0, 1e-5));
    let at = *solo.node.coordinate().unwrap();
    let parts = (at.vec[2], at.error, at.adjustment, at.height);
    assert_eq!(parts, (-0.00012249999877047386, 1.37375, 2.137625e-05, 1.2449999774670516e-05));
    assert_eq!(solo.node.coordinate_of("n1").map(|it| it.vec), Some(NEAR));
}

#[test]
fn an_ack_that_may_come_from_a_helper_moves_nobody() {
    let mut solo = Solo::among(lan(0), 3);
    let from = acks(&mut solo, ms(501), &payload(&NEAR, 1.5, 0.0, 1e-5));
    assert_eq!(solo.node.stats().probes_acked, 1);
    assert_eq!(solo.node.coordinate_of(&from), None);
    assert_eq!(solo.node.coordinate(), Some(&Coordinate::ORIGIN));
}

#[test]
fn an_ack_that_a_helper_forwards_has_no_coordinate() {
    let mut solo = Solo::among(lan(0), 2);
    solo.acks = false;
    let (node, target) = (name(2), [10, 0, 0, 3]);
    let (node, target) = (node.as_str().into(), &target[..]);
    let ask = IndirectPing { node, port: 7946, seq: 5, target, ..IndirectPing::default() };
    solo.hear(1, &encoded(&Message::IndirectPing(ask)));
    let said = solo.said();
    let mut pings = said.iter().rev().filter_map(|(_, message)| match Message::decode(message) {
        Ok(Message::Ping(ping)) => Some(ping.seq),
        _ => None,
    });
    let seq = pings.next().unwrap();
    let payload = payload(&NEAR, 1.5, 0.0, 1e-5);
    solo.hear(2, &encoded(&Message::Ack(Ack { payload: &payload, seq })));
    let ack = encoded(&Message::Ack(Ack { payload: &[], seq: 5 }));
    assert!(solo.said().contains(&(addr(1), ack)));
    assert_eq!(solo.node.coordinate_of("n2"), None, "how long it took is not known to us");
}

/// A bad payload moves nobody, but the member that sent it stays alive.
#[track_caller]
fn moves_nobody(payload: &[u8]) {
    let mut solo = Solo::among(lan(0), 1);
    for round in 0..3 {
        // Round 0: the member has sent no valid coordinate yet. Later rounds: it has.
        if round == 1 {
            acks(&mut solo, ms(2), &self::payload(&NEAR, 1.5, 0.0, 1e-5));
        }
        let known =
            |solo: &Solo| (solo.node.coordinate().copied(), solo.node.coordinate_of("n1").copied());
        let (before, dropped) = (known(&solo), solo.dropped(DropReason::Coordinate));
        acks(&mut solo, ms(2), payload);
        assert_eq!(known(&solo), before);
        assert_eq!(solo.dropped(DropReason::Coordinate), dropped + 1);
    }
    let stats = solo.node.stats();
    assert_eq!((stats.probes_acked, stats.probes_failed, stats.coordinate_resets), (4, 0, 0));
}

#[test]
fn an_unknown_version_of_the_payload_moves_nobody() {
    let mut other = payload(&NEAR, 1.5, 0.0, 1e-5);
    for version in [0, 2, 255] {
        other[0] = version;
        moves_nobody(&other);
    }
}

#[test]
fn a_payload_that_does_not_decode_moves_nobody() {
    let whole = payload(&NEAR, 1.5, 0.0, 1e-5);
    for len in [1, 2, 50, whole.len() - 1] {
        moves_nobody(&whole[..len]);
    }
    moves_nobody(b"\x01\x81\xa3Vec\xdd\xff\xff\xff\xff");
    moves_nobody(b"\x01\xc0");
}

#[test]
fn a_coordinate_of_other_dimensions_moves_nobody() {
    for dimensions in [0, 1, 7, 9, 16, 100] {
        moves_nobody(&payload(&vec![0.0; dimensions], 1.5, 0.0, 1e-5));
    }
}

#[test]
fn an_implausible_coordinate_moves_nobody() {
    for error in [-1.5, -1e-300, 1.6, 1e300, f64::NAN, f64::INFINITY] {
        moves_nobody(&payload(&NEAR, error, 0.0, 1e-5));
    }
    for height in [-1e300, -1e-9, 11.0, 1e300, f64::NAN, f64::INFINITY] {
        moves_nobody(&payload(&NEAR, 1.5, 0.0, height));
    }
    for adjustment in [-1e300, -11.0, 11.0, 1e300, f64::NAN, f64::NEG_INFINITY] {
        moves_nobody(&payload(&NEAR, 1.5, adjustment, 1e-5));
    }
    for far in [-1e300, -11.0, 11.0, 1e300, f64::MAX, f64::NAN, f64::INFINITY] {
        let mut vec = NEAR;
        vec[5] = far;
        moves_nobody(&payload(&vec, 1.5, 0.0, 1e-5));
    }
    moves_nobody(&payload(&[4.0; 8], 1.5, 0.0, 1e-5));
}
