//! Shortcuts for what tests do most often.
//!
//! Each is one call of [`Sim::at`] that must not fail. A test that expects a failure, or needs more
//! parameters, uses [`Sim::at`].

use serfer_proto::{Coalesce, Endpoint, QueryId, QueryParams, Replay};

use super::sim::Sim;
use crate::node_id::NodeId;

impl Sim {
    /// Makes a node join others.
    ///
    /// # Panics
    /// If the node does not run, or may not join.
    #[track_caller]
    pub fn join(&mut self, node: NodeId, peers: &[NodeId]) {
        let peers: Vec<_> = peers.iter().map(|&peer| self.addr(peer)).collect();
        let joined = self.at(node, |endpoint, now| endpoint.join(now, &peers, Replay::Skip));
        joined.expect("a running node that did not leave can join");
    }

    /// Makes a node leave gracefully.
    ///
    /// # Panics
    /// If the node does not run, or is leaving already.
    #[track_caller]
    pub fn leave(&mut self, node: NodeId) {
        self.at(node, Endpoint::leave).expect("a running node can leave once");
    }

    /// Makes a node send a user event.
    ///
    /// # Panics
    /// If the node does not run, or the event is too long.
    #[track_caller]
    pub fn user_event(&mut self, node: NodeId, name: &str, payload: &[u8]) {
        let sent = self.at(node, |it, now| it.user_event(now, name, payload, Coalesce::No));
        sent.expect("a running node can send an event that is not too long");
    }

    /// Makes a node send a query to all members.
    ///
    /// # Panics
    /// If the node does not run, or the query is too long.
    #[track_caller]
    pub fn query(&mut self, node: NodeId, name: &str, payload: &[u8]) -> QueryId {
        let sent = self.at(node, |it, now| it.query(now, name, payload, &QueryParams::new()));
        sent.expect("a running node can send a query that is not too long")
    }
}
