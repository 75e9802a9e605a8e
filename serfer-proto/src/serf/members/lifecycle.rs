//! A member joins, leaves, fails, changes.
//!
//! memberlist knows which nodes answer. What a node *means* to do is in its intents. Only both
//! together tell a member that left from one that failed. Counterpart of `handleNodeJoin`,
//! `handleNodeLeave` and `handleNodeUpdate` in Go's `serf.go`.

use std::time::Instant;

use crate::api::incarnation::Incarnation;
use crate::api::{Event, Member, MemberChange, MemberEvent, Node, Status};
use crate::machinery::{Cx, DropReason, Key};
use crate::memberlist::{Departure, EventDelegate};
use crate::serf::Serf;
use crate::serf::members::recent_intents::Intent;
use crate::serf::members::state::MemberState;
use crate::serf::queries::incoming::send_direct;
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{Leave, SerfMessage};

impl EventDelegate for Serf {
    fn on_join(&mut self, cx: &mut Cx<'_>, node: &Node) {
        let name = node.name();
        let key = match self.members.find_text(node.name_text()) {
            Some(key) => {
                self.on_member_back(cx, key, node);
                key
            }
            None => self.insert_member(cx, node, name),
        };
        self.emit_member(cx, MemberChange::Join, key);
        self.send_held_answers(cx, node);
        self.take_early_responses(cx, name);
    }

    /// If the node said that it would leave, it left. Otherwise it failed.
    ///
    /// Unlike Go, where only the leave intent counts: a member whose leave intent was lost also left if
    /// its leave message came.
    fn on_leave(&mut self, cx: &mut Cx<'_>, node: &Node, how: Departure) {
        let Some(key) = self.members.find_text(node.name_text()) else {
            return;
        };
        let (status, change) = match (self.members[key].member.status, how) {
            (Status::Left | Status::Failed, _) => return,
            (Status::Leaving, _) | (_, Departure::Left) => (Status::Left, MemberChange::Leave),
            (Status::Alive, Departure::Died) => (Status::Failed, MemberChange::Failed),
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

    fn on_update(&mut self, cx: &mut Cx<'_>, node: &Node) {
        if let Some(key) = self.members.find_text(node.name_text()) {
            self.note_change(key);
            self.members.set_node(key, node.clone());
            self.emit_member(cx, MemberChange::Update, key);
        }
    }

    fn means_to_leave(&self, name: &str) -> bool {
        let key = self.members.find(name);
        key.is_some_and(|key| self.members[key].member.status == Status::Leaving)
    }

    fn gone_with(&self, name: &str) -> Option<u32> {
        let key = self.members.find(name)?;
        let incarnation = self.departures.incarnations.get(&key).map(|it| it.number());
        let left_at = self.members[key].status_ltime;
        let means_to_be_back = |(intent, ltime)| intent == Intent::Join && ltime > left_at;
        incarnation.filter(|_| !self.recent_intents.get(name).is_some_and(means_to_be_back))
    }

    fn on_forgotten(&mut self, name: &str, incarnation: Incarnation) {
        if let Some(key) = self.members.find(name)
            && self.departures.gone.contains_key(&key)
        {
            self.departures.incarnations.insert(key, incarnation);
        }
    }

    fn note_gone_with(&mut self, cx: &mut Cx<'_>, name: &str, incarnation: u32) {
        if let Some(key) = self.members.find(name)
            && self.departures.gone.contains_key(&key)
        {
            let unknown = || Incarnation::new(0, cx.uptime());
            let known = self.departures.incarnations.entry(key).or_insert_with(unknown);
            if known.reaches(incarnation, cx.uptime()) {
                known.raise(incarnation, cx.uptime());
            } else {
                cx.dropped(DropReason::OutOfReach, &"incarnation");
            }
        }
    }

    /// Unlike Go, which ignores it: a node that missed all of a leave would take it for a failure.
    fn on_departed_accused(&mut self, cx: &mut Cx<'_>, name: &str) {
        let Some(state) = self.members.find(name).map(|key| &self.members[key]) else {
            return;
        };
        // Only to members: a forged source address must not aim our packets at a stranger.
        let is_member = self.members.find_addr(cx.from).is_some() && cx.from != cx.params.advertise;
        if state.member.status == Status::Left && is_member {
            let node = Text(name.as_bytes());
            let leave = Leave { ltime: state.status_ltime, node, prune: false };
            send_direct(cx, cx.from, &SerfMessage::Leave(leave).to_vec());
        }
    }
}

impl Serf {
    fn on_member_back(&mut self, cx: &mut Cx<'_>, key: Key, node: &Node) {
        if !self.is_live(key) {
            self.open_queries.note_liveness(key);
        }
        self.note_change(key);
        self.count_flap(cx, key);
        self.members.set_node(key, node.clone());
        self.set_status(key, Status::Alive, None);
        self.arm_reap(cx);
        if let Some((Intent::Join, ltime)) = self.recent_intents.get(node.name()) {
            let state = &mut self.members[key];
            state.status_ltime = state.status_ltime.max(ltime);
        }
    }

    /// Counts a member that failed only a short time ago and is back. Go's `memberFlap`.
    fn count_flap(&self, cx: &mut Cx<'_>, key: Key) {
        let failed = self.members[key].member.status == Status::Failed;
        let failed = failed && !self.departures.recalled.contains(&key);
        let since = self.departures.gone.get(&key).filter(|_| failed);
        if since.is_some_and(|since| cx.now < *since + cx.params.members.flap_timeout) {
            cx.stats.flaps += 1;
        }
    }

    fn insert_member(&mut self, cx: &mut Cx<'_>, node: &Node, name: &str) -> Key {
        // An intent about it may have come first.
        let (status, status_ltime) = match self.recent_intents.get(name) {
            None => (Status::Alive, 0),
            Some((Intent::Join, ltime)) => (Status::Alive, ltime),
            Some((Intent::Leave, ltime)) => (Status::Leaving, ltime),
        };
        self.note_new_member(name);
        let member = Member { node: node.clone(), status };
        let key = self.members.insert(MemberState::new(member, status_ltime));
        self.open_queries.note_liveness(key);
        if status == Status::Leaving {
            self.departures.leaving.insert(key);
            self.arm_ask_leaving(cx);
        }
        key
    }

    /// Changes a member's status. `gone_since` is set if it is gone.
    pub(crate) fn set_status(&mut self, key: Key, status: Status, gone_since: Option<Instant>) {
        self.note_change(key);
        self.members[key].member.status = status;
        match gone_since {
            Some(since) => self.departures.gone.insert(key, since),
            None => {
                self.departures.incarnations.remove(&key);
                self.departures.gone.remove(&key)
            }
        };
        if status == Status::Alive {
            self.departures.to_prune.remove(&key);
        }
        self.departures.recalled.remove(&key);
        if status == Status::Leaving {
            self.departures.leaving.insert(key);
        } else {
            self.departures.leaving.remove(&key);
        }
    }

    /// Records, counts and traces a change of a member, and tells the application.
    pub(crate) fn emit_member(&mut self, cx: &mut Cx<'_>, change: MemberChange, key: Key) {
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
}
