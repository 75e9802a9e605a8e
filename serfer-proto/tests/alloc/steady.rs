//! A node among peers, at rest.
//!
//! Only what the node does is counted, not what the test needs to play its peers.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use allocation_counter::opt_out;
use serfer_proto::wire::checksum;
use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::kind;
use serfer_proto::wire::message::{Ack, Alive, Message};
use serfer_proto::wire::msgpack::Float;
use serfer_proto::wire::seal::{Cipher, Sealing, Version, open};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::SerfMessage;
use serfer_proto::{Config, Endpoint, Keyring, Limits, Output, SecretKey, StreamEnd, StreamId};

pub(crate) const PEERS: u8 = 9;
const KEY: [u8; 32] = [7; 32];

pub(crate) fn addr(peer: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, peer], 7946))
}

pub(crate) fn name(peer: u8) -> String {
    format!("n{peer}")
}

pub(crate) struct Steady {
    pub(crate) node: Endpoint,
    pub(crate) now: Instant,
    pub(crate) until: Option<Instant>,
    cipher: Option<Cipher>,
    output: Vec<u8>,
    /// What the node sent since this was last cleared.
    pub(crate) datagrams: usize,
    /// The last datagram's receiver and bytes.
    pub(crate) last: (SocketAddr, Vec<u8>),
    arriving: Vec<u8>,
    /// The payload of the acks of its peers: a coordinate.
    payload: Vec<u8>,
    /// The streams that the node dialled. No peer answers them.
    refused: Vec<StreamId>,
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
fn epoch() -> Instant {
    Instant::now()
}

impl Steady {
    pub(crate) fn new(sealed: bool) -> Self {
        let now = epoch();
        let mut config = Config::lan("me").advertise(addr(100)).push_pull_interval(None);
        // A small cluster sends each message only a few times, so it comes to rest soon.
        config = config.limits(Limits { queue: 512, ..Limits::default() });
        if sealed {
            config = config.keyring(Keyring::new(SecretKey::new(&KEY).unwrap()));
        }
        let mut steady = Self {
            node: Endpoint::new(config, [1; 32], now).unwrap(),
            now,
            until: None,
            cipher: sealed.then(|| Cipher::new(&KEY).unwrap()),
            output: Vec::new(),
            datagrams: 0,
            last: (addr(0), Vec::new()),
            arriving: Vec::new(),
            payload: coordinate(),
            refused: Vec::new(),
        };
        steady.drain();
        for peer in 1..=PEERS {
            let packet = steady.packet(&[alive(peer)]);
            steady.hear(peer, &packet);
        }
        steady.rest();
        steady
    }

    /// Lets time pass until nothing is left to gossip.
    pub(crate) fn rest(&mut self) {
        while self.node.stats().queued > 0 || self.node.stats().next_wake == Some("gossip") {
            self.wake();
        }
    }

    /// Waits for the next deadline and handles it. Pings are answered.
    pub(crate) fn wake(&mut self) {
        self.pass();
        if self.datagrams == 1 {
            self.answer();
        }
    }

    /// Waits for the next deadline and handles it.
    pub(crate) fn pass(&mut self) {
        self.now = self.until.unwrap();
        self.datagrams = 0;
        self.node.handle_timeout(self.now);
        self.drain();
    }

    /// Waits until a condition holds. Pings are answered meanwhile.
    pub(crate) fn wait_for(&mut self, what: &str) {
        while self.node.stats().next_wake != Some(what) {
            self.wake();
        }
    }

    /// The receiver of the last datagram answers it, if it was a ping.
    pub(crate) fn answer(&mut self) {
        if let Some((from, seq)) = self.pinged() {
            let payload = std::mem::take(&mut self.payload);
            self.say(from, &Message::Ack(Ack { payload: &payload, seq }));
            self.payload = payload;
        }
    }

