//! Who comes after us on the ring is new: hears from us of the others that are new.
//!
//! What a newcomer learnt when it joined is as old as its push/pull. What was gossiped since may have
//! passed it by, because the node before it had not heard of it yet. Go leaves that to the next push/pull.

use std::collections::VecDeque;
use std::time::Instant;

use crate::api::Node;
use crate::machinery::{Checksum, Cx, Key};
use crate::memberlist::members::messages;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::msgpack::Text;

/// How many newcomers are kept.
const NEWCOMERS_MAX: usize = 64;

/// How many of them are told of the others at a gossip tick.
const AFTER_US_MAX: usize = 8;

/// For how many gossip intervals a member is new.
const NEW_TICKS: u32 = 5;

#[derive(Debug, Default)]
pub(crate) struct Newcomers {
    /// Of whom we have heard lately, and when.
    recent: VecDeque<(Instant, Key)>,
    /// Those that have come right after us since the last gossip tick.
    after_us: Vec<Key>,
}

impl Newcomers {
    /// Whether there is something to do at the next gossip tick.
    pub(crate) fn wait(&self) -> bool {
        !self.after_us.is_empty()
    }
}

impl<D: Delegate> Memberlist<D> {
    /// A member has come, or come back, as gossip says.
    pub(crate) fn note_newcomer(&mut self, cx: &Cx<'_>, name: Text<'_>) {
        let Some(key) = self.members.find_text(name).filter(|_| cx.params.prompt_gossip.is_some())
        else {
            return;
        };
        let Newcomers { recent, after_us } = &mut self.newcomers;
        if recent.len() == NEWCOMERS_MAX {
            recent.pop_front();
        }
        recent.push_back((cx.now, key));
        if after_us.len() < AFTER_US_MAX && self.members.comes_after_us(key) {
            after_us.push(key);
        }
    }

    /// Tells the newcomer that comes after us of the others.
    pub(crate) fn introduce_newcomers(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let oldest = cx.now.checked_sub(cx.params.gossip.interval * NEW_TICKS);
        self.newcomers.recent.retain(|(since, _)| oldest.is_none_or(|oldest| *since >= oldest));
        while let Some(key) = self.newcomers.after_us.pop() {
            if let Some(to) = self.members.get(key).map(|member| member.node.clone()) {
                self.introduce_to(cx, up, &to);
            }
        }
    }

    fn introduce_to(&mut self, cx: &mut Cx<'_>, up: &mut D, to: &Node) {
        let mut alive = Vec::with_capacity(160);
        self.packet.reset(cx.link.message_len_max());
        for at in 0..self.newcomers.recent.len() {
            let newcomer = self.members.get(self.newcomers.recent[at].1);
            let Some(newcomer) = newcomer.filter(|it| {
                it.state() == SwimState::Alive && it.node.name_text() != to.name_text()
            }) else {
                continue;
            };
            alive.clear();
            messages::with_alive(&newcomer.node, newcomer.incarnation.number(), |message| {
                message.encode(&mut alive);
            });
            if !self.packet.push(&[&alive]) && !self.packet.is_empty() {
                self.send_packet(cx, up, to.addr(), Checksum::Omit);
                self.packet.reset(cx.link.message_len_max());
                self.packet.push(&[&alive]);
            }
        }
        if !self.packet.is_empty() {
            self.send_packet(cx, up, to.addr(), Checksum::Omit);
        }
    }
}
