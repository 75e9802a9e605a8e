//! The seed keeper: addresses that are never given up.
//!
//! Gossip, probes and push/pulls only ever go to members that are alive, so two halves of a cluster
//! that were apart for longer than the dead are remembered would never look for each other again.
//! Unlike Go, whose users write loops around `Join` (hm#222, hs#605): every address that we were
//! told to join is tried again for as long as nobody there is with us, and so is every member that
//! died. Whatever the first try reaches merges the halves.
//!
//! An address waits longer after each try, and never the same time as elsewhere, and most tries of the
//! dead, whom all know, are left to others as long as there are many: so a cluster does not spend
//! itself on them, nor fall upon somebody who comes back. Whoever is alone tries all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::member::Node;
use crate::config::SeedKeeper;
use crate::machinery::context::Cx;
use crate::machinery::rng::Rng;
use crate::machinery::timers::Timer;
use crate::memberlist::streams::push_pull::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// How many of a cluster try a dead member at a time, on average. Go's `reconnect` makes it one, every
/// 30 s.
const TRIES: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Keeper {
    kept: BTreeMap<SocketAddr, Kept>,
    seeds: usize,
}

#[derive(Debug)]
struct Kept {
    who: Who,
    /// When to try it next; not now if it is being tried, or is with us.
    due: Option<Instant>,
    /// How long to wait after the next try, at most.
    wait: Duration,
}

/// Whose address it is.
#[derive(Debug)]
enum Who {
    /// Anybody's: we were told to join it.
    Seed,
    /// Of this member, dead since then.
    Dead(Arc<Node>, Instant),
}

impl Kept {
    fn set_due(&mut self, rng: &mut Rng, now: Instant, settings: &SeedKeeper) {
        self.due = Some(now + self.wait / 2 + rng.duration(self.wait / 2));
        self.wait = (self.wait * 2).min(settings.retry_max);
    }
}

impl Keeper {
    /// Forgets all: we leave.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        *self = Self::default();
        cx.timers.clear(Timer::Keeper);
    }

    /// We are told to join this address, and try to.
    pub(crate) fn keep_seed(&mut self, cx: &Cx<'_>, addr: SocketAddr) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let kept = self.kept.get(&addr);
        let is_seed = kept.is_some_and(|kept| matches!(kept.who, Who::Seed));
        if is_seed || addr == cx.params.advertise || self.seeds >= settings.seeds {
            return;
        }
        let seed = Kept { who: Who::Seed, due: None, wait: settings.retry_min };
        self.kept.insert(addr, seed);
        self.seeds += 1;
    }

    /// A member died, which may be because we lost a part of the cluster.
    pub(crate) fn on_dead(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let dead = self.kept.len() - self.seeds;
        if !self.kept.contains_key(&node.addr()) && dead < settings.dead {
            let who = Who::Dead(node.clone(), cx.now);
            self.kept.insert(node.addr(), Kept { who, due: None, wait: settings.retry_min });
        }
        // Seeds may be in that part too, under other addresses.
        for (addr, kept) in &mut self.kept {
            if kept.due.is_none() && (matches!(kept.who, Who::Seed) || *addr == node.addr()) {
                kept.wait = settings.retry_min;
                kept.set_due(cx.rng, cx.now, settings);
            }
        }
        self.arm(cx);
    }

    /// A member that we knew before we were started again is not here.
    pub(crate) fn keep_missing(&mut self, cx: &mut Cx<'_>, node: Arc<Node>) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let dead = self.kept.len() - self.seeds;
        let addr = node.addr();
        if !self.kept.contains_key(&addr) && dead < settings.dead {
            let who = Who::Dead(node, cx.now);
            let mut kept = Kept { who, due: None, wait: settings.retry_min };
            kept.set_due(cx.rng, cx.now, settings);
            self.kept.insert(addr, kept);
            self.arm(cx);
        }
    }

    /// An address has been tried, by us or in a join. Whoever is there is with us now, or not.
    pub(crate) fn on_tried(&mut self, cx: &mut Cx<'_>, addr: SocketAddr, reached: bool) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let Some(kept) = self.kept.get_mut(&addr) else {
            return;
        };
        match (&kept.who, reached) {
            (_, false) => kept.set_due(cx.rng, cx.now, settings),
            (Who::Seed, true) => kept.due = None,
            (Who::Dead(..), true) => drop(self.kept.remove(&addr)),
        }
        self.arm(cx);
    }

    fn arm(&self, cx: &mut Cx<'_>) {
        if let Some(due) = self.kept.values().filter_map(|kept| kept.due).min() {
            cx.timers.set(Timer::Keeper, due);
        }
    }
}

impl Memberlist {
    /// Some addresses are due.
    pub(crate) fn on_keeper_tick<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &D) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let others = self.members.live_others();
        let due = |(addr, kept): (&SocketAddr, &Kept)| (kept.due? <= cx.now).then_some(*addr);
        let due: Vec<SocketAddr> = self.keeper.kept.iter().filter_map(due).collect();
        for addr in due {
            let is_with_us = self.members.is_live_at(addr);
            let Some(kept) = self.keeper.kept.get_mut(&addr) else {
                continue;
            };
            kept.due = None;
            match &kept.who {
                Who::Dead(node, since) if is_with_us || !up.wants_back(cx, node, *since) => {
                    self.keeper.kept.remove(&addr);
                }
                Who::Seed if is_with_us => {}
                Who::Dead(..) if is_for_others(cx.rng, others) => {
                    kept.set_due(cx.rng, cx.now, settings);
                }
                Who::Seed | Who::Dead(..) => {
                    cx.stats.seed_retries += 1;
                    self.dial_push_pull(cx, addr, PushPullReason::Rejoin);
                }
            }
        }
        self.keeper.arm(cx);
    }
}

/// Whether a try is left to so many others.
fn is_for_others(rng: &mut Rng, others: usize) -> bool {
    others > TRIES && rng.index(others) >= TRIES
}
