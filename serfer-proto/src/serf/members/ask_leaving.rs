//! Members that mean to leave and stay are asked whether they really do.
//!
//! A leave intent may be of an earlier life, or of an operator who took the member for dead. Gossip tells
//! the member, and it objects. But a push/pull tells only us, and the member could also have missed it:
//! for us it would be leaving for as long as it lives.
//!
//! Unlike Go, which never asks.

use std::time::Duration;

use crate::machinery::{Cx, Key, Timer};
use crate::serf::Serf;
use crate::serf::queries::incoming::send_direct;
use crate::wire::serf_message::{Leave, SerfMessage};

/// How many members are asked at once.
const ASKED_MAX: usize = 64;

/// How long a member has at least, whatever the settings say.
const PATIENCE_MIN: Duration = Duration::from_secs(1);

impl Serf {
    /// A member means to leave. It has the time that leaving takes.
    pub(crate) fn arm_ask_leaving(&self, cx: &mut Cx<'_>) {
        let settings = &cx.params.leave;
        let patience = settings.broadcast_timeout + settings.propagate_delay;
        let at = cx.now + patience.max(PATIENCE_MIN);
        cx.timers.set_if_unset(Timer::AskLeaving, at);
    }

    /// Asks at once: what we know is only hearsay.
    pub(crate) fn ask_leaving_soon(&self, cx: &mut Cx<'_>) {
        if !self.departures.leaving.is_empty() {
            cx.timers.set(Timer::AskLeaving, cx.now);
        }
    }

    pub(crate) fn on_ask_leaving_tick(&self, cx: &mut Cx<'_>) {
        if !self.is_alive() {
            return;
        }
        let me = self.members.find(&cx.params.name);
        let others = self.departures.leaving.iter().filter(|key| Some(**key) != me);
        let asked: Vec<Key> = others.take(ASKED_MAX).copied().collect();
        for &key in &asked {
            let state = &self.members[key];
            let name = state.member.node.name_text();
            // A time that it has not heard yet, or else it would not object.
            let ltime = self.clock.time().max(state.status_ltime.saturating_add(1));
            let leave = Leave { ltime, node: name, prune: false };
            let question = SerfMessage::Leave(leave).to_vec();
            send_direct(cx, state.member.addr(), &question);
        }
        if !asked.is_empty() {
            self.arm_ask_leaving(cx);
        }
    }
}
