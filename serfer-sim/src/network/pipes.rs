//! Streams, as pairs of queues in memory.
//!
//! A pipe is one TCP connection: end 0 dialled, end 1 was dialled. What one end sends goes into the
//! queue of the other end and comes out in order. If the path is cut when the first segment of a
//! queue is due, this segment is tried again after growing pauses, as TCP does, and the segments
//! behind it wait.
//!
//! The rule: once a node has given up its end, nothing is reported to it about that end.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::StreamId;

use super::delay::RETRANSMIT;
use crate::node_id::NodeId;

/// Names one end of one pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EndId {
    slot: u32,
    /// Slots are reused. The generation tells the pipes of one slot apart.
    generation: u32,
    side: u8,
}

impl EndId {
    pub(crate) fn other(self) -> Self {
        Self { side: 1 - self.side, ..self }
    }
}

/// What is sent from one end to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// A node dials from this address.
    Dial(SocketAddr),
    /// The dial was accepted.
    Connected,
    Bytes(Vec<u8>),
    /// The sender sends no more.
    Fin,
    /// The stream does not exist, or no longer exists.
    Reset,
}

/// All pipes of a simulation.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    pipes: Vec<Pipe>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Pipe {
    generation: u32,
    ends: [PipeEnd; 2],
}

/// What one end has received and its node has not read yet.
#[derive(Debug)]
pub(crate) struct PipeEnd {
    pub(crate) node: NodeId,
    /// The node's name for it, while the node uses it.
    pub(crate) stream: Option<StreamId>,
    /// Its node wants to close it as soon as everything is sent.
    pub(crate) is_closing: bool,
    incoming: VecDeque<(Duration, Segment)>,
    bytes_incoming: usize,
    /// Whether the first segment of `incoming` is in the engine's queue.
    is_due: bool,
    retries: u32,
}

/// How many bytes the sender's machine buffers. A stream can be closed while they are under way.
const SEND_BUFFER: usize = 256 << 10;

/// The longest wait before a retransmission.
const RETRANSMIT_MAX: Duration = Duration::from_secs(10);

impl Pipes {
    /// Opens a pipe and returns the end of the node that dials.
    pub(crate) fn open(&mut self, dialler: NodeId, stream: StreamId, dialled: NodeId) -> EndId {
        let ends = [PipeEnd::new(dialler, Some(stream)), PipeEnd::new(dialled, None)];
        if let Some(slot) = self.free.pop() {
            let pipe = &mut self.pipes[slot as usize];
            pipe.ends = ends;
            return EndId { slot, generation: pipe.generation, side: 0 };
        }
        self.pipes.push(Pipe { generation: 0, ends });
        EndId { slot: self.pipes.len() as u32 - 1, generation: 0, side: 0 }
    }

    /// How many pipes have been accepted and are not closed. A dial that nobody accepted does not
    /// count.
    pub(crate) fn established(&self) -> usize {
        let is_established = |pipe: &&Pipe| pipe.ends.iter().all(|end| end.stream.is_some());
        self.pipes.iter().filter(is_established).count()
    }

    pub(crate) fn end(&mut self, at: EndId) -> Option<&mut PipeEnd> {
        let pipe = self.pipes.get_mut(at.slot as usize)?;
        (pipe.generation == at.generation).then(|| &mut pipe.ends[usize::from(at.side)])
    }

    /// Sends a segment to an end. Returns when this end must be looked at, unless it is scheduled
    /// already.
    #[must_use]
    pub(crate) fn send(&mut self, to: EndId, at: Duration, segment: Segment) -> Option<Duration> {
        let end = self.end(to)?;
        let at = end.incoming.back().map_or(at, |(last, _)| at.max(*last));
        end.bytes_incoming += segment.len();
        end.incoming.push_back((at, segment));
        if std::mem::replace(&mut end.is_due, true) { None } else { Some(at) }
    }

