//! Leaving, step by step, so that nobody takes it for a failure.
//!
//! First the intent: "we mean to leave". Once that has spread, memberlist's farewell; and after that
//! we stay a little while, answering, so that the farewell spreads too. Counterpart of `Leave` and
//! `forceLeave` in Go's `serf.go`.

use super::{Class, Serf};
use crate::context::Cx;
use crate::error::{ForceLeaveError, LeaveError};
use crate::event::Event;
use crate::memberlist::Memberlist;
use crate::memberlist::broadcast::Kind;
use crate::params::check_name;
use crate::timers::Timer;
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{self, SerfMessage};

/// How far we have left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
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
    pub(super) fn is_alive(self) -> bool {
        self == Self::Alive
    }
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
        let name = cx.params.name.clone();
        let heard = self.broadcast_leave(cx, &name, Prune::No, Kind::Farewell);
        let patience =
            if heard { cx.params.leave.broadcast_timeout } else { std::time::Duration::ZERO };
        cx.timers.set(Timer::Leave, cx.now + patience);
        Ok(())
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
                (Phase::Left, std::time::Duration::ZERO)
            }
        };
        let was = std::mem::replace(&mut self.phase, phase);
        if was == Phase::Announcing {
            memberlist.leave(cx, self);
        }
        if phase == Phase::Left {
            tracing::info!("left");
            self.flush(cx);
            cx.emit(Event::Left);
        } else {
            cx.timers.set(Timer::Leave, cx.now + patience);
        }
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
