//! al8n's memberlist, the core without I/O. Its format is its own, so packets are what it encodes.

use std::net::SocketAddr;
use std::time::Duration;

use bench_common::data::{INCARNATION, Order, PORT, ip, meta, name};
use bench_common::micro::measure;
use bench_common::{allocations, say};
use bytes::Bytes;
use memberlist_proto::event::Transmit;
use memberlist_proto::typed::{Alive, Message, Meta, Ping};
use memberlist_proto::{
    DecodeOptions, EncodeOptions, Endpoint, EndpointOptions, Instant, Node, SeedableRng as _,
    SmallRng, decode_incoming, encode_outgoing, encode_outgoing_compound, parse_messages,
};

bench_common::count_allocations!();

fn main() {
    bench_common::main(&[
        ("ping-ack", ping_ack),
        ("known-8", known_alives),
        ("fresh", fresh_alive),
        ("gossip-1000", gossip_tick),
        ("heap", heap),
    ]);
}

const BLOCK: usize = 64;

type Name = smol_str::SmolStr;
type Msg = Message<Name, SocketAddr>;

struct Member {
    endpoint: Endpoint<Name, SocketAddr, SmallRng>,
    now: Instant,
    sent: usize,
    sent_bytes: usize,
}

fn addr(member: usize) -> SocketAddr {
    SocketAddr::from((ip(member), PORT))
}

fn node(member: usize) -> Node<Name, SocketAddr> {
    Node::new(name(member).into(), addr(member))
}

fn alive(member: usize, incarnation: u32) -> Msg {
    let meta = Meta::try_from(&meta(member)[..]).expect("it is short enough");
    Message::alive(Alive::new(incarnation, node(member)).with_meta(meta))
}

fn encoded(message: &Msg) -> Bytes {
    encode_outgoing(message, &EncodeOptions::default()).expect("it can be encoded")
}

impl Member {
    fn new(members: usize) -> Self {
        let options = EndpointOptions::new(name(0).into(), addr(0))
            .with_push_pull_interval(Duration::ZERO)
            .with_probe_interval(Duration::from_secs(86_400))
            .with_gossip_interval(Duration::from_millis(200))
            .with_max_members(None);
        let now = Instant::from_origin(Duration::from_secs(1));
        let endpoint = Endpoint::new_at(options, now, SmallRng::seed_from_u64(1));
        let mut node = Self { endpoint, now, sent: 0, sent_bytes: 0 };
        for member in 1..members {
            node.hear(encoded(&alive(member, INCARNATION)));
        }
        assert_eq!(node.endpoint.num_members(), members);
        // What is to be passed on is not what is measured.
        node.endpoint.drain_broadcasts();
        node
    }

    fn hear(&mut self, packet: Bytes) {
        let plain = decode_incoming(packet, &DecodeOptions::default()).expect("it is whole");
        for message in parse_messages(plain).expect("it is whole") {
            self.endpoint.handle_packet(addr(1), message, self.now);
        }
        self.drain();
    }

    fn drain(&mut self) {
        while self.endpoint.poll_event().is_some() {}
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let options = EncodeOptions::default();
            let bytes = match transmit {
                Transmit::Packet(packet) => encode_outgoing(packet.message_ref(), &options),
                Transmit::Compound(packet) => {
                    encode_outgoing_compound(packet.messages_slice(), &options)
                }
            };
            self.sent += 1;
            self.sent_bytes += bytes.expect("it can be encoded").len();
        }
    }
}

fn ping_ack() {
    let mut member = Member::new(1_000);
    let packet = encoded(&Message::ping(Ping::new(123_456, node(1), node(0))));
    measure("ping-ack", "n=1000", |meter| {
        let sent = member.sent;
        let packets: Vec<Bytes> = (0..BLOCK).map(|_| Bytes::copy_from_slice(&packet)).collect();
        meter.count(BLOCK, || packets.into_iter().for_each(|packet| member.hear(packet)));
        assert_eq!(member.sent, sent + BLOCK, "each is acked");
    });
}

fn known_alives() {
    let mut member = Member::new(1_000);
    let mut order = Order::new(1_000);
    measure("known-8", "n=1000", |meter| {
        let packets: Vec<Bytes> = (0..BLOCK)
            .map(|_| {
                let members = order.by_ref().take(8);
                let messages: Vec<Msg> = members.map(|it| alive(it, INCARNATION)).collect();
                encode_outgoing_compound(&messages, &EncodeOptions::default()).expect("it can")
            })
            .collect();
        meter.count(BLOCK, || packets.into_iter().for_each(|packet| member.hear(packet)));
    });
}

fn fresh_alive() {
    for members in [1_000, 10_000, 100_000] {
        let mut member = Member::new(members);
        let mut order = Order::new(members);
        let (mut incarnation, mut turn) = (INCARNATION, 0);
        measure("fresh", &format!("n={members}"), |meter| {
            let packets: Vec<Bytes> = (0..500)
                .map(|_| {
                    if turn % (members - 1) == 0 {
                        incarnation += 1;
                    }
                    turn += 1;
                    encoded(&alive(order.next().expect("it goes on"), incarnation))
                })
                .collect();
            let count = packets.len();
            meter.count(count, || packets.into_iter().for_each(|packet| member.hear(packet)));
        });
    }
}

fn gossip_tick() {
    for members in [1_001, 100_000] {
        let mut member = Member::new(members);
        let start = member.now;
        member.endpoint.start_scheduling(start);
        let mut incarnation = INCARNATION;
        let params = format!("n={}", if members == 1_001 { 1_000 } else { members });
        measure("gossip-1000", &params, |meter| {
            incarnation += 1;
            for other in 1..=1_000 {
                member.hear(encoded(&alive(other, incarnation)));
            }
            for _ in 0..20 {
                let sent = member.sent_bytes;
                member.now = member.now + Duration::from_millis(201);
                let now = member.now;
                meter.count(1, || {
                    member.endpoint.handle_timeout(now);
                    member.drain();
                });
                assert!(member.sent_bytes > sent + 3_000, "three packets are full");
            }
        });
    }
}

fn heap() {
    for members in [1_000, 10_000, 100_000] {
        let before = allocations::live();
        let member = Member::new(members);
        let bytes = allocations::live() - before;
        say("heap", &format!("n={members}"), "bytes", bytes as f64 / members as f64);
        drop(member);
    }
}
