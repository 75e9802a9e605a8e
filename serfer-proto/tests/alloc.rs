//! The steady state allocates nothing.
//!
//! A node that knows its cluster is sent what it knows already, wakes for what is regularly due, and
//! answers. Every round of that, down to the last `poll_output`, has to do without the allocator,
//! in the clear as well as sealed.
#![expect(clippy::unwrap_used, reason = "every helper here is part of a test")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allocation_counter::{measure, opt_out};
use serfer_proto::wire::checksum;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Ack, Alive, Dead, Message, Ping, Suspect};
use serfer_proto::wire::seal::{Cipher, Sealing, Version, open};
use serfer_proto::wire::serf_message::{self, SerfMessage};
use serfer_proto::{Coalesce, Config, Endpoint, Keyring, Output, SecretKey};

const ROUNDS: usize = 100;
const PEERS: u8 = 9;
const KEY: [u8; 32] = [7; 32];

fn addr(peer: u8) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, peer], 7946))
}

fn name(peer: u8) -> String {
    format!("n{peer}")
}

/// A node among peers, at rest.
struct Steady {
    node: Endpoint,
    now: Instant,
    until: Option<Instant>,
    cipher: Option<Cipher>,
    output: Vec<u8>,
    /// What came out since it was last cleared.
    datagrams: usize,
    /// The last datagram's receiver and bytes.
    last: (SocketAddr, Vec<u8>),
    arriving: Vec<u8>,
}

#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
fn epoch() -> Instant {
    Instant::now()
}

impl Steady {
    fn new(sealed: bool) -> Self {
        let now = epoch();
        let mut config = Config::lan("me").advertise(addr(100)).push_pull_interval(None);
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
    fn rest(&mut self) {
        while self.node.stats().queued > 0 || self.node.stats().next_wake == Some("gossip") {
            self.wake();
        }
    }

    /// What waits until the next deadline, and does what is then due. Pings are answered.
    fn wake(&mut self) {
        let Some(until) = self.until else {
            return;
        };
        self.now = until;
        self.datagrams = 0;
        self.node.handle_timeout(until);
        self.drain();
        if self.datagrams == 1 {
            let mut acked = None;
            opt_out(|| acked = self.ack());
            if let Some((from, mut ack)) = acked {
                self.node.handle_datagram(self.now, from, &mut ack);
                self.drain();
                opt_out(|| drop(ack));
            }
        }
    }

    /// What answers the last datagram, if that was a ping.
    fn ack(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (to, bytes) = &mut self.last;
        let packet = match &self.cipher {
            Some(cipher) => open(bytes, [cipher], b"").unwrap(),
            None => bytes,
        };
        let Ok(Message::Ping(ping)) = Message::decode(packet) else {
            return None;
        };
        let (to, seq) = (*to, ping.seq);
        Some((to, self.packet(&[Message::Ack(Ack { payload: &[], seq }).bytes()])))
    }

    fn hear(&mut self, from: u8, packet: &[u8]) {
        self.arriving.clear();
        self.arriving.extend_from_slice(packet);
        self.node.handle_datagram(self.now, addr(from), &mut self.arriving);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            self.output.clear();
            match self.node.poll_output(&mut self.output) {
                Output::Datagram { to, .. } => {
                    self.datagrams += 1;
                    self.last.0 = to;
                    self.last.1.clear();
                    self.last.1.extend_from_slice(&self.output);
                }
                Output::Wait { until } => {
                    self.until = until;
                    return;
                }
                _ => {}
            }
        }
    }

