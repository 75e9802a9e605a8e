//! The scheduler of retries: which addresses are tried again, and when. The public setting is
//! [`SeedKeeper`].
//!
//! Gossip, probes and push/pulls only ever go to members that are alive, so two halves of a cluster
//! that were apart for longer than the dead are remembered would never look for each other again.
//! Unlike Go, whose users write loops around `Join` (hm#222, hs#605), two kinds of address are tried
//! again and again: a *seed* (we were told to join it) as long as no member there is with us, and a *lost
//! member*, one that died or that is missing after a restart. The first try that reaches a node of the
//! other half merges the halves. [`retry`](super::retry) says what a try is.
//!
//! The bounds, with the defaults:
//!
//! - A node makes at most two tries in a second, of whatever kind; those that are due longest go first.
//! - A lost member waits 1 s after the first try, then twice as long after each, up to 60 s or a
//!   thousandth of the time for which it has been gone, if that is more: 86 s after a day, 43 min after a
//!   month. A try is one ping by datagram. Four nodes of a cluster ask it at a time, on average; a node
//!   that is alone asks all.
//! - Once in ten minutes, a node asks one of them over a stream as well, in case datagrams are blocked;
//!   and one of those in the list of members each [`Members::reconnect_interval`], as in Go.
//! - A seed is dialled, and waits like a lost member, up to 60 s, or up to 15 s for each other member, which
//!   makes four dials a minute in a cluster; but never longer than 15 min.
//! - 128 lost members and 256 seeds are kept. There is no end to it, except that a new one pushes out the
//!   oldest. Of the lost members, half of the places are for those that were lost together with others:
//!   one by one, workers come and go; many at once are the other half of a partition.
//!
//! [`Members::reconnect_interval`]: crate::Members::reconnect_interval

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::{Node, Replay};
use crate::config::SeedKeeper;
use crate::machinery::{Cx, Timer};

/// Between two tries of a node.
const PAUSE: Duration = Duration::from_millis(500);

/// A lost member waits for one part in so many of the time for which it has been gone.
const GONE_PARTS: u32 = 1000;

/// A seed waits so long for each other member, since that has the same seeds.
const SEED_SHARE: Duration = Duration::from_secs(15);

const SEED_WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// How often a lost member is also asked over a stream.
const STREAM_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Members lost within so short a time were lost together.
const TOGETHER: Duration = Duration::from_secs(60);

/// The addresses that are tried again.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    targets: BTreeMap<SocketAddr, RetryTarget>,
    /// How many of them are seeds.
    seeds: usize,
    /// Counts the seeds that were added.
    last_seed: u64,
    /// When the next try may begin.
    next_try: Option<Instant>,
    /// When the next try may use a stream as well.
    next_stream: Option<Instant>,
}

/// What is looked for at an address.
#[derive(Clone, Debug)]
pub(crate) enum Wanted {
    /// A seed: anybody. Says whether user events from before are delivered.
    Seed(Replay),
    /// A lost member.
    Member(LostMember),
}

#[derive(Clone, Debug)]
pub(crate) struct LostMember {
    pub(crate) node: Node,
    pub(crate) since: Instant,
    /// Whether others were lost at about the same time.
    together: bool,
}

#[derive(Debug)]
struct RetryTarget {
    wanted: Wanted,
    /// The number of a seed: a new one has a higher one.
    order: u64,
    /// When to try it next; `None` if it is being tried, or is with us.
    due: Option<Instant>,
    /// How long to wait after the next try, at most; `None` before the first.
    wait: Option<Duration>,
}

impl RetryTarget {
    fn new(wanted: Wanted, order: u64) -> Self {
        Self { wanted, order, due: None, wait: None }
    }

    fn is_seed(&self) -> bool {
        matches!(self.wanted, Wanted::Seed(_))
    }

    fn lost(&self) -> Option<&LostMember> {
        match &self.wanted {
            Wanted::Seed(_) => None,
            Wanted::Member(lost) => Some(lost),
        }
    }

