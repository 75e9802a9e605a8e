//! Members as serf sees them: alive, leaving, left, failed.
//!
//! memberlist knows who answers; what somebody *means* to do comes by intents, and only together do
//! they tell a member that left from one that failed. Whoever is gone is remembered for a day.
//! Counterpart of `handleNodeJoin`, `handleNodeLeave`, `handleNodeUpdate`, `handleNodeJoinIntent`,
//! `handleNodeLeaveIntent` and `reap` in Go's `serf.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::api::event::{Event, MemberChange, MemberEvent};
use crate::api::member::{Member, Node, Status, received_name};
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::machinery::table::{Key, Row};
use crate::machinery::timers::Timer;
use crate::memberlist::Memberlist;
use crate::serf::Serf;
use crate::serf::members::intents::Intent;
use crate::wire::serf_message::{Join, Leave};

/// One member, ourselves included.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) member: Member,
    /// When it last changed its mind, by the member clock.
    pub(crate) status_ltime: u64,
}

/// What few members are, and what therefore has no place in each of them.
#[derive(Debug, Default)]
pub(crate) struct Departures {
    /// Those that left or failed, and since when.
    gone: BTreeMap<Key, Instant>,
    /// Those that somebody wants forgotten once they are gone.
    to_prune: BTreeSet<Key>,
}

impl Row for Entry {
    fn node(&self) -> &Arc<Node> {
        &self.member.node
    }
    fn node_mut(&mut self) -> &mut Arc<Node> {
        &mut self.member.node
    }
}

/// Whether a leave intent was news, and is to be passed on.
pub(crate) type IsNews = bool;

impl Serf {
    /// memberlist found a node.
    pub(crate) fn on_node_join(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        let key = match self.members.find(&node.name) {
            Some(key) => {
                if !self.is_live(key) {
                    self.on_member_here(key);
                }
                self.note_member(key);
                self.count_flap(cx, key);
                self.members.set_node(key, node.clone());
                self.set_status(key, Status::Alive, None);
                self.arm_reap(cx);
                if let Some((Intent::Join, ltime)) = self.recent_intents.get(&node.name) {
                    let entry = &mut self.members[key];
                    entry.status_ltime = entry.status_ltime.max(ltime);
                }
                key
            }
            None => self.insert_member(node),
        };
        self.emit_member(cx, MemberChange::Join, key);
    }

    /// Counts a member that failed and is back, if that was only now. Go's `memberFlap`.
    fn count_flap(&self, cx: &mut Cx<'_>, key: Key) {
        let failed = self.members[key].member.status == Status::Failed;
        let since = self.departures.gone.get(&key).filter(|_| failed);
        if since.is_some_and(|since| cx.now < *since + cx.params.members.flap_timeout) {
            cx.stats.flaps += 1;
        }
    }

    fn insert_member(&mut self, node: &Arc<Node>) -> Key {
        // An intent about it may have been faster.
        let (status, status_ltime) = match self.recent_intents.get(&node.name) {
            None => (Status::Alive, 0),
            Some((Intent::Join, ltime)) => (Status::Alive, ltime),
            Some((Intent::Leave, ltime)) => (Status::Leaving, ltime),
        };
        self.note_newcomer(&node.name);
        let member = Member { node: node.clone(), status };
        let key = self.members.insert(Entry { member, status_ltime });
        self.on_member_here(key);
        key
    }

    /// memberlist lost a node: if it said that it would leave, it left, and otherwise it failed.
    pub(crate) fn on_node_leave(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        let Some(key) = self.members.find(&node.name) else {
            return;
        };
        let (status, change) = match self.members[key].member.status {
            Status::Leaving => (Status::Left, MemberChange::Leave),
            Status::Alive => (Status::Failed, MemberChange::Failed),
            Status::Left | Status::Failed => return,
        };
        self.set_status(key, status, Some(cx.now));
        self.arm_reap(cx);
        if status == Status::Failed {
            self.arm_reconnect(cx);
        }
        self.emit_member(cx, change, key);
        self.on_member_gone(cx, key);
        if self.departures.to_prune.contains(&key) {
            self.erase(cx, key);
        }
    }

    /// A node says something else about itself.
    pub(crate) fn on_node_update(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        let Some(key) = self.members.find(&node.name) else {
            return;
        };
        self.note_member(key);
        self.members.set_node(key, node.clone());
        self.emit_member(cx, MemberChange::Update, key);
    }

