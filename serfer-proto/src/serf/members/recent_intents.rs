//! Join and leave intents that arrive before their member does.
//!
//! Gossip is not ordered: "b leaves" may come before "b is alive". So the newest intent about each
//! unknown name is kept for a while, and applied when the member appears. Counterpart of Go's
//! `recentIntents`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a member means to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Join,
    Leave,
}

#[derive(Debug, Default)]
pub(crate) struct RecentIntents {
    by_name: BTreeMap<Box<str>, RecentIntent>,
    /// The names in the order in which their newest intents came.
    by_age: BTreeMap<u64, Box<str>>,
    last: u64,
}

#[derive(Clone, Copy, Debug)]
struct RecentIntent {
    intent: Intent,
    ltime: u64,
    at: Instant,
    /// Its place in the order.
    age: u64,
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    /// It is old.
    No,
    Yes,
    /// The oldest one was dropped, since there were too many.
    InPlaceOf,
}

impl RecentIntents {
    /// Keeps an intent, if it is news. If there are more than `len_max`, drops the oldest.
    pub(crate) fn insert(
        &mut self,
        name: &str,
        intent: Intent,
        ltime: u64,
        now: Instant,
        len_max: usize,
    ) -> Kept {
        let known = self.by_name.get(name);
        if known.is_some_and(|known| ltime <= known.ltime) {
            return Kept::No;
        }
        self.last += 1;
        let recent = RecentIntent { intent, ltime, at: now, age: self.last };
        if let Some(replaced) = self.by_name.insert(name.into(), recent) {
            self.by_age.remove(&replaced.age);
        }
        self.by_age.insert(self.last, name.into());
        if self.by_age.len() <= len_max {
            return Kept::Yes;
        }
        self.drop_oldest();
        Kept::InPlaceOf
    }

    /// The newest intent about a name.
    pub(crate) fn get(&self, name: &str) -> Option<(Intent, u64)> {
        self.by_name.get(name).map(|recent| (recent.intent, recent.ltime))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// Drops the intents that are older than `keep`.
    pub(crate) fn expire(&mut self, now: Instant, keep: Duration) {
        while let Some((_, name)) = self.by_age.first_key_value()
            && self.by_name.get(name).is_none_or(|recent| recent.at + keep < now)
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((_, name)) = self.by_age.pop_first() {
            self.by_name.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    #[test]
    fn the_newest_intent_about_a_name_counts() {
        let now = epoch();
        let mut intents = RecentIntents::default();
        let mut insert = |intent, ltime| intents.insert("a", intent, ltime, now, 9);
        assert_eq!(insert(Intent::Leave, 5), Kept::Yes);
        assert_eq!(insert(Intent::Join, 5), Kept::No);
        assert_eq!(insert(Intent::Join, 4), Kept::No);
        assert_eq!(insert(Intent::Join, 6), Kept::Yes);
        assert_eq!(intents.get("a"), Some((Intent::Join, 6)));
        assert_eq!(intents.get("b"), None);
    }

    #[test]
    fn intents_expire() {
        let start = epoch();
        let at = |secs| start + Duration::from_secs(secs);
        let keep = Duration::from_secs(300);
        let mut intents = RecentIntents::default();
        intents.insert("a", Intent::Join, 1, at(0), 9);
        intents.insert("b", Intent::Join, 1, at(1), 9);
        intents.insert("a", Intent::Join, 2, at(2), 9);
        intents.expire(at(300), keep);
        assert!(intents.get("a").is_some());
        intents.expire(at(302), keep);
        assert_eq!((intents.get("a"), intents.get("b")), (Some((Intent::Join, 2)), None));
        intents.expire(at(303), keep);
        assert!(intents.is_empty() && intents.by_name.is_empty());
    }

    #[test]
    fn the_oldest_intent_is_dropped() {
        let now = epoch();
        let mut intents = RecentIntents::default();
        for name in ["a", "b", "c"] {
            intents.insert(name, Intent::Join, 1, now, 2);
        }
        assert!(intents.get("a").is_none() && intents.get("c").is_some());
    }

    #[test]
    fn many_intents_about_one_name_push_no_other_out() {
        let now = epoch();
        let mut intents = RecentIntents::default();
        intents.insert("a", Intent::Leave, 1, now, 2);
        for ltime in 1..100 {
            assert_eq!(intents.insert("b", Intent::Join, ltime, now, 2), Kept::Yes);
        }
        assert_eq!(intents.get("a"), Some((Intent::Leave, 1)));
        assert_eq!(intents.insert("c", Intent::Join, 1, now, 2), Kept::InPlaceOf);
        assert_eq!((intents.get("a"), intents.by_name.len()), (None, 2));
    }
}
