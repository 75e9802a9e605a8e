//! Giving back memory that only a burst needed.

/// After so many probe ticks a buffer is judged.
pub(crate) const TICKS: u32 = 30;

/// What a buffer was needed for lately. It is too large if for many probe ticks no use took a quarter of it.
#[derive(Debug, Default)]
pub(crate) struct Slack {
    most: usize,
    ticks: u32,
}

impl Slack {
    /// A use of the buffer is over, in which it held so many elements.
    pub(crate) fn note(&mut self, used: usize) {
        self.most = self.most.max(used);
    }

    /// A probe tick: tells to which capacity the buffer is to shrink now, if it is too large. Never below `keep`.
    pub(crate) fn tick(&mut self, capacity: usize, keep: usize) -> Option<usize> {
        self.ticks += 1;
        if self.ticks < TICKS {
            return None;
        }
        let enough = (2 * std::mem::take(self).most).max(keep);
        (enough <= capacity / 2).then_some(enough)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_now_and_then_is_kept() {
        let mut slack = Slack::default();
        let mut ticks = |used| {
            slack.note(used);
            let told: Vec<usize> = (0..TICKS).filter_map(|_| slack.tick(1000, 10)).collect();
            told
        };
        assert_eq!(ticks(300), []);
        assert_eq!(ticks(200), [400]);
        assert_eq!(ticks(1), [10]);
    }
}
