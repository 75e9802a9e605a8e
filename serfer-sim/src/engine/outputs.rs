//! Does what endpoints want done.

use std::net::SocketAddr;
use std::time::Instant;

use serfer_proto::{Durability, Endpoint, Event, Output, StoreWrite, StoredFile};

use super::disk::describe_write;
use super::node::Recorded;
use super::queue::Due;
use super::sim::Sim;
use crate::network::{DatagramFate, Interface};
use crate::node_id::NodeId;
use crate::trace::Delivery;

impl Sim {
    /// Calls a node's endpoint, and then does what it wants done. `None` if the node crashed.
    pub(crate) fn with<T>(
        &mut self,
        id: NodeId,
        call: impl FnOnce(&mut Endpoint, Instant) -> T,
    ) -> Option<T> {
        let now = self.local_now(id);
        let result = call(self.nodes[id.index()].endpoint.as_mut()?, now);
        self.drain(id);
        Some(result)
    }

    /// Does everything that an endpoint wants done.
    pub(super) fn drain(&mut self, id: NodeId) {
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
                    let deadline = until.map(|until| self.sim_time(id, until));
                    self.nodes[id.index()].deadline = deadline;
                    self.schedule(id);
                    break;
                }
            }
        }
        self.buf = buf;
    }

    fn tell(&mut self, id: NodeId, event: Event) {
        let local_now = self.local_now(id);
        self.events_told += 1;
        if let Some(trace) = &mut self.trace {
            trace.event(self.now, id, &event);
        }
        let node = &mut self.nodes[id.index()];
        if let (Some(app), Some(endpoint)) = (&mut node.app, &mut node.endpoint) {
            app(endpoint, local_now, &event);
        }
        let shuts_down = matches!(event, Event::ShutdownWanted(_));
        if self.keeps_events {
            node.events.push(Recorded { at: self.now, event });
        }
        if shuts_down {
            // A runtime does the same.
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
        let life = node.lives;
        match (written, file) {
            (Err(_), _) => self.queue.push(self.now, Due::StoreFailed { node: id, life, file }),
            (Ok(()), StoredFile::Keyring) => {
                self.queue.push(self.now, Due::KeyringStored { node: id, life });
            }
            // Nobody needs to know.
            (Ok(()), StoredFile::Snapshot) => {}
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
        self.datagram_bytes_sent += bytes.len() as u64;
        let target = self.by_addr.get(&to).copied();
        let delivery = if self.network.interface(id) == Interface::Down {
            let life = self.nodes[id.index()].lives;
            self.queue.push(self.now, Due::SendFailed { node: id, life, to });
            Delivery::Refused
        } else if let Some(target) = target {
            match self.network.datagram(self.now, id, target, bytes.len()) {
                DatagramFate::Lost(loss) => Delivery::Lost(loss),
                DatagramFate::Arrives { after, again, corrupt } => {
                    let from = self.addr(id);
                    for after in [Some(after), again].into_iter().flatten() {
                        let mut bytes = self.buffer(bytes);
                        if let Some((at, change)) = corrupt.filter(|_| !bytes.is_empty()) {
                            let at = (at % bytes.len() as u64) as usize;
                            bytes[at] ^= change;
                        }
                        self.queue.push(self.now + after, Due::Datagram { from, to, bytes });
                    }
                    let is_up = self.nodes[target.index()].endpoint.is_some();
                    match (is_up, corrupt, again) {
                        (false, ..) => Delivery::NobodyThere,
                        (_, Some(_), _) => Delivery::Corrupted,
                        (_, _, Some(_)) => Delivery::Twice,
                        (true, None, None) => Delivery::Arrives,
                    }
                }
            }
        } else {
            Delivery::NobodyThere
        };
        if let Some(trace) = &mut self.trace {
            trace.datagram(self.now, id, target, bytes, delivery);
        }
    }

    /// A copy of some bytes, in a buffer that is reused.
    fn buffer(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(bytes);
        buffer
    }
}
