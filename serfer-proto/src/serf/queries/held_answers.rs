//! Where the responses to a query go, and responses that wait until their asker is known.
//!
//! A node that asks as soon as it has joined may be known to few: its query travels in the same gossip as
//! the news of the node. So where to answer is decided when the answer is sent. As long as the asker is
//! unknown, the answer is held, for a few seconds at most. And the node that passed the query on may know
//! the asker, so it is asked to relay the answer.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::{Node, Query};
use crate::machinery::{Cx, DropReason, Timer};
use crate::serf::Serf;
use crate::serf::queries::internal::names;

/// How many responses are held. If there are more, the oldest is dropped.
const HELD_MAX: usize = 256;

/// How long a response is held. Gossip takes a second or two, and then its repairs take much longer.
const HELD_FOR: Duration = Duration::from_secs(10);

/// Where a response to a query goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AnswerTo {
    /// To our own query.
    Ourselves,
    /// To a member.
    Member(SocketAddr),
}

/// The responses whose askers are unknown, oldest first.
#[derive(Debug, Default)]
pub(crate) struct HeldAnswers(VecDeque<HeldAnswer>);

#[derive(Debug)]
struct HeldAnswer {
    query: Query,
    response: Vec<u8>,
    until: Instant,
}

impl HeldAnswers {
    /// When the next one is to be dropped.
    fn next(&self) -> Option<Instant> {
        self.0.iter().map(|held| held.until).min()
    }
}

impl Serf {
    /// Where to send the responses to a query; `None` if its asker is unknown so far.
    ///
    /// Unlike Go, which sends them to whatever address the query names: the responses to a member go to
    /// that member's address. The responses to another node go to the address that it names, if some
    /// member has this address. So nobody can direct a cluster's responses at a stranger. One query is
    /// an exception, since its sender cannot be reached otherwise: that of a node which wants to know
    /// whether it may have a member's name. Its responses go to the address where it claimed the name.
    pub(crate) fn answer_to(&self, query: &Query) -> Option<AnswerTo> {
        if self.open_queries.is_open(query.id) {
            return Some(AnswerTo::Ourselves);
        }
        let asks_for_its_name =
            *query.name == *names::CONFLICT && *query.payload == *query.from.as_bytes();
        let claimed = |&addr: &SocketAddr| self.name_disputes.has_claim(&query.from, addr);
        if let Some(addr) = query.addr.filter(|addr| asks_for_its_name && claimed(addr)) {
            return Some(AnswerTo::Member(addr));
        }
        if let Some(key) = self.members.find(&query.from) {
            let addr = self.members[key].member.addr();
            // One that is gone may be about to come back, at another address.
            if self.is_live(key) || query.addr == Some(addr) {
                return Some(AnswerTo::Member(addr));
            }
        }
        self.members.find_addr(query.addr?)?;
        query.addr.map(AnswerTo::Member)
    }

    /// Holds a response until its asker is a member.
    pub(crate) fn hold_answer(&mut self, cx: &mut Cx<'_>, query: &Query, response: &[u8]) {
        self.relay_through_sender(cx, query, response);
        let until = query.deadline.min(cx.now + HELD_FOR);
        let held = &mut self.held_answers.0;
        if held.len() >= HELD_MAX
            && let Some(oldest) = held.pop_front()
        {
            cx.dropped(DropReason::StrangeAnswerAddress, &oldest.query.name);
        }
        held.push_back(HeldAnswer { query: query.clone(), response: response.to_vec(), until });
        self.arm_held_answers(cx);
    }

    /// A node is a member now: sends what was held for it.
    pub(crate) fn send_held_answers(&mut self, cx: &mut Cx<'_>, node: &Node) {
        self.send_held(cx, |query| *query.from == *node.name() || query.addr == Some(node.addr()));
    }

    /// The asker of these queries may be known now: sends what was held for them.
    pub(crate) fn send_held(&mut self, cx: &mut Cx<'_>, is_known: impl Fn(&Query) -> bool) {
        if self.held_answers.0.is_empty() {
            return;
        }
        for held in std::mem::take(&mut self.held_answers.0) {
            match self.answer_to(&held.query).filter(|_| is_known(&held.query)) {
                Some(to) => self.send_response_to(cx, &held.query, to, &held.response),
                None => self.held_answers.0.push_back(held),
            }
        }
        self.arm_held_answers(cx);
    }

    /// Drops the answers whose askers are still unknown.
    pub(crate) fn on_held_answers_timeout(&mut self, cx: &mut Cx<'_>) {
        self.held_answers.0.retain(|held| {
            let is_kept = held.until > cx.now;
            if !is_kept {
                cx.dropped(DropReason::StrangeAnswerAddress, &held.query.name);
            }
            is_kept
        });
        self.arm_held_answers(cx);
    }

    fn arm_held_answers(&self, cx: &mut Cx<'_>) {
        match self.held_answers.next() {
            Some(at) => cx.timers.set(Timer::HeldAnswers, at),
            None => cx.timers.clear(Timer::HeldAnswers),
        }
    }
}
