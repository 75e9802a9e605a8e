//! An endpoint whose promises to a runtime are checked all the time.
//!
//! After each call all outputs are handled, and then: the outputs end, streams are used in order,
//! no counter went back, every table and queue is within its bound, the node is a member of its own
//! cluster, its coordinate is valid, its keys are stored, and after a timeout its next deadline is
//! later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::kind;
use serfer_proto::wire::message::{Alive, Message, Ping, ip_bytes};
use serfer_proto::{
    Config, Endpoint, Event, Keyring, Limits, Output, Query, SecretKey, Stats, StoreWrite,
    StoredFile, StreamEnd, StreamId,
};

use super::layers::Layers;

/// More outputs than any one call may cause.
const OUTPUTS_MAX: usize = 1 << 14;

/// The time at which every run begins. It leaves room for clocks that go back.
pub(super) static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now() + Duration::from_secs(1 << 20));

/// The protocol versions that a current `serf agent` announces.
pub(super) const VERSIONS: [u8; 6] = [1, 5, 2, 2, 5, 5];

/// Node 0 of a cluster in which node `n` is called `n<n>` and lives at [`addr`].
pub(super) struct Watched {
    endpoint: Endpoint,
    layers: Layers,
    limits: Limits,
    pub(super) now: Instant,
    until: Option<Instant>,
    before: Stats,
    /// Its keys.
    keys: Option<String>,
    /// The keyring that it wants stored and has not heard of yet.
    stored: Option<Vec<u8>>,
    /// The keyring that was written last.
    written: Option<Vec<u8>>,
    streams: BTreeMap<StreamId, Stage>,
    /// The streams that others opened.
    accepted: BTreeSet<StreamId>,
    newest: Option<StreamId>,
    /// The most members that it had at a time.
    members_max: usize,
    pub(super) queries: Vec<Query>,
    /// How many key requests, and how many rotations, ended.
    pub(super) ended: [usize; 2],
    /// All outputs, with their bytes.
    pub(super) said: Vec<(Output, Vec<u8>)>,
}

/// The last thing that the runtime was asked to do with a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Dialled,
    Open,
    Written,
    Closing,
}

pub(super) fn addr(node: u8) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::new(10, 0, 0, node), 7946))
}

pub(super) fn name(node: u8) -> String {
    format!("n{node}")
}

pub(super) fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    out
}

/// An alive message that fits this node.
pub(super) fn alive(node: u8, incarnation: u32, meta: &[u8]) -> Vec<u8> {
    encoded(&Message::Alive(Alive {
        addr: &ip_bytes(addr(node).ip()),
        incarnation,
        meta,
        node: name(node).as_str().into(),
        port: addr(node).port(),
        versions: &VERSIONS,
    }))
}

impl Watched {
    pub(super) fn new(config: Config, limits: Limits, layers: Layers) -> Self {
        let now = *EPOCH;
        let config = layers.config(config.advertise(addr(0)).limits(limits));
        let endpoint = Endpoint::new(config, [7; 32], now).expect("a good configuration");
        let before = endpoint.stats();
        let keys = endpoint.keyring().map(Keyring::to_json);
        let mut watched = Self {
            endpoint,
            layers,
            limits,
            now,
            until: None,
            before,
            keys,
            stored: None,
            written: None,
            streams: BTreeMap::new(),
            accepted: BTreeSet::new(),
            newest: None,
            members_max: 1,
            queries: Vec::new(),
            ended: [0; 2],
            said: Vec::new(),
        };
        watched.drain();
        watched
    }

    /// Calls the endpoint.
    pub(super) fn act<T>(&mut self, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = act(&mut self.endpoint, self.now);
        self.drain();
        result
    }

    /// A datagram, wrapped if the input asks for it.
    pub(super) fn hear(&mut self, from: SocketAddr, message: &[u8]) {
        let mut packet = self.layers.packet(message);
        self.act(|node, now| node.handle_datagram(now, from, &mut packet));
    }

    /// A datagram that is wrapped correctly.
    pub(super) fn hear_right(&mut self, from: SocketAddr, message: &[u8]) {
        let mut packet = self.layers.right().packet(message);
        self.act(|node, now| node.handle_datagram(now, from, &mut packet));
    }

