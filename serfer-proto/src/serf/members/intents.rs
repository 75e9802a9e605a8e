//! Join and leave intents: what a member means to do.
//!
//! Counterpart of `handleNodeJoinIntent`, `handleNodeLeaveIntent` and `broadcastJoin` in Go's
//! `serf.go`.

use crate::api::{MemberChange, Status, received_name};
use crate::machinery::{Cx, DropReason, Key};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::serf::Serf;
use crate::serf::broadcasts::Class;
use crate::serf::members::recent_intents::{Intent, Kept};
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{Join, Leave, SerfMessage};

/// Whether an intent was news and is to be passed on.
pub(crate) type IsNews = bool;

impl Serf {
    /// Tells all members that we mean to be a member.
    pub(crate) fn broadcast_join(&mut self, cx: &mut Cx<'_>) {
        let join = Join { ltime: self.clock.time(), node: Text(cx.params.name.as_bytes()) };
        cx.as_ourselves(|cx| self.on_join_intent(cx, &join));
        self.queue_intent(cx, &SerfMessage::Join(join), BroadcastKind::Plain);
    }

    /// Queues an intent. A leave intent of ours has a kind of its own.
    pub(crate) fn queue_intent(
        &mut self,
        cx: &mut Cx<'_>,
        intent: &SerfMessage<'_>,
        kind: BroadcastKind,
    ) {
        let mut message = Vec::with_capacity(64);
        intent.encode(&mut message);
        self.broadcasts.push(cx, self.members.len(), Class::Intent, &message, kind);
    }

    /// A member means to be a member.
    pub(crate) fn on_join_intent(&mut self, cx: &mut Cx<'_>, join: &Join<'_>) -> IsNews {
        let found = self.members.find_text(join.node);
        if !self.witness_intent(cx, found, join.node, join.ltime) {
            return false;
        }
        let Some(key) = found else {
            return self.keep_intent(cx, join.node, Intent::Join, join.ltime);
        };
        let state = &mut self.members[key];
        if join.ltime <= state.status_ltime {
            return false;
        }
        if matches!(state.member.status, Status::Left | Status::Failed) {
            // Unlike Go: until the member is back here too, its state keeps the time of its leave
            // intent. Otherwise our push/pulls would tell others, where it is back already, that it
            // left after its join. And the newer intent is evidence that it is back.
            return self.keep_intent(cx, join.node, Intent::Join, join.ltime);
        }
        state.status_ltime = join.ltime;
        if state.member.status == Status::Leaving {
            self.set_status(key, Status::Alive, None);
        }
        true
    }

    /// A member means to leave, or is made to leave.
    pub(crate) fn on_leave_intent(&mut self, cx: &mut Cx<'_>, leave: &Leave<'_>) -> IsNews {
        let found = self.members.find_text(leave.node);
        if !self.witness_intent(cx, found, leave.node, leave.ltime) {
            return false;
        }
        let Some(key) = found else {
            if let Some(name) = leave.node.to_str() {
                self.on_missing_left(cx, name);
            }
            return self.keep_intent(cx, leave.node, Intent::Leave, leave.ltime);
        };
        let is_us = *leave.node.0 == *cx.params.name.as_bytes();
        let status_ltime = self.members[key].status_ltime;
        if is_us && !self.is_alive() && leave.ltime >= status_ltime {
            self.on_leave_echoed(cx);
            if cx.from != cx.params.advertise {
                // An echo, or a question whether we really leave: no news for anybody.
                return false;
            }
        }
        if leave.ltime <= status_ltime {
            return false;
        }
        if is_us && self.is_alive() {
            // An old intent of ours, or one of somebody else about us. We say that we stay, unless we move:
            // then we do so when we have moved.
            if !self.leaving.is_moving {
                self.broadcast_join(cx);
            }
            return false;
        }
        let state = &mut self.members[key];
        state.status_ltime = leave.ltime;
        match state.member.status {
            Status::Alive => {
                self.set_status(key, Status::Leaving, None);
                self.arm_ask_leaving(cx);
            }
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

    /// Moves the member clock past an intent about a member that was found or not. Returns whether its name and
    /// its time are valid.
    fn witness_intent(
        &mut self,
        cx: &mut Cx<'_>,
        found: Option<Key>,
        name: Text<'_>,
        ltime: u64,
    ) -> bool {
        // The name of a member is valid.
        if found.is_none() && received_name(name).is_none() {
            cx.dropped(DropReason::Name, &"intent");
            return false;
        }
        if !self.clock.can_reach(ltime) {
            cx.dropped(DropReason::OutOfReach, &"Lamport time of intent");
            return false;
        }
        self.clock.witness(ltime);
        self.record_clock(cx);
        true
    }

    /// Keeps an intent about a member that is not here.
    fn keep_intent(
        &mut self,
        cx: &mut Cx<'_>,
        name: Text<'_>,
        intent: Intent,
        ltime: u64,
    ) -> IsNews {
        let Some(name) = name.to_str() else {
            return false;
        };
        let len_max = cx.params.limits.recent_intents.max(2 * self.members.len());
        let kept = self.recent_intents.insert(name, intent, ltime, cx.now, len_max);
        if kept == Kept::InPlaceOf {
            cx.dropped(DropReason::Full, &"intents about unknown members: the oldest is forgotten");
        }
        self.arm_reap(cx);
        kept != Kept::No
    }
}
