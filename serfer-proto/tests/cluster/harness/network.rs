//! The network between the nodes.
//!
//! Whatever is sent arrives one [`LATENCY`] later, in the order in which it was sent. A stream is a
//! pipe that delivers in chunks of changing sizes. Once a cut path has lost a byte of a stream, the
//! stream delivers nothing more. Nothing is random here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serfer_proto::{StreamEnd, StreamId};

pub(crate) const LATENCY: Duration = Duration::from_millis(5);

/// The address of a node.
pub(crate) fn addr(node: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, node as u8 + 1], 7946))
}

/// The node of an address.
fn node_at(addr: SocketAddr) -> usize {
    match addr {
        SocketAddr::V4(v4) if v4.port() == 7946 => usize::from(v4.ip().octets()[3]) - 1,
        _ => usize::MAX,
    }
}

pub(crate) struct Network {
    pub(crate) now: Instant,
    /// What is on its way, by when and in which order it arrives, and at which node.
    due: BTreeMap<(Instant, usize), (usize, Arrival)>,
    sent: usize,
    pipes: Vec<Pipe>,
    /// The pipe behind a node's stream, and which side of it the node is.
    streams: BTreeMap<(usize, StreamId), (usize, usize)>,
    /// Paths that lose all that goes from the first node to the second.
    cuts: BTreeSet<(usize, usize, Traffic)>,
    /// Paths on which the first node's own network stack refuses datagrams to the second.
    pub(crate) refused_sends: BTreeSet<(usize, usize)>,
    /// All datagrams and all that was written to streams, if the test asked for it.
    pub(crate) recording: Option<[Vec<Vec<u8>>; 2]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Traffic {
    Datagrams,
    Streams,
}

pub(crate) const UDP: &[Traffic] = &[Traffic::Datagrams];
pub(crate) const ALL: &[Traffic] = &[Traffic::Datagrams, Traffic::Streams];

/// First the side that dialled, then the side that accepted.
struct Pipe {
    nodes: [usize; 2],
    streams: [Option<StreamId>; 2],
    /// Something on its way to this side was lost.
    broken: [bool; 2],
}

/// Something that arrives at a node.
#[derive(Debug)]
pub(crate) enum Arrival {
    Datagram(SocketAddr, Vec<u8>),
    SendFailed(SocketAddr),
    /// A dial from this address, with the number of the pipe.
    Dial(SocketAddr, usize),
    /// Something at one side of a pipe.
    Pipe(usize, usize, News),
}

#[derive(Debug)]
pub(crate) enum News {
    Connected,
    Data(Vec<u8>),
    End(StreamEnd),
}

impl Network {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            now,
            due: BTreeMap::new(),
            sent: 0,
            pipes: Vec::new(),
            streams: BTreeMap::new(),
            cuts: BTreeSet::new(),
            refused_sends: BTreeSet::new(),
            recording: None,
        }
    }

    pub(crate) fn next_at(&self) -> Option<Instant> {
        self.due.first_key_value().map(|(&(at, _), _)| at)
    }

    /// Takes the next arrival, and moves the time to it.
    pub(crate) fn next(&mut self) -> Option<(usize, Arrival)> {
        let ((at, _), next) = self.due.pop_first()?;
        self.now = at;
        Some(next)
    }

    pub(crate) fn send(&mut self, after: Duration, to: usize, arrival: Arrival) {
        self.sent += 1;
        self.due.insert((self.now + after, self.sent), (to, arrival));
    }

    pub(crate) fn cut_one_way(&mut self, from: &[usize], to: &[usize], kinds: &[Traffic]) {
        let paths = from.iter().flat_map(|&a| to.iter().map(move |&b| (a, b)));
        self.cuts.extend(paths.flat_map(|(a, b)| kinds.iter().map(move |&kind| (a, b, kind))));
    }

    pub(crate) fn cut(&mut self, these: &[usize], those: &[usize], kinds: &[Traffic]) {
        self.cut_one_way(these, those, kinds);
        self.cut_one_way(those, these, kinds);
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(crate) fn datagram(&mut self, from: usize, to: SocketAddr, bytes: &[u8]) {
        let receiver = node_at(to);
        if let Some([datagrams, _]) = &mut self.recording {
            datagrams.push(bytes.to_vec());
        }
        if self.refused_sends.contains(&(from, receiver)) {
            self.send(Duration::ZERO, from, Arrival::SendFailed(to));
        } else if !self.cuts.contains(&(from, receiver, Traffic::Datagrams)) {
            self.send(LATENCY, receiver, Arrival::Datagram(addr(from), bytes.to_vec()));
        }
    }

    pub(crate) fn dial(&mut self, from: usize, stream: StreamId, to: SocketAddr) {
        let pipe = self.pipes.len();
        let (nodes, streams) = ([from, node_at(to)], [Some(stream), None]);
        self.pipes.push(Pipe { nodes, streams, broken: [false; 2] });
        self.streams.insert((from, stream), (pipe, 0));
        let source = SocketAddr::new(addr(from).ip(), 50_000 + (pipe % 10_000) as u16);
        self.send_through(pipe, 1, Arrival::Dial(source, pipe));
    }

    /// Answers a dial: `None` refuses it.
    pub(crate) fn answer(&mut self, pipe: usize, stream: Option<StreamId>) {
        self.pipes[pipe].streams[1] = stream;
        let Some(stream) = stream else {
            return self.send_news(pipe, 0, News::End(StreamEnd::Closed));
        };
        self.streams.insert((self.pipes[pipe].nodes[1], stream), (pipe, 1));
        self.send_news(pipe, 0, News::Connected);
    }

    pub(crate) fn write(&mut self, node: usize, stream: StreamId, bytes: &[u8]) {
        if let Some([_, writes]) = &mut self.recording {
            writes.push(bytes.to_vec());
        }
        let (pipe, side) = self.streams[&(node, stream)];
        let mut rest = bytes;
        for len in [1, 4, 50, 1400].into_iter().cycle() {
            let (chunk, behind) = rest.split_at(len.min(rest.len()));
            self.send_news(pipe, 1 - side, News::Data(chunk.to_vec()));
            rest = behind;
            if rest.is_empty() {
                return;
            }
        }
    }

    /// The other side reads the end. This side is gone once all its bytes have left.
    pub(crate) fn close(&mut self, node: usize, stream: StreamId) {
        let (pipe, side) = self.streams[&(node, stream)];
        self.send_news(pipe, 1 - side, News::End(StreamEnd::Eof));
        let closed = News::End(StreamEnd::Closed);
        self.send(LATENCY, node, Arrival::Pipe(pipe, side, closed));
    }

    pub(crate) fn abort(&mut self, node: usize, stream: StreamId) {
        if let Some((pipe, side)) = self.streams.remove(&(node, stream)) {
            self.send_news(pipe, 1 - side, News::End(StreamEnd::Closed));
        }
    }

    pub(crate) fn abort_all(&mut self, node: usize) {
        let streams: Vec<StreamId> =
            self.streams.keys().filter(|key| key.0 == node).map(|key| key.1).collect();
        streams.into_iter().for_each(|stream| self.abort(node, stream));
    }

    /// The stream that some news is for, unless the stream is over.
    pub(crate) fn stream(&mut self, pipe: usize, side: usize, news: &News) -> Option<StreamId> {
        let stream = self.pipes[pipe].streams[side]?;
        let key = (self.pipes[pipe].nodes[side], stream);
        let is_open = self.streams.get(&key) == Some(&(pipe, side));
        if is_open && matches!(news, News::End(StreamEnd::Closed)) {
            self.streams.remove(&key);
        }
        is_open.then_some(stream)
    }

    fn send_news(&mut self, pipe: usize, side: usize, news: News) {
        self.send_through(pipe, side, Arrival::Pipe(pipe, side, news));
    }

    fn send_through(&mut self, pipe: usize, side: usize, arrival: Arrival) {
        let Pipe { nodes, broken, .. } = &mut self.pipes[pipe];
        let to = nodes[side];
        broken[side] |= self.cuts.contains(&(nodes[1 - side], to, Traffic::Streams));
        if !broken[side] {
            self.send(LATENCY, to, arrival);
        }
    }
}
