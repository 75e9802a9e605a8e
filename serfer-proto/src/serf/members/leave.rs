//! Leaving, step by step, so that nobody takes it for a failure.
//!
//! First comes the leave intent. Once it has spread, memberlist sends its own leave message, and then
//! we stay a little while and answer, so that this message spreads too. Counterpart of `Leave` and
//! `forceLeave` in Go's `serf.go`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::{Delivery, Event, ForceLeaveError, LeaveError, LeaveReport};
use crate::config::check_name;
use crate::machinery::{Cx, Timer};
use crate::memberlist::LeaveDelegate;
use crate::memberlist::Memberlist;
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::serf::Serf;
use crate::wire::msgpack::Text;
use crate::wire::serf_message;
use crate::wire::serf_message::SerfMessage;

/// How far we have left. Go: `SerfState`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
enum LeavePhase {
    #[default]
    Alive,
    /// The leave intent spreads.
    Announcing,
    /// memberlist's leave message is being sent.
    Departing,
    /// memberlist's leave message was sent and spreads.
    Lingering,
    Left,
}

/// How far we have left, and what the report will say.
#[derive(Debug, Default)]
pub(crate) struct LeaveProgress {
    phase: LeavePhase,
    report: LeaveReport,
    /// The live members to which we sent that we leave.
    told: BTreeSet<SocketAddr>,
    /// The live members that sent us our leave intent.
    confirmed: BTreeSet<SocketAddr>,
    /// Others are told that we leave, because we move to another address.
    pub(crate) is_moving: bool,
}

/// Whether a member that is made to leave is forgotten at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prune {
    /// It is remembered as left.
    #[default]
    No,
    /// It is forgotten by all members.
    Yes,
}

impl LeaveDelegate for Serf {
    fn on_own_leave_sent(&mut self, cx: &Cx<'_>, to: SocketAddr) {
        if self.is_live_other(cx, to) {
            self.leaving.told.insert(to);
        }
    }

    fn on_own_leave_done(&mut self, cx: &mut Cx<'_>) {
        self.leaving.report.farewell = Delivery::Drained;
        self.end_phase(cx, LeavePhase::Departing);
    }

    fn on_moving(&mut self, cx: &mut Cx<'_>) {
        if self.is_alive()
            && let Some(me) = self.members.find(&cx.params.name)
        {
            self.leaving.is_moving = true;
            let ltime = self.clock.time();
            self.clock.increment();
            self.members[me].status_ltime = ltime;
            let node = Text(cx.params.name.as_bytes());
            let leave = serf_message::Leave { ltime, node, prune: false };
            self.queue_intent(cx, &SerfMessage::Leave(leave), BroadcastKind::Plain);
        }
    }

    fn on_moved(&mut self, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.leaving.is_moving) && self.is_alive() {
            self.broadcast_join(cx);
        }
    }
}

impl Serf {
    /// Whether we have not begun to leave.
    pub(crate) fn is_alive(&self) -> bool {
        self.leaving.phase == LeavePhase::Alive
    }

