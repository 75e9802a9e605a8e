//! Streams, as pairs of queues in memory.
//!
//! A pipe is one TCP connection: end 0 dialled it, end 1 is dialled. What is sent goes into the
//! queue of the other end and comes out in order. If the path is cut when the first segment of a
//! queue is due, it is tried again later and later, as TCP does, and all behind it wait.
//!
//! The rule not to break: an end that its node has given up is never reported about again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::StreamId;

use super::delay::RETRANSMIT;
use crate::engine::NodeId;

/// One end of one pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PipeEnd {
    slot: u32,
    /// A slot is used again and again; this tells its pipes apart.
    generation: u32,
    side: u8,
}

impl PipeEnd {
    pub(crate) fn other(self) -> Self {
        Self { side: 1 - self.side, ..self }
    }
}

/// What travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// Somebody dials, from there.
    Dial(SocketAddr),
    /// The dial was accepted.
    Connected,
    Bytes(Vec<u8>),
    /// No more is sent.
    Fin,
    /// There is no such stream, or not any more.
    Reset,
}

#[derive(Debug, Default)]
pub(crate) struct Pipes {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    ends: [End; 2],
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) node: NodeId,
    /// What the node calls it, once it knows it and until it is done with it.
    pub(crate) stream: Option<StreamId>,
    /// Its node wants it closed as soon as all is sent.
    pub(crate) is_closing: bool,
    incoming: VecDeque<(Duration, Item)>,
    bytes_incoming: usize,
    /// Whether the first of `incoming` is in the simulation's queue.
    is_due: bool,
    retries: u32,
}

/// How many bytes a sender's machine takes over, so that a stream can be closed before they arrive.
const SEND_BUFFER: usize = 256 << 10;

/// The longest wait before something is sent again.
const RETRANSMIT_MAX: Duration = Duration::from_secs(10);

impl Pipes {
    /// Starts a pipe and returns the end of whoever dials.
    pub(crate) fn open(&mut self, dialler: NodeId, stream: StreamId, dialled: NodeId) -> PipeEnd {
        let ends = [End::new(dialler, Some(stream)), End::new(dialled, None)];
        if let Some(slot) = self.free.pop() {
            let place = &mut self.slots[slot as usize];
            place.ends = ends;
            return PipeEnd { slot, generation: place.generation, side: 0 };
        }
        self.slots.push(Slot { generation: 0, ends });
        PipeEnd { slot: self.slots.len() as u32 - 1, generation: 0, side: 0 }
    }

    /// How many have been accepted and are not over: an attempt to reach the dead is no conversation.
    pub(crate) fn conversations(&self) -> usize {
        let talk = |slot: &&Slot| slot.ends.iter().all(|end| end.stream.is_some());
        self.slots.iter().filter(talk).count()
    }

    pub(crate) fn end(&mut self, at: PipeEnd) -> Option<&mut End> {
        let slot = self.slots.get_mut(at.slot as usize)?;
        (slot.generation == at.generation).then(|| &mut slot.ends[usize::from(at.side)])
    }

    /// Puts something on its way to an end. Says when the end must be looked at, if that was not
    /// known.
    #[must_use]
    pub(crate) fn send(&mut self, to: PipeEnd, at: Duration, item: Item) -> Option<Duration> {
        let end = self.end(to)?;
        let at = end.incoming.back().map_or(at, |(last, _)| at.max(*last));
        end.bytes_incoming += item.len();
        end.incoming.push_back((at, item));
        if std::mem::replace(&mut end.is_due, true) { None } else { Some(at) }
    }

    /// The first segment cannot pass: when to try again, and whether this was the first time.
    #[must_use]
    pub(crate) fn retry(&mut self, at: PipeEnd, now: Duration) -> Option<(Duration, bool)> {
        let end = self.end(at)?;
        let wait = (RETRANSMIT * 2u32.pow(end.retries.min(6))).min(RETRANSMIT_MAX);
        end.retries += 1;
        Some((now + wait, end.retries == 1))
    }

    /// Takes the first segment, and says when the next one is due.
    pub(crate) fn take(&mut self, at: PipeEnd) -> Option<(Item, Option<Duration>)> {
        let end = self.end(at)?;
        end.retries = 0;
        let (_, item) = end.incoming.pop_front()?;
        end.bytes_incoming -= item.len();
        let next = end.incoming.front().map(|(at, _)| *at);
        end.is_due = next.is_some();
        Some((item, next))
    }

    /// Whether all that an end has sent has left its machine.
    pub(crate) fn has_left(&mut self, at: PipeEnd) -> bool {
        self.end(at.other()).is_none_or(|end| end.bytes_incoming <= SEND_BUFFER)
    }

    /// Forgets what an end was sent and could not yet be delivered.
    pub(crate) fn drop_stalled(&mut self, to: PipeEnd) {
        if let Some(end) = self.end(to)
            && end.retries > 0
        {
            // The segment that is being tried stays, as a reset: something of it is queued.
            end.incoming.truncate(1);
            end.incoming.iter_mut().for_each(|(_, item)| *item = Item::Reset);
            end.bytes_incoming = 0;
        }
    }

    /// Marks an end as given up, and returns its stream. Frees the pipe if the other is given up too,
    /// or was never accepted.
    pub(crate) fn finish(&mut self, at: PipeEnd) -> Option<StreamId> {
        let end = self.end(at)?;
        let stream = end.stream.take();
        if self.end(at.other()).is_some_and(|other| other.stream.is_none()) {
            let slot = &mut self.slots[at.slot as usize];
            slot.generation += 1;
            self.free.push(at.slot);
        }
        stream
    }
}

impl Item {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Dial(_) | Self::Connected | Self::Fin | Self::Reset => 0,
        }
    }
}

impl End {
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

    /// Names for streams: only an endpoint can make them.
    fn streams() -> (StreamId, StreamId) {
        let addr = "10.0.0.1:7946".parse().unwrap();
        #[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
        let now = Instant::now();
        let mut endpoint = Endpoint::new(Config::lan("a").advertise(addr), [0; 32], now).unwrap();
        let mut accept = || endpoint.handle_accepted(now, addr).unwrap();
        (accept(), accept())
    }

    #[test]
    fn a_pipe_is_free_once_both_ends_are_given_up_and_then_means_nothing() {
        let (dialled, accepted) = streams();
        let mut pipes = Pipes::default();
        let at = pipes.open(NodeId::new(0), dialled, NodeId::new(1));
        pipes.end(at.other()).unwrap().stream = Some(accepted);
        assert_eq!(pipes.conversations(), 1);
        assert_eq!(pipes.finish(at), Some(dialled));
        assert!(pipes.free.is_empty());
        assert_eq!(pipes.finish(at.other()), Some(accepted));
        assert_eq!(pipes.free.len(), 1);

        let next = pipes.open(NodeId::new(0), dialled, NodeId::new(1));
        assert_eq!(next.slot, at.slot);
        assert!(pipes.end(at).is_none());
        assert_eq!(pipes.send(at, Duration::ZERO, Item::Fin), None);
    }

    #[test]
    fn a_dial_that_nobody_accepted_leaves_nothing_behind() {
        let mut pipes = Pipes::default();
        let at = pipes.open(NodeId::new(0), streams().0, NodeId::new(1));
        assert!(pipes.finish(at).is_some());
        assert_eq!(pipes.free.len(), 1);
    }
}
