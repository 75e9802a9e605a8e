//! Changes of keys that wait for the keyring file.
//!
//! A change is in force, and is answered, when it is stored. So what a member lists is what it has after a
//! restart, and a cluster never gives up a key that some member would come back with. Unlike Go, which
//! changes its keys, then writes the file, and keeps the change if that fails: such a member answers with an
//! error, seems to have the key, and is cut off when it starts again.
//!
//! One change is stored at a time; those that come meanwhile wait. A disk that hangs does not keep the
//! sender of a query waiting in vain: it is told before it stops listening.

use std::collections::VecDeque;
use std::time::Instant;

use crate::api::{Durability, Keyring, Query, StoreWrite, StoredFile};
use crate::machinery::{Cx, Timer};
use crate::serf::Serf;
use crate::serf::keys::handlers::{changed_keys, use_keys};

/// How many changes may wait.
const WAITING_MAX: usize = 64;

/// How much of the time in which a query can be answered may pass before it is told to be late: 3 of 4 parts.
const PATIENCE: (u32, u32) = (3, 4);

/// The reason for a failure may be long, but an answer is one datagram. In characters.
const REASON_LEN_MAX: usize = 200;

const NOT_YET: &str = "the keyring file is not written yet; the change is made when it is";
const NOT_BEGUN: &str = "not done: the keyring file takes too long to be written";

/// The changes of keys that are not in force yet.
#[derive(Debug, Default)]
pub(crate) struct KeyChanges {
    storing: Option<StoringChange>,
    waiting: VecDeque<WaitingChange>,
}

/// The change that is being stored.
#[derive(Debug)]
struct StoringChange {
    ring: Keyring,
    change: WaitingChange,
    is_answered: bool,
}

#[derive(Debug)]
struct WaitingChange {
    query: Query,
    /// When to answer that it takes too long.
    patience: Instant,
}

impl Serf {
    /// Stores the keys as a query wants them, or lets it wait until others are stored.
    pub(crate) fn store_key_change(&mut self, cx: &mut Cx<'_>, query: &Query) {
        let time = query.deadline.saturating_duration_since(cx.now);
        let patience = cx.now + time * PATIENCE.0 / PATIENCE.1;
        if self.key_changes.waiting.len() >= WAITING_MAX {
            return self.answer_key_change(cx, query, Err(NOT_BEGUN.to_owned()));
        }
        self.key_changes.waiting.push_back(WaitingChange { query: query.clone(), patience });
        self.store_next_key_change(cx);
    }

    /// The keyring file is written, or it cannot be.
    pub(crate) fn on_keyring_stored(&mut self, cx: &mut Cx<'_>, outcome: Result<(), &str>) {
        let Some(StoringChange { ring, change, is_answered }) = self.key_changes.storing.take()
        else {
            return;
        };
        let outcome = match outcome {
            Ok(()) => {
                use_keys(cx, &change.query, ring);
                Ok(())
            }
            Err(reason) => {
                let shown: String = reason.chars().take(REASON_LEN_MAX).collect();
                Err(format!("the keyring file cannot be written: {shown}"))
            }
        };
        if !is_answered {
            self.answer_key_change(cx, &change.query, outcome);
        }
        self.store_next_key_change(cx);
    }

    /// Some queries about keys have waited for long enough.
    pub(crate) fn on_key_change_late(&mut self, cx: &mut Cx<'_>) {
        let now = cx.now;
        let changes = &mut self.key_changes;
        let (mut late, mut in_time) = (Vec::new(), VecDeque::new());
        for it in changes.waiting.drain(..) {
            match it.patience <= now {
                true => late.push((it.query, NOT_BEGUN)),
                false => in_time.push_back(it),
            }
        }
        changes.waiting = in_time;
        if let Some(it) = changes.storing.as_mut().filter(|it| it.is_late(now)) {
            it.is_answered = true;
            late.push((it.change.query.clone(), NOT_YET));
        }
        for (query, why) in late {
            self.answer_key_change(cx, &query, Err(why.to_owned()));
        }
        self.watch_key_changes(cx);
    }

    fn store_next_key_change(&mut self, cx: &mut Cx<'_>) {
        while self.key_changes.storing.is_none()
            && let Some(change) = self.key_changes.waiting.pop_front()
        {
            match changed_keys(cx, &change.query) {
                Ok(ring) => {
                    let (file, write) = (StoredFile::Keyring, StoreWrite::Replace);
                    cx.out.store(file, write, Durability::Synced, |out| {
                        out.extend_from_slice(ring.to_json().as_bytes());
                    });
                    let storing = StoringChange { ring, change, is_answered: false };
                    self.key_changes.storing = Some(storing);
                }
                Err(why) => self.answer_key_change(cx, &change.query, Err(why)),
            }
        }
        self.watch_key_changes(cx);
    }

    /// Sets the timer for the change that is late first.
    fn watch_key_changes(&self, cx: &mut Cx<'_>) {
        let KeyChanges { storing, waiting } = &self.key_changes;
        let unanswered = storing.iter().filter(|it| !it.is_answered).map(|it| &it.change);
        match unanswered.chain(waiting).map(|it| it.patience).min() {
            Some(at) => cx.timers.set(Timer::KeyChange, at),
            None => cx.timers.clear(Timer::KeyChange),
        }
    }
}

impl StoringChange {
    fn is_late(&self, now: Instant) -> bool {
        !self.is_answered && self.change.patience <= now
    }
}
