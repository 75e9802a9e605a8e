//! How long a suspect has to defend itself.
//!
//! A suspicion starts at the longest time and shrinks toward the shortest each time another member
//! independently confirms it (Lifeguard §IV-B): many witnesses, quick verdict; one witness, perhaps
//! the fault is ours, so wait. Counterpart of Go's `suspicion.go`.

use std::time::{Duration, Instant};

#[derive(Clone, Debug)]
pub(crate) struct Suspicion {
    start: Instant,
    min: Duration,
    max: Duration,
    /// How many confirmations make it as short as it gets.
    wanted: usize,
    /// Who accuses: the first, then at most `wanted` who confirmed.
    accusers: Vec<Box<str>>,
}

impl Suspicion {
    pub(crate) fn new(
        start: Instant,
        accuser: &str,
        wanted: usize,
        min: Duration,
        max: Duration,
    ) -> Self {
        Self { start, min, max, wanted, accusers: vec![accuser.into()] }
    }

    /// Counts a confirmation, if it is one: from somebody else, and still wanted.
    pub(crate) fn confirm(&mut self, accuser: &str) -> bool {
        let is_news = self.confirmations() < self.wanted
            && !self.accusers.iter().any(|known| **known == *accuser);
        if is_news {
            self.accusers.push(accuser.into());
        }
        is_news
    }

    /// When the time is up, as things stand.
    pub(crate) fn deadline(&self) -> Instant {
        self.start + self.timeout()
    }

    fn confirmations(&self) -> usize {
        self.accusers.len() - 1
    }

    /// `max - log(confirmations + 1) / log(wanted + 1) * (max - min)`, in whole milliseconds
    /// (Lifeguard §IV-B; Go's `remainingSuspicionTime`).
    fn timeout(&self) -> Duration {
        if self.wanted == 0 {
            return self.min;
        }
        let fraction = ((self.confirmations() + 1) as f64).ln() / ((self.wanted + 1) as f64).ln();
        let (min, max) = (self.min.as_secs_f64(), self.max.as_secs_f64());
        let timeout = max - fraction * (max - min);
        Duration::from_millis((timeout * 1000.0) as u64).max(self.min)
    }
}

/// The shortest suspicion in a cluster of `members`: Go's `suspicionTimeout`.
pub(crate) fn timeout_min(mult: u32, members: usize, probe_interval: Duration) -> Duration {
    let scale = (members.max(1) as f64).log10().max(1.0);
    let thousandths = (scale * 1000.0) as u32;
    probe_interval * mult * thousandths / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    const MIN: Duration = Duration::from_secs(2);
    const MAX: Duration = Duration::from_secs(30);

    #[test]
    fn a_confirmed_suspicion_expires_sooner() {
        let start = epoch();
        let mut suspicion = Suspicion::new(start, "a", 3, MIN, MAX);
        let after_ms = |suspicion: &Suspicion| (suspicion.deadline() - start).as_millis();
        assert_eq!(after_ms(&suspicion), 30_000);
        assert!(suspicion.confirm("b"));
        assert_eq!(after_ms(&suspicion), 16_000);
        assert!(suspicion.confirm("c"));
        assert_eq!(after_ms(&suspicion), 7_810);
        assert!(suspicion.confirm("d"));
        assert_eq!(after_ms(&suspicion), 2_000);
    }

    #[test]
    fn only_new_and_wanted_witnesses_count() {
        let mut suspicion = Suspicion::new(epoch(), "a", 1, MIN, MAX);
        assert!(!suspicion.confirm("a"));
        assert!(suspicion.confirm("b"));
        assert!(!suspicion.confirm("b"));
        assert!(!suspicion.confirm("c"));
    }

    #[test]
    fn where_nobody_can_confirm_it_is_short_at_once() {
        let start = epoch();
        let mut suspicion = Suspicion::new(start, "a", 0, MIN, MAX);
        assert_eq!(suspicion.deadline(), start + MIN);
        assert!(!suspicion.confirm("b"));
    }

    #[test]
    fn larger_clusters_take_longer() {
        let ms = |members| timeout_min(4, members, Duration::from_secs(1)).as_millis();
        let expected = [(1, 4000), (10, 4000), (11, 4164), (50, 6792), (100, 8000)];
        for (members, expected) in expected {
            assert_eq!(ms(members), expected, "{members} members");
        }
        assert_eq!((ms(500), ms(1000)), (10_792, 12_000));
    }
}