    /// Plans the next try. `others` is how many other members are alive.
    fn set_due(&mut self, cx: &mut Cx<'_>, others: usize) {
        if let Some(settings) = &cx.params.seed_keeper {
            // The cluster may have been larger when the last wait was set.
            let wait_max = self.wait_max(cx, settings, others);
            let wait = self.wait.unwrap_or(settings.retry_min).min(wait_max);
            self.due = Some(cx.now + wait / 2 + cx.rng.duration(wait / 2));
            self.wait = Some((wait * 2).min(wait_max));
        }
    }

    fn wait_max(&self, cx: &Cx<'_>, settings: &SeedKeeper, others: usize) -> Duration {
        let shared = match &self.wanted {
            Wanted::Seed(_) => {
                let others = u32::try_from(others).unwrap_or(u32::MAX);
                SEED_SHARE.saturating_mul(others).min(SEED_WAIT_MAX)
            }
            Wanted::Member(lost) => cx.now.saturating_duration_since(lost.since) / GONE_PARTS,
        };
        settings.retry_max.max(shared)
    }

    /// Whether its next try was left to others that are not there any more.
    fn is_planned_too_late(&self, cx: &Cx<'_>, others: usize) -> bool {
        let wait_max = cx.params.seed_keeper.map(|settings| self.wait_max(cx, &settings, others));
        self.due.zip(wait_max).is_some_and(|(due, wait_max)| due > cx.now + wait_max)
    }
}

/// What is kept.
impl Retries {
    /// Forgets all: we leave.
    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>) {
        *self = Self::default();
        cx.timers.clear(Timer::SeedRetry);
    }

    /// Keeps a seed. The caller tries it, or plans that.
    pub(crate) fn keep_seed(&mut self, cx: &Cx<'_>, addr: SocketAddr, replay: Replay) {
        let Some(settings) = cx.params.seed_keeper.filter(|it| it.seeds > 0) else {
            return;
        };
        if addr == cx.params.advertise {
            return;
        }
        self.last_seed += 1;
        let new = RetryTarget::new(Wanted::Seed(replay), self.last_seed);
        match self.targets.get_mut(&addr) {
            Some(target) if target.is_seed() => {
                (target.wanted, target.order) = (new.wanted, new.order);
                return;
            }
            _ => self.targets.insert(addr, new),
        };
        self.seeds += 1;
        if self.seeds > settings.seeds {
            let seeds = self.targets.iter().filter(|(_, target)| target.is_seed());
            let oldest = seeds.min_by_key(|(_, target)| target.order).map(|(addr, _)| *addr);
            self.remove(oldest);
        }
    }

    /// Keeps these seeds and no others.
    pub(crate) fn retain_seeds(&mut self, seeds: &[SocketAddr]) {
        self.targets.retain(|addr, target| !target.is_seed() || seeds.contains(addr));
        self.seeds = self.targets.values().filter(|target| target.is_seed()).count();
    }

    /// Keeps a lost member, in place of another at its address. Returns whether it was not kept before.
    pub(crate) fn keep_lost(&mut self, cx: &Cx<'_>, node: &Node) -> bool {
        let room = cx.params.seed_keeper.map_or(0, |settings| settings.dead);
        let together = self.mark_together(cx.now);
        match self.targets.get_mut(&node.addr()).map(|target| &mut target.wanted) {
            Some(Wanted::Seed(_)) => return false,
            Some(Wanted::Member(lost)) if lost.node.name() == node.name() => {
                (lost.since, lost.together) = (cx.now, together);
                return false;
            }
            _ if room == 0 => return false,
            _ => {}
        }
        let lost = LostMember { node: node.clone(), since: cx.now, together };
        if self.targets.len() - self.seeds >= room {
            self.remove(self.oldest_lost(room));
        }
        self.targets.insert(node.addr(), RetryTarget::new(Wanted::Member(lost), 0));
        true
    }

    /// Which one makes room for another: of those that were lost alone, if they are more than half.
    fn oldest_lost(&self, room: usize) -> Option<SocketAddr> {
        let lost = || self.targets.iter().filter_map(|(addr, it)| Some((addr, it.lost()?)));
        let alone = lost().filter(|(_, lost)| !lost.together).count();
        let together = alone < room.div_ceil(2);
        let oldest = lost().min_by_key(|(_, lost)| (lost.together != together, lost.since));
        oldest.map(|(addr, _)| *addr)
    }

    /// Notes that another one is lost now. Returns whether some were lost at about the same time.
    fn mark_together(&mut self, now: Instant) -> bool {
        let mut any = false;
        for target in self.targets.values_mut() {
            if let Wanted::Member(lost) = &mut target.wanted
                && now.saturating_duration_since(lost.since) < TOGETHER
            {
                lost.together = true;
                any = true;
            }
        }
        any
    }

    pub(crate) fn remove(&mut self, addr: Option<SocketAddr>) {
        let removed = addr.and_then(|addr| self.targets.remove(&addr));
        self.seeds -= usize::from(removed.is_some_and(|target| target.is_seed()));
    }

    /// What is looked for at an address.
    pub(crate) fn wanted(&self, addr: SocketAddr) -> Option<&Wanted> {
        self.targets.get(&addr).map(|target| &target.wanted)
    }
}

