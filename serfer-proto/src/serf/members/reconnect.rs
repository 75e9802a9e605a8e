//! Trying failed members again.
//!
//! Counterpart of `handleReconnect` and `reconnect` in Go's `serf.go`.

use crate::api::Status;
use crate::machinery::{Cx, Timer};
use crate::memberlist::Memberlist;
use crate::serf::Serf;

impl Serf {
    /// Tries a failed member again: sometimes, and the less often the fewer have failed, so that a
    /// large cluster does not waste its time on a few.
    pub(crate) fn on_reconnect_tick(&self, cx: &mut Cx<'_>, memberlist: &mut Memberlist<Self>) {
        let failed = || self.departed(Status::Failed);
        let count = failed().count();
        if count == 0 || !self.is_alive() {
            return;
        }
        if cx.rng.index(self.live_members().max(1)) < count {
            let chosen = cx.rng.index(count);
            if let Some(member) = failed().nth(chosen) {
                memberlist.reconnect(cx, &member.node);
            }
        }
        self.arm_reconnect(cx);
    }

    pub(crate) fn arm_reconnect(&self, cx: &mut Cx<'_>) {
        let at = cx.now + cx.params.members.reconnect_interval;
        cx.timers.set_if_unset(Timer::Reconnect, at);
    }
}
