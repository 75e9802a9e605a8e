//! What a packet and a tick cost.

use bench_common::data::{INCARNATION, Order, alive, compound, ping};
use bench_common::micro::measure;
use bench_common::{allocations, say};

use crate::node::{Node, config};

const BLOCK: usize = 64;

/// The ack has our coordinate in it.
pub fn ping_ack() {
    let mut node = Node::new(config(), 1_000);
    measure("ping-ack", "n=1000", |meter| {
        let mut packets: Vec<Vec<u8>> = (0..BLOCK as u32).map(|at| ping(123_456 + at)).collect();
        let sent = node.sent;
        meter.count(BLOCK, || packets.iter_mut().for_each(|packet| node.hear(packet)));
        assert_eq!(node.sent, sent + BLOCK as u64, "each is acked");
    });
}

pub fn known_alives() {
    let mut node = Node::new(config(), 1_000);
    let mut order = Order::new(1_000);
    measure("known-8", "n=1000", |meter| {
        let mut packets: Vec<Vec<u8>> = (0..BLOCK)
            .map(|_| {
                let members = order.by_ref().take(8);
                compound(&members.map(|member| alive(member, INCARNATION)).collect::<Vec<_>>())
            })
            .collect();
        meter.count(BLOCK, || packets.iter_mut().for_each(|packet| node.hear(packet)));
    });
    assert_eq!(node.endpoint.stats().queued, 0, "nothing was news");
}

/// A packet each, of members in an order that jumps through memory.
pub fn fresh_alive() {
    for members in [1_000, 10_000, 100_000] {
        let mut node = Node::new(config(), members);
        let mut order = Order::new(members);
        let mut incarnation = INCARNATION;
        let mut turn = 0;
        measure("fresh", &format!("n={members}"), |meter| {
            let mut packets: Vec<Vec<u8>> = (0..500)
                .map(|_| {
                    if turn % (members - 1) == 0 {
                        incarnation += 1;
                    }
                    turn += 1;
                    alive(order.next().expect("it goes on"), incarnation)
                })
                .collect();
            meter.count(packets.len(), || packets.iter_mut().for_each(|packet| node.hear(packet)));
        });
    }
}

/// With 1,000 messages queued, of which each tick sends what three packets hold. With Go's timing, since a tick
/// that follows news sends more packets.
pub fn gossip_tick() {
    for members in [1_100, 100_000] {
        let mut node = Node::new(config().prompt_gossip(None), members);
        let mut order = Order::new(members);
        let mut incarnation = INCARNATION;
        let params = format!("n={}", if members == 1_100 { 1_000 } else { members });
        measure("gossip-1000", &params, |meter| {
            incarnation += 1;
            while node.endpoint.stats().queued < 1_000 {
                node.hear(&mut alive(order.next().expect("it goes on"), incarnation));
            }
            for _ in 0..20 {
                while node.endpoint.stats().next_wake != Some("gossip") {
                    node.wake();
                }
                let sent = node.sent_bytes;
                meter.count(1, || node.wake());
                assert!(node.sent_bytes > sent + 3_600, "three packets are full");
            }
        });
    }
}

/// Of all layers, names and tags included.
pub fn heap() {
    for members in [1_000, 10_000, 100_000] {
        let before = allocations::live();
        let node = Node::new(config(), members);
        let bytes = allocations::live() - before;
        say("heap", &format!("n={members}"), "bytes", bytes as f64 / members as f64);
        drop(node);
    }
}
