//! Leaving, step by step, so that nobody takes it for a failure.
//!
//! First the intent: "we mean to leave". Once that has spread, memberlist's farewell; and after that
//! we stay a little while, answering, so that the farewell spreads too. Counterpart of `Leave` and
//! `forceLeave` in Go's `serf.go`.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::error::{ForceLeaveError, LeaveError};
use crate::api::event::{Delivery, Event, LeaveReport};
use crate::config::params::check_name;
use crate::machinery::context::Cx;
use crate::machinery::timers::Timer;
use crate::memberlist::Memberlist;
use crate::memberlist::gossip::broadcast::Kind;
use crate::serf::{Class, Serf};
use crate::wire::msgpack::Text;
use crate::wire::serf_message;
use crate::wire::serf_message::SerfMessage;

/// How far we have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Alive,
    /// The intent is on its way.
    Announcing,
    /// The farewell is on its way.
    Departing,
    /// The farewell was sent and spreads.
    Lingering,
    Left,
}

impl Phase {
    pub(crate) fn is_alive(self) -> bool {
        self == Self::Alive
    }
}

/// What there will be to report, and to whom of those who were alive it goes back.
#[derive(Debug, Default)]
pub(crate) struct Goodbye {
    pub(crate) report: LeaveReport,
    pub(crate) told: BTreeSet<SocketAddr>,
    confirmed: BTreeSet<SocketAddr>,
}

/// Whether a member that is made to leave is forgotten at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Prune {
    /// It is remembered as left.
    #[default]
    No,
    /// It is forgotten everywhere.
    Yes,
}

impl Serf {
    pub(crate) fn is_alive(&self) -> bool {
        self.phase.is_alive()
    }

    /// Begins to leave. [`Event::Left`] follows.
    pub(crate) fn leave(&mut self, cx: &mut Cx<'_>) -> Result<(), LeaveError> {
        match self.phase {
            Phase::Alive => {}
            Phase::Left => return Ok(()),
            Phase::Announcing | Phase::Departing | Phase::Lingering => {
                return Err(LeaveError::Leaving);
            }
        }
        self.phase = Phase::Announcing;
        self.record_leave(cx);
        let name = cx.params.name.clone();
        self.goodbye.report.others = self.live_others(cx);
        let heard = self.broadcast_leave(cx, &name, Prune::No, Kind::Farewell);
        let patience = if heard { cx.params.leave.broadcast_timeout } else { Duration::ZERO };
        self.goodbye.report.intent = if heard { Delivery::TimedOut } else { Delivery::Nobody };
        cx.timers.set(Timer::Leave, cx.now + patience);
        Ok(())
    }

    /// The intent has been sent as often as it will be, perhaps later than we waited for it.
    pub(crate) fn on_intent_drained(&mut self, cx: &mut Cx<'_>) {
        self.goodbye.report.intent = Delivery::Drained;
        if self.phase == Phase::Announcing {
            cx.timers.set(Timer::Leave, cx.now);
        }
    }

    /// The farewell has been sent as often as it will be.
    pub(crate) fn on_farewell_drained(&mut self, cx: &mut Cx<'_>) {
        self.goodbye.report.farewell = Delivery::Drained;
        if self.phase == Phase::Departing {
            cx.timers.set(Timer::Leave, cx.now);
        }
    }

    /// Somebody tells us that we leave, and so has heard it.
    pub(crate) fn on_leave_echoed(&mut self, cx: &Cx<'_>, from: SocketAddr) {
        if self.is_live_other(cx, from) {
            self.goodbye.confirmed.insert(from);
        }
    }

    /// The step going on is done, or has taken long enough.
    ///
    /// Unlike Go, which always waits at the end: where nobody can hear us we do not linger.
    pub(crate) fn on_leave_timer(&mut self, cx: &mut Cx<'_>, memberlist: &mut Memberlist) {
        let heard = memberlist.has_live_others();
        let (phase, patience) = match self.phase {
            Phase::Alive | Phase::Left => return,
            Phase::Announcing if heard => (Phase::Departing, cx.params.leave.broadcast_timeout),
            Phase::Departing if heard => (Phase::Lingering, cx.params.leave.propagate_delay),
            Phase::Announcing | Phase::Departing | Phase::Lingering => {
                (Phase::Left, Duration::ZERO)
            }
        };
        let was = std::mem::replace(&mut self.phase, phase);
        if was == Phase::Announcing {
            let farewell = if heard { Delivery::TimedOut } else { Delivery::Nobody };
            self.goodbye.report.farewell = farewell;
            memberlist.leave(cx, self);
        }
        if phase == Phase::Left {
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
        let Goodbye { report, told, confirmed } = &self.goodbye;
        // Those who joined meanwhile were not counted.
        let others = report.others.max(told.len()).max(confirmed.len());
        let queues = &self.queues;
        let unsent = queues.intents.len() + queues.queries.len() + queues.events.len();
        LeaveReport { others, told: told.len(), confirmed: confirmed.len(), unsent, ..*report }
    }

    /// Makes a failed member count as left, everywhere. One that is alive objects; one that nobody
    /// knows is gossiped all the same, since others may.
    pub(crate) fn force_leave(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        prune: Prune,
    ) -> Result<(), ForceLeaveError> {
        if !self.phase.is_alive() {
            return Err(ForceLeaveError::Left);
        }
        if let Err(problem) = check_name(name) {
            let name = name.to_owned();
            return Err(ForceLeaveError::Name { name, problem });
        }
        self.broadcast_leave(cx, name, prune, Kind::Plain);
        Ok(())
    }

    /// Tells everybody that a member leaves; tells whether there is anybody.
    ///
    /// Unlike Go, which looks for somebody afterwards: made to leave, the only other member would not
    /// hear of it, could not object, and would be leaving for us as long as it lives.
    fn broadcast_leave(&mut self, cx: &mut Cx<'_>, name: &str, prune: Prune, kind: Kind) -> bool {
        let leave = serf_message::Leave {
            ltime: self.clock.time(),
            node: Text(name.as_bytes()),
            prune: prune == Prune::Yes,
        };
        let ourselves = cx.params.advertise;
        let heard = self.has_alive_others(cx);
        self.clock.increment();
        self.on_leave_intent(cx, ourselves, &leave);
        if heard {
            self.queue_message(cx, Class::Intent, &SerfMessage::Leave(leave), kind);
        }
        heard
    }
}
