//! Dead messages: a member died or left, and is forgotten after a while.
//!
//! A dead message whose accuser is the member itself is its leave message. Counterpart of Go's
//! `deadNode`, `Leave` and `resetNodes`.

use crate::api::received_name;
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::members::messages;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::Dead;

impl<D: Delegate> Memberlist<D> {
    /// A message says that a node is dead, or a node says that it leaves.
    pub(crate) fn on_dead(&mut self, cx: &mut Cx<'_>, up: &mut D, dead: &Dead<'_>) {
        let Some(key) = self.check_accusation(cx, dead.node, dead.incarnation) else {
            return;
        };
        match dead.from.to_str() {
            _ if Some(key) == self.members.me() => self.refute(cx, dead.incarnation),
            // A node before serf 0.9.0 leaves with an empty accuser, which counts as dead.
            Some(accuser) if accuser.is_empty() || received_name(dead.from).is_some() => {
                self.mark_gone(cx, up, key, dead.incarnation, accuser);
            }
            _ => cx.dropped(DropReason::Name, &"accuser"),
        }
    }

    /// Marks a member dead or, if it is its own accuser, left.
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
        self.clear_suspicion(cx, key);
        let node = self.members[key].node.clone();
        let state = if *node.name == *accuser { SwimState::Left } else { SwimState::Dead };
        self.members[key].incarnation.raise(incarnation, cx.uptime());
        self.members.set_state(key, state, cx.now);
        self.arm_forget(cx);
        let dead = messages::dead(accuser, incarnation, &node.name);
        self.broadcast(cx, &dead, BroadcastKind::About(key));
        tracing::debug!(target: "serfer::swim", name = %node.name, ?state, %accuser, "node gone");
        up.on_leave(cx, &node);
        if state == SwimState::Dead && !self.leaving {
            self.on_lost(cx, &node);
        }
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
        let dead = messages::dead(&node.name, self.incarnation(), &node.name);
        self.broadcast(cx, &dead, BroadcastKind::OwnLeave(Some(me)));
        up.on_leave(cx, &node);
    }

    /// Forgets the members that have been gone for long enough.
    pub(crate) fn on_forget(&mut self, cx: &mut Cx<'_>) {
        self.members.forget(cx.now, cx.params.gossip.to_the_dead);
        self.arm_forget(cx);
    }

    pub(crate) fn arm_forget(&self, cx: &mut Cx<'_>) {
        match self.members.next_forgotten(cx.params.gossip.to_the_dead) {
            Some(at) => cx.timers.set(Timer::Forget, at),
            None => cx.timers.clear(Timer::Forget),
        }
    }
}
