//! A try of the [scheduler](super::retries): a seed is dialled, a lost member is asked.
//!
//! A seed is an address that an operator gave, so whoever is there is joined. A lost member is asked by its
//! name first ([`asking`](super::asking)), and only if nobody alive has its address: if somebody has, it
//! cannot be there.

use std::net::SocketAddr;

use crate::api::{Node, Replay};
use crate::machinery::{Cx, Rng};
use crate::memberlist::join::retries::{LostMember, Wanted};
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// How many members of a cluster ask a lost one at a time, on average.
const TRIES: usize = 4;

impl<D: Delegate> Memberlist<D> {
    /// A member died, which may be because we lost a part of the cluster.
    pub(crate) fn on_lost(&mut self, cx: &mut Cx<'_>, node: &Node) {
        let others = self.members.live_others();
        self.retries.keep_lost(cx, node);
        self.retries.plan(cx, node.addr(), others, true);
        // Seeds may be in that part too, under other addresses.
        self.retries.plan_seeds(cx, others);
        self.retries.arm(cx);
    }

    /// Members of the snapshot are missing.
    pub(crate) fn on_missing(&mut self, cx: &mut Cx<'_>, nodes: &[Node]) {
        let others = self.members.live_others();
        for node in nodes {
            if self.retries.keep_lost(cx, node) {
                self.retries.plan(cx, node.addr(), others, true);
            }
        }
        self.retries.arm(cx);
    }

    /// These are our seeds from now on.
    pub(crate) fn update_seeds(&mut self, cx: &mut Cx<'_>, seeds: &[SocketAddr], replay: Replay) {
        let others = self.members.live_others();
        let (met, unmet): (Vec<_>, Vec<_>) =
            seeds.iter().copied().partition(|&addr| self.is_with_us(addr));
        self.retries.retain_seeds(seeds);
        // The last ones stay if there are too many.
        met.iter().chain(&unmet).for_each(|&addr| self.retries.keep_seed(cx, addr, replay));
        for addr in unmet {
            if !self.retries.is_planned(addr) {
                self.retries.plan(cx, addr, others, true);
            }
        }
        self.retries.arm(cx);
    }

    /// Something is due.
    pub(crate) fn on_retry_tick(&mut self, cx: &mut Cx<'_>, up: &D) {
        while let Some(addr) = self.retries.take_due(cx.now) {
            let tried = match self.retries.wanted(addr).cloned() {
                Some(Wanted::Seed(replay)) => self.retry_seed(cx, addr, replay),
                Some(Wanted::Member(lost)) => self.retry_lost(cx, up, &lost),
                None => false,
            };
            if tried {
                cx.stats.seed_retries += 1;
                self.retries.note_try(cx.now);
                break;
            }
        }
        self.retries.arm(cx);
    }

    fn retry_seed(&mut self, cx: &mut Cx<'_>, addr: SocketAddr, replay: Replay) -> bool {
        let try_it = !self.is_with_us(addr);
        if try_it {
            self.dial_push_pull(cx, addr, PushPullReason::SeedRetry(replay));
        }
        try_it
    }

    fn retry_lost(&mut self, cx: &mut Cx<'_>, up: &D, lost: &LostMember) -> bool {
        let (others, addr) = (self.members.live_others(), lost.node.addr());
        if !up.wants_back(cx, &lost.node, lost.since) {
            self.retries.remove(Some(addr));
            return false;
        }
        self.retries.plan(cx, addr, others, false);
        if self.is_with_us(addr) || is_left_to_others(cx.rng, others) {
            return false;
        }
        self.ask(cx, &lost.node, PushPullReason::Retry);
        if self.retries.takes_stream(cx.now) {
            self.ask_over_stream(cx, &lost.node, PushPullReason::Retry);
        }
        true
    }

    /// Tries a member that failed, as Go does: over a stream, once in a while.
    pub(crate) fn reconnect(&mut self, cx: &mut Cx<'_>, node: &Node) {
        if !self.is_with_us(node.addr()) {
            self.ask_over_stream(cx, node, PushPullReason::Retry);
        }
    }

    /// A lost member is at its address: we compare everything with it.
    pub(crate) fn on_found(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        let is_being_tried = self.retries.wanted(addr).is_some() && !self.retries.is_planned(addr);
        if !is_being_tried && !self.is_with_us(addr) {
            self.retries.unplan(addr);
            self.retries.arm(cx);
            self.dial_push_pull(cx, addr, PushPullReason::Retry);
        }
    }

    /// An address has been tried, by us or in a join. If it was reached, a node there is with us now. But we may
    /// still be alone: it is held for dead, with its name, at the address that it had before.
    pub(crate) fn on_tried(&mut self, cx: &mut Cx<'_>, addr: SocketAddr, reached: bool) {
        let others = self.members.live_others();
        match self.retries.wanted(addr) {
            Some(_) if !reached || others == 0 => self.retries.plan(cx, addr, others, false),
            Some(Wanted::Seed(_)) => self.retries.unplan(addr),
            Some(Wanted::Member(_)) => self.retries.remove(Some(addr)),
            None => {}
        }
        self.retries.arm(cx);
    }

    /// Whether anybody alive has an address, which may be a mapped one.
    pub(crate) fn is_with_us(&self, addr: SocketAddr) -> bool {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        self.members.any_at(addr, |member| !member.is_gone())
    }
}

/// Whether a try is left to so many others.
fn is_left_to_others(rng: &mut Rng, others: usize) -> bool {
    others > TRIES && rng.index(others) >= TRIES
}
