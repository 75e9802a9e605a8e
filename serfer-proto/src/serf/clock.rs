//! Lamport clocks: they order messages without the time of day.
//!
//! There are three, for members, user events and queries. Counterpart of Go's `LamportClock`.

/// A time further ahead than this is refused. Unlike Go: its clocks wrap to zero when a peer sends the
/// greatest number, and when it sends another huge one they ignore every real event from then on.
const REACH: u64 = 1 << 32;

#[derive(Clone, Copy, Debug)]
pub(crate) struct LamportClock(u64);

impl LamportClock {
    /// A clock that has seen this time in a previous run; 0 for none.
    pub(crate) fn after(seen: u64) -> Self {
        Self(seen.saturating_add(1))
    }

    pub(crate) fn time(self) -> u64 {
        self.0
    }

    /// The last time that it has seen.
    pub(crate) fn last_seen(self) -> u64 {
        self.0.saturating_sub(1)
    }

    /// Whether an honest node could have sent this time.
    pub(crate) fn can_reach(self, time: u64) -> bool {
        time <= self.0.saturating_add(REACH)
    }

    pub(crate) fn increment(&mut self) {
        self.0 = self.0.saturating_add(1);
    }

    /// Moves past a time from another node, which [can be reached](Self::can_reach).
    pub(crate) fn witness(&mut self, time: u64) {
        debug_assert!(self.can_reach(time), "callers refuse unreachable times");
        self.0 = self.0.max(time.saturating_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_moves_past_every_time_it_sees() {
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
    fn a_time_too_far_ahead_is_out_of_reach() {
        let clock = LamportClock::after(0);
        assert!(clock.can_reach(1 << 32));
        assert!(!clock.can_reach(2 + (1 << 32)));
        assert!(!clock.can_reach(u64::MAX));
    }
}
