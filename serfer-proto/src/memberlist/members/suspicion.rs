//! How long a suspect has to refute.
//!
//! A suspicion starts at the longest time and shrinks toward the shortest each time another member
//! independently confirms it (Lifeguard §IV-B): many witnesses, quick verdict; one witness, perhaps
//! the fault is ours, so wait. Counterpart of Go's `suspicion.go`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::machinery::Key;

/// How many buffers of ended suspicions are kept for later ones.
const SPARE_MAX: usize = 64;

/// The suspicions going on. They are not kept with each member, because few members are suspects.
#[derive(Debug, Default)]
pub(crate) struct Suspicions {
    open: BTreeMap<Key, SuspicionTimer>,
    /// The buffers of ended suspicions.
    spare: Vec<String>,
}

impl Suspicions {
    /// Starts to suspect a member; returns when its time is up.
    pub(crate) fn start(
        &mut self,
        key: Key,
        accuser: &str,
        terms: SuspicionTerms,
        now: Instant,
    ) -> Instant {
        let mut accusers = self.spare.pop().unwrap_or_default();
        accusers.clear();
        accusers.push_str(accuser);
        let suspicion = SuspicionTimer {
            start: now,
            terms,
            accusers,
            confirmations: 0,
            hearsay: None,
            answered: false,
        };
        let deadline = suspicion.deadline();
        self.open.insert(key, suspicion);
        deadline
    }

    pub(crate) fn is_farewell(&self, key: Key) -> bool {
        let suspicion = self.open.get(&key);
        suspicion.is_some_and(|it| it.hearsay == Some(Hearsay::Farewell))
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut SuspicionTimer> {
        self.open.get_mut(&key)
    }

    /// Ends a suspicion, if there is one.
    pub(crate) fn end(&mut self, key: Key) {
        if let Some(SuspicionTimer { accusers, .. }) = self.open.remove(&key)
            && self.spare.len() < SPARE_MAX
        {
            self.spare.push(accusers);
        }
    }
}

/// The suspicion of one member.
#[derive(Debug)]
pub(crate) struct SuspicionTimer {
    start: Instant,
    terms: SuspicionTerms,
    /// The names of the accusers, one on each line: the first, then at most `wanted` who confirmed.
    accusers: String,
    confirmations: usize,
    /// What was passed on that may be of an earlier life of the member.
    pub(crate) hearsay: Option<Hearsay>,
    /// The member has answered a ping of ours since it began.
    pub(crate) answered: bool,
}

/// What somebody passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hearsay {
    /// That the member left.
    Farewell,
    /// That it died.
    Death,
}

/// How long a suspicion lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SuspicionTerms {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
    /// With so many confirmations it is as short as it gets.
    pub(crate) wanted: usize,
}

impl SuspicionTimer {
    /// Counts a confirmation; returns whether it counts: it must be from a new accuser, and wanted.
    pub(crate) fn confirm(&mut self, accuser: &str) -> bool {
        let counts = self.confirmations < self.terms.wanted
            && !self.accusers.lines().any(|known| known == accuser);
        if counts {
            self.accusers.push('\n');
            self.accusers.push_str(accuser);
            self.confirmations += 1;
        }
        counts
    }

    /// Whether the member has answered what was only hearsay.
    pub(crate) fn is_refuted(&self) -> bool {
        self.hearsay.is_some() && self.answered
    }

    /// Begins again.
    pub(crate) fn restart(&mut self, now: Instant) {
        let first = self.accusers.find('\n').unwrap_or(self.accusers.len());
        self.accusers.truncate(first);
        (self.start, self.confirmations, self.answered) = (now, 0, false);
    }

    /// When the time is up, unless there are more confirmations.
    pub(crate) fn deadline(&self) -> Instant {
        self.start + self.timeout()
    }

    /// `max - log(confirmations + 1) / log(wanted + 1) * (max - min)`, in whole milliseconds
    /// (Lifeguard §IV-B; Go's `remainingSuspicionTime`).
    fn timeout(&self) -> Duration {
        let SuspicionTerms { min, max, wanted } = self.terms;
        if wanted == 0 {
            return min;
        }
        let fraction = ((self.confirmations + 1) as f64).ln() / ((wanted + 1) as f64).ln();
        let timeout = max.as_secs_f64() - fraction * (max.as_secs_f64() - min.as_secs_f64());
        Duration::from_millis((timeout * 1000.0) as u64).max(min)
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

    fn suspicion(start: Instant, wanted: usize) -> SuspicionTimer {
        let terms = SuspicionTerms { min: MIN, max: Duration::from_secs(30), wanted };
        SuspicionTimer {
            start,
            terms,
            accusers: "a".to_owned(),
            confirmations: 0,
            hearsay: None,
            answered: false,
        }
    }

    #[test]
    fn a_confirmed_suspicion_expires_sooner() {
        let start = epoch();
        let mut suspicion = suspicion(start, 3);
        let after_ms = |suspicion: &SuspicionTimer| (suspicion.deadline() - start).as_millis();
        assert_eq!(after_ms(&suspicion), 30_000);
        assert!(suspicion.confirm("b"));
        assert_eq!(after_ms(&suspicion), 16_000);
        assert!(suspicion.confirm("c"));
        assert_eq!(after_ms(&suspicion), 7_810);
        assert!(suspicion.confirm("d"));
        assert_eq!(after_ms(&suspicion), 2_000);
    }

    #[test]
    fn only_new_and_wanted_confirmations_count() {
        let mut suspicion = suspicion(epoch(), 1);
        assert!(!suspicion.confirm("a"));
        assert!(suspicion.confirm("b"));
        assert!(!suspicion.confirm("b"));
        assert!(!suspicion.confirm("c"));
    }

    #[test]
    fn a_suspicion_that_begins_again_can_be_confirmed_again() {
        let start = epoch();
        let mut suspicion = suspicion(start, 1);
        assert!(suspicion.confirm("b"));
        suspicion.restart(start + MIN);
        assert_eq!(suspicion.deadline(), start + MIN + Duration::from_secs(30));
        assert!(!suspicion.confirm("a"));
        assert!(suspicion.confirm("b"));
    }

    #[test]
    fn a_suspicion_that_nobody_can_confirm_is_short_at_once() {
        let start = epoch();
        let mut suspicion = suspicion(start, 0);
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
