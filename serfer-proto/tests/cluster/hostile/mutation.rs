//! Real traffic, damaged in every way: no node panics, and all nodes still answer.

use std::time::Duration;

use serfer_proto::wire::checksum;
use serfer_proto::{Coalesce, Compression, Config, Endpoint, Prune, QueryParams, StreamEnd, Tags};

use crate::harness::cluster::Cluster;
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

/// The traffic of a cluster in which everything happens that can happen: its packets without
/// checksums, which would protect them, and its streams.
fn traffic(config: impl Fn(usize) -> Config) -> [Vec<Vec<u8>>; 2] {
    let mut cluster = Cluster::new(1);
    cluster.network.recording = Some(Default::default());
    for node in 0..5 {
        cluster.add(config(node));
        cluster.join(node, &[0]);
        cluster.run(ms(300));
    }
    let tags = Tags::from_iter([("role", "web"), ("rack", "12")]);
    cluster.act(1, |node, now| node.set_tags(now, tags)).unwrap();
    cluster.act(2, |node, now| node.user_event(now, "deploy", b"v2", Coalesce::Yes)).unwrap();
    let params = QueryParams::new().node("n0").node("n3").tag("role", "^w");
    cluster.act(3, |node, now| node.query(now, "load", b"?", &params)).unwrap();
    cluster.act(0, |node, now| node.query(now, "_serf_ping", b"", &QueryParams::new())).unwrap();
    cluster.run(secs(3));
    cluster.kill(4);
    cluster.run(secs(20));
    cluster.act(1, |node, now| node.force_leave(now, "n4", Prune::Yes)).unwrap();
    cluster.act(3, |node, now| node.leave(now)).unwrap();
    cluster.run(secs(40));
    let [mut datagrams, mut writes] = cluster.network.recording.take().unwrap();
    for datagram in &mut datagrams {
        if let Ok(message) = checksum::strip(datagram) {
            *datagram = message.to_vec();
        }
    }
    for recorded in [&mut datagrams, &mut writes] {
        recorded.sort_unstable_by_key(|bytes| (bytes.len(), bytes.clone()));
        recorded.dedup();
    }
    assert!(datagrams.len() > 100 && writes.len() > 10);
    [datagrams, writes]
}

/// Small and good enough: Marsaglia's xorshift.
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// One of `originals`, damaged in a few places.
    fn damaged(&mut self, originals: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = self.pick(originals).clone();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(8) {
                0 => bytes.truncate(at),
                1 => {
                    let other = self.pick(originals);
                    let from = self.below(other.len());
                    bytes.truncate(at);
                    bytes.extend_from_slice(&other[from..]);
                }
                2 => drop(bytes.drain(at..(at + 3).min(bytes.len()))),
                3 => bytes.insert(at, self.below(256) as u8),
                4 if at < bytes.len() => bytes[at] = *self.pick(&[0, 1, 0x7f, 0x80, 0xc0, 0xff]),
                // Numbers and lengths of other sizes.
                5 if at < bytes.len() => bytes[at] = 0xc0 | self.below(32) as u8,
                _ if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                _ => {}
            }
        }
        bytes
    }
}

fn feed(solo: &mut Solo, noise: &mut Noise, datagrams: &[Vec<u8>], writes: &[Vec<u8>]) {
    let from = 1 + noise.below(5);
    if noise.below(8) > 0 {
        let packet = noise.damaged(datagrams);
        return solo.hear(from, &packet);
    }
    // A stream that we accepted or dialled, in two chunks.
    let ours = solo.dialled.pop().filter(|_| noise.below(2) == 0).map(|(stream, _)| stream);
    if let Some(stream) = ours {
        solo.act(|node, now| node.handle_connected(now, stream));
    }
    let accept = |node: &mut Endpoint, now| node.handle_accepted(now, addr(from));
    let Some(stream) = ours.or_else(|| solo.act(accept)) else {
        return;
    };
    let bytes = noise.damaged(writes);
    let (head, tail) = bytes.split_at(noise.below(bytes.len()));
    solo.act(|node, now| node.handle_stream_data(now, stream, head));
    solo.act(|node, now| node.handle_stream_data(now, stream, tail));
    let end = *noise.pick(&[StreamEnd::Eof, StreamEnd::Closed]);
    solo.act(|node, now| node.handle_stream_end(now, stream, end));
}

fn survives(config: impl Fn(usize) -> Config, seed: u64, rounds: usize) -> Solo {
    let [datagrams, writes] = traffic(&config);
    let mut noise = Noise(seed);
    let mut solo = Solo::new(config(0));
    for round in 0..rounds {
        feed(&mut solo, &mut noise, &datagrams, &writes);
        if round % 5 == 0 {
            solo.pass(Duration::from_millis(noise.below(400) as u64));
            solo.acks = noise.below(4) > 0;
            let stats = solo.node.stats();
            assert!(stats.queued < 20_000 && stats.members < 20_000, "{stats:?}");
        }
        if round % 100 == 0 {
            solo.dialled.truncate(20);
            solo.events.clear();
            solo.sent.clear();
            solo.written.clear();
        }
    }
    solo
}

#[test]
fn damaged_traffic_harms_no_node() {
    for seed in 1..=4 {
        let mut solo = survives(lan, seed, 5_000);
        assert!(solo.is_well());
        let dropped = solo.node.stats().dropped;
        let reasons = dropped.iter().filter(|(_, count)| *count > 0).count();
        assert!(dropped.total() > 500 && reasons >= 6, "{dropped:?}");
    }
}

#[test]
fn damaged_traffic_with_compression_harms_no_node() {
    let config = |node| lan(node).compression(Compression::StreamsAndPackets);
    assert!(survives(config, 5, 5_000).is_well());
}
