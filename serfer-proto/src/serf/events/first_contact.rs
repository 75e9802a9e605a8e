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

impl FirstContact {
    /// The application asks for the events from before. Returns from which Lamport time on they are to be
    /// told, if they have been skipped.
    pub(crate) fn ask_for_replay(&mut self) -> Option<u64> {
        match *self {
            Self::Awaited => *self = Self::AwaitedWithReplay,
            Self::Skipped(ltime_min) => {
                *self = Self::Past;
                return Some(ltime_min);
            }
            Self::AwaitedWithReplay | Self::Past => {}
        }
        None
    }

    /// Whether a push/pull of this kind would have its old events skipped.
    pub(crate) fn would_skip(self, join: Option<Replay>) -> bool {
        join == Some(Replay::Skip) || matches!(self, Self::Awaited)
    }

    /// A push/pull has come; `join` is set if one of us joins the other. Until now events were told from
    /// `ltime_min` on. Returns whether those from before the push/pull are to be skipped.
    pub(crate) fn skips(&mut self, join: Option<Replay>, ltime_min: u64) -> bool {
        let is_asked_to = join == Some(Replay::Skip);
        match *self {
            Self::Awaited if !is_asked_to => {
                *self = Self::Skipped(ltime_min);
                return true;
            }
            Self::Awaited | Self::AwaitedWithReplay => *self = Self::Past,
            Self::Skipped(_) | Self::Past => {}
        }
        is_asked_to
    }
}
