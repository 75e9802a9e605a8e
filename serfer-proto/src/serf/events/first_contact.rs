//! Which user events are from before this node joined.
//!
//! Every push/pull brings the user events that the other node remembers. A join says whether those from
//! before it are wanted. But other nodes may be first: a node that crashed and starts again is asked, and
//! told everything, before its own join has even found its seeds.
//!
//! Unlike Go, the first push/pull decides, whoever began it: a newcomer is told nothing that is older,
//! unless it has asked to be. If it asks later, it is told then. A node with a snapshot is no newcomer: it
//! knows which events it has missed.

use crate::api::Replay;
use crate::serf::Serf;

/// Whether a node has heard of a cluster.
#[derive(Clone, Copy, Debug)]
pub(crate) enum FirstContact {
    /// Not yet.
    Awaited,
    /// Not yet, and it wants to be told of the user events from before.
    AwaitedWithReplay,
    /// It has, and the user events from before were not told. From this Lamport time on they would be.
    Skipped(u64),
    /// It has.
    Past,
}

impl Serf {
    /// The application wants to join, and says whether it wants the events from before.
    pub(crate) fn on_join_called(&mut self, replay: Replay) {
        if replay == Replay::Deliver {
            match self.first_contact {
                FirstContact::Awaited => self.first_contact = FirstContact::AwaitedWithReplay,
                FirstContact::Skipped(ltime_min) => {
                    self.event_ltime_min = ltime_min;
                    self.first_contact = FirstContact::Past;
                }
                FirstContact::AwaitedWithReplay | FirstContact::Past => {}
            }
        }
    }

    /// A push/pull has come; `join` is set if one of us joins the other. The other node's next user event
    /// has the time `ltime`. Returns whether the user events that it remembers are to be merged: not if that
    /// time was refused, and it would have decided which of them are old.
    pub(crate) fn on_contact(&mut self, join: Option<Replay>, ltime: u64) -> bool {
        let is_newcomer = matches!(self.first_contact, FirstContact::Awaited);
        let ltime_min = self.event_ltime_min;
        if is_newcomer || join == Some(Replay::Skip) {
            // Our own clock has just taken theirs over, if it is one to believe.
            if ltime > self.event_clock.time() {
                return false;
            }
            self.event_ltime_min = ltime_min.max(ltime);
        }
        self.first_contact = match self.first_contact {
            FirstContact::Awaited if join != Some(Replay::Skip) => FirstContact::Skipped(ltime_min),
            FirstContact::Skipped(ltime_min) => FirstContact::Skipped(ltime_min),
            _ => FirstContact::Past,
        };
        true
    }
}