    /// A datagram that is sealed with a key, which the node may lack.
    pub(super) fn hear_sealed(&mut self, from: SocketAddr, key: &SecretKey, message: &[u8]) {
        let mut packet = self.layers.with_key(key).packet(message);
        self.act(|node, now| node.handle_datagram(now, from, &mut packet));
    }

    /// How messages to it are wrapped. They are sealed with its primary key.
    pub(super) fn layers(&self) -> &Layers {
        &self.layers
    }

    /// What `find` finds in the last packet in which it finds anything, and the receiver of that
    /// packet.
    pub(super) fn last_said<T>(
        &self,
        find: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<(SocketAddr, T)> {
        self.said.iter().rev().find_map(|(output, bytes)| {
            let Output::Datagram { to, .. } = output else {
                return None;
            };
            let packet = self.layers.open(bytes)?;
            let messages: Vec<&[u8]> = match packet.split_first()? {
                (&kind::COMPOUND, body) => Parts::parse(body).ok()?.flatten().collect(),
                _ => vec![&*packet],
            };
            messages.into_iter().find_map(&find).map(|found| (*to, found))
        })
    }

    /// A peer dials. `None` if the node has no room for another stream.
    pub(super) fn accept(&mut self, from: SocketAddr) -> Option<StreamId> {
        let endpoint = &mut self.endpoint;
        let stream = endpoint.handle_accepted(self.now, from);
        if let Some(stream) = stream {
            self.open(stream, Stage::Open);
            self.accepted.insert(stream);
        }
        self.drain();
        stream
    }

    /// A stream that the node dialled is open.
    pub(super) fn connect(&mut self, stream: StreamId) {
        if let Some(stage @ Stage::Dialled) = self.streams.get_mut(&stream) {
            *stage = Stage::Open;
        }
        self.act(|node, now| node.handle_connected(now, stream));
    }

    pub(super) fn data(&mut self, stream: StreamId, bytes: &[u8]) {
        self.act(|node, now| node.handle_stream_data(now, stream, bytes));
    }

    pub(super) fn end(&mut self, stream: StreamId, end: StreamEnd) {
        if end == StreamEnd::Closed {
            self.streams.remove(&stream);
        }
        self.act(|node, now| node.handle_stream_end(now, stream, end));
    }

    /// All streams, with how far each is.
    pub(super) fn streams(&self) -> impl DoubleEndedIterator<Item = (StreamId, Stage)> {
        self.streams.iter().map(|(&stream, &stage)| (stream, stage))
    }

    /// Whether another node opened it.
    pub(super) fn has_accepted(&self, stream: StreamId) -> bool {
        self.accepted.contains(&stream)
    }

    /// Time passes until the next deadline, or beyond it.
    pub(super) fn wake(&mut self) {
        self.act(Endpoint::handle_timeout);
        let later = self.until.is_none_or(|until| until > self.now);
        assert!(later, "it would be woken for {:?} for ever", self.endpoint.stats().next_wake);
    }

    /// Time passes, and the node is woken at its deadlines, unless there are too many.
    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..1000 {
            let Some(until) = self.until.filter(|until| *until <= end) else {
                break;
            };
            self.now = until.max(self.now);
            self.wake();
        }
        self.now = end;
    }

    /// Wakes the node at its next few deadlines.
    pub(super) fn wake_often(&mut self, times: usize) {
        for _ in 0..times {
            let Some(until) = self.until else {
                return;
            };
            self.now = until.max(self.now);
            self.wake();
        }
    }

    /// The node goes on: it acks a ping.
    pub(super) fn assert_well(&mut self) {
        self.said.clear();
        let ping = Ping { node: "n0".into(), seq: 77, ..Ping::default() };
        self.hear_right(addr(99), &encoded(&Message::Ping(ping)));
        let is_ack =
            |output: &Output| matches!(output, Output::Datagram { to, .. } if *to == addr(99));
        assert!(self.said.iter().any(|(output, _)| is_ack(output)), "it answers no more");
    }

    fn open(&mut self, stream: StreamId, stage: Stage) {
        assert!(self.newest < Some(stream), "{stream} was used before");
        self.newest = Some(stream);
        self.streams.insert(stream, stage);
    }