    /// A member means to be one; tells whether that is news.
    pub(crate) fn on_join_intent(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        join: &Join<'_>,
    ) -> IsNews {
        let Some(name) = self.witness_intent(cx, from, join.node, join.ltime) else {
            return false;
        };
        let Some(key) = self.members.find(name) else {
            return self.note_intent(cx, name, Intent::Join, join.ltime);
        };
        let entry = &mut self.members[key];
        if join.ltime <= entry.status_ltime {
            return false;
        }
        if entry.member.status == Status::Left {
            // Unlike Go: until it is back here too, what is told of it keeps the time of its farewell.
            // Otherwise others, where it is back, would hear that it left after that, and hold it
            // for leaving for as long as it stays.
            return self.note_intent(cx, name, Intent::Join, join.ltime);
        }
        entry.status_ltime = join.ltime;
        if entry.member.status == Status::Leaving {
            self.set_status(key, Status::Alive, None);
        }
        true
    }

    /// A member means to leave, or is made to; tells whether that is news.
    pub(crate) fn on_leave_intent(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        leave: &Leave<'_>,
    ) -> IsNews {
        let Some(name) = self.witness_intent(cx, from, leave.node, leave.ltime) else {
            return false;
        };
        let Some(key) = self.members.find(name) else {
            self.miss_no_more(cx, name);
            return self.note_intent(cx, name, Intent::Leave, leave.ltime);
        };
        let is_us = *name == *cx.params.name;
        if is_us && !self.phase.is_alive() && leave.ltime >= self.members[key].status_ltime {
            self.on_leave_echoed(cx, from);
        }
        let entry = &mut self.members[key];
        if leave.ltime <= entry.status_ltime {
            return false;
        }
        if is_us && self.phase.is_alive() {
            // An old intent of ours, or somebody else's about us: we are here, and say so.
            self.broadcast_join(cx);
            return false;
        }
        entry.status_ltime = leave.ltime;
        match entry.member.status {
            Status::Alive => self.set_status(key, Status::Leaving, None),
            Status::Leaving | Status::Left => {}
            Status::Failed => {
                // It counts as gone since it failed.
                let gone_since = self.departures.gone.get(&key).copied();
                self.set_status(key, Status::Left, gone_since);
                self.emit_member(cx, MemberChange::Leave, key);
            }
        }
        if leave.prune {
            self.prune(cx, key);
        }
        true
    }

