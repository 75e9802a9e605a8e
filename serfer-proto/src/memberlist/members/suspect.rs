//! Suspect messages: who starts, confirms and ends a suspicion, and how we refute one.
//!
//! An accusation carries the incarnation that it accuses. The accused member refutes it with an alive
//! message of a higher one; if it does not within the time of [`suspicion`], this node declares it
//! dead. Counterpart of Go's `suspectNode` and `refute`.

use crate::api::received_name;
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::members::messages;
use crate::memberlist::members::suspicion::{self, SuspicionTerms};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::Suspect;
use crate::wire::msgpack::Text;

impl<D: Delegate> Memberlist<D> {
    /// A message says that a node cannot be reached.
    pub(crate) fn on_suspect(&mut self, cx: &mut Cx<'_>, up: &mut D, suspect: &Suspect<'_>) {
        self.tell_accuser(cx, up, suspect.node);
        let Some(key) = self.check_accusation(cx, up, suspect.node, suspect.incarnation) else {
            return;
        };
        let Some(accuser) = received_name(suspect.from) else {
            return cx.dropped(DropReason::Name, &"accuser");
        };
        if Some(key) == self.members.me() {
            self.refute(cx, suspect.incarnation);
        } else {
            self.suspect(cx, key, suspect.incarnation, accuser);
        }
    }

    /// Starts or confirms a suspicion. If the member is gone already, it is so with this incarnation,
    /// too.
    ///
    /// Unlike Go, the number counts whatever we believe of the member. Otherwise something old could
    /// clear a suspect or bring back a dead member. A suspicion of a higher incarnation begins anew: the
    /// member has refuted the one before.
    pub(crate) fn suspect(&mut self, cx: &mut Cx<'_>, key: Key, incarnation: u32, accuser: &str) {
        if self.raise_accused(cx, key, incarnation)
            && self.members[key].state() == SwimState::Suspect
            && let Some(suspicion) = self.suspicions.get_mut(key)
        {
            suspicion.restart(cx.now);
            // That was hearsay about an incarnation before.
            suspicion.hearsay = None;
            cx.timers.set(Timer::Suspicion(key), suspicion.deadline());
            return self.broadcast_suspect(cx, key, incarnation, accuser);
        }
        if let Some(suspicion) = self.suspicions.get_mut(key) {
            if suspicion.confirm(accuser) {
                cx.timers.set(Timer::Suspicion(key), suspicion.deadline().max(cx.now));
                self.broadcast_suspect(cx, key, incarnation, accuser);
            }
            return;
        }
        let members = self.members.len();
        let member = &self.members[key];
        if member.state() != SwimState::Alive {
            return;
        }
        tracing::debug!(target: "serfer::swim", name = %member.node.name(), %accuser, "suspecting");
        let settings = &cx.params.suspicion;
        let min = suspicion::timeout_min(settings.mult, members, cx.params.probe.interval);
        // With too few others, no confirmation can come.
        let wanted = settings.mult.saturating_sub(2) as usize;
        let wanted = if members.saturating_sub(2) < wanted { 0 } else { wanted };
        let terms = SuspicionTerms { min, max: min * settings.max_timeout_mult, wanted };
        self.members.set_state(key, SwimState::Suspect, cx.now);
        let deadline = self.suspicions.start(key, accuser, terms, cx.now);
        cx.timers.set(Timer::Suspicion(key), deadline);
        cx.stats.suspicions += 1;
        self.broadcast_suspect(cx, key, incarnation, accuser);
    }

    /// If somebody suspects a member that left, it does not know that: tells it.
    fn tell_accuser(&self, cx: &mut Cx<'_>, up: &mut D, accused: Text<'_>) {
        let Some(name) = received_name(accused) else {
            return;
        };
        let key = self.members.find(name).filter(|key| Some(*key) != self.members.me());
        if key.is_none_or(|key| self.members[key].state() == SwimState::Left) {
            up.on_departed_accused(cx, name);
        }
    }

    /// Raises the incarnation that a member is accused with. Returns whether it was lower.
    pub(crate) fn raise_accused(&mut self, cx: &Cx<'_>, key: Key, incarnation: u32) -> bool {
        let known = &mut self.members[key].incarnation;
        let is_higher = incarnation > known.number();
        if is_higher {
            known.raise(incarnation, cx.uptime());
        }
        is_higher
    }

    /// A suspect has not refuted in time: this node declares it dead, or left if somebody said so.
    ///
    /// Not if all began with hearsay, and the member answers our pings: it is asked again.
    pub(crate) fn on_suspicion_timeout(&mut self, cx: &mut Cx<'_>, up: &mut D, key: Key) {
        let Some(member) = self.members.get(key).filter(|it| it.state() == SwimState::Suspect)
        else {
            return;
        };
        let (incarnation, me) = (member.incarnation.number(), &cx.params.name);
        if let Some(suspicion) = self.suspicions.get_mut(key).filter(|it| it.is_refuted()) {
            suspicion.restart(cx.now);
            cx.timers.set(Timer::Suspicion(key), suspicion.deadline());
            return self.broadcast_suspect(cx, key, incarnation, me);
        }
        self.mark_gone(cx, up, key, incarnation, me);
    }

    pub(crate) fn clear_suspicion(&mut self, cx: &mut Cx<'_>, key: Key) {
        if self.members[key].state() == SwimState::Suspect {
            self.suspicions.end(key);
            cx.timers.clear(Timer::Suspicion(key));
        }
    }

    /// The member that an accusation is about; `None` if it is unknown or has refuted it already.
    pub(crate) fn check_accusation(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        accused: Text<'_>,
        incarnation: u32,
    ) -> Option<Key> {
        let Some(name) = received_name(accused) else {
            cx.dropped(DropReason::Name, &"accused");
            return None;
        };
        let Some(key) = self.members.find(name) else {
            up.note_gone_with(cx, name, incarnation);
            return None;
        };
        let known = self.members[key].incarnation;
        if incarnation < known.number() {
            self.pass_refutation_on(cx, key, cx.from);
            return None;
        }
        if !known.reaches(incarnation, cx.uptime()) {
            cx.dropped(DropReason::OutOfReach, &"incarnation");
            return None;
        }
        Some(key)
    }

    /// Refutes what was said about us: broadcasts that we are alive, with a higher incarnation.
    pub(crate) fn refute(&mut self, cx: &mut Cx<'_>, accused: u32) {
        if self.leaving {
            return;
        }
        self.raise_incarnation(cx, accused);
        if self.relocation.says_farewell() {
            // It is our own farewell that comes back.
            return;
        }
        self.awareness.worsen(1);
        cx.stats.refutations += 1;
        tracing::debug!(target: "serfer::swim", incarnation = self.incarnation(), "refuting");
        self.broadcast_alive_me(cx);
    }

    /// Makes our incarnation higher than it was and than `accused`.
    pub(crate) fn raise_incarnation(&mut self, cx: &mut Cx<'_>, accused: u32) {
        if let Some(me) = self.members.me() {
            let number = self.incarnation().max(accused).saturating_add(1);
            self.members[me].incarnation.raise(number, cx.uptime());
            cx.snapshot_soon();
        }
    }

    fn broadcast_suspect(&mut self, cx: &mut Cx<'_>, key: Key, incarnation: u32, accuser: &str) {
        let node = self.members[key].node.clone();
        let suspect = messages::suspect(accuser, incarnation, node.name_text());
        self.broadcast(cx, key, &suspect, BroadcastKind::Plain);
    }
}
