//! How often user events and queries of which name came and went.

use std::collections::BTreeMap;
use std::sync::Arc;

use serfer_proto::Event;

/// The label of all names that are not allowed to be one.
const OTHER: &str = "other";

/// What is counted by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CountedByName {
    EventReceived,
    EventSent,
    QueryReceived,
    QuerySent,
}

/// How often each happened, in the order of [`CountedByName`].
pub(crate) type Counts = [u64; 4];

/// Counts by name. What it takes is bounded by the names that are allowed.
#[derive(Debug, Default)]
pub(crate) struct NameCounts {
    allowed: BTreeMap<Arc<str>, Counts>,
    other: Counts,
}

impl NameCounts {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let names = names.into_iter().filter(|name| name != OTHER);
        let allowed = names.map(|name| (name.into(), Counts::default())).collect();
        Self { allowed, other: Counts::default() }
    }

    pub(crate) fn count(&mut self, what: CountedByName, name: &str) {
        let counts = self.allowed.get_mut(name).unwrap_or(&mut self.other);
        counts[what as usize] += 1;
    }

    /// Counts what the application is told of.
    pub(crate) fn count_received(&mut self, event: &Event) {
        match event {
            Event::User(event) => self.count(CountedByName::EventReceived, &event.name),
            Event::Query(query) => self.count(CountedByName::QueryReceived, &query.name),
            _ => {}
        }
    }

    /// The counts of each name that is allowed, and those of all others together.
    pub(crate) fn snapshot(&self) -> Vec<(Arc<str>, Counts)> {
        let allowed = self.allowed.iter().map(|(name, counts)| (name.clone(), *counts));
        allowed.chain([(OTHER.into(), self.other)]).collect()
    }
}
