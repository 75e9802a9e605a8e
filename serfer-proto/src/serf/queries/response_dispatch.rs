//! The way of an ack or a reply to the asker, and the end of a query.
//!
//! The top of the queries: a response goes to the application, to the key manager or to the vote on
//! this node's name, and so does the end. Counterpart of `handleQueryResponse` in Go's `serf.go` and of
//! `QueryResponse` in `query.go`.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::{Ack, Event, QueryClosed, QueryEnd, QueryId, Reply, received_name};
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::serf::Serf;
use crate::serf::queries::open_queries::Asker;
use crate::serf::queries::params::TIMEOUT_MAX;
use crate::wire::serf_message::{FLAG_ACK, QueryResponse};

impl Serf {
    /// A member has acked or replied to a query of this node.
    pub(crate) fn on_query_response(&mut self, cx: &mut Cx<'_>, response: &QueryResponse<'_>) {
        let id = QueryId { ltime: response.ltime, id: response.id };
        if !self.open_queries.is_open(id) {
            // It is late, which is no fault.
            return;
        }
        let Some(name) = received_name(response.from) else {
            return cx.dropped(DropReason::Name, &"query response");
        };
        // Unlike Go, where a response of a node that is no member takes the place of a member's. But it
        // may be about to become one.
        let Some(key) = self.members.find(name) else {
            return self.early_responses.keep(cx, response, name);
        };
        let (is_ack, is_live) = (response.flags & FLAG_ACK != 0, self.is_live(key));
        let Some(asker) = self.open_queries.on_response(id, key, is_ack, is_live) else {
            return;
        };
        let payload = response.payload;
        match asker {
            Asker::Application if is_ack => {
                cx.emit(Event::Ack(Ack { query: id, from: name.into() }));
            }
            Asker::Application => {
                let (from, payload): (Arc<str>, _) = (name.into(), Bytes::copy_from_slice(payload));
                cx.emit(Event::Reply(Reply { query: id, from, payload }));
            }
            Asker::Keys(..) => self.keys.on_answer(id, name, payload),
            Asker::NameConflict => self.name_disputes.vote.count(cx.params.advertise, payload),
        }
        self.close_if_complete(cx, id);
        self.settle(cx, id);
    }

    /// A node is a member now: what it has responded so far counts.
    pub(crate) fn take_early_responses(&mut self, cx: &mut Cx<'_>, name: &str) {
        for (early, payload) in self.early_responses.take(name) {
            self.on_query_response(cx, &early.response(name, &payload));
        }
    }

    /// The timeout of a query of this node is over.
    pub(crate) fn on_query_timeout(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        self.close_query(cx, query, QueryEnd::TimedOut);
    }

    /// All expected members have acked or replied, and nothing has come since for long enough.
    pub(crate) fn on_query_settled(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        self.close_query(cx, query, QueryEnd::Settled);
    }

    /// A live member is gone. No query waits for it any more.
    pub(crate) fn on_member_gone(&mut self, cx: &mut Cx<'_>, member: Key) {
        for id in self.open_queries.on_member_gone(member) {
            self.close_if_complete(cx, id);
            if !cx.timers.is_set(Timer::QuerySettle(id)) {
                self.settle(cx, id);
            }
        }
    }

    /// Unlike Go, which waits for the timeout even if all members have answered (hs#509, hs#398).
    pub(super) fn close_if_complete(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        if self.open_queries.is_complete(query) {
            self.close_query(cx, query, QueryEnd::Complete);
        }
    }

    /// Starts to wait for quiet, if all expected members have acked or replied.
    fn settle(&self, cx: &mut Cx<'_>, query: QueryId) {
        if let Some(quiet) = self.open_queries.settle_time(query) {
            cx.timers.set(Timer::QuerySettle(query), cx.now + quiet.min(TIMEOUT_MAX));
        }
    }

    /// The members that a query still waits to hear of.
    fn silent(&self, query: QueryId) -> Arc<[Arc<str>]> {
        let Some((query, liveness)) = self.open_queries.unheard(query) else {
            return Arc::default();
        };
        let live = self.members.iter().map(|(key, _)| key).filter(|key| self.is_live(*key));
        let silent = query.pending.unheard(live, liveness);
        silent.map(|key| self.members[key].member.name().into()).collect()
    }

    fn close_query(&mut self, cx: &mut Cx<'_>, query: QueryId, end: QueryEnd) {
        let silent = self.silent(query);
        let Some(asker) = self.open_queries.close(query) else {
            return;
        };
        cx.timers.clear(Timer::Query(query));
        cx.timers.clear(Timer::QueryAgain(query));
        cx.timers.clear(Timer::QuerySettle(query));
        self.early_responses.drop_all_to(cx, query);
        match asker {
            Asker::Application => cx.emit(Event::QueryClosed(QueryClosed { query, end, silent })),
            Asker::Keys(op, requester) => self.on_keys_answered(cx, query, op, requester),
            Asker::NameConflict => self.on_vote_closed(cx),
        }
    }
}