    /// A packet with these messages and a checksum, sealed if this is a cluster with a key.
    fn packet(&self, messages: &[Vec<u8>]) -> Vec<u8> {
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

trait Bytes {
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

fn alive(peer: u8) -> Vec<u8> {
    let name = name(peer);
    let alive = Alive {
        addr: &[10, 0, 0, peer],
        incarnation: 2,
        meta: b"\xff\x81\xa4role\xa3web",
        node: name.as_str().into(),
        port: 7946,
        versions: &[1, 5, 2, 2, 5, 5],
    };
    Message::Alive(alive).bytes()
}

/// What everybody knows: who is there, and who was accused before it said something newer.
fn known_facts() -> Vec<Vec<u8>> {
    let mut facts: Vec<Vec<u8>> = (1..=PEERS).map(alive).collect();
    let (from, node) = ("n1".into(), "n2".into());
    facts.push(Message::Suspect(Suspect { from, incarnation: 1, node }).bytes());
    facts.push(Message::Dead(Dead { from, incarnation: 1, node }).bytes());
    facts
}

/// A user event, a query, and what two members mean to do, one of whom nobody knows.
fn known_messages() -> Vec<Vec<u8>> {
    let query = serf_message::Query {
        addr: &[10, 0, 0, 1],
        flags: serf_message::FLAG_ACK,
        id: 5,
        ltime: 3,
        name: "load".into(),
        payload: b"now?",
        port: 7946,
        source_node: "n1".into(),
        timeout: 1_000_000_000,
        ..serf_message::Query::default()
    };
    let (coalesce, ltime, name, payload) = (true, 3, "deploy".into(), &b"v2"[..]);
    let join = |node: &'static str| serf_message::Join { ltime: 4, node: node.into() };
    vec![
        SerfMessage::UserEvent(serf_message::UserEvent { coalesce, ltime, name, payload }).bytes(),
        SerfMessage::Query(query).bytes(),
        SerfMessage::Join(join("n3")).bytes(),
        SerfMessage::Join(join("stranger")).bytes(),
        SerfMessage::Leave(serf_message::Leave { ltime: 2, node: "n3".into(), prune: false })
            .bytes(),
    ]
}

fn ping() -> Vec<u8> {
    Message::Ping(Ping {
        node: "me".into(),
        seq: 12,
        source_addr: Some(&[10, 0, 0, 1]),
        source_node: Some("n1".into()),
        source_port: Some(7946),
    })
    .bytes()
}

/// Runs `round` until all memory there will ever be is taken, and then counts.
#[track_caller]
fn allocates_nothing(sealed: bool, mut round: impl FnMut(&mut Steady)) {
    let mut steady = Steady::new(sealed);
    for _ in 0..ROUNDS {
        round(&mut steady);
    }
    let counted = measure(|| (0..ROUNDS).for_each(|_| round(&mut steady)));
    assert_eq!(counted.count_total, 0, "sealed: {sealed}");
    assert_eq!(steady.node.stats().dropped.total(), 0);
}

/// A packet that comes again and again: each time, so many datagrams go out.
#[track_caller]
fn comes_for_nothing(messages: &[Vec<u8>], answers: usize) {
    for sealed in [false, true] {
        let mut packet = Vec::new();
        allocates_nothing(sealed, |steady| {
            if packet.is_empty() {
                packet = steady.packet(messages);
                steady.hear(1, &packet);
                steady.rest();
            }
            steady.datagrams = 0;
            steady.hear(1, &packet);
            assert_eq!(steady.datagrams, answers);
        });
    }
}

#[test]
fn the_count_would_show_it_otherwise() {
    let mut steady = Steady::new(false);
    let news = steady.packet(&[alive(PEERS + 1)]);
    assert!(measure(|| steady.hear(1, &news)).count_total > 0);
}

#[test]
fn a_ping_is_acked() {
    comes_for_nothing(&[ping()], 1);
}

#[test]
fn gossip_of_what_is_known_arrives() {
    comes_for_nothing(&known_facts(), 0);
}

#[test]
fn gossip_of_what_is_known_arrives_compressed() {
    let mut compressed = Vec::new();
    let mut compound = vec![7, 2];
    let [one, two] = [alive(1), alive(2)];
    [&one, &two].iter().for_each(|part| compound.extend((part.len() as u16).to_be_bytes()));
    compound.extend([one, two].concat());
    Lzw::default().compress(&compound, &mut compressed);
    comes_for_nothing(&[compressed], 0);
}

#[test]
fn serf_messages_that_are_known_arrive() {
    comes_for_nothing(&known_messages(), 0);
    for message in known_messages() {
        comes_for_nothing(&[message], 0);
    }
}

#[test]
fn an_idle_node_probes_and_is_answered() {
    for sealed in [false, true] {
        let mut acked = 0;
        allocates_nothing(sealed, |steady| {
            steady.wake();
            assert_eq!(steady.datagrams, 1, "a ping, and nothing else is due");
            let now = steady.node.stats().probes_acked;
            assert!(now > acked);
            acked = now;
        });
    }
}

/// Queues an event, and waits until the tick that gossips it comes next.
fn something_to_say(steady: &mut Steady) {
    steady.rest();
    let now = steady.now;
    steady.node.user_event(now, "deploy", b"v2", Coalesce::No).unwrap();
    steady.drain();
    while steady.node.stats().next_wake != Some("gossip") {
        steady.wake();
    }
}

#[test]
fn a_gossip_tick_with_nothing_left_to_say() {
    for sealed in [false, true] {
        let mut steady = Steady::new(sealed);
        let packet = steady.packet(&[ping()]);
        for round in 0..20 {
            something_to_say(&mut steady);
            while steady.node.stats().queued > 0 {
                steady.hear(1, &packet);
            }
            let counted = measure(|| steady.wake());
            assert_eq!(steady.datagrams, 0);
            assert!(round < 10 || counted.count_total == 0, "{counted:?}");
        }
    }
}

#[test]
fn a_gossip_tick_with_something_to_say() {
    for sealed in [false, true] {
        let mut steady = Steady::new(sealed);
        for round in 0..20 {
            something_to_say(&mut steady);
            let counted = measure(|| {
                steady.now = steady.until.unwrap();
                steady.node.handle_timeout(steady.now);
                steady.drain();
            });
            assert!(steady.last.1.len() > 20, "it was said");
            assert!(round < 10 || counted.count_total == 0, "{counted:?}");
        }
    }
}

#[test]
fn a_wake_up_with_nothing_due_costs_nothing_either() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            let early = steady.until.unwrap() - Duration::from_millis(1);
            steady.node.handle_timeout(early);
            steady.drain();
            steady.now = steady.now.max(early);
        });
    }
}
