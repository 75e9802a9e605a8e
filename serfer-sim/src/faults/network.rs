//! Faults of the network: conditions, cuts, interfaces.

use crate::engine::Sim;
use crate::network::{Interface, Traffic, Tune};
use crate::node_id::NodeId;

impl Sim {
    /// Changes the conditions of the whole network.
    pub fn network(&mut self) -> Tune<'_> {
        self.network.tune()
    }

    /// Changes the conditions for everything that a node sends, in addition to those of the network.
    pub fn outgoing(&mut self, node: NodeId) -> Tune<'_> {
        self.network.tune_outgoing(node)
    }

    /// Changes the conditions for everything that a node receives, in addition to those of the network.
    pub fn incoming(&mut self, node: NodeId) -> Tune<'_> {
        self.network.tune_incoming(node)
    }

    /// Changes the conditions for what `from` sends to `to`. The link starts with the conditions that
    /// the network has now, and no longer follows those of the network.
    pub fn link(&mut self, from: NodeId, to: NodeId) -> Tune<'_> {
        self.network.tune_link(from, to)
    }

    /// Separates two groups of nodes, in both directions. What is on its way still arrives.
    pub fn partition(&mut self, these: &[NodeId], those: &[NodeId]) {
        self.cut(these, those, Traffic::All);
    }

    /// Separates two groups of nodes, in both directions, for one kind of traffic. For example,
    /// [`Traffic::Datagrams`] acts like a firewall that lets only TCP through.
    pub fn cut(&mut self, these: &[NodeId], those: &[NodeId], traffic: Traffic) {
        self.block(these, those, traffic);
        self.block(those, these, traffic);
    }

    /// Blocks what some nodes send to others. The other direction stays open.
    pub fn block(&mut self, from: &[NodeId], to: &[NodeId], traffic: Traffic) {
        for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            self.network.block(from, to, traffic);
        }
    }

    /// Lets some nodes reach others again.
    pub fn unblock(&mut self, from: &[NodeId], to: &[NodeId], traffic: Traffic) {
        for (&from, &to) in from.iter().flat_map(|from| to.iter().map(move |to| (from, to))) {
            self.network.unblock(from, to, traffic);
        }
    }

    /// Separates a node from all others, including those that start later.
    pub fn isolate(&mut self, node: NodeId) {
        self.network.isolate(node);
        self.note_fault(node, "is isolated");
    }

    /// Removes every cut, block and isolation. Conditions stay as they are.
    pub fn heal(&mut self) {
        self.network.heal();
    }

    /// Takes a node's network interface down. Its sends and dials fail at once, and nothing reaches
    /// it.
    pub fn interface_down(&mut self, node: NodeId) {
        self.network.set_interface(node, Interface::Down);
        self.note_fault(node, "interface goes down");
    }

    /// Brings a node's network interface up again.
    pub fn interface_up(&mut self, node: NodeId) {
        self.network.set_interface(node, Interface::Up);
        self.note_fault(node, "interface comes up");
    }
}
