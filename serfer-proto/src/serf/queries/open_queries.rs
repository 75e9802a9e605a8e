//! The open queries of this node: who asked, who is still to respond, and what ends the query.
//!
//! This is state only. [`outgoing`](super::outgoing) opens a query, and
//! [`response_dispatch`](super::response_dispatch) hands on what comes back and closes it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::api::{KeyOp, QueryId};
use crate::machinery::Key;
use crate::serf::queries::ask_again::AskAgain;
use crate::serf::queries::params::EarlyEnd;
use crate::serf::queries::pending_responders::{LivenessLog, PendingResponders};

/// All open queries of this node.
#[derive(Debug, Default)]
pub(crate) struct OpenQueries {
    by_id: BTreeMap<QueryId, OpenQuery>,
    pub(crate) liveness: LivenessLog,
}

/// An open query of this node.
#[derive(Debug)]
pub(crate) struct OpenQuery {
    pub(crate) asker: Asker,
    pub(crate) pending: PendingResponders,
    pub(crate) wants_acks: bool,
    pub(crate) early_end: EarlyEnd,
    /// `None` if it is asked only once.
    pub(crate) again: Option<AskAgain>,
}

/// Who asked, and gets what comes back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The application.
    Application,
    /// The vote on this node's name.
    NameConflict,
    /// The key manager, for the application or for a rotation.
    Keys(KeyOp, KeyRequester),
}

/// Who wants a key operation done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRequester {
    Application,
    Rotation,
}

impl OpenQueries {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn is_open(&self, id: QueryId) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Whether the vote on this node's name is under way.
    pub(crate) fn is_voting(&self) -> bool {
        self.by_id.values().any(|query| query.asker == Asker::NameConflict)
    }

    /// Whether a key is being installed, used or removed.
    pub(crate) fn is_changing_keys(&self) -> bool {
        let changes = |asker: &Asker| matches!(asker, Asker::Keys(op, _) if op.key().is_some());
        self.by_id.values().any(|query| changes(&query.asker))
    }

    pub(crate) fn open(&mut self, id: QueryId, query: OpenQuery) {
        self.by_id.insert(id, query);
    }

    /// A query whose members have not all acked or replied, and the log of who came and went.
    pub(crate) fn unheard(&self, id: QueryId) -> Option<(&OpenQuery, &LivenessLog)> {
        let query = self.by_id.get(&id).filter(|query| !query.pending.are_heard())?;
        Some((query, &self.liveness))
    }

    /// A query, and the log of who came and went.
    pub(crate) fn get_mut(&mut self, id: QueryId) -> Option<(&mut OpenQuery, &LivenessLog)> {
        Some((self.by_id.get_mut(&id)?, &self.liveness))
    }

    /// A member has acked or replied. Returns who asked, if the response is to be handed on: it is the
    /// first of its kind from this member, and acks are wanted if it is an ack.
    pub(crate) fn on_response(
        &mut self,
        id: QueryId,
        member: Key,
        is_ack: bool,
        is_live: bool,
    ) -> Option<&Asker> {
        let query = self.by_id.get_mut(&id)?;
        if is_ack && !query.wants_acks {
            return None;
        }
        let is_first = query.pending.on_response(member, is_ack, is_live, &self.liveness);
        is_first.then_some(&query.asker)
    }

    /// A member became live, or is gone.
    pub(crate) fn note_liveness(&mut self, member: Key) {
        if !self.by_id.is_empty() {
            self.liveness.note(member);
        }
    }

    /// A live member is gone: no query waits for it any more. Returns the open queries.
    pub(crate) fn on_member_gone(&mut self, member: Key) -> Vec<QueryId> {
        self.by_id.values_mut().for_each(|query| query.pending.on_gone(member, &self.liveness));
        self.note_liveness(member);
        self.by_id.keys().copied().collect()
    }

    /// Whether a query ends now because all expected members have answered.
    pub(crate) fn is_complete(&self, id: QueryId) -> bool {
        let ends = |it: &OpenQuery| it.early_end != EarlyEnd::Never && it.pending.are_complete();
        self.by_id.get(&id).is_some_and(ends)
    }

    /// How long a query waits for more responses, if all expected members have acked or replied.
    pub(crate) fn settle_time(&self, id: QueryId) -> Option<Duration> {
        let query = self.by_id.get(&id)?;
        match query.early_end {
            EarlyEnd::Settled(quiet) if query.pending.are_heard() => Some(quiet),
            _ => None,
        }
    }

    /// Closes a query. Returns who asked.
    pub(crate) fn close(&mut self, id: QueryId) -> Option<Asker> {
        let query = self.by_id.remove(&id)?;
        if self.by_id.is_empty() {
            self.liveness.clear();
        }
        Some(query.asker)
    }
}
