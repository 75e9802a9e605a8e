//! Does with streams what endpoints want done.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::StreamId;

use super::queue::Due;
use super::sim::Sim;
use crate::network::{ChunkFate, EndId, Interface, Segment};
use crate::node_id::NodeId;

impl Sim {
    pub(super) fn dial(&mut self, id: NodeId, stream: StreamId, to: SocketAddr) {
        let target = self.by_addr.get(&to).copied();
        // At an address without a node nothing answers, and the endpoint gives up by itself.
        let end = self.pipes.open(id, stream, target.unwrap_or(id));
        self.nodes[id.index()].streams.insert(stream, end);
        if self.network.interface(id) == Interface::Down {
            self.trace_stream(id, target, "refused: the interface is down");
            self.queue.push(self.now, Due::Closed(end));
            return;
        }
        let Some(target) = target else {
            return;
        };
        let from = self.nodes[id.index()].next_dial_addr();
        match self.network.chunk(self.now, id, target, 0) {
            ChunkFate::Arrives(after) => {
                self.send_at(self.now + after, end.other(), Segment::Dial(from));
            }
            ChunkFate::Breaks(after) => {
                self.trace_stream(id, Some(target), "refused");
                self.send_at(self.now + 2 * after, end, Segment::Reset);
            }
        }
    }

    pub(super) fn write(&mut self, id: NodeId, stream: StreamId, bytes: &[u8]) {
        let Some((at, peer)) = self.stream(id, stream) else {
            return;
        };
        if let Some(trace) = &mut self.trace {
            trace.stream(self.now, id, peer, bytes);
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let len = self.network.chunk_len(id, peer).min(rest.len());
            let (chunk, behind) = rest.split_at(len);
            match self.network.chunk(self.now, id, peer, len) {
                ChunkFate::Arrives(after) => {
                    let segment = Segment::Bytes(chunk.to_vec());
                    self.send_at(self.now + after, at.other(), segment);
                }
                ChunkFate::Breaks(after) => {
                    self.trace_stream(id, Some(peer), "reset");
                    self.send_at(self.now + after, at.other(), Segment::Reset);
                    self.send_at(self.now + after, at, Segment::Reset);
                    return;
                }
            }
            rest = behind;
        }
    }

    pub(super) fn close(&mut self, id: NodeId, stream: StreamId) {
        let Some((at, _)) = self.stream(id, stream) else {
            return;
        };
        self.send_segment(at, Segment::Fin);
        if let Some(end) = self.pipes.end(at) {
            end.is_closing = true;
        }
        self.close_if_flushed(at);
    }

    /// Reports that a stream is closed, once everything that it sent has left.
    pub(super) fn close_if_flushed(&mut self, at: EndId) {
        let is_closing = self.pipes.end(at).is_some_and(|end| end.is_closing);
        if is_closing && self.pipes.is_flushed(at) {
            self.queue.push(self.now, Due::Closed(at));
        }
    }

    /// Drops a stream, unless it is closed.
    pub(super) fn abort(&mut self, id: NodeId, stream: StreamId) {
        if let Some((at, _)) = self.stream(id, stream) {
            self.pipes.drop_stalled(at.other());
            self.send_segment(at, Segment::Reset);
            self.finish(at);
        }
    }

    /// Sends a segment without bytes to the other end.
    pub(super) fn send_segment(&mut self, from: EndId, segment: Segment) {
        let ends = [from, from.other()].map(|at| self.pipes.end(at).map(|end| end.node));
        let [Some(sender), Some(receiver)] = ends else {
            return;
        };
        let (ChunkFate::Arrives(after) | ChunkFate::Breaks(after)) =
            self.network.chunk(self.now, sender, receiver, 1);
        self.send_at(self.now + after, from.other(), segment);
    }

    fn send_at(&mut self, at: Duration, to: EndId, segment: Segment) {
        if let Some(due) = self.pipes.send(to, at, segment) {
            self.queue.push(due, Due::Segment(to));
        }
    }

    /// Gives up an end. Its node does not know it any more.
    pub(super) fn finish(&mut self, at: EndId) -> Option<StreamId> {
        let node = self.pipes.end(at)?.node;
        let stream = self.pipes.finish(at)?;
        self.nodes[node.index()].streams.remove(&stream);
        Some(stream)
    }

    /// This node's end of an open stream, and the node at the other end.
    fn stream(&mut self, id: NodeId, stream: StreamId) -> Option<(EndId, NodeId)> {
        let at = *self.nodes[id.index()].streams.get(&stream)?;
        Some((at, self.pipes.end(at.other())?.node))
    }

    pub(super) fn trace_stream(&mut self, from: NodeId, to: Option<NodeId>, what: &str) {
        if let Some(trace) = &mut self.trace {
            trace.stream_fate(self.now, from, to, what);
        }
    }
}
