//! Tells endpoints what has reached them.
//!
//! What reaches a machine whose process is paused waits in its sockets; what reaches one that stands
//! still, or has no such process, is lost or refused.

use std::net::SocketAddr;

use serfer_proto::{StoredFile, StreamEnd, StreamId};

use super::node::{Held, NodeId, Pace};
use super::queue::Due;
use super::sim::Sim;
use crate::network::STREAMS;
use crate::network::{Item, PipeEnd};

impl Sim {
    /// Hands a node a datagram, as if it had just come from `from`; sealing it is the caller's
    /// business. For saying what no honest node would say.
    pub fn inject(&mut self, from: SocketAddr, to: NodeId, packet: &[u8]) {
        self.datagram_arrives(from, self.addr(to), packet.to_vec());
    }

    pub(crate) fn datagram_arrives(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        mut bytes: Vec<u8>,
    ) {
        let Some(&id) = self.by_addr.get(&to) else {
            return;
        };
        let node = &mut self.nodes[id.index()];
        match node.pace {
            Pace::Runs => {
                self.with(id, |endpoint, now| endpoint.handle_datagram(now, from, &mut bytes));
                self.spare.push(bytes);
            }
            Pace::Paused => {
                if !node.hold_datagram(from, bytes) {
                    self.note_fault(id, "socket buffer full: a datagram is lost");
                }
            }
            Pace::Suspended(_) => {}
        }
    }

    pub(crate) fn send_failed(&mut self, id: NodeId, life: u32, to: SocketAddr) {
        let node = &self.nodes[id.index()];
        if node.lives == life && node.pace == Pace::Runs {
            self.with(id, |endpoint, now| endpoint.handle_send_failed(now, to));
        }
    }

    pub(crate) fn store_failed(&mut self, id: NodeId, life: u32, file: StoredFile) {
        let node = &self.nodes[id.index()];
        if node.lives == life && node.pace == Pace::Runs {
            self.with(id, |node, now| node.handle_store_failed(now, file, "the disk fails"));
        }
    }

    /// The first segment on its way to an end of a pipe is due.
    pub(crate) fn segment_arrives(&mut self, at: PipeEnd) {
        let Some((from, to)) = self.way(at) else {
            return;
        };
        if self.network.is_cut(from, to, STREAMS) && from != to {
            if let Some((again, is_first)) = self.pipes.retry(at, self.now) {
                self.queue.push(again, Due::Segment(at));
                if is_first {
                    self.trace_stream(from, Some(to), "stalled");
                }
            }
            return;
        }
        let Some((item, next)) = self.pipes.take(at) else {
            return;
        };
        if let Some(next) = next {
            self.queue.push(next.max(self.now), Due::Segment(at));
        }
        self.close_if_left(at.other());
        match self.nodes[to.index()].pace {
            Pace::Runs | Pace::Suspended(_) => self.deliver(to, at, item),
            Pace::Paused => {
                // The kernel answers, whatever the process does.
                if matches!(item, Item::Dial(_)) {
                    self.send_item(at, Item::Connected);
                }
                self.nodes[to.index()].held.push_back(Held::Segment(at, item));
            }
        }
    }

    /// A process reads what has come.
    fn deliver(&mut self, id: NodeId, at: PipeEnd, item: Item) {
        match item {
            Item::Dial(from) => {
                if self.nodes[id.index()].endpoint.is_none() {
                    return self.refuse(id, at);
                }
                self.send_item(at, Item::Connected);
                self.accept(id, at, from);
            }
            Item::Connected => {
                self.with_stream(id, at, |endpoint, now, stream| {
                    endpoint.handle_connected(now, stream);
                });
            }
            Item::Bytes(bytes) => {
                let is_closing = self.pipes.end(at).is_some_and(|end| end.is_closing);
                if !is_closing {
                    self.with_stream(id, at, |endpoint, now, stream| {
                        endpoint.handle_stream_data(now, stream, &bytes);
                    });
                }
            }
            Item::Fin => {
                self.with_stream(id, at, |endpoint, now, stream| {
                    endpoint.handle_stream_end(now, stream, StreamEnd::Eof);
                });
            }
            Item::Reset => self.stream_closed(at),
        }
    }

    /// A process accepts a stream that was dialled.
    pub(crate) fn accept(&mut self, id: NodeId, at: PipeEnd, from: SocketAddr) {
        if self.pipes.end(at).is_none() {
            return;
        }
        // The stream must be known before what follows from it is done.
        let now = self.local_now(id);
        let Some(endpoint) = &mut self.nodes[id.index()].endpoint else {
            return self.refuse(id, at);
        };
        match endpoint.handle_accepted(now, from) {
            Some(stream) => {
                self.nodes[id.index()].streams.insert(stream, at);
                if let Some(end) = self.pipes.end(at) {
                    end.stream = Some(stream);
                }
            }
            None => self.refuse(id, at),
        }
        self.drain(id);
    }

    /// What was held is read, in order.
    pub(crate) fn read_held(&mut self, id: NodeId) {
        self.nodes[id.index()].held_bytes = 0;
        for held in std::mem::take(&mut self.nodes[id.index()].held) {
            match held {
                Held::Datagram(from, bytes) => self.datagram_arrives(from, self.addr(id), bytes),
                Held::Segment(at, Item::Dial(from)) => self.accept(id, at, from),
                Held::Segment(at, item) => self.deliver(id, at, item),
            }
        }
    }

    /// Nobody is there for a stream.
    pub(crate) fn refuse(&mut self, id: NodeId, at: PipeEnd) {
        if let Some((from, _)) = self.way(at) {
            self.trace_stream(from, Some(id), "refused");
            self.send_item(at, Item::Reset);
            self.pipes.finish(at);
        }
    }

    /// A stream is gone, and its node is told if it did not know.
    pub(crate) fn stream_closed(&mut self, at: PipeEnd) {
        let Some(id) = self.pipes.end(at).map(|end| end.node) else {
            return;
        };
        if let Some(stream) = self.finish(at) {
            self.with(id, |endpoint, now| {
                endpoint.handle_stream_end(now, stream, StreamEnd::Closed);
            });
        }
    }

    /// Tells a node something about a stream, unless it is done with it.
    fn with_stream(
        &mut self,
        id: NodeId,
        at: PipeEnd,
        tell: impl FnOnce(&mut serfer_proto::Endpoint, std::time::Instant, StreamId),
    ) {
        if let Some(stream) = self.pipes.end(at).and_then(|end| end.stream) {
            self.with(id, |endpoint, now| tell(endpoint, now, stream));
        }
    }

    /// From where to where what reaches this end has come.
    fn way(&mut self, at: PipeEnd) -> Option<(NodeId, NodeId)> {
        Some((self.pipes.end(at.other())?.node, self.pipes.end(at)?.node))
    }
}
