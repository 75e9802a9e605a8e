//! Queries that reach us, and our answers to them.
//!
//! A query spreads like a user event; acks and answers go back directly. Counterpart of `handleQuery`
//! in Go's `serf.go` and of `Query.Respond` in `event.go`. Our own are in [`asked`](crate::serf::queries::outgoing).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::api::error::RespondError;
use crate::api::event::{AnswerTo, Event, Query};
use crate::api::ids::QueryId;
use crate::api::member::received_name;
use crate::machinery::context::Cx;
use crate::machinery::link::Checksum;
use crate::machinery::stats::DropReason;
use crate::serf::events::ring::Seen;
use crate::serf::queries::filter::{Steps, TooManySteps};
use crate::serf::queries::internal;
use crate::serf::{Serf, TIMEOUT_MAX, USER_MESSAGE};
use crate::wire::message::ip_from_bytes;
use crate::wire::msgpack::{Text, raw_len};
use crate::wire::serf_message;
use crate::wire::serf_message::{FLAG_ACK, FLAG_NO_BROADCAST, QueryResponse, SerfMessage};

/// A query as it is remembered.
#[derive(Debug)]
pub(crate) struct PastQuery {
    id: u32,
    answered: bool,
}

impl Serf {
    /// A query came by gossip, or is our own; tells whether it is to be passed on.
    pub(crate) fn on_query(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        query: &serf_message::Query<'_>,
    ) -> bool {
        // A node before serf 0.9.0 does not say who asks.
        let source = match query.source_node {
            Text([]) => Some(""),
            source => received_name(source),
        };
        let (Some(name), Some(source)) = (query.name.to_str(), source) else {
            cx.dropped(DropReason::Name, from, &"query");
            return false;
        };
        if !self.query_clock.can_reach(query.ltime) {
            cx.dropped(DropReason::OutOfReach, from, &"Lamport time of query");
            return false;
        }
        self.query_clock.witness(query.ltime);
        if query.ltime < self.query_ltime_min {
            return false;
        }
        let now = self.query_clock.time();
        let is_it = |known: &PastQuery| known.id == query.id;
        match self.queries.seen(now, query.ltime, 0, is_it) {
            Seen::Never => {}
            Seen::Before | Seen::TooOld => return false,
            Seen::Full => {
                cx.dropped(DropReason::Full, from, &"queries of one Lamport time");
                return false;
            }
        }
        let past = PastQuery { id: query.id, answered: false };
        self.queries.insert(query.ltime, 0, past);
        let id = QueryId { ltime: query.ltime, id: query.id };
        if self.is_for_us(cx, from, id, query) {
            self.receive_query(cx, from, query, (id, name, source));
        }
        query.flags & FLAG_NO_BROADCAST == 0
    }

    /// Whether all filters of a query match us. Those of others can take only so many steps in a second;
    /// it is passed on all the same.
    fn is_for_us(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        id: QueryId,
        query: &serf_message::Query<'_>,
    ) -> bool {
        let is_ours = self.asked.is_open(id);
        let left = match is_ours {
            true => usize::MAX,
            false => self.filtered.left(cx.now, cx.params.limits.filter_steps),
        };
        let mut steps = Steps { left };
        let node = (&*cx.params.name, &self.tags);
        let matches = self.exprs.match_all(query.filters, node, &mut steps);
        if !is_ours {
            self.filtered.add(left - steps.left);
        }
        matches.unwrap_or_else(|TooManySteps| {
            cx.dropped(DropReason::TooOften, from, &"filters of query");
            false
        })
    }

    /// A query is for us: ack it if that is wanted, and tell the application.
    fn receive_query(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        query: &serf_message::Query<'_>,
        (id, name, source): (QueryId, &str, &str),
    ) {
        self.record_query(cx, query.ltime);
        let wants_ack = query.flags & FLAG_ACK != 0;
        let answer_to = self.answer_to(query, name, source);
        let timeout = Duration::from_nanos(u64::try_from(query.timeout).unwrap_or(0));
        let query = Query {
            id,
            name: name.into(),
            payload: Bytes::copy_from_slice(query.payload),
            from: source.into(),
            deadline: cx.now + timeout.min(TIMEOUT_MAX),
            answer_to,
            relay_factor: query.relay_factor,
        };
        match answer_to {
            None => cx.dropped(DropReason::StrangeAnswerAddress, from, &name),
            Some(to) if wants_ack => {
                let mut ack = Vec::with_capacity(64);
                response(cx, id, FLAG_ACK, &[]).encode(&mut ack);
                self.send_response(cx, &query, to, &ack);
            }
            Some(_) => {}
        }
        if name.starts_with(internal::PREFIX) {
            self.on_internal_query(cx, from, &query);
        } else {
            let len = query.payload.len();
            tracing::debug!(target: "serfer::queries", %name, by = &*query.from, len, "query received");
            cx.emit(Event::Query(query));
        }
    }

