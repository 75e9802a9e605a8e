//! The conditions of the network, and cuts.

use serfer_proto::Label;
use serfer_proto::wire::message::{Message, Ping};
use serfer_proto::wire::msgpack::Text;
use serfer_sim::{Bandwidth, Conditions, Config, NodeId, Sim, Traffic};

use crate::{cluster, lines, ms, received, secs};

/// How many of 2,000 datagrams from `a` reach `b`, one sent in each millisecond. They are acks for
/// pings that are forged as if `b` had sent them. `b` has another label, so it drops the acks.
fn arrived(arrange: impl FnOnce(&mut Sim, NodeId, NodeId)) -> u64 {
    let mut sim = Sim::new(3);
    sim.network().latency(ms(10));
    let a = sim.node(Config::local("a"));
    let b = sim.node(Config::local("b").label(Label::new("other").unwrap()));
    arrange(&mut sim, a, b);
    let mut ping = Vec::new();
    Message::Ping(Ping { node: Text(b"a"), seq: 1, ..Ping::default() }).encode(&mut ping);
    for _ in 0..2000 {
        sim.inject(sim.addr(b), a, &ping);
        sim.run_for(ms(1));
    }
    sim.run_for(secs(10));
    received(&sim, b)
}

#[test]
fn datagrams_are_lost_with_the_given_probability() {
    assert_eq!(arrived(|_, _, _| {}), 2000);
    let network = arrived(|sim, _, _| {
        sim.network().loss(0.2);
    });
    assert!((1520..1680).contains(&network), "{network} of 2000 arrived");
    let both = arrived(|sim, a, b| {
        sim.outgoing(a).loss(0.2);
        sim.incoming(b).loss(0.2);
    });
    assert!((1200..1360).contains(&both), "{both} of 2000 arrived");
    assert_eq!(
        arrived(|sim, a, b| {
            sim.link(b, a).loss(1.0);
        }),
        2000
    );
    assert_eq!(
        arrived(|sim, a, b| {
            sim.link(a, b).loss(1.0);
        }),
        0
    );
    assert_eq!(
        arrived(|sim, _, _| {
            sim.network().streams().loss(1.0);
        }),
        2000
    );
}

#[test]
fn duplicated_datagrams_arrive_twice() {
    let arrived = arrived(|sim, _, _| {
        sim.network().duplicate(0.3);
    });
    assert!((2520..2680).contains(&arrived), "{arrived} arrived");
}

#[test]
fn datagrams_longer_than_the_mtu_are_lost() {
    assert_eq!(
        arrived(|sim, _, _| {
            sim.network().mtu(10);
        }),
        0
    );
    assert_eq!(
        arrived(|sim, _, _| {
            sim.network().mtu(1000);
        }),
        2000
    );
}

#[test]
fn datagrams_beyond_the_bandwidth_wait_and_then_are_lost() {
    // An ack has 149 bytes, so this is about half of what is sent.
    let half = Bandwidth { bytes_per_sec: 74_500, queue_bytes: 9_100 };
    let arrived = arrived(|sim, _, _| {
        sim.network().bandwidth(half);
    });
    assert!((1000..1100).contains(&arrived), "{arrived} arrived");
}

#[test]
fn a_corrupted_datagram_arrives_and_is_dropped() {
    let (mut sim, [a, b, _]) = cluster(1);
    sim.link(a, b).datagrams().corrupt(1.0);
    sim.run_for(secs(10));
    assert!(sim.endpoint(b).unwrap().stats().dropped.total() > 0);
}

#[test]
fn conditions_can_be_set_all_at_once() {
    let conditions = Conditions { loss: 1.0, ..Conditions::default() };
    assert_eq!(
        arrived(|sim, _, _| {
            sim.network().set(conditions);
        }),
        0
    );
}

#[test]
fn datagrams_may_overtake_each_other_but_bytes_of_a_stream_may_not() {
    let mut sim = Sim::new(5);
    sim.network().latency(ms(1)..ms(100)).reorder(0.2);
    let nodes = sim.many(Config::lan, 40);
    for node in &nodes[1..] {
        sim.join(*node, &nodes[..1]);
    }
    sim.run_until_converged(secs(60)).unwrap();
    for node in nodes {
        assert_eq!(sim.endpoint(node).unwrap().stats().dropped.total(), 0);
    }
}

#[test]
fn a_one_way_block_blocks_one_way() {
    let (mut sim, [a, b, _]) = cluster(1);
    let start = sim.elapsed();
    sim.block(&[a], &[b], Traffic::All);
    sim.run_for(secs(5));
    let cut = lines(&sim, start, "(cut)");
    assert!(!cut.is_empty() && cut.iter().all(|line| line.node == Some(a) && line.to == Some(b)));
    sim.unblock(&[a], &[b], Traffic::All);
    let start = sim.elapsed();
    sim.run_for(secs(5));
    assert!(lines(&sim, start, "(cut)").is_empty());
}

#[test]
fn with_only_datagrams_cut_streams_still_pass() {
    let (mut sim, [a, b, c]) = cluster(1);
    let start = sim.elapsed();
    sim.cut(&[a, b, c], &[a, b, c], Traffic::Datagrams);
    sim.run_for(secs(30));
    assert!(!lines(&sim, start, "tcp ack").is_empty());
    assert!(sim.converged(), "the stream fallback keeps all members alive");
    assert!(lines(&sim, start, "member-failed").is_empty());
}

#[test]
fn a_partition_separates_until_it_is_healed() {
    let (mut sim, [a, b, c]) = cluster(1);
    sim.partition(&[a], &[b, c]);
    sim.run_until_quiet(secs(120)).unwrap();
    assert_eq!(sim.status(a, "b"), Some(serfer_proto::Status::Failed));
    assert_eq!(sim.status(b, "c"), Some(serfer_proto::Status::Alive));
    sim.heal();
    sim.run_until_converged(secs(300)).unwrap();
    assert_eq!(sim.status(a, "b"), Some(serfer_proto::Status::Alive));
}

#[test]
fn an_interface_that_is_down_refuses_to_send() {
    let (mut sim, [a, ..]) = cluster(1);
    sim.interface_down(a);
    sim.run_for(secs(5));
    assert!(sim.endpoint(a).unwrap().stats().sends_failed > 0);
    sim.interface_up(a);
    sim.run_until_converged(secs(300)).unwrap();
}
