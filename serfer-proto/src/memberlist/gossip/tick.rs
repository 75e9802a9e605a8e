//! One gossip tick: tell a few others what is new.
//!
//! Unlike Go, which ticks for ever: there is a tick only while something is queued and somebody could
//! be told, so an idle node sleeps through (a wake-up costs ten times what a datagram does).
//! Counterpart of Go's `gossip`.

use std::net::SocketAddr;

use crate::machinery::context::Cx;
use crate::machinery::link::Checksum;
use crate::machinery::table::Key;
use crate::memberlist::members::list::State;
use crate::memberlist::members::state::say_alive;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Dead, Message};
use crate::wire::msgpack::Text;

/// How many members are contradicted in one tick.
const CONTRADICTED_MAX: usize = 64;

/// How many answers are passed on in one tick. Few: it is for those whom gossip missed.
const ANSWERS_MAX: usize = 8;

/// Peers that announce this protocol know checksums.
const CHECKSUM_SINCE: u8 = 5;

impl Memberlist {
    pub(crate) fn on_gossip_tick<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.send_contradictions(cx, up);
        self.send_answers(cx, up);
        let mut picked = std::mem::take(&mut self.picked);
        picked.clear();
        let count = cx.params.gossip.nodes;
        self.members.pick(cx.rng, count, State::Dead, None, &mut picked);
        for &key in &picked {
            self.packet.reset(cx.link.message_len_max());
            self.fill_packet(cx, up);
            if self.packet.is_empty() {
                break;
            }
            let node = &self.members[key].node;
            let to = node.addr();
            let checksum = checksum_for(node.versions.protocol_max);
            tracing::trace!(target: "serfer::swim", %to, messages = self.packet.len(), "gossiping");
            self.send_packet(cx, up, to, checksum);
        }
        let somebody = !picked.is_empty();
        self.picked = picked;
        if somebody && (!self.queue.is_empty() || up.has_broadcasts()) {
            cx.gossip_soon();
        }
    }

    /// A member that is gone says something that is too old to bring it back: tell it so at the next
    /// tick, once.
    ///
    /// Unlike Go, which ignores it: a member that restarted would go on unnoticed until it happens
    /// to hear that it is dead, which in a large cluster can take minutes (hm#311).
    pub(crate) fn contradict(&mut self, cx: &mut Cx<'_>, key: Key) {
        let is_new = !self.contradicted.contains(&key);
        if is_new && self.contradicted.len() < CONTRADICTED_MAX {
            self.contradicted.push(key);
            cx.gossip_soon();
        }
    }

    fn send_contradictions<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        while let Some(key) = self.contradicted.pop() {
            let Some(peer) = self.members.get(key).filter(|peer| peer.is_gone()) else {
                continue;
            };
            let (node, me) = (peer.node.clone(), cx.params.name.clone());
            let accuser = if peer.state() == State::Left { &node.name } else { &me };
            let dead = Dead {
                from: Text(accuser.as_bytes()),
                incarnation: peer.incarnation.number(),
                node: Text(node.name.as_bytes()),
            };
            self.send(cx, up, node.addr(), &Message::Dead(dead));
        }
    }

    /// Somebody accuses a member of what it has answered since: pass the answer on to them at the
    /// next tick, once.
    ///
    /// Unlike Go, which ignores it: gossip misses somebody now and then, and who misses an answer
    /// declares a living member failed, and learns better only when it happens to compare everything.
    pub(crate) fn pass_answer_on(&mut self, cx: &mut Cx<'_>, key: Key, to: SocketAddr) {
        let answer = (key, to);
        let is_new = !self.answers.contains(&answer);
        // As long as it spreads, it will get there by itself.
        let answered = self.members[key].state() == State::Alive && !self.queue.has_about(key);
        // Not to strangers, at whom somebody else may be aiming us.
        if is_new && answered && self.answers.len() < ANSWERS_MAX && self.members.knows_addr(to) {
            self.answers.push(answer);
            cx.gossip_soon();
        }
    }

    fn send_answers<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        while let Some((key, to)) = self.answers.pop() {
            let Some(peer) = self.members.get(key).filter(|peer| peer.state() == State::Alive)
            else {
                continue;
            };
            let mut answer = Vec::with_capacity(160);
            say_alive(&peer.node, peer.incarnation.number(), |alive| alive.encode(&mut answer));
            self.packet.reset(cx.link.message_len_max());
            // What is too long for a packet is left to push/pulls.
            if self.packet.push(&[&answer]) {
                self.fill_packet(cx, up);
                self.send_packet(cx, up, to, Checksum::Omit);
            }
        }
    }
}

pub(crate) fn checksum_for(protocol_max: u8) -> Checksum {
    if protocol_max >= CHECKSUM_SINCE { Checksum::Add } else { Checksum::Omit }
}
