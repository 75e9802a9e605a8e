//! The streams that are open, and the state of each.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::api::{JoinId, Node, Replay, StreamId};
use crate::memberlist::streams::news::News;
use crate::wire::stream::{FrameReader, Side};

/// How a stream ended, as the runtime reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The other side sends no more, but may still read what we write.
    Eof,
    /// The stream is gone: closed as asked for, broken, or it could not be dialled.
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    pub(crate) open: BTreeMap<StreamId, Exchange>,
    last_id: u64,
    /// How many of them were accepted.
    pub(crate) inbound: usize,
    /// From where those are.
    pub(crate) sources: BTreeMap<IpAddr, SourceStreams>,
    /// How many push/pulls of ours have come due since another node dialled us.
    pub(crate) quiet_ticks: u32,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) peer: SocketAddr,
    pub(crate) side: Side,
    pub(crate) phase: ExchangePhase,
    /// What is news in the push/pull that is on its way.
    pub(crate) news: News,
    /// If it was accepted.
    pub(crate) origin: Option<Origin>,
}

/// What decides whether a stream that was accepted keeps its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    /// Streams of one source share their places.
    pub(crate) source: IpAddr,
    /// When it was accepted or, once its request is here, when that was complete.
    pub(crate) since: Instant,
}

/// The streams of one source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceStreams {
    pub(crate) open: usize,
    /// How many it may have without being the first to lose one.
    pub(crate) entitled: usize,
}

#[derive(Debug)]
pub(crate) enum ExchangePhase {
    /// We dialled and wait for the connection.
    Dialling(StreamRequest),
    /// The message of the other side is on its way: the answer to our request or, if we have none, its
    /// request.
    Reading(Option<StreamRequest>, FrameReader),
    /// Nothing more is read or written; the runtime flushes and closes.
    Closing,
}

/// What we dial a stream for.
#[derive(Clone, Debug)]
pub(crate) enum StreamRequest {
    PushPull(PushPullReason),
    Ping { seq: u32, node: Node },
}

/// What a push/pull that we dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushPullReason {
    Join(JoinId, Replay),
    /// Its interval is over.
    Periodic,
    /// We were started again, and try a member of the snapshot.
    SnapshotRejoin,
    /// A lost member has answered to its name.
    Retry,
    /// A seed is tried again.
    SeedRetry(Replay),
}

impl PushPullReason {
    /// Whether user events from before the push/pull are delivered; `None` if it is not a join.
    pub(crate) fn replay(self) -> Option<Replay> {
        match self {
            Self::Join(_, replay) | Self::SeedRetry(replay) => Some(replay),
            Self::SnapshotRejoin | Self::Retry => Some(Replay::Deliver),
            Self::Periodic => None,
        }
    }
}

impl Exchanges {
    /// Adds a stream that we dial.
    pub(crate) fn dial(&mut self, peer: SocketAddr, phase: ExchangePhase) -> StreamId {
        self.add(Exchange { peer, side: Side::Dialled, phase, news: News::default(), origin: None })
    }

    /// Adds a stream that we accepted. Its source is entitled to so many.
    pub(crate) fn accept(
        &mut self,
        peer: SocketAddr,
        phase: ExchangePhase,
        origin: Origin,
        entitled: usize,
    ) -> StreamId {
        self.inbound += 1;
        let of_source = SourceStreams { open: 0, entitled };
        let of_source = self.sources.entry(origin.source).or_insert(of_source);
        *of_source = SourceStreams { open: of_source.open + 1, entitled };
        self.add(Exchange {
            peer,
            side: Side::Accepted,
            phase,
            news: News::default(),
            origin: Some(origin),
        })
    }

    fn add(&mut self, exchange: Exchange) -> StreamId {
        self.last_id += 1;
        let stream = StreamId(self.last_id);
        self.open.insert(stream, exchange);
        stream
    }

    pub(crate) fn remove(&mut self, stream: StreamId) -> Option<Exchange> {
        let exchange = self.open.remove(&stream)?;
        if let Some(origin) = exchange.origin {
            self.inbound = self.inbound.saturating_sub(1);
            if let Entry::Occupied(mut of_source) = self.sources.entry(origin.source) {
                match of_source.get().open {
                    ..=1 => drop(of_source.remove()),
                    2.. => of_source.get_mut().open -= 1,
                }
            }
        }
        Some(exchange)
    }
}
