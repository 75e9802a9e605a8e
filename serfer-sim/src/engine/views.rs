//! What a test can see of a simulation: its time, its members, its events and its trace.

use std::time::{Duration, Instant};

use serfer_proto::{Endpoint, Status};

use super::node::Recorded;
use super::sim::Sim;
use crate::node_id::NodeId;
use crate::trace::Trace;

impl Sim {
    /// The time, as a node with a correct clock sees it.
    pub fn now(&self) -> Instant {
        self.epoch + self.now
    }

    /// How long the simulation has been running.
    pub fn elapsed(&self) -> Duration {
        self.now
    }

    /// The status that a node lists for the member with this name.
    pub fn status(&self, node: NodeId, member: &str) -> Option<Status> {
        Some(self.endpoint(node)?.member(member)?.status())
    }

    /// Whether all running nodes list the same members, with the same addresses, tags and statuses.
    pub fn converged(&self) -> bool {
        let endpoints = || self.running().filter_map(|id| self.endpoint(id));
        let Some(first) = endpoints().next() else {
            return true;
        };
        // Most disagreements show in these numbers, which are quick to compare.
        let counts = |endpoint: &Endpoint| {
            let stats = endpoint.stats();
            (stats.members, stats.members_alive)
        };
        let expected = counts(first);
        endpoints().all(|endpoint| counts(endpoint) == expected)
            && endpoints().all(|it| first.members().all(|of| it.member(of.name()) == Some(of)))
    }

    /// The events of a node, in order.
    pub fn events(&self, node: NodeId) -> &[Recorded] {
        &self.nodes[node.index()].events
    }

    /// Takes the events that a node had since they were last taken.
    pub fn take_events(&mut self, node: NodeId) -> Vec<Recorded> {
        std::mem::take(&mut self.nodes[node.index()].events)
    }

    /// How many bytes of datagrams all nodes have sent, without the headers of IP and UDP. Lost ones are
    /// included.
    pub fn datagram_bytes_sent(&self) -> u64 {
        self.datagram_bytes_sent
    }

    /// Stops recording events. For large and long runs.
    pub fn discard_events(&mut self) {
        self.keeps_events = false;
    }

    /// Starts to record everything that is sent and every event, as readable lines.
    pub fn start_trace(&mut self) {
        let introduced = self.trace.get_or_insert_default().introduced();
        for id in self.ids().skip(introduced) {
            self.introduce(id);
        }
    }

    /// What was recorded since [`start_trace`](Self::start_trace). Empty before that.
    pub fn trace(&self) -> &Trace {
        self.trace.as_ref().unwrap_or(const { &Trace::new() })
    }
}
