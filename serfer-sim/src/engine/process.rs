//! A node's process: how it starts and ends, and its own clock.

use std::time::{Duration, Instant};

use serfer_proto::{ConfigError, Endpoint};

use super::node::{Pause, Unread};
use super::sim::Sim;
use crate::network::Segment;
use crate::node_id::NodeId;

impl Sim {
    /// Starts a node's process.
    pub(crate) fn start(&mut self, id: NodeId) -> Result<(), ConfigError> {
        let now = self.local_now(id);
        let node = &mut self.nodes[id.index()];
        node.lives += 1;
        let seed = node.dice.numbered(node.lives.into()).seed();
        let mut config = node.config.clone();
        let mut skipped = Vec::new();
        if let Some(recovered) = node.recovered() {
            let recovered = recovered.expect("a node with a broken snapshot is not restarted");
            skipped.extend(recovered.problems().iter().map(|it| format!("snapshot: {it}")));
            config = config.recovered(recovered);
        }
        node.endpoint = Some(Endpoint::new(config, seed, now)?);
        skipped.iter().for_each(|problem| self.note_fault(id, problem));
        self.drain(id);
        Ok(())
    }

    /// Ends a node's process.
    pub(crate) fn end_process(&mut self, node: NodeId) {
        self.end_pause(node);
        for unread in std::mem::take(&mut self.nodes[node.index()].unread) {
            if let Unread::Segment(at, Segment::Dial(_)) = unread {
                self.refuse(node, at);
            }
        }
        let streams: Vec<_> = self.nodes[node.index()].streams.keys().copied().collect();
        for stream in streams {
            self.abort(node, stream);
        }
        let it = &mut self.nodes[node.index()];
        it.incarnation = it.endpoint.as_ref().map_or(it.incarnation, |last| last.incarnation());
        (it.endpoint, it.deadline, it.unread_bytes) = (None, None, 0);
        it.disk.crash(it.unsynced);
    }

    /// Lets a node's process and machine go on. Returns how long its clock stood still; `None` if
    /// nothing was paused.
    pub(crate) fn end_pause(&mut self, node: NodeId) -> Option<Duration> {
        let it = &mut self.nodes[node.index()];
        match std::mem::replace(&mut it.pause, Pause::None) {
            Pause::None => None,
            Pause::Process => Some(Duration::ZERO),
            Pause::Machine(since) => {
                let stood_still = self.now - since;
                it.behind += stood_still;
                self.network.set_suspended(node, false);
                Some(stood_still)
            }
        }
    }

    /// The time on a node's own clock.
    pub(super) fn local_now(&self, node: NodeId) -> Instant {
        self.epoch + self.now.saturating_sub(self.nodes[node.index()].behind)
    }

    /// The simulation's time when a node's own clock shows `instant`. Never in the past.
    pub(super) fn sim_time(&self, node: NodeId, instant: Instant) -> Duration {
        let local = instant.saturating_duration_since(self.epoch);
        (local + self.nodes[node.index()].behind).max(self.now)
    }

    // ── in the trace ─────────────────────────────────────────────────────────────────────────────

    /// Tells the trace the name, address and keys of a node that is about to start.
    pub(crate) fn introduce(&mut self, id: NodeId) {
        if let Some(trace) = &mut self.trace {
            let node = &self.nodes[id.index()];
            trace.introduce(id, (node.config.name(), node.addr), node.config.keys());
        }
    }

    pub(crate) fn note_fault(&mut self, node: NodeId, text: &str) {
        if let Some(trace) = &mut self.trace {
            trace.fault(self.now, Some(node), text);
        }
    }
}