    /// The first segment cannot pass. Returns when to try again, and whether this was the first try.
    #[must_use]
    pub(crate) fn retry(&mut self, at: EndId, now: Duration) -> Option<(Duration, bool)> {
        let end = self.end(at)?;
        let wait = (RETRANSMIT * 2u32.pow(end.retries.min(6))).min(RETRANSMIT_MAX);
        end.retries += 1;
        Some((now + wait, end.retries == 1))
    }

    /// Takes the first segment. Also returns when the next one is due.
    pub(crate) fn take(&mut self, at: EndId) -> Option<(Segment, Option<Duration>)> {
        let end = self.end(at)?;
        end.retries = 0;
        let (_, segment) = end.incoming.pop_front()?;
        end.bytes_incoming -= segment.len();
        let next = end.incoming.front().map(|(at, _)| *at);
        end.is_due = next.is_some();
        Some((segment, next))
    }

    /// Whether everything that this end sent has left its machine.
    pub(crate) fn is_flushed(&mut self, at: EndId) -> bool {
        self.end(at.other()).is_none_or(|end| end.bytes_incoming <= SEND_BUFFER)
    }

    /// Forgets what was sent to an end and could not be delivered yet.
    pub(crate) fn drop_stalled(&mut self, to: EndId) {
        if let Some(end) = self.end(to)
            && end.retries > 0
        {
            // The first segment is in the engine's queue, so it becomes a reset instead.
            end.incoming.truncate(1);
            end.incoming.iter_mut().for_each(|(_, segment)| *segment = Segment::Reset);
            end.bytes_incoming = 0;
        }
    }

    /// Marks an end as given up, and returns its stream. Frees the pipe if the other end is given up
    /// too, or was never accepted.
    pub(crate) fn finish(&mut self, at: EndId) -> Option<StreamId> {
        let end = self.end(at)?;
        let stream = end.stream.take();
        if self.end(at.other()).is_some_and(|other| other.stream.is_none()) {
            self.pipes[at.slot as usize].generation += 1;
            self.free.push(at.slot);
        }
        stream
    }
}

impl Segment {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Dial(_) | Self::Connected | Self::Fin | Self::Reset => 0,
        }
    }
}

impl PipeEnd {
    fn new(node: NodeId, stream: Option<StreamId>) -> Self {
        Self {
            node,
            stream,
            is_closing: false,
            incoming: VecDeque::new(),
            bytes_incoming: 0,
            is_due: false,
            retries: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use serfer_proto::{Config, Endpoint};

    use super::*;

    /// Two stream ids. Only an endpoint can make them.
    fn streams() -> (StreamId, StreamId) {
        let addr = "10.0.0.1:7946".parse().unwrap();
        #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
        let now = Instant::now();
        let mut endpoint = Endpoint::new(Config::lan("a").advertise(addr), [0; 32], now).unwrap();
        let mut accept = || endpoint.handle_accepted(now, addr).unwrap();
        (accept(), accept())
    }

    #[test]
    fn a_pipe_is_freed_when_both_ends_are_given_up_and_its_ids_become_invalid() {
        let (dialled, accepted) = streams();
        let mut pipes = Pipes::default();
        let at = pipes.open(NodeId::new(0), dialled, NodeId::new(1));
        pipes.end(at.other()).unwrap().stream = Some(accepted);
        assert_eq!(pipes.established(), 1);
        assert_eq!(pipes.finish(at), Some(dialled));
        assert!(pipes.free.is_empty());
        assert_eq!(pipes.finish(at.other()), Some(accepted));
        assert_eq!(pipes.free.len(), 1);

        let next = pipes.open(NodeId::new(0), dialled, NodeId::new(1));
        assert_eq!(next.slot, at.slot);
        assert!(pipes.end(at).is_none());
        assert_eq!(pipes.send(at, Duration::ZERO, Segment::Fin), None);
    }

    #[test]
    fn a_dial_that_nobody_accepted_leaves_nothing_behind() {
        let mut pipes = Pipes::default();
        let at = pipes.open(NodeId::new(0), streams().0, NodeId::new(1));
        assert!(pipes.finish(at).is_some());
        assert_eq!(pipes.free.len(), 1);
    }
}
