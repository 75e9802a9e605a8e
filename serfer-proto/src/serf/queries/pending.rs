//! Whom an open query still waits for.
//!
//! A query waits for the members that were alive and matched when it was asked. If everybody is
//! asked, a hundred thousand names need not be written down for that: it is enough to count them and
//! to know, for those few who come or go while queries are open, when that was.

use std::collections::{BTreeMap, BTreeSet};

use crate::machinery::table::Key;

/// Who came or went while queries are open, and in which turn: at most one entry per member.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    turns: BTreeMap<Key, u64>,
    last: u64,
}

impl Moves {
    /// A member is here, or gone, from now on.
    pub(crate) fn note(&mut self, member: Key) {
        self.last += 1;
        self.turns.insert(member, self.last);
    }

    /// A member was forgotten, and nothing can come from it any more.
    pub(crate) fn forget(&mut self, member: Key) {
        self.turns.remove(&member);
    }

    /// No query is open.
    pub(crate) fn clear(&mut self) {
        self.turns.clear();
    }
}

/// Whom a query waits for, and what each of them has said.
#[derive(Debug)]
pub(crate) struct Awaited {
    who: Who,
    /// How many of them have not answered.
    silent: usize,
    /// How many of them have not even acked.
    unheard: usize,
    acked: BTreeSet<Key>,
    replied: BTreeSet<Key>,
    counts: Counts,
}

#[derive(Debug)]
enum Who {
    /// All members that were alive after this turn, and did not move since.
    Everybody { since: u64 },
    /// These, as long as they are here.
    These(BTreeSet<Key>),
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counts {
    Replies,
    /// Acks, because nothing else will come.
    Acks,
}

impl Awaited {
    /// Waits for all `live` members.
    pub(crate) fn everybody(live: usize, moves: &Moves, counts: Counts) -> Self {
        Self::new(Who::Everybody { since: moves.last }, live, counts)
    }

    /// Waits for these members.
    pub(crate) fn these(members: BTreeSet<Key>, counts: Counts) -> Self {
        let count = members.len();
        Self::new(Who::These(members), count, counts)
    }

    fn new(who: Who, count: usize, counts: Counts) -> Self {
        Self {
            who,
            silent: count,
            unheard: count,
            acked: BTreeSet::new(),
            replied: BTreeSet::new(),
            counts,
        }
    }

    /// A member has acked; tells whether for the first time. `is_live`: as far as we know.
    pub(crate) fn on_ack(&mut self, member: Key, is_live: bool, moves: &Moves) -> bool {
        self.hear(member, is_live, moves, |it| it.acked.insert(member))
    }

    /// A member has replied; tells whether for the first time.
    pub(crate) fn on_reply(&mut self, member: Key, is_live: bool, moves: &Moves) -> bool {
        self.hear(member, is_live, moves, |it| it.replied.insert(member))
    }

    fn hear(
        &mut self,
        member: Key,
        is_live: bool,
        moves: &Moves,
        note: impl FnOnce(&mut Self) -> bool,
    ) -> bool {
        let waited = is_live && self.waits_for(member, moves);
        let (was_silent, was_unheard) = (self.is_silent(member), self.is_unheard(member));
        let is_first = note(self);
        if waited {
            self.silent -= usize::from(was_silent && !self.is_silent(member));
            self.unheard -= usize::from(was_unheard && !self.is_unheard(member));
        }
        is_first
    }

    /// A member that was alive until now is gone. To be called before [`Moves::note`].
    pub(crate) fn on_gone(&mut self, member: Key, moves: &Moves) {
        if self.waits_for(member, moves) {
            self.silent -= usize::from(self.is_silent(member));
            self.unheard -= usize::from(self.is_unheard(member));
        }
        if let Who::These(members) = &mut self.who {
            members.remove(&member);
        }
    }

    /// Whether everybody has answered.
    pub(crate) fn is_complete(&self) -> bool {
        self.silent == 0
    }

    /// Whether everybody has acked or answered.
    pub(crate) fn is_heard(&self) -> bool {
        self.unheard == 0
    }

    /// Whether this member has replied.
    #[expect(dead_code, reason = "for whoever has to name those that have not")]
    pub(crate) fn has_replied(&self, member: Key) -> bool {
        self.replied.contains(&member)
    }

    fn waits_for(&self, member: Key, moves: &Moves) -> bool {
        match &self.who {
            Who::Everybody { since } => moves.turns.get(&member).is_none_or(|moved| moved <= since),
            Who::These(members) => members.contains(&member),
        }
    }

    fn is_silent(&self, member: Key) -> bool {
        let acked = self.counts == Counts::Acks && self.acked.contains(&member);
        !acked && !self.replied.contains(&member)
    }

    fn is_unheard(&self, member: Key) -> bool {
        !self.acked.contains(&member) && !self.replied.contains(&member)
    }
}
