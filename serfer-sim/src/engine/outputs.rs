//! Does what an endpoint wants done.

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::{Durability, Endpoint, Event, Output, StoreWrite, StoredFile, StreamId};

use super::disk::describe_write;
use super::node::{NodeId, Recorded};
use super::queue::Due;
use super::sim::Sim;
use crate::network::{ChunkFate, Fate, Plug};
use crate::network::{Item, PipeEnd};
use crate::trace::Ending;

impl Sim {
    /// Tells a running node something, and does what it wants done.
    pub(crate) fn with<T>(
        &mut self,
        id: NodeId,
        tell: impl FnOnce(&mut Endpoint, Instant) -> T,
    ) -> Option<T> {
        let now = self.local_now(id);
        let result =
            self.nodes[id.index()].endpoint.as_mut().map(|endpoint| tell(endpoint, now))?;
        self.drain(id);
        Some(result)
    }

    /// Does all that a node wants done.
    pub(crate) fn drain(&mut self, id: NodeId) {
        let mut buf = std::mem::take(&mut self.buf);
        loop {
            buf.clear();
            let Some(endpoint) = &mut self.nodes[id.index()].endpoint else {
                break;
            };
            let output = endpoint.poll_output(&mut buf);
            if let Some(trace) = &mut self.trace {
                trace.learn_keys(id, endpoint.keyring());
            }
            match output {
                Output::Datagram { to, .. } => self.send(id, to, &buf),
                Output::Connect { stream, to } => self.dial(id, stream, to),
                Output::Write { stream, .. } => self.write(id, stream, &buf),
                Output::Close { stream } => self.close(id, stream),
                Output::Abort { stream } => self.abort(id, stream),
                Output::Store { file, write, durability, .. } => {
                    self.store(id, file, (write, durability), &buf);
                }
                Output::Event(event) => self.tell(id, event),
                Output::Wait { until } => {
                    let until = until.map(|until| self.sim_time(id, until));
                    self.nodes[id.index()].until = until;
                    self.schedule(id);
                    break;
                }
            }
        }
        self.buf = buf;
    }

    fn tell(&mut self, id: NodeId, event: Event) {
        let local_now = self.local_now(id);
        self.told += 1;
        if let Some(trace) = &mut self.trace {
            trace.event(self.now, id, &event);
        }
        let node = &mut self.nodes[id.index()];
        if let (Some(app), Some(endpoint)) = (&mut node.app, &mut node.endpoint) {
            app(endpoint, local_now, &event);
        }
        let is_over = matches!(event, Event::ShutdownWanted(_));
        if self.keeps_events {
            node.events.push(Recorded { at: self.now, event });
        }
        if is_over {
            // As a runtime does.
            self.note_fault(id, "shuts down");
            self.end_process(id);
        }
    }

    // ── files ────────────────────────────────────────────────────────────────────────────────────

    fn store(
        &mut self,
        id: NodeId,
        file: StoredFile,
        (write, durability): (StoreWrite, Durability),
        bytes: &[u8],
    ) {
        let node = &mut self.nodes[id.index()];
        let written = node.disk.write(file, write, durability, bytes);
        if written.is_err() {
            let life = node.lives;
            self.queue.push(self.now, Due::StoreFailed { node: id, life, file });
        }
        if let Some(trace) = &mut self.trace {
            let failed = if written.is_err() { " (fails)" } else { "" };
            for line in describe_write(file, write, durability, bytes) {
                trace.store(self.now, id, &format!("{line}{failed}"));
            }
        }
    }

    // ── datagrams ────────────────────────────────────────────────────────────────────────────────

    fn send(&mut self, id: NodeId, to: SocketAddr, bytes: &[u8]) {
        let target = self.by_addr.get(&to).copied();
        let ending = if self.network.plug(id) == Plug::Out {
            let life = self.nodes[id.index()].lives;
            self.queue.push(self.now, Due::SendFailed { node: id, life, to });
            Ending::Refused
        } else if let Some(target) = target {
            match self.network.datagram(self.now, id, target, bytes.len()) {
                Fate::Lost(loss) => Ending::Lost(loss),
                Fate::Arrives { after, again, corrupt } => {
                    let from = self.addr(id);
                    for after in [Some(after), again].into_iter().flatten() {
                        let mut bytes = self.buffer(bytes);
                        if let Some((at, change)) = corrupt.filter(|_| !bytes.is_empty()) {
                            let at = (at % bytes.len() as u64) as usize;
                            bytes[at] ^= change;
                        }
                        self.queue.push(self.now + after, Due::Datagram { from, to, bytes });
                    }
                    let is_there = self.nodes[target.index()].endpoint.is_some();
                    match (is_there, corrupt, again) {
                        (false, ..) => Ending::NobodyThere,
                        (_, Some(_), _) => Ending::Corrupted,
                        (_, _, Some(_)) => Ending::Twice,
                        (true, None, None) => Ending::Arrives,
                    }
                }
            }
        } else {
            Ending::NobodyThere
        };
        if let Some(trace) = &mut self.trace {
            trace.datagram(self.now, id, target, bytes, ending);
        }
    }

