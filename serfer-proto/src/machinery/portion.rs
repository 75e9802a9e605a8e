//! How much work one call does at most.
//!
//! The state of a large cluster takes a node longer to read, merge and write than a ping may wait. So it
//! does so in portions, a call for each, and whatever else happens has its turn in between. A portion is
//! counted, not timed: the same calls do the same.

use std::time::Duration;

/// What is left of the work that one call may do. A unit takes about half a microsecond.
#[derive(Debug)]
pub(crate) struct Portion {
    left: u32,
}

/// Some millisecond; twice that in a large cluster, where hardly a member is in the cache.
const UNITS: u32 = 2048;

/// From one portion to the next. More than half of that is for whatever else there is to do.
pub(crate) const PAUSE: Duration = Duration::from_millis(5);

/// What each kind of work takes, in units.
pub(crate) mod cost {
    /// To look whether a member or an intent in a message is well-formed, or to encode one.
    pub(crate) const LOOK: u32 = 1;
    /// To compare an intent with what is known.
    pub(crate) const INTENT: u32 = 2;
    /// To compare a member with what is known of it, which is seldom in the cache.
    pub(crate) const COMPARE: u32 = 8;
    /// To merge a member, or a user event.
    pub(crate) const MERGE: u32 = 8;
    /// To encrypt, authenticate or decrypt a piece.
    pub(crate) const SEAL: u32 = 64;
    /// To compress or inflate a piece.
    pub(crate) const LZW: u32 = 64;

    /// To look at so many bytes, in addition: there may be anything in them.
    pub(crate) fn bytes(len: usize) -> u32 {
        (len >> 8) as u32
    }
}

impl Portion {
    pub(crate) fn spend(&mut self, units: u32) {
        self.left = self.left.saturating_sub(units);
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.left == 0
    }
}

impl Default for Portion {
    fn default() -> Self {
        Self { left: UNITS }
    }
}
