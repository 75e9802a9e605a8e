//! Join and leave intents that arrive before their member.
//!
//! Gossip is not ordered: "b leaves" may come before "b is alive". The newest intent about each
//! unknown name is kept for a while and applied when the member appears. Counterpart of Go's
//! `recentIntents`.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What a member means to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Join,
    Leave,
}

#[derive(Debug, Default)]
pub(crate) struct RecentIntents {
    by_name: BTreeMap<Box<str>, Recent>,
    /// Names by the time of an intent about them, the oldest first. An entry is void if a newer
    /// intent came since.
    by_age: VecDeque<(Instant, Box<str>)>,
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    intent: Intent,
    ltime: u64,
    at: Instant,
}

impl RecentIntents {
    /// Keeps an intent; tells whether it is news. When there are more than `len_max`, the oldest
    /// goes.
    pub(crate) fn insert(
        &mut self,
        name: &str,
        intent: Intent,
        ltime: u64,
        now: Instant,
        len_max: usize,
    ) -> bool {
        let known = self.by_name.get(name);
        if known.is_some_and(|known| ltime <= known.ltime) {
            return false;
        }
        let recent = Recent { intent, ltime, at: now };
        self.by_name.insert(name.into(), recent);
        self.by_age.push_back((now, name.into()));
        while self.by_age.len() > len_max {
            self.drop_oldest();
        }
        true
    }

    /// The intent about a name, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<(Intent, u64)> {
        self.by_name.get(name).map(|recent| (recent.intent, recent.ltime))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }

    /// Drops those that are older than `keep`.
    pub(crate) fn expire(&mut self, now: Instant, keep: Duration) {
        while let Some((at, _)) = self.by_age.front()
            && *at + keep < now
        {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some((at, name)) = self.by_age.pop_front()
            && self.by_name.get(&name).is_some_and(|recent| recent.at == at)
        {
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
        assert!(intents.insert("a", Intent::Leave, 5, now, 9));
        assert!(!intents.insert("a", Intent::Join, 5, now, 9));
        assert!(!intents.insert("a", Intent::Join, 4, now, 9));
        assert!(intents.insert("a", Intent::Join, 6, now, 9));
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
    fn the_oldest_makes_room() {
        let now = epoch();
        let mut intents = RecentIntents::default();
        for name in ["a", "b", "c"] {
            intents.insert(name, Intent::Join, 1, now, 2);
        }
        assert!(intents.get("a").is_none() && intents.get("c").is_some());
    }
}
