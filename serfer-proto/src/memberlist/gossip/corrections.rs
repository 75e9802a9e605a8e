//! Corrections: what a single node is told, at the next gossip tick, because it says something outdated.

use std::net::SocketAddr;

use crate::machinery::{Checksum, Cx, Key};
use crate::memberlist::members::messages;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};

/// How many members are told in one tick that they are gone.
const GONE_MAX: usize = 64;

/// How many refutations are passed on in one tick. Few: they are for the nodes that gossip missed.
const REFUTATIONS_MAX: usize = 8;

/// The corrections of the next tick.
#[derive(Debug, Default)]
pub(crate) struct Corrections {
    /// Members that are gone and do not know it.
    gone: Vec<Key>,
    /// Members that have refuted an accusation, and the address of a node that does not know it.
    refutations: Vec<(Key, SocketAddr)>,
    /// Members of which two descriptions have the same incarnation.
    disputed: Vec<Key>,
}

impl Corrections {
    pub(crate) fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.refutations.is_empty() && self.disputed.is_empty()
    }
}

impl<D: Delegate> Memberlist<D> {
    /// A member that is gone says something that is too old to bring it back: tells it so, once.
    ///
    /// Unlike Go, which ignores it: a member that restarted would go on unnoticed until it happens
    /// to hear that it is dead, which in a large cluster can take minutes (hm#311).
    pub(crate) fn notify_gone(&mut self, cx: &mut Cx<'_>, key: Key) {
        let gone = &mut self.corrections.gone;
        if gone.len() < GONE_MAX && !gone.contains(&key) {
            gone.push(key);
            cx.gossip_soon();
        }
    }

    /// The node at `to` repeats an accusation that the member has refuted: passes the refutation on to
    /// it, once.
    ///
    /// Unlike Go, which ignores it: gossip misses a node now and then, and a node that misses the
    /// refutation declares a live member failed until its next push/pull.
    pub(crate) fn pass_refutation_on(&mut self, cx: &mut Cx<'_>, key: Key, to: SocketAddr) {
        // As long as the refutation is still gossiped, it will get there by itself.
        let refuted = self.members[key].state() == SwimState::Alive && !self.queue.has_about(key);
        // Only to members: a forged source address must not aim our packets at a stranger.
        let is_wanted = refuted && self.members.knows_addr(to);
        let refutations = &mut self.corrections.refutations;
        if is_wanted && refutations.len() < REFUTATIONS_MAX && !refutations.contains(&(key, to)) {
            refutations.push((key, to));
            cx.gossip_soon();
        }
    }

    /// Two nodes describe a member differently, with the same incarnation: tells it, once. It refutes,
    /// and so all learn what it says now.
    ///
    /// Unlike Go, which ignores it: the member forgot its incarnation, and some nodes would show the tags
    /// of its earlier life until they happen to have a push/pull with it.
    pub(crate) fn settle_dispute(&mut self, cx: &mut Cx<'_>, key: Key) {
        let disputed = &mut self.corrections.disputed;
        if disputed.len() < REFUTATIONS_MAX && !disputed.contains(&key) {
            disputed.push(key);
            cx.gossip_soon();
        }
    }

    pub(crate) fn send_corrections(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        while let Some(key) = self.corrections.gone.pop() {
            let Some(member) = self.members.get(key).filter(|member| member.is_gone()) else {
                continue;
            };
            let (node, me) = (member.node.clone(), &*cx.params.name);
            let accuser = if member.state() == SwimState::Left { &node.name } else { me };
            let dead = messages::dead(accuser, member.incarnation.number(), &node.name);
            self.send(cx, up, node.addr(), &dead);
        }
        while let Some((key, to)) = self.corrections.refutations.pop() {
            self.send_alive(cx, up, key, to);
        }
        while let Some(key) = self.corrections.disputed.pop() {
            if let Some(to) = self.members.get(key).map(|member| member.node.addr()) {
                self.send_alive(cx, up, key, to);
            }
        }
    }

    /// Sends one node what we know of a member that is alive.
    fn send_alive(&mut self, cx: &mut Cx<'_>, up: &mut D, key: Key, to: SocketAddr) {
        let Some(member) = self.members.get(key).filter(|it| it.state() == SwimState::Alive) else {
            return;
        };
        let mut alive = Vec::with_capacity(160);
        messages::with_alive(&member.node, member.incarnation.number(), |message| {
            message.encode(&mut alive);
        });
        self.packet.reset(cx.link.message_len_max());
        // If it is too long for a packet, push/pulls spread it.
        if self.packet.push(&[&alive]) {
            self.fill_packet(cx, up);
            self.send_packet(cx, up, to, Checksum::Omit);
        }
    }
}
