//! How much we trust ourselves.
//!
//! Lifeguard §IV-A: a node whose own probes fail, or that has to deny accusations, is probably the
//! sick one itself, so it gives the others more time. Counterpart of Go's `awareness.go`.

use std::time::Duration;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Awareness {
    /// 0 is healthy.
    score: u32,
    score_max: u32,
}

impl Awareness {
    /// `max` is by how much a time is stretched at most; 1 is never.
    pub(crate) fn new(max: u32) -> Self {
        Self { score: 0, score_max: max.saturating_sub(1) }
    }

    pub(crate) fn score(self) -> u32 {
        self.score
    }

    pub(crate) fn improve(&mut self) {
        self.score = self.score.saturating_sub(1);
    }

    pub(crate) fn worsen(&mut self, by: u32) {
        self.score = self.score.saturating_add(by).min(self.score_max);
    }

    /// How long something may take, considering that it may be us.
    pub(crate) fn stretch(self, time: Duration) -> Duration {
        time * (self.score + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_stays_in_range_and_stretches_time() {
        let second = Duration::from_secs(1);
        let mut awareness = Awareness::new(8);
        awareness.improve();
        assert_eq!(awareness.stretch(second), second);
        awareness.worsen(1);
        assert_eq!(awareness.stretch(second), 2 * second);
        awareness.worsen(10);
        assert_eq!(awareness.score(), 7);
        assert_eq!(awareness.stretch(second), 8 * second);
        awareness.improve();
        assert_eq!(awareness.score(), 6);
    }
}