/// When it is tried.
impl Retries {
    /// Plans the next try of an address; `anew` with the first pause again.
    pub(crate) fn plan(&mut self, cx: &mut Cx<'_>, addr: SocketAddr, others: usize, anew: bool) {
        if let Some(target) = self.targets.get_mut(&addr) {
            if anew {
                target.wait = None;
            }
            target.set_due(cx, others);
        }
    }

    /// Whether a try of an address is planned.
    pub(crate) fn is_planned(&self, addr: SocketAddr) -> bool {
        self.targets.get(&addr).is_some_and(|target| target.due.is_some())
    }

    /// No try of it is planned: it is being tried, or a member there is with us.
    pub(crate) fn unplan(&mut self, addr: SocketAddr) {
        if let Some(target) = self.targets.get_mut(&addr) {
            target.due = None;
        }
    }

    /// Plans a try of every seed: there may be one in the part of the cluster that we lost.
    pub(crate) fn plan_seeds(&mut self, cx: &mut Cx<'_>, others: usize) {
        for target in self.targets.values_mut() {
            let is_due = target.due.is_none() || target.is_planned_too_late(cx, others);
            if target.is_seed() && is_due {
                target.wait = None;
                target.set_due(cx, others);
            }
        }
    }

    /// The address that has been due for longest.
    pub(crate) fn take_due(&mut self, now: Instant) -> Option<SocketAddr> {
        let due = self.targets.iter().filter_map(|(&addr, target)| Some((target.due?, addr)));
        let (_, addr) = due.min().filter(|(due, _)| *due <= now)?;
        self.unplan(addr);
        Some(addr)
    }

    /// There was a try: the next one is not before the pause is over.
    pub(crate) fn note_try(&mut self, now: Instant) {
        self.next_try = Some(now + PAUSE);
    }

    /// Whether this try may use a stream as well.
    pub(crate) fn takes_stream(&mut self, now: Instant) -> bool {
        let may = self.next_stream.is_none_or(|at| at <= now);
        if may {
            self.next_stream = Some(now + STREAM_PAUSE);
        }
        may
    }

    /// Sets the timer for the next try.
    pub(crate) fn arm(&self, cx: &mut Cx<'_>) {
        match self.targets.values().filter_map(|target| target.due).min() {
            Some(due) => {
                let at = self.next_try.map_or(due, |next| due.max(next));
                cx.timers.set(Timer::SeedRetry, at);
            }
            None => cx.timers.clear(Timer::SeedRetry),
        }
    }
}
