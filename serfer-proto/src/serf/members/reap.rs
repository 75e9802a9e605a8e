//! Forgetting members that have been gone for long enough.
//!
//! Counterpart of `handleReap`, `reap`, `eraseNode` and `handlePrune` in Go's `serf.go`.

use std::time::Instant;

use crate::api::{MemberChange, Status};
use crate::machinery::{Cx, Key, Timer};
use crate::serf::Serf;

impl Serf {
    /// Forgets a member now, or as soon as it is gone.
    ///
    /// Unlike Go, which waits for a moment with its member lock held and then forgets the member even
    /// if it is alive, so that it is never shown again. No time to wait is long enough: the member may
    /// say that it leaves and stay, or its objection may be lost. So it is shown until it is gone.
    pub(crate) fn prune(&mut self, cx: &mut Cx<'_>, key: Key) {
        if self.departures.gone.contains_key(&key) {
            self.erase(cx, key);
        } else {
            self.departures.to_prune.insert(key);
        }
    }

    /// Forgets the members that have been gone for too long, and old intents.
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
        self.fail_missing(cx);
        self.give_up_missing(cx);
        self.record_uptime(cx);
        self.arm_reap(cx);
    }

    /// Forgets a member. We never forget ourselves.
    pub(crate) fn erase(&mut self, cx: &mut Cx<'_>, key: Key) {
        if *self.members[key].member.name() == *cx.params.name {
            return;
        }
        self.emit_member(cx, MemberChange::Reap, key);
        self.note_change(key);
        self.departures.gone.remove(&key);
        self.departures.incarnations.remove(&key);
        self.departures.leaving.remove(&key);
        self.departures.to_prune.remove(&key);
        self.departures.recalled.remove(&key);
        if let Some(coordinates) = &mut self.coordinates {
            coordinates.forget(key);
        }
        self.members.remove(key);
        self.open_queries.liveness.forget(key);
        self.arm_reap(cx);
    }

    /// Sets the timer, but only while there is something to forget.
    pub(crate) fn arm_reap(&self, cx: &mut Cx<'_>) {
        let nobody_gone = self.departures.gone.is_empty();
        if nobody_gone {
            cx.timers.clear(Timer::Reconnect);
        }
        if nobody_gone && self.recent_intents.is_empty() && self.missing.is_empty() {
            cx.timers.clear(Timer::Reap);
        } else {
            let at = cx.now + cx.params.members.reap_interval;
            cx.timers.set_if_unset(Timer::Reap, at);
        }
    }
}