    /// Begins to leave. [`Event::Left`] follows.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) -> Result<(), LeaveError> {
        match self.leaving.phase {
            LeavePhase::Alive => {}
            LeavePhase::Left => return Ok(()),
            LeavePhase::Announcing | LeavePhase::Departing | LeavePhase::Lingering => {
                return Err(LeaveError::Leaving);
            }
        }
        self.leaving.phase = LeavePhase::Announcing;
        self.record_leave(cx);
        let name = cx.params.name.clone();
        self.leaving.report.others = self.live_others(cx);
        let heard = self.broadcast_leave(cx, &name, Prune::No, BroadcastKind::OwnLeave);
        let patience = if heard { cx.params.leave.broadcast_timeout } else { Duration::ZERO };
        self.leaving.report.intent = if heard { Delivery::TimedOut } else { Delivery::Nobody };
        cx.timers.set(Timer::Leave, cx.now + patience);
        Ok(())
    }

    /// Our leave intent has been sent as often as it will be, perhaps later than we waited for it.
    pub(crate) fn on_leave_intent_sent(&mut self, cx: &mut Cx<'_>) {
        self.leaving.report.intent = Delivery::Drained;
        self.end_phase(cx, LeavePhase::Announcing);
    }

    /// Waits no longer if this is the current phase.
    fn end_phase(&self, cx: &mut Cx<'_>, phase: LeavePhase) {
        if self.leaving.phase == phase {
            cx.timers.set(Timer::Leave, cx.now);
        }
    }

    /// Another member sent us our own leave intent, so it has heard it.
    pub(crate) fn on_leave_echoed(&mut self, cx: &Cx<'_>) {
        if self.is_live_other(cx, cx.from) {
            self.leaving.confirmed.insert(cx.from);
        }
    }

    /// The current phase is done, or has taken long enough.
    ///
    /// Unlike Go, which always waits at the end, we do not linger if nobody can hear us.
    pub(crate) fn on_leave_timer(&mut self, cx: &mut Cx<'_>, memberlist: &mut Memberlist<Self>) {
        let heard = memberlist.has_live_others();
        let (phase, patience) = match self.leaving.phase {
            LeavePhase::Alive | LeavePhase::Left => return,
            LeavePhase::Announcing if heard => {
                (LeavePhase::Departing, cx.params.leave.broadcast_timeout)
            }
            LeavePhase::Departing if heard => {
                (LeavePhase::Lingering, cx.params.leave.propagate_delay)
            }
            LeavePhase::Announcing | LeavePhase::Departing | LeavePhase::Lingering => {
                (LeavePhase::Left, Duration::ZERO)
            }
        };
        let was = std::mem::replace(&mut self.leaving.phase, phase);
        if was == LeavePhase::Announcing {
            let delivery = if heard { Delivery::TimedOut } else { Delivery::Nobody };
            self.leaving.report.farewell = delivery;
            memberlist.leave(cx, self);
        }
        if phase == LeavePhase::Left {
            let report = self.leave_report();
            tracing::info!(target: "serfer::members", %report, "left");
            self.flush(cx);
            self.flush_snapshot(cx, memberlist.incarnation());
            cx.emit(Event::Left(report));
        } else {
            cx.timers.set(Timer::Leave, cx.now + patience);
        }
    }

    fn leave_report(&self) -> LeaveReport {
        let LeaveProgress { report, told, confirmed, .. } = &self.leaving;
        // Members that joined meanwhile were not counted.
        let others = report.others.max(told.len()).max(confirmed.len());
        let unsent = self.broadcasts.total_len();
        LeaveReport { others, told: told.len(), confirmed: confirmed.len(), unsent, ..*report }
    }

    /// Makes all members see a failed member as left. A member that is alive objects. A name that we
    /// do not know is gossiped all the same, since others may know it.
    pub(crate) fn force_leave(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        prune: Prune,
    ) -> Result<(), ForceLeaveError> {
        if !self.is_alive() {
            return Err(ForceLeaveError::Left);
        }
        if let Err(problem) = check_name(name) {
            let name = name.to_owned();
            return Err(ForceLeaveError::Name { name, problem });
        }
        self.broadcast_leave(cx, name, prune, BroadcastKind::Plain);
        Ok(())
    }

    /// Tells all others that a member leaves. Returns whether there are any.
    ///
    /// Unlike Go, which looks for others afterwards. There, if the only other member is made to leave,
    /// it is not told, cannot object, and is shown as leaving for as long as it lives.
    fn broadcast_leave(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        prune: Prune,
        kind: BroadcastKind,
    ) -> bool {
        let leave = serf_message::Leave {
            ltime: self.clock.time(),
            node: Text(name.as_bytes()),
            prune: prune == Prune::Yes,
        };
        let heard = self.has_alive_others(cx);
        self.clock.increment();
        cx.as_ourselves(|cx| self.on_leave_intent(cx, &leave));
        if heard {
            self.queue_intent(cx, &SerfMessage::Leave(leave), kind);
        }
        heard
    }
}
