//! Which name conflicts the application is told: each name once, then the tenth time, the hundredth time.
//!
//! A conflict repeats itself with every push/pull, and anybody can make one up with a single packet. So it
//! is news only now and then, and there are only so many in a minute.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::machinery::is_notable;

/// How many names are remembered.
const NAMES_MAX: usize = 64;

/// A conflict that was quiet for this long is told anew.
const QUIET: Duration = Duration::from_secs(3600);

/// How many conflicts are told in a minute, whatever their names.
const MINUTE: Duration = Duration::from_secs(60);
const PER_MINUTE: u32 = 8;

/// What the application was told.
#[derive(Debug, Default)]
pub(crate) struct ConflictNews {
    names: BTreeMap<Box<str>, NameConflict>,
    minute: Option<Instant>,
    told: u32,
}

#[derive(Debug)]
struct NameConflict {
    count: u64,
    last: Instant,
}

impl ConflictNews {
    /// There is another conflict about a name. If it is news, says how many that makes.
    pub(crate) fn is_news(&mut self, now: Instant, name: &str) -> Option<u64> {
        let count = self.count(now, name);
        if !is_notable(count) {
            return None;
        }
        if self.minute.is_none_or(|minute| now >= minute + MINUTE) {
            self.minute = Some(now);
            self.told = 0;
        }
        self.told = self.told.saturating_add(1);
        (self.told <= PER_MINUTE).then_some(count)
    }

    /// How many conflicts about this name there were since it was last quiet.
    fn count(&mut self, now: Instant, name: &str) -> u64 {
        if let Some(known) = self.names.get_mut(name) {
            let is_anew = now >= known.last + QUIET;
            known.count = if is_anew { 1 } else { known.count.saturating_add(1) };
            known.last = now;
            return known.count;
        }
        if self.names.len() >= NAMES_MAX {
            let oldest = self.names.iter().min_by_key(|(_, known)| known.last);
            if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                self.names.remove(&oldest);
            }
        }
        self.names.insert(name.into(), NameConflict { count: 1, last: now });
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conflicts_are_told_at_first_at_the_tenth_time_and_after_a_quiet_hour() {
        let (mut news, start) = (ConflictNews::default(), crate::testing::epoch());
        let told: Vec<u64> = (0..500).filter_map(|_| news.is_news(start, "web")).collect();
        assert_eq!(told, [1, 10, 100]);
        assert_eq!(news.is_news(start, "db"), Some(1), "another name");
        assert_eq!(news.is_news(start + QUIET - MINUTE, "web"), None);
        assert_eq!(news.is_news(start + 2 * QUIET, "web"), Some(1));
    }

    #[test]
    fn a_flood_of_many_names_is_told_eight_times_a_minute_and_fills_no_memory() {
        let (mut news, start) = (ConflictNews::default(), crate::testing::epoch());
        let told = |news: &mut ConflictNews, now| {
            (0..1000).filter(|n| news.is_news(now, &format!("web-{n}")).is_some()).count()
        };
        assert_eq!(told(&mut news, start), 8);
        assert_eq!(told(&mut news, start + MINUTE), 8);
        assert_eq!(news.names.len(), NAMES_MAX);
    }
}
