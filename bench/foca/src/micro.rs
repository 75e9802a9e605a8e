//! What a packet and a tick cost. An alive message of others is an update in a gossip message here.

use std::num::NonZeroU32;
use std::time::Duration;

use bench_common::data::{INCARNATION, Order};
use bench_common::micro::measure;
use bench_common::{allocations, say};
use foca::{Codec as _, Config, Foca, Header, Member, Message, Notification, PostcardCodec, State};
use foca::{NoCustomBroadcast, Runtime, Timer};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use crate::identity::Identity;

const BLOCK: usize = 64;

/// Sends nothing anywhere, and counts it.
#[derive(Default)]
struct Null {
    sent: usize,
    bytes: usize,
}

impl Runtime<Identity> for &mut Null {
    fn notify(&mut self, _: Notification<'_, Identity>) {}

    fn send_to(&mut self, _: Identity, data: &[u8]) {
        self.sent += 1;
        self.bytes += data.len();
    }

    fn submit_after(&mut self, _: Timer<Identity>, _: Duration) {}
}

type Node = Foca<Identity, PostcardCodec, StdRng, NoCustomBroadcast>;

fn node(members: usize) -> (Node, Null) {
    let config = Config::new_lan(NonZeroU32::new(members as u32).expect("not zero"));
    let mut node = Foca::new(Identity::new(0), config, StdRng::seed_from_u64(1), PostcardCodec);
    let mut null = Null::default();
    let alive = |member| Member::new(Identity::new(member), INCARNATION as u16, State::Alive);
    node.apply_many((1..members).map(alive), false, &mut null).expect("they are taken");
    assert_eq!(node.num_members(), members - 1);
    (node, null)
}

fn packet(message: Message<Identity>, updates: &[(usize, u16)]) -> Vec<u8> {
    let (src, dst) = (Identity::new(1), Identity::new(0));
    let header = Header { src, src_incarnation: INCARNATION as u16, dst, message };
    let mut out = Vec::new();
    PostcardCodec.encode_header(&header, &mut out).expect("there is room");
    if !updates.is_empty() {
        out.extend_from_slice(&(updates.len() as u16).to_be_bytes());
    }
    for &(member, incarnation) in updates {
        let member = Member::new(Identity::new(member), incarnation, State::Alive);
        PostcardCodec.encode_member(&member, &mut out).expect("there is room");
    }
    out
}

pub fn ping_ack() {
    let (mut node, mut null) = node(1_000);
    let packet = packet(Message::Ping(7), &[]);
    measure("ping-ack", "n=1000", |meter| {
        let sent = null.sent;
        meter.count(BLOCK, || {
            (0..BLOCK).for_each(|_| node.handle_data(&packet, &mut null).expect("it is taken"));
        });
        assert_eq!(null.sent, sent + BLOCK, "each is acked");
    });
}

pub fn known_alives() {
    let (mut node, mut null) = node(1_000);
    let mut order = Order::new(1_000);
    measure("known-8", "n=1000", |meter| {
        let packets: Vec<Vec<u8>> = (0..BLOCK)
            .map(|_| {
                let members = order.by_ref().take(8);
                let updates: Vec<_> = members.map(|it| (it, INCARNATION as u16)).collect();
                packet(Message::Gossip, &updates)
            })
            .collect();
        meter.count(BLOCK, || {
            for packet in &packets {
                node.handle_data(packet, &mut null).expect("it is taken");
            }
        });
    });
}

pub fn fresh_alive() {
    for members in [1_000, 10_000, 100_000] {
        let (mut node, mut null) = node(members);
        let mut order = Order::new(members);
        let (mut incarnation, mut turn) = (INCARNATION as u16, 0);
        measure("fresh", &format!("n={members}"), |meter| {
            let count = 100_000_000 / members / 1_000;
            let packets: Vec<Vec<u8>> = (0..count)
                .map(|_| {
                    if turn % (members - 1) == 0 {
                        incarnation += 1;
                    }
                    turn += 1;
                    packet(Message::Gossip, &[(order.next().expect("it goes on"), incarnation)])
                })
                .collect();
            meter.count(count, || {
                for packet in &packets {
                    node.handle_data(packet, &mut null).expect("it is taken");
                }
            });
        });
    }
}

pub fn gossip_tick() {
    for members in [1_001, 100_000] {
        let (mut node, mut null) = node(members);
        let mut incarnation = INCARNATION as u16;
        let params = format!("n={}", if members == 1_001 { 1_000 } else { members });
        measure("gossip-1000", &params, |meter| {
            incarnation += 1;
            let newer = |it| Member::new(Identity::new(it), incarnation, State::Alive);
            node.apply_many((1..=1_000).map(newer), true, &mut null).expect("they are taken");
            for _ in 0..20 {
                let bytes = null.bytes;
                meter.count(1, || node.gossip(&mut null).expect("it can"));
                assert!(null.bytes > bytes + 3_600, "three packets are full");
            }
        });
    }
}

pub fn heap() {
    for members in [1_000, 10_000, 100_000] {
        let before = allocations::live();
        let node = node(members);
        let bytes = allocations::live() - before;
        say("heap", &format!("n={members}"), "bytes", bytes as f64 / members as f64);
        drop(node);
    }
}
