//! Seed retries: addresses that are never given up. The public setting is
//! [`SeedKeeper`](crate::SeedKeeper).
//!
//! Gossip, probes and push/pulls only ever go to members that are alive, so two halves of a cluster
//! that were apart for longer than the dead are remembered would never look for each other again.
//! Unlike Go, whose users write loops around `Join` (hm#222, hs#605): every seed (an address that we
//! were told to join) is tried again for as long as no member there is with us, and so is every member
//! that died. The first try that reaches a node of the other half merges the halves.
//!
//! An address waits longer after each try, for a random time. As long as there are many members, each
//! leaves most tries of the dead, which all know, to the others. So a cluster neither spends itself on
//! its dead nor overwhelms one that comes back. A node that is alone tries all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::Node;
use crate::machinery::{Cx, Rng, Timer};
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// How many members of a cluster try a dead one at a time, on average. Go's `reconnect` makes it one,
/// every 30 s.
const TRIES: usize = 4;

/// The addresses that are tried again.
#[derive(Debug, Default)]
pub(crate) struct SeedRetries {
    targets: BTreeMap<SocketAddr, RetryTarget>,
    /// How many of them are seeds.
    seeds: usize,
}

#[derive(Debug)]
struct RetryTarget {
    /// The dead member that has this address, and since when it is dead. A seed has none.
    dead: Option<(Arc<Node>, Instant)>,
    /// When to try it next; `None` if it is being tried, or is with us.
    due: Option<Instant>,
    /// How long to wait after the next try, at most; `None` before the first.
    wait: Option<Duration>,
}

impl RetryTarget {
    fn new(dead: Option<(Arc<Node>, Instant)>) -> Self {
        Self { dead, due: None, wait: None }
    }

    /// Whether no try was ever planned.
    fn is_new(&self) -> bool {
        self.dead.is_some() && self.wait.is_none()
    }

    fn set_due(&mut self, cx: &mut Cx<'_>) {
        if let Some(settings) = &cx.params.seed_keeper {
            let wait = self.wait.unwrap_or(settings.retry_min);
            self.due = Some(cx.now + wait / 2 + cx.rng.duration(wait / 2));
            self.wait = Some((wait * 2).min(settings.retry_max));
        }
    }
}

impl SeedRetries {
    /// Forgets all: we leave.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        *self = Self::default();
        cx.timers.clear(Timer::SeedRetry);
    }

    /// We are told to join this address; the join is its first try.
    pub(crate) fn keep_seed(&mut self, cx: &Cx<'_>, addr: SocketAddr) {
        let Some(settings) = &cx.params.seed_keeper else {
            return;
        };
        let is_seed = self.targets.get(&addr).is_some_and(|target| target.dead.is_none());
        if !is_seed && addr != cx.params.advertise && self.seeds < settings.seeds {
            self.targets.insert(addr, RetryTarget::new(None));
            self.seeds += 1;
        }
    }

    /// Adds a dead member, unless there is no room.
    fn keep_dead(&mut self, cx: &Cx<'_>, node: &Arc<Node>) {
        let room = cx.params.seed_keeper.map_or(0, |settings| settings.dead);
        if self.targets.len() - self.seeds < room {
            let target = || RetryTarget::new(Some((node.clone(), cx.now)));
            self.targets.entry(node.addr()).or_insert_with(target);
        }
    }

    /// A member died, which may be because we lost a part of the cluster.
    pub(crate) fn on_dead(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        self.keep_dead(cx, node);
        // Seeds may be in that part too, under other addresses.
        for (addr, target) in &mut self.targets {
            if target.due.is_none() && (target.dead.is_none() || *addr == node.addr()) {
                target.wait = None;
                target.set_due(cx);
            }
        }
        self.arm(cx);
    }

    /// Members of the snapshot are missing.
    pub(crate) fn on_missing(&mut self, cx: &mut Cx<'_>, nodes: &[Arc<Node>]) {
        for node in nodes {
            self.keep_dead(cx, node);
            let target = self.targets.get_mut(&node.addr());
            if let Some(target) = target.filter(|target| target.is_new()) {
                target.set_due(cx);
            }
        }
        self.arm(cx);
    }

    /// An address has been tried, by us or in a join. If it was reached, a node there is with us now.
    pub(crate) fn on_tried(&mut self, cx: &mut Cx<'_>, addr: SocketAddr, reached: bool) {
        let Some(target) = self.targets.get_mut(&addr) else {
            return;
        };
        if !reached {
            target.set_due(cx);
        } else if target.dead.is_none() {
            target.due = None;
        } else {
            self.targets.remove(&addr);
        }
        self.arm(cx);
    }

    /// Keeps these seeds, of which the first `unmet` are at addresses where nobody is with us, and no other.
    fn replace_seeds(&mut self, cx: &mut Cx<'_>, seeds: &[SocketAddr], unmet: usize) {
        self.targets.retain(|addr, target| target.dead.is_some() || seeds.contains(addr));
        self.seeds = self.targets.values().filter(|target| target.dead.is_none()).count();
        for (place, &addr) in seeds.iter().enumerate() {
            self.keep_seed(cx, addr);
            let target = self.targets.get_mut(&addr).filter(|it| it.dead.is_none());
            if let Some(target) = target.filter(|it| it.due.is_none() && place < unmet) {
                target.wait = None;
                target.set_due(cx);
            }
        }
        self.arm(cx);
    }

    fn arm(&self, cx: &mut Cx<'_>) {
        if let Some(due) = self.targets.values().filter_map(|target| target.due).min() {
            cx.timers.set(Timer::SeedRetry, due);
        }
    }
}

impl<D: Delegate> Memberlist<D> {
    /// These are our seeds from now on.
    pub(crate) fn update_seeds(
        &mut self,
        cx: &mut Cx<'_>,
        seeds: &[SocketAddr],
        _replay: crate::api::Replay,
    ) {
        let is_met = |addr: &SocketAddr| self.members.any_at(*addr, |member| !member.is_gone());
        let (met, mut seeds): (Vec<_>, Vec<_>) = seeds.iter().partition(|addr| is_met(addr));
        let unmet = seeds.len();
        seeds.extend(met);
        self.seed_retries.replace_seeds(cx, &seeds, unmet);
    }

    /// Some addresses are due.
    pub(crate) fn on_seed_retry_tick(&mut self, cx: &mut Cx<'_>, up: &D) {
        let others = self.members.live_others();
        let targets = &self.seed_retries.targets;
        let is_due = |target: &RetryTarget| target.due.is_some_and(|due| due <= cx.now);
        let due: Vec<SocketAddr> =
            targets.iter().filter(|(_, it)| is_due(it)).map(|(&addr, _)| addr).collect();
        for addr in due {
            let is_with_us = self.members.any_at(addr, |member| !member.is_gone());
            let Some(target) = self.seed_retries.targets.get_mut(&addr) else {
                continue;
            };
            target.due = None;
            match &target.dead {
                Some((node, since)) if is_with_us || !up.wants_back(cx, node, *since) => {
                    self.seed_retries.targets.remove(&addr);
                }
                None if is_with_us => {}
                Some(_) if is_left_to_others(cx.rng, others) => {
                    target.set_due(cx);
                }
                _ => {
                    cx.stats.seed_retries += 1;
                    self.dial_push_pull(cx, addr, PushPullReason::SeedRetry);
                }
            }
        }
        self.seed_retries.arm(cx);
    }
}

/// Whether a try is left to so many others.
fn is_left_to_others(rng: &mut Rng, others: usize) -> bool {
    others > TRIES && rng.index(others) >= TRIES
}
