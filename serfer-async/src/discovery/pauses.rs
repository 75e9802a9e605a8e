//! Pauses between tries.

use std::time::Duration;

/// Longer than anybody wants to wait, and short enough to calculate with.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Short enough for anybody, and long enough not to do nothing else.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// A pause that doubles.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DoublingPause {
    next: Duration,
    longest: Duration,
}

impl DoublingPause {
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest }
    }

    /// How long to wait now. It is random, from half of the pause up to all of it, so that nodes that were
    /// started together do not try together.
    pub(crate) fn next_pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest).clamp(PAUSE_MIN, PAUSE_MAX);
        self.next = pause.saturating_mul(2);
        half_to_all(pause)
    }
}

/// A random time, from half of this up to all of it.
pub(crate) fn half_to_all(time: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness, the middle will do.
    let part = getrandom::fill(&mut byte).map_or(128, |()| u32::from(byte[0]));
    time / 2 + time / 512 * part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_pause_is_so_short_that_nothing_else_is_done() {
        let mut pauses = DoublingPause::new(Duration::ZERO, Duration::ZERO);
        for _ in 0..10 {
            assert!(pauses.next_pause() >= PAUSE_MIN / 2);
        }
        let mut pauses = DoublingPause::new(Duration::ZERO, Duration::MAX);
        for _ in 0..10 {
            pauses.next_pause();
        }
        assert!(pauses.next_pause() > Duration::from_secs(1), "it doubles all the same");
    }
}
