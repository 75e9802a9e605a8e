//! Lamport clocks: what happened before what, without anybody's watch.
//!
//! There are three, for members, user events and queries. Counterpart of Go's `LamportClock`.

/// Unlike Go, whose clocks wrap to zero when a peer sends the greatest number, and reject every real
/// event for good when it sends one that is merely huge: a time further ahead than this is refused.
const REACH: u64 = 1 << 32;

#[derive(Clone, Copy, Debug)]
pub(crate) struct LamportClock(u64);

impl LamportClock {
    /// A clock that has seen this time in an earlier life; 0 is none.
    pub(crate) fn after(seen: u64) -> Self {
        Self(seen.saturating_add(1))
    }

    pub(crate) fn time(self) -> u64 {
        self.0
    }

    /// Whether a time is one that somebody could really have seen.
    pub(crate) fn can_reach(self, time: u64) -> bool {
        time <= self.0.saturating_add(REACH)
    }

    pub(crate) fn increment(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    /// Moves behind a time seen elsewhere, which [can be reached](Self::can_reach).
    pub(crate) fn witness(&mut self, time: u64) {
        debug_assert!(self.can_reach(time), "an unreachable time is refused before");
        self.0 = self.0.max(time.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moves_behind_whatever_it_sees() {
        let mut clock = LamportClock::after(0);
        assert_eq!(clock.time(), 1);
        clock.increment();
        assert_eq!(clock.time(), 2);
        clock.witness(1);
        assert_eq!(clock.time(), 2);
        clock.witness(2);
        assert_eq!(clock.time(), 3);
        clock.witness(41);
        assert_eq!(clock.time(), 42);
    }

    #[test]
    fn nobody_can_push_it_out_of_reach() {
        let clock = LamportClock::after(0);
        assert!(clock.can_reach(1 << 32));
        assert!(!clock.can_reach(2 + (1 << 32)));
        assert!(!clock.can_reach(u64::MAX));
    }
}
