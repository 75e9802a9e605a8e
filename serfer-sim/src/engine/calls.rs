//! Short for what tests do all the time.
//!
//! Everything here is one call of [`Sim::at`] that must not fail; whoever expects a failure, or has
//! more to say, calls that.

use serfer_proto::{Coalesce, Endpoint, QueryId, QueryParams, Replay};

use super::node::NodeId;
use super::sim::Sim;

impl Sim {
    /// Makes a node join others.
    ///
    /// # Panics
    /// If the node does not run, or may not join.
    #[track_caller]
    pub fn join(&mut self, node: NodeId, peers: &[NodeId]) {
        let peers: Vec<_> = peers.iter().map(|&peer| self.addr(peer)).collect();
        let joined = self.at(node, |endpoint, now| endpoint.join(now, &peers, Replay::Skip));
        joined.expect("a node that runs and did not leave can join");
    }

    /// Makes a node leave gracefully.
    ///
    /// # Panics
    /// If the node does not run, or is leaving already.
    #[track_caller]
    pub fn leave(&mut self, node: NodeId) {
        self.at(node, Endpoint::leave).expect("a node that runs can leave, once");
    }

    /// Makes a node send a user event.
    ///
    /// # Panics
    /// If the node does not run, or may not send it.
    #[track_caller]
    pub fn user_event(&mut self, node: NodeId, name: &str, payload: &[u8]) {
        let sent = self.at(node, |it, now| it.user_event(now, name, payload, Coalesce::No));
        sent.expect("a node that runs can send events that are not too long");
    }

    /// Makes a node ask everybody.
    ///
    /// # Panics
    /// If the node does not run, or may not ask.
    #[track_caller]
    pub fn query(&mut self, node: NodeId, name: &str, payload: &[u8]) -> QueryId {
        let asked = self.at(node, |it, now| it.query(now, name, payload, &QueryParams::new()));
        asked.expect("a node that runs can ask what is not too long")
    }
}