    /// A copy of some bytes, in memory that was used before.
    fn buffer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }

    // ── streams ──────────────────────────────────────────────────────────────────────────────────

    fn dial(&mut self, id: NodeId, stream: StreamId, to: SocketAddr) {
        let target = self.by_addr.get(&to).copied();
        // Nobody answers at an address where nothing ever was; the endpoint gives up by itself.
        let end = self.pipes.open(id, stream, target.unwrap_or(id));
        self.nodes[id.index()].streams.insert(stream, end);
        if self.network.plug(id) == Plug::Out {
            self.trace_stream(id, target, "refused: the interface is down");
            self.queue.push(self.now, Due::Closed(end));
            return;
        }
        let Some(target) = target else {
            return;
        };
        let from = self.nodes[id.index()].dialling_addr();
        match self.network.chunk(self.now, id, target, 0) {
            ChunkFate::Arrives(after) => {
                self.deliver_at(self.now + after, end.other(), Item::Dial(from));
            }
            ChunkFate::Breaks(after) => {
                self.trace_stream(id, Some(target), "refused");
                self.deliver_at(self.now + 2 * after, end, Item::Reset);
            }
        }
    }

    fn write(&mut self, id: NodeId, stream: StreamId, bytes: &[u8]) {
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
                    let item = Item::Bytes(chunk.to_vec());
                    self.deliver_at(self.now + after, at.other(), item);
                }
                ChunkFate::Breaks(after) => {
                    self.trace_stream(id, Some(peer), "reset");
                    self.deliver_at(self.now + after, at.other(), Item::Reset);
                    self.deliver_at(self.now + after, at, Item::Reset);
                    return;
                }
            }
            rest = behind;
        }
    }

    fn close(&mut self, id: NodeId, stream: StreamId) {
        let Some((at, _)) = self.stream(id, stream) else {
            return;
        };
        self.send_item(at, Item::Fin);
        if let Some(end) = self.pipes.end(at) {
            end.is_closing = true;
        }
        self.close_if_left(at);
    }

    /// Reports that a stream is closed, once all that was to be sent has left.
    pub(crate) fn close_if_left(&mut self, at: PipeEnd) {
        let is_closing = self.pipes.end(at).is_some_and(|end| end.is_closing);
        if is_closing && self.pipes.has_left(at) {
            self.queue.push(self.now, Due::Closed(at));
        }
    }

    /// Drops a stream, unless it is over.
    pub(crate) fn abort(&mut self, id: NodeId, stream: StreamId) {
        if let Some((at, _)) = self.stream(id, stream) {
            self.pipes.drop_stalled(at.other());
            self.send_item(at, Item::Reset);
            self.finish(at);
        }
    }

    /// Sends something that is not bytes to the other end.
    pub(crate) fn send_item(&mut self, from: PipeEnd, item: Item) {
        let ends = [from, from.other()].map(|at| self.pipes.end(at).map(|end| end.node));
        let [Some(sender), Some(receiver)] = ends else {
            return;
        };
        let (ChunkFate::Arrives(after) | ChunkFate::Breaks(after)) =
            self.network.chunk(self.now, sender, receiver, 1);
        self.deliver_at(self.now + after, from.other(), item);
    }

    fn deliver_at(&mut self, at: std::time::Duration, to: PipeEnd, item: Item) {
        if let Some(due) = self.pipes.send(to, at, item) {
            self.queue.push(due, Due::Segment(to));
        }
    }

    /// An end is done with: its node does not know it any more.
    pub(crate) fn finish(&mut self, at: PipeEnd) -> Option<StreamId> {
        let node = self.pipes.end(at)?.node;
        let stream = self.pipes.finish(at)?;
        self.nodes[node.index()].streams.remove(&stream);
        Some(stream)
    }

    /// The end of a stream that is not over, and who is at the other end.
    fn stream(&mut self, id: NodeId, stream: StreamId) -> Option<(PipeEnd, NodeId)> {
        let at = *self.nodes[id.index()].streams.get(&stream)?;
        Some((at, self.pipes.end(at.other())?.node))
    }

    pub(crate) fn trace_stream(&mut self, from: NodeId, to: Option<NodeId>, what: &str) {
        if let Some(trace) = &mut self.trace {
            trace.stream_fate(self.now, from, to, what);
        }
    }
}