    /// The receiver of the last datagram and the number to ack, if it was a ping.
    pub(crate) fn pinged(&mut self) -> Option<(u8, u32)> {
        let (to, bytes) = &mut self.last;
        let packet = match &self.cipher {
            Some(cipher) => open(bytes, [cipher], b"").unwrap(),
            None => bytes,
        };
        let first = match checksum::strip(packet).unwrap() {
            [kind::COMPOUND, parts @ ..] => Parts::parse(parts).unwrap().next()?.unwrap(),
            message => message,
        };
        match (to.ip(), Message::decode(first)) {
            (IpAddr::V4(ip), Ok(Message::Ping(ping))) => Some((ip.octets()[3], ping.seq)),
            _ => None,
        }
    }

    /// A peer refutes with a higher incarnation.
    pub(crate) fn objects(&mut self, peer: u8, incarnation: u32) {
        let mut packet = Vec::new();
        opt_out(|| packet = self.packet(&[newer(peer, incarnation)]));
        self.hear(peer, &packet);
        opt_out(|| drop(packet));
    }

    /// A peer sends a message in a packet of its own.
    pub(crate) fn say(&mut self, from: u8, message: &Message<'_>) {
        let mut packet = Vec::new();
        opt_out(|| packet = self.packet(&[message.bytes()]));
        self.hear(from, &packet);
        opt_out(|| drop(packet));
    }

    pub(crate) fn hear(&mut self, from: u8, packet: &[u8]) {
        self.arriving.clear();
        self.arriving.extend_from_slice(packet);
        self.node.handle_datagram(self.now, addr(from), &mut self.arriving);
        self.drain();
    }

    pub(crate) fn drain(&mut self) {
        loop {
            self.output.clear();
            match self.node.poll_output(&mut self.output) {
                Output::Datagram { to, .. } => {
                    self.datagrams += 1;
                    self.last.0 = to;
                    self.last.1.clear();
                    self.last.1.extend_from_slice(&self.output);
                }
                Output::Connect { stream, .. } => self.refused.push(stream),
                Output::Wait { until } => {
                    self.until = until;
                    let Some(stream) = self.refused.pop() else {
                        return;
                    };
                    self.node.handle_stream_end(self.now, stream, StreamEnd::Closed);
                }
                _ => {}
            }
        }
    }

    /// A packet with these messages and a checksum, sealed if the cluster has a key.
    pub(crate) fn packet(&self, messages: &[Vec<u8>]) -> Vec<u8> {
        let mut plain = Vec::new();
        let start = checksum::begin(&mut plain);
        plain.extend(match messages {
            [message] => message.clone(),
            _ => {
                let mut compound = vec![7, messages.len() as u8];
                let len = |message: &Vec<u8>| (message.len() as u16).to_be_bytes();
                compound.extend(messages.iter().flat_map(len));
                compound.extend(messages.concat());
                compound
            }
        });
        checksum::finish(&mut plain, start);
        let Some(cipher) = &self.cipher else {
            return plain;
        };
        let mut packet = Vec::new();
        let sealing = Sealing::begin(Version::Plain, [9; 12], &mut packet);
        packet.extend_from_slice(&plain);
        sealing.finish(cipher, b"", &mut packet);
        packet
    }
}

pub(crate) trait Bytes {
    fn bytes(&self) -> Vec<u8>;
}

impl Bytes for Message<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes
    }
}

impl Bytes for SerfMessage<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![8];
        self.encode(&mut bytes);
        bytes
    }
}

/// The ack payload of a peer that was just started.
fn coordinate() -> Vec<u8> {
    let vec = SeqBuf::of([Float(0.0); 8]);
    let (error, height, vec) = (Float(1.5), Float(1e-5), vec.as_seq());
    let coordinate = Coordinate { error, height, vec, ..Coordinate::default() };
    let mut payload = Vec::new();
    coordinate.encode_payload(&mut payload);
    payload
}

pub(crate) fn alive(peer: u8) -> Vec<u8> {
    newer(peer, 2)
}

/// The alive message of a peer.
pub(crate) fn newer(peer: u8, incarnation: u32) -> Vec<u8> {
    let name = name(peer);
    let alive = Alive {
        addr: &[10, 0, 0, peer],
        incarnation,
        meta: b"\xff\x81\xa4role\xa3web",
        node: name.as_str().into(),
        port: 7946,
        versions: &[1, 5, 2, 2, 5, 5],
    };
    Message::Alive(alive).bytes()
}