    /// Moves the member clock behind an intent whose time and name make sense.
    fn witness_intent<'a>(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        name: crate::wire::msgpack::Text<'a>,
        ltime: u64,
    ) -> Option<&'a str> {
        let Some(name) = received_name(name) else {
            cx.dropped(DropReason::Name, from, &"intent");
            return None;
        };
        if !self.clock.can_reach(ltime) {
            cx.dropped(DropReason::OutOfReach, from, &"Lamport time of intent");
            return None;
        }
        self.clock.witness(ltime);
        self.record_clock(cx);
        Some(name)
    }

    fn note_intent(&mut self, cx: &mut Cx<'_>, name: &str, intent: Intent, ltime: u64) -> IsNews {
        let len_max = cx.params.limits.recent_intents.max(2 * self.members.len());
        let is_news = self.recent_intents.insert(name, intent, ltime, cx.now, len_max);
        self.arm_reap(cx);
        is_news
    }

    /// Forgets a member for good, or as soon as it is gone.
    ///
    /// Unlike Go, which waits for a moment with its member lock held and then forgets even a member
    /// that is alive, so that nobody ever sees it again. No time is long enough for that: a member that
    /// says it leaves and does not, or whose objection is lost, is there for all to see until it goes.
    fn prune(&mut self, cx: &mut Cx<'_>, key: Key) {
        if self.departures.gone.contains_key(&key) {
            self.erase(cx, key);
        } else {
            self.departures.to_prune.insert(key);
        }
    }

    /// Forgets those that have been gone for too long, and intents that wait for nobody.
    pub(crate) fn on_reap_tick(&mut self, cx: &mut Cx<'_>) {
        let settings = &cx.params.members;
        let is_due = |(key, since): (&Key, &Instant)| {
            let member = &self.members[*key].member;
            let keep = match member.status {
                Status::Failed => settings.reconnect_timeout,
                Status::Left => settings.tombstone_timeout,
                Status::Alive | Status::Leaving => return None,
            };
            (cx.now > *since + cx.params.timeout_of(member, keep)).then_some(*key)
        };
        let due: Vec<Key> = self.departures.gone.iter().filter_map(is_due).collect();
        for key in due {
            self.erase(cx, key);
        }
        self.recent_intents.expire(cx.now, settings.recent_intent_timeout);
        self.give_up_missing(cx);
        self.arm_reap(cx);
    }

    /// Tries a failed member again, at random and the less often the fewer have failed, so that a
    /// cluster does not spend itself on them. Go's `reconnect`.
    pub(crate) fn on_reconnect_tick(&self, cx: &mut Cx<'_>, memberlist: &mut Memberlist) {
        let failed = || self.departed(Status::Failed);
        let count = failed().count();
        if count == 0 || !self.phase.is_alive() {
            return;
        }
        let here = self.members.len() - self.departures.gone.len();
        if cx.rng.index(here.max(1)) < count {
            let chosen = cx.rng.index(count);
            if let Some(member) = failed().nth(chosen) {
                memberlist.reconnect(cx, member.addr());
            }
        }
        self.arm_reconnect(cx);
    }

    /// Those that failed, or those that left.
    pub(crate) fn departed(&self, status: Status) -> impl Iterator<Item = &Member> {
        let gone = self.departures.gone.keys().map(|&key| &self.members[key].member);
        gone.filter(move |member| member.status == status)
    }

    fn arm_reconnect(&self, cx: &mut Cx<'_>) {
        let at = cx.now + cx.params.members.reconnect_interval;
        cx.timers.set_if_unset(Timer::Reconnect, at);
    }

    fn erase(&mut self, cx: &mut Cx<'_>, key: Key) {
        if *self.members[key].member.name() == *cx.params.name {
            // We know ourselves as long as we are.
            return;
        }
        self.emit_member(cx, MemberChange::Reap, key);
        self.note_member(key);
        self.departures.gone.remove(&key);
        self.departures.to_prune.remove(&key);
        if let Some(distances) = &mut self.distances {
            distances.forget(key);
        }
        self.members.remove(key);
        self.on_member_forgotten(key);
        self.arm_reap(cx);
    }

    /// Wakes for those that are gone and for intents that wait, and only as long as there are any.
    pub(crate) fn arm_reap(&self, cx: &mut Cx<'_>) {
        let gone = &self.departures.gone;
        if gone.is_empty() {
            cx.timers.clear(Timer::Reconnect);
        }
        if gone.is_empty() && self.recent_intents.is_empty() && !self.misses_any() {
            cx.timers.clear(Timer::Reap);
        } else {
            let at = cx.now + cx.params.members.reap_interval;
            cx.timers.set_if_unset(Timer::Reap, at);
        }
    }

    pub(crate) fn set_status(&mut self, key: Key, status: Status, gone_since: Option<Instant>) {
        self.note_member(key);
        self.members[key].member.status = status;
        match gone_since {
            Some(since) => self.departures.gone.insert(key, since),
            None => self.departures.gone.remove(&key),
        };
        if status == Status::Alive {
            self.departures.to_prune.remove(&key);
        }
    }

    fn emit_member(&mut self, cx: &mut Cx<'_>, change: MemberChange, key: Key) {
        self.record_member(cx, change, key);
        let member = self.members[key].member.clone();
        let count = match change {
            MemberChange::Join => &mut cx.stats.joins,
            MemberChange::Leave => &mut cx.stats.leaves,
            MemberChange::Failed => &mut cx.stats.failures,
            MemberChange::Update => &mut cx.stats.updates,
            MemberChange::Reap => &mut cx.stats.reaps,
        };
        *count += 1;
        tracing::info!(target: "serfer::members", %change, name = member.name(), addr = %member.addr(), "member changed");
        self.emit(cx, Event::Member(MemberEvent { change, members: [member].into() }));
    }

    /// Whether a member is here, as far as we know.
    pub(crate) fn is_live(&self, member: Key) -> bool {
        !self.departures.gone.contains_key(&member)
    }

    /// How many members are here, ourselves included. Go: memberlist's `NumMembers`.
    pub(crate) fn live_members(&self) -> usize {
        self.members.len() - self.departures.gone.len()
    }

    /// How many others are here.
    pub(crate) fn live_others(&self, cx: &Cx<'_>) -> usize {
        let me = self.members.find(&cx.params.name);
        self.live_members() - usize::from(me.is_some_and(|me| self.is_live(me)))
    }

    /// Whether somebody else who is here has this address.
    pub(crate) fn is_live_other(&self, cx: &Cx<'_>, addr: SocketAddr) -> bool {
        let is_here = |it: &Entry| matches!(it.member.status, Status::Alive | Status::Leaving);
        addr != cx.params.advertise && self.members.any_at(addr, is_here)
    }

    /// Whether anybody else is alive and could hear us.
    pub(crate) fn has_alive_others(&self, cx: &Cx<'_>) -> bool {
        let others = self.members.len() - usize::from(self.members.find(&cx.params.name).is_some());
        others > self.departures.gone.len()
            && self.members.iter().any(|(_, entry)| {
                entry.member.status == Status::Alive && *entry.member.name() != *cx.params.name
            })
    }
}
