//! How much of something was done in the current second.
//!
//! What others can have us do has a limit by the second. Go has no such limits.

use std::time::{Duration, Instant};

/// How much was done since the second began that is counted.
#[derive(Debug, Default)]
pub(crate) struct ThisSecond {
    since: Option<Instant>,
    amount: usize,
}

impl ThisSecond {
    /// How much more may be done now, if so much may be in a second.
    pub(crate) fn left(&mut self, now: Instant, max: usize) -> usize {
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(1)) {
            *self = Self { since: Some(now), amount: 0 };
        }
        max.saturating_sub(self.amount)
    }

    /// So much is done.
    pub(crate) fn add(&mut self, amount: usize) {
        self.amount = self.amount.saturating_add(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_so_much_is_left_of_a_second() {
        let mut done = ThisSecond::default();
        let start = crate::testing::epoch();
        let left = |done: &mut ThisSecond, ms| done.left(start + Duration::from_millis(ms), 5);
        assert_eq!(left(&mut done, 0), 5);
        done.add(3);
        assert_eq!(left(&mut done, 999), 2);
        done.add(3);
        assert_eq!(left(&mut done, 999), 0);
        assert_eq!(left(&mut done, 1000), 5);
    }
}