    fn drain(&mut self) {
        for _ in 0..OUTPUTS_MAX {
            let mut bytes = Vec::new();
            let output = self.endpoint.poll_output(&mut bytes);
            self.follow(&output);
            if let Output::Wait { until } = output {
                self.until = until;
                self.check_keys();
                return self.check();
            }
            if let Output::Store { file: StoredFile::Keyring, write, .. } = output {
                assert_eq!(write, StoreWrite::Replace);
                assert_eq!(self.stored, None, "one change of keys is stored at a time");
                self.stored = Some(bytes.clone());
            }
            self.said.push((output, bytes));
        }
        panic!("there is no end to its outputs");
    }

    /// Handles an output as a runtime would, which must be possible.
    fn follow(&mut self, output: &Output) {
        match output {
            Output::Datagram { len, .. } => assert!(*len <= 65_507, "no datagram is so long"),
            Output::Connect { stream, .. } => self.open(*stream, Stage::Dialled),
            Output::Write { stream, .. } => {
                let stage = self.streams.insert(*stream, Stage::Written);
                assert_eq!(stage, Some(Stage::Open), "{stream} cannot be written");
            }
            Output::Close { stream } => {
                let stage = self.streams.insert(*stream, Stage::Closing);
                let can_close = matches!(stage, Some(Stage::Open | Stage::Written));
                assert!(can_close, "{stream} cannot be closed: {stage:?}");
            }
            Output::Abort { stream } => {
                assert!(self.streams.remove(stream).is_some(), "{stream} is not there");
            }
            Output::Event(Event::Query(query)) => self.queries.push(query.clone()),
            Output::Event(Event::KeysDone(_)) => self.ended[0] += 1,
            Output::Event(Event::RotationDone(_) | Event::RotationStopped(_)) => self.ended[1] += 1,
            Output::Store { .. } | Output::Event(_) | Output::Wait { .. } => {}
        }
    }

    /// Its keyring is written, or cannot be.
    pub(super) fn report_stored(&mut self, works: bool) {
        let stored = self.stored.take();
        if works {
            self.written = stored.or_else(|| self.written.take());
            self.act(|node, now| node.handle_stored(now, StoredFile::Keyring));
        } else {
            self.act(|node, now| node.handle_store_failed(now, StoredFile::Keyring, "full"));
        }
    }

    /// The keys in force are those that were written last.
    fn check_keys(&mut self) {
        let keys = self.endpoint.keyring().map(Keyring::to_json);
        let is_written = keys.as_ref().map(String::as_bytes) == self.written.as_deref();
        assert!(is_written || keys == self.keys, "other keys are stored");
        self.keys = keys;
        if let Some(ring) = self.endpoint.keyring() {
            assert!(ring.keys().count() <= 64);
            self.layers = self.layers.with_key(ring.primary());
        }
    }

    fn check(&mut self) {
        let (stats, limits) = (self.endpoint.stats(), &self.limits);
        for (counter, (before, after)) in counters(&self.before).zip(counters(&stats)).enumerate() {
            assert!(before <= after, "counter {counter} went from {before} back to {after}");
        }
        assert_eq!(self.endpoint.local_member().name(), "n0");
        assert_eq!(self.endpoint.members().filter(|member| member.name() == "n0").count(), 1);
        assert_eq!(self.endpoint.members().count(), stats.members);
        assert!(stats.members <= limits.members && stats.members_alive <= stats.members);
        // A queue that grew with the cluster shrinks when something is added to it.
        self.members_max = self.members_max.max(stats.members);
        let queue_max = limits.queue.max(2 * self.members_max);
        assert!(stats.queued <= 4 * queue_max, "{} messages are queued", stats.queued);
        let place = self.endpoint.coordinate().expect("coordinates are on");
        assert!(place.is_plausible(), "it is at {place:?}");
        assert!(stats.coordinates < stats.members);
        self.accepted.retain(|stream| self.streams.contains_key(stream));
        assert!(self.accepted.len() <= limits.inbound_streams);
        self.before = stats;
    }
}

fn counters(stats: &Stats) -> impl Iterator<Item = u64> {
    let counters = [
        stats.datagrams_received,
        stats.datagrams_sent,
        stats.sends_failed,
        stats.streams_accepted,
        stats.streams_dialled,
        stats.probes_acked,
        stats.probes_failed,
        stats.suspicions,
        stats.refutations,
        stats.broadcasts_dropped,
        stats.coordinate_resets,
    ];
    counters.into_iter().chain(stats.dropped.iter().map(|(_, count)| count))
}