    /// Where to answer a query.
    ///
    /// Unlike Go, which answers to whatever address a query names: a member is answered where it is,
    /// and others only if some member has the address, so that nobody can aim a cluster's answers at
    /// a stranger. Only a node that asks whether it may have a member's name is answered where it
    /// claimed to be, for there is no other way to tell it.
    fn answer_to(
        &self,
        query: &serf_message::Query<'_>,
        name: &str,
        source: &str,
    ) -> Option<AnswerTo> {
        let ip = ip_from_bytes(query.addr).map(|ip| ip.to_canonical());
        let addr = ip.map(|ip| SocketAddr::new(ip, query.port));
        if self.asked.is_open(QueryId { ltime: query.ltime, id: query.id }) {
            return Some(AnswerTo::Ourselves);
        }
        let asks_for_its_name = name == internal::CONFLICT && *query.payload == *source.as_bytes();
        let contends = |&addr: &SocketAddr| self.contenders.contains(source, addr);
        if let Some(addr) = addr.filter(|addr| asks_for_its_name && contends(addr)) {
            return Some(AnswerTo::Member(addr));
        }
        if let Some(member) = self.member(source) {
            return Some(AnswerTo::Member(member.addr()));
        }
        self.members.find_addr(addr?)?;
        addr.map(AnswerTo::Member)
    }

    /// Answers a query, once.
    pub(crate) fn respond(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        payload: &[u8],
    ) -> Result<(), RespondError> {
        if cx.now >= query.deadline {
            return Err(RespondError::Late);
        }
        let answer_to = query.answer_to.ok_or(RespondError::StrangeAddress)?;
        let message = self.encode_answer(cx, query.id, payload)?;
        let at_its_time = self.queries.at_mut(query.id.ltime);
        let past = at_its_time.iter_mut().find(|past| past.id == query.id.id);
        match past {
            // So much has been asked since that it is not remembered.
            None => return Err(RespondError::Late),
            Some(past) if past.answered => return Err(RespondError::Answered),
            Some(past) => past.answered = true,
        }
        self.send_response(cx, query, answer_to, &message);
        Ok(())
    }

    fn encode_answer(
        &self,
        cx: &Cx<'_>,
        id: QueryId,
        payload: &[u8],
    ) -> Result<Vec<u8>, RespondError> {
        let max = cx.params.queries.response_len_max;
        // What is too long already need not be copied to find that out.
        let len = response_len(cx, id, payload);
        if len > max {
            return Err(RespondError::TooLarge { len, max });
        }
        let mut message = Vec::with_capacity(len);
        response(cx, id, 0, payload).encode(&mut message);
        Ok(message)
    }

    fn send_response(&mut self, cx: &mut Cx<'_>, query: &Query, to: AnswerTo, response: &[u8]) {
        match to {
            AnswerTo::Member(addr) => {
                cx.send(addr, Checksum::Omit, |out| {
                    out.extend_from_slice(USER_MESSAGE);
                    out.extend_from_slice(response);
                });
                self.relay(cx, query, addr, response);
            }
            AnswerTo::Ourselves => {
                let ourselves = cx.params.advertise;
                if let Ok(SerfMessage::QueryResponse(response)) = SerfMessage::decode(response) {
                    self.on_query_response(cx, ourselves, &response);
                }
            }
        }
    }
}

/// How long an answer is once it is encoded.
pub(crate) fn response_len(cx: &Cx<'_>, id: QueryId, payload: &[u8]) -> usize {
    let mut without = Vec::with_capacity(64);
    response(cx, id, 0, &[]).encode(&mut without);
    without.len() - raw_len(0) + raw_len(payload.len())
}

fn response<'a>(cx: &Cx<'a>, id: QueryId, flags: u32, payload: &'a [u8]) -> SerfMessage<'a> {
    SerfMessage::QueryResponse(QueryResponse {
        flags,
        from: Text(cx.params.name.as_bytes()),
        id: id.id,
        ltime: id.ltime,
        payload,
    })
}
