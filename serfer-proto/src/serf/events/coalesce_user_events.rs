//! Coalescing of user events.
//!
//! Of the events of one name only those of the greatest Lamport time are told. Counterpart of Go's
//! `userEventCoalescer`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::api::UserEvent;

/// How many user events a window holds.
const EVENTS_MAX: usize = 1024;

/// How many bytes their names and payloads may have together.
const EVENT_BYTES_MAX: usize = 1 << 20;

/// The events of each name that have the greatest Lamport time.
#[derive(Debug, Default)]
pub(crate) struct UserEventCoalescer {
    newest: BTreeMap<Arc<str>, Vec<UserEvent>>,
    len: usize,
    bytes: usize,
}

impl UserEventCoalescer {
    pub(crate) fn hold(&mut self, event: UserEvent) {
        let newest = self.newest.entry(event.name.clone()).or_default();
        let known = newest.first().map_or(event.ltime, |it| it.ltime);
        if event.ltime < known {
            return;
        }
        if event.ltime > known {
            self.len -= newest.len();
            self.bytes -= newest.iter().map(size).sum::<usize>();
            newest.clear();
        }
        self.len += 1;
        self.bytes += size(&event);
        newest.push(event);
    }

    pub(crate) fn is_full(&self) -> bool {
        self.len >= EVENTS_MAX || self.bytes >= EVENT_BYTES_MAX
    }

    /// All events, the oldest first.
    pub(crate) fn take(&mut self) -> Vec<UserEvent> {
        let held = std::mem::take(self).newest;
        let mut events: Vec<UserEvent> = held.into_values().flatten().collect();
        events.sort_by_key(|event| event.ltime);
        events
    }
}

fn size(event: &UserEvent) -> usize {
    event.name.len() + event.payload.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, ltime: u64, payload: &'static str) -> UserEvent {
        let payload = bytes::Bytes::from_static(payload.as_bytes());
        UserEvent { ltime, name: name.into(), payload, coalesce: true }
    }

    #[test]
    fn coalesced_user_events_are_the_newest_of_each_name() {
        let mut events = UserEventCoalescer::default();
        for event in [
            event("deploy", 2, "old"),
            event("deploy", 5, "one"),
            event("deploy", 4, "older"),
            event("build", 7, ""),
            event("deploy", 5, "another"),
        ] {
            events.hold(event);
        }
        assert_eq!((events.len, events.bytes), (3, 2 * 6 + 10 + 5));
        let expected = [event("deploy", 5, "one"), event("deploy", 5, "another")];
        assert_eq!(events.take(), [&expected[..], &[event("build", 7, "")]].concat());
        assert_eq!((events.len, events.bytes), (0, 0));
    }

    #[test]
    fn a_window_is_full_by_count_or_by_bytes() {
        let mut events = UserEventCoalescer::default();
        for n in 1..EVENTS_MAX {
            events.hold(event(&n.to_string(), 1, ""));
            events.hold(event(&n.to_string(), 2, ""));
        }
        assert!(!events.is_full());
        events.hold(event("one more", 1, ""));
        assert!(events.is_full());
        assert_eq!(events.take().len(), EVENTS_MAX);
        let large = bytes::Bytes::from(vec![0; EVENT_BYTES_MAX]);
        events.hold(UserEvent { payload: large, ..event("large", 1, "") });
        assert!(events.is_full());
    }
}
