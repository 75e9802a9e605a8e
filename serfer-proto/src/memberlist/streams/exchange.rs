//! The streams that are open, and the state of each.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::{JoinId, Node, Replay, StreamId};
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
    /// How many push/pulls of ours have come due since another node dialled us.
    pub(crate) quiet_ticks: u32,
}

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) peer: SocketAddr,
    pub(crate) side: Side,
    pub(crate) phase: ExchangePhase,
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
    Ping { seq: u32, node: Arc<Node> },
}

/// What a push/pull that we dial is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushPullReason {
    Join(JoinId, Replay),
    /// Its interval is over.
    Periodic,
    /// We were started again, and try a member of the snapshot.
    SnapshotRejoin,
    /// A failed member may be back.
    Reconnect,
    /// A seed, or a member that died, is tried again.
    SeedRetry,
}

impl PushPullReason {
    /// Whether user events from before the push/pull are delivered; `None` if it is not a join.
    pub(crate) fn replay(self) -> Option<Replay> {
        match self {
            Self::Join(_, replay) => Some(replay),
            Self::SnapshotRejoin | Self::Reconnect | Self::SeedRetry => Some(Replay::Deliver),
            Self::Periodic => None,
        }
    }
}

impl Exchanges {
    pub(crate) fn open(&mut self, peer: SocketAddr, side: Side, phase: ExchangePhase) -> StreamId {
        self.last_id += 1;
        let stream = StreamId(self.last_id);
        self.inbound += usize::from(side == Side::Accepted);
        self.open.insert(stream, Exchange { peer, side, phase });
        stream
    }

    pub(crate) fn remove(&mut self, stream: StreamId) -> Option<Exchange> {
        let exchange = self.open.remove(&stream)?;
        self.inbound -= usize::from(exchange.side == Side::Accepted);
        Some(exchange)
    }
}
