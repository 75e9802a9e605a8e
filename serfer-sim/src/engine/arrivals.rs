//! Tells endpoints what has arrived.
//!
//! If a process is paused, what arrives waits in its sockets. If a machine is suspended or its
//! process does not exist, datagrams are lost and streams are refused.

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::{Endpoint, StoredFile, StreamEnd, StreamId};

use super::node::{Pause, Unread};
use super::queue::Due;
use super::sim::Sim;
use crate::network::{EndId, STREAMS, Segment};
use crate::node_id::NodeId;

impl Sim {
    /// Hands a datagram to a node, as if it had just come from `from`. The caller seals it. For
    /// messages that no correct node would send.
    pub fn inject(&mut self, from: SocketAddr, to: NodeId, packet: &[u8]) {
        self.datagram_arrives(from, self.addr(to), packet.to_vec());
    }

    pub(super) fn datagram_arrives(
        &mut self,
        from: SocketAddr,
        to: SocketAddr,
        mut bytes: Vec<u8>,
    ) {
        let Some(&id) = self.by_addr.get(&to) else {
            return;
        };
        let node = &mut self.nodes[id.index()];
        match node.pause {
            Pause::None => {
                self.with(id, |endpoint, now| endpoint.handle_datagram(now, from, &mut bytes));
                self.spare.push(bytes);
            }
            Pause::Process => {
                if !node.buffer_datagram(from, bytes) {
                    self.note_fault(id, "socket buffer full: a datagram is lost");
                }
            }
            Pause::Machine(_) => {}
        }
    }

    pub(super) fn send_failed(&mut self, id: NodeId, life: u32, to: SocketAddr) {
        let node = &self.nodes[id.index()];
        if node.lives == life && node.is_running() {
            self.with(id, |endpoint, now| endpoint.handle_send_failed(now, to));
        }
    }

    pub(super) fn store_failed(&mut self, id: NodeId, life: u32, file: StoredFile) {
        let node = &self.nodes[id.index()];
        if node.lives == life && node.is_running() {
            self.with(id, |node, now| node.handle_store_failed(now, file, "the disk fails"));
        }
    }

    pub(super) fn keyring_stored(&mut self, id: NodeId, life: u32) {
        let node = &self.nodes[id.index()];
        if node.lives == life && node.is_running() {
            self.with(id, |node, now| node.handle_stored(now, StoredFile::Keyring));
        }
    }

    /// The next segment for an end of a pipe is due.
    pub(super) fn segment_arrives(&mut self, at: EndId) {
        let Some((from, to)) = self.nodes_of(at) else {
            return;
        };
        if self.network.is_cut(from, to, STREAMS) && from != to {
            if let Some((again, is_first_try)) = self.pipes.retry(at, self.now) {
                self.queue.push(again, Due::Segment(at));
                if is_first_try {
                    self.trace_stream(from, Some(to), "stalled");
                }
            }
            return;
        }
        let Some((segment, next)) = self.pipes.take(at) else {
            return;
        };
        if let Some(next) = next {
            self.queue.push(next.max(self.now), Due::Segment(at));
        }
        self.close_if_flushed(at.other());
        match self.nodes[to.index()].pause {
            Pause::None | Pause::Machine(_) => self.deliver(to, at, segment),
            Pause::Process => {
                // The kernel accepts, whatever the process does.
                if matches!(segment, Segment::Dial(_)) {
                    self.send_segment(at, Segment::Connected);
                }
                self.nodes[to.index()].unread.push_back(Unread::Segment(at, segment));
            }
        }
    }

    /// A process reads a segment.
    fn deliver(&mut self, id: NodeId, at: EndId, segment: Segment) {
        match segment {
            Segment::Dial(from) => {
                if self.nodes[id.index()].endpoint.is_none() {
                    return self.refuse(id, at);
                }
                self.send_segment(at, Segment::Connected);
                self.accept(id, at, from);
            }
            Segment::Connected => {
                self.with_stream(id, at, |endpoint, now, stream| {
                    endpoint.handle_connected(now, stream);
                });
            }
            Segment::Bytes(bytes) => {
                let is_closing = self.pipes.end(at).is_some_and(|end| end.is_closing);
                if !is_closing {
                    self.with_stream(id, at, |endpoint, now, stream| {
                        endpoint.handle_stream_data(now, stream, &bytes);
                    });
                }
            }
            Segment::Fin => {
                self.with_stream(id, at, |endpoint, now, stream| {
                    endpoint.handle_stream_end(now, stream, StreamEnd::Eof);
                });
            }
            Segment::Reset => self.stream_closed(at),
        }
    }

    /// A process accepts a stream that another node dialled.
    fn accept(&mut self, id: NodeId, at: EndId, from: SocketAddr) {
        if self.pipes.end(at).is_none() {
            return;
        }
        // The stream must be known before the endpoint's outputs are handled.
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

    /// A process reads what waited in its sockets, in order.
    pub(crate) fn read_sockets(&mut self, id: NodeId) {
        self.nodes[id.index()].unread_bytes = 0;
        for unread in std::mem::take(&mut self.nodes[id.index()].unread) {
            match unread {
                Unread::Datagram(from, bytes) => self.datagram_arrives(from, self.addr(id), bytes),
                Unread::Segment(at, Segment::Dial(from)) => self.accept(id, at, from),
                Unread::Segment(at, segment) => self.deliver(id, at, segment),
            }
        }
    }

    /// Refuses a stream: no process accepts it.
    pub(super) fn refuse(&mut self, id: NodeId, at: EndId) {
        if let Some((from, _)) = self.nodes_of(at) {
            self.trace_stream(from, Some(id), "refused");
            self.send_segment(at, Segment::Reset);
            self.pipes.finish(at);
        }
    }

    /// A stream is closed. Its node is told, unless it closed the stream itself.
    pub(super) fn stream_closed(&mut self, at: EndId) {
        let Some(id) = self.pipes.end(at).map(|end| end.node) else {
            return;
        };
        if let Some(stream) = self.finish(at) {
            self.with(id, |endpoint, now| {
                endpoint.handle_stream_end(now, stream, StreamEnd::Closed);
            });
        }
    }

    /// Tells a node something about a stream, unless it has given the stream up.
    fn with_stream(
        &mut self,
        id: NodeId,
        at: EndId,
        call: impl FnOnce(&mut Endpoint, Instant, StreamId),
    ) {
        if let Some(stream) = self.pipes.end(at).and_then(|end| end.stream) {
            self.with(id, |endpoint, now| call(endpoint, now, stream));
        }
    }

    /// The node that sends to this end, and the node of this end.
    fn nodes_of(&mut self, at: EndId) -> Option<(NodeId, NodeId)> {
        Some((self.pipes.end(at.other())?.node, self.pipes.end(at)?.node))
    }
}
