//! Dead messages: a member died or left, and is forgotten after a while.
//!
//! A dead message whose accuser is the member itself is its leave message. Counterpart of Go's
//! `deadNode`, `Leave` and `resetNodes`.
//!
//! Unlike Go, which believes every dead message that is not older than what it knows: of a member that
//! is there for us, two of them are only hearsay, and begin a suspicion, which it can refute. One is a
//! leave message that others pass on when the member has not said that it means to leave. The other is
//! a death in an incarnation that we have not heard of. Both may be of an earlier life.

use crate::api::received_name;
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::members::messages;
use crate::memberlist::members::suspicion::Hearsay;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Departure, Memberlist};
use crate::wire::message::Dead;

impl<D: Delegate> Memberlist<D> {
    /// A message says that a node is dead, or a node says that it leaves.
    pub(crate) fn on_dead(&mut self, cx: &mut Cx<'_>, up: &mut D, dead: &Dead<'_>) {
        let Some(key) = self.check_accusation(cx, up, dead.node, dead.incarnation) else {
            return;
        };
        match dead.from.to_str() {
            _ if Some(key) == self.members.me() => self.refute(cx, dead.incarnation),
            // A node before serf 0.9.0 leaves with an empty accuser, which counts as dead.
            Some(accuser) if accuser.is_empty() || received_name(dead.from).is_some() => {
                self.hear_of_death(cx, up, key, dead.incarnation, accuser);
            }
            _ => cx.dropped(DropReason::Name, &"accuser"),
        }
    }

    fn hear_of_death(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        incarnation: u32,
        accuser: &str,
    ) {
        let member = &self.members[key];
        if member.is_gone() {
            if self.raise_accused(cx, key, incarnation) {
                self.broadcast_dead(cx, key, accuser);
            }
            return;
        }
        let node = member.node.clone();
        let is_farewell = *accuser == *node.name();
        let is_believed = if is_farewell {
            cx.from == node.addr() || up.means_to_leave(node.name())
        } else {
            incarnation <= member.incarnation.number()
        };
        if is_believed {
            return self.mark_gone(cx, up, key, incarnation, accuser);
        }
        let me = &*cx.params.name;
        let accuser = if is_farewell || accuser.is_empty() { me } else { accuser };
        self.suspect(cx, key, incarnation, accuser);
        if let Some(suspicion) = self.suspicions.get_mut(key) {
            suspicion.hearsay = Some(if is_farewell { Hearsay::Farewell } else { Hearsay::Death });
        }
    }

    /// Marks a member dead or, if it is its own accuser or somebody said that it left, left.
    pub(crate) fn mark_gone(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        incarnation: u32,
        accuser: &str,
    ) {
        if self.members[key].is_gone() {
            return;
        }
        let node = self.members[key].node.clone();
        let accuser = if self.suspicions.is_farewell(key) { node.name() } else { accuser };
        self.clear_suspicion(cx, key);
        let (state, how) = match *node.name() == *accuser {
            true => (SwimState::Left, Departure::Left),
            false => (SwimState::Dead, Departure::Died),
        };
        self.raise_accused(cx, key, incarnation);
        self.members.set_state(key, state, cx.now);
        self.arm_forget(cx);
        self.broadcast_dead(cx, key, accuser);
        tracing::debug!(target: "serfer::swim", name = %node.name(), ?state, %accuser, "node gone");
        up.on_leave(cx, &node, how);
        if state == SwimState::Dead && !self.leaving {
            self.on_lost(cx, &node);
        }
    }

    fn broadcast_dead(&mut self, cx: &mut Cx<'_>, key: Key, accuser: &str) {
        let member = &self.members[key];
        let (node, incarnation) = (member.node.clone(), member.incarnation.number());
        let dead = messages::dead(accuser, incarnation, node.name_text());
        self.broadcast(cx, key, &dead, BroadcastKind::Plain);
    }

    /// Leaves: broadcasts our own leave message. [`LeaveDelegate::on_own_leave_done`] follows.
    ///
    /// [`LeaveDelegate::on_own_leave_done`]: crate::memberlist::LeaveDelegate::on_own_leave_done
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(me) = self.members.me().filter(|_| !self.leaving) else {
            return;
        };
        self.leaving = true;
        self.cancel_joins(cx, up);
        self.cancel_rejoin(cx);
        self.asks.clear();
        self.retries.clear(cx);
        let node = self.members[me].node.clone();
        self.members.set_state(me, SwimState::Left, cx.now);
        let dead = messages::dead(node.name(), self.incarnation(), node.name_text());
        self.broadcast(cx, me, &dead, BroadcastKind::OwnLeave);
        up.on_leave(cx, &node, Departure::Left);
    }

    /// Forgets the members that have been gone for long enough. The layer above may remember them.
    pub(crate) fn on_forget(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.members.forget(cx.now, cx.params.gossip.to_the_dead, |member| {
            up.on_forgotten(member.node.name(), member.incarnation);
        });
        self.arm_forget(cx);
    }

    pub(crate) fn arm_forget(&self, cx: &mut Cx<'_>) {
        match self.members.next_forgotten(cx.params.gossip.to_the_dead) {
            Some(at) => cx.timers.set(Timer::Forget, at),
            None => cx.timers.clear(Timer::Forget),
        }
    }
}
