//! A limit per second on what other nodes can make this node do. Go has no such limits.

use std::time::{Duration, Instant};

/// How much was done in the current second.
#[derive(Debug, Default)]
pub(crate) struct RateLimit {
    since: Option<Instant>,
    amount: usize,
}

impl RateLimit {
    /// How much more may be done now, if `max` may be done in a second.
    pub(crate) fn left(&mut self, now: Instant, max: usize) -> usize {
        if self.since.is_none_or(|since| now >= since + Duration::from_secs(1)) {
            *self = Self { since: Some(now), amount: 0 };
        }
        max.saturating_sub(self.amount)
    }

    /// This much was done.
    pub(crate) fn add(&mut self, amount: usize) {
        self.amount = self.amount.saturating_add(amount);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_starts_anew_each_second() {
        let mut done = RateLimit::default();
        let start = crate::testing::epoch();
        let left = |done: &mut RateLimit, ms| done.left(start + Duration::from_millis(ms), 5);
        assert_eq!(left(&mut done, 0), 5);
        done.add(3);
        assert_eq!(left(&mut done, 999), 2);
        done.add(3);
        assert_eq!(left(&mut done, 999), 0);
        assert_eq!(left(&mut done, 1000), 5);
    }
}
