//! The members that an open query still waits for.
//!
//! A query waits for the members that were live and matched its filters when it was sent. If it has no
//! filters, it need not store a hundred thousand names: it counts the members, and a log tells when the
//! few that come or go while queries are open did so.

use std::collections::{BTreeMap, BTreeSet};

use crate::machinery::Key;

/// The members that came or went while queries are open, and in which order. It has at most one entry
/// per member.
#[derive(Debug, Default)]
pub(crate) struct LivenessLog {
    changes: BTreeMap<Key, u64>,
    last: u64,
}

impl LivenessLog {
    /// The members that are live now, without those that come or go from now on.
    pub(crate) fn all_live(&self) -> Expected {
        Expected::All { since: self.last }
    }

    /// A member came or went.
    pub(crate) fn note(&mut self, member: Key) {
        self.last += 1;
        self.changes.insert(member, self.last);
    }

    /// A member was reaped. Nothing can come from it any more.
    pub(crate) fn forget(&mut self, member: Key) {
        self.changes.remove(&member);
    }

    /// No query is open any more.
    pub(crate) fn clear(&mut self) {
        self.changes.clear();
    }
}

/// The members that a query waits for, and which members have responded.
#[derive(Debug)]
pub(crate) struct PendingResponders {
    expected: Expected,
    /// How many expected members have not answered.
    unanswered: usize,
    /// How many expected members have neither acked nor replied.
    unheard: usize,
    /// How many expected members have answered.
    answered: usize,
    /// Who has responded, and whether that was an ack.
    responses: BTreeSet<(Key, bool)>,
    /// An ack is an answer, because the query has no replies.
    acks_suffice: bool,
}

/// The members whose answers a query waits for.
#[derive(Debug)]
pub(crate) enum Expected {
    /// All members that were live at this point of the log and have no later change in it.
    All { since: u64 },
    /// These members, until they are gone.
    Selected(BTreeSet<Key>),
}

impl PendingResponders {
    /// `count` members are expected.
    pub(crate) fn new(expected: Expected, count: usize, acks_suffice: bool) -> Self {
        let responses = BTreeSet::new();
        let (unanswered, unheard, answered) = (count, count, 0);
        Self { expected, unanswered, unheard, answered, responses, acks_suffice }
    }

    /// A member has acked or replied. Returns whether this is its first ack or its first reply.
    pub(crate) fn on_response(
        &mut self,
        member: Key,
        is_ack: bool,
        is_live: bool,
        log: &LivenessLog,
    ) -> bool {
        let before = self.missing(member);
        let is_first = self.responses.insert((member, is_ack));
        if is_live && self.expects(member, log) {
            let after = self.missing(member);
            let answers = before.0.saturating_sub(after.0);
            self.answered += answers;
            self.unanswered = self.unanswered.saturating_sub(answers);
            self.unheard = self.unheard.saturating_sub(before.1.saturating_sub(after.1));
        }
        is_first
    }

    /// A live member is gone. Call this before [`LivenessLog::note`].
    pub(crate) fn on_gone(&mut self, member: Key, log: &LivenessLog) {
        if self.expects(member, log) {
            let missing = self.missing(member);
            self.unanswered = self.unanswered.saturating_sub(missing.0);
            self.unheard = self.unheard.saturating_sub(missing.1);
        }
        if let Expected::Selected(members) = &mut self.expected {
            members.remove(&member);
        }
    }

    /// Whether all expected members have answered.
    pub(crate) fn are_complete(&self) -> bool {
        self.unanswered == 0
    }

    /// Whether all expected members have acked or replied.
    pub(crate) fn are_heard(&self) -> bool {
        self.unheard == 0
    }

    /// Whether any member is to be [asked again](super::ask_again).
    pub(crate) fn has_silent(&self, wants_acks: bool) -> bool {
        wants_acks && self.unheard > 0 || self.replies_are_usual() && self.unanswered > 0
    }

    /// Whether this live member is to be [asked again](super::ask_again).
    pub(crate) fn is_silent(&self, member: Key, wants_acks: bool, log: &LivenessLog) -> bool {
        let (unanswered, unheard) = self.missing(member);
        let is_silent = wants_acks && unheard > 0 || self.replies_are_usual() && unanswered > 0;
        is_silent && self.expects(member, log)
    }

    /// Those of these live members, in the order of their keys, that are expected and have neither acked
    /// nor replied.
    pub(crate) fn unheard(
        &self,
        live: impl Iterator<Item = Key>,
        log: &LivenessLog,
    ) -> impl Iterator<Item = Key> {
        let mut heard = self.responses.iter().map(|(member, _)| *member).peekable();
        live.filter(move |member| {
            while heard.next_if(|it| it < member).is_some() {}
            heard.peek() != Some(member) && self.expects(*member, log)
        })
    }

    /// Whether at least half of the expected members have answered, so that a member that has not is an
    /// exception.
    fn replies_are_usual(&self) -> bool {
        self.answered > 0 && self.answered >= self.unanswered
    }

    fn expects(&self, member: Key, log: &LivenessLog) -> bool {
        match &self.expected {
            Expected::All { since } => {
                log.changes.get(&member).is_none_or(|changed| changed <= since)
            }
            Expected::Selected(members) => members.contains(&member),
        }
    }

    /// Whether a member is missing, as 0 or 1: from those that have answered, and from those that have
    /// acked or replied.
    fn missing(&self, member: Key) -> (usize, usize) {
        let acked = self.responses.contains(&(member, true));
        let replied = self.responses.contains(&(member, false));
        let answered = replied || self.acks_suffice && acked;
        (usize::from(!answered), usize::from(!acked && !replied))
    }
}
