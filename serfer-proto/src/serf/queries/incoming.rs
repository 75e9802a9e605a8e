//! Incoming queries, and this node's acks and replies to them.
//!
//! A query spreads like a user event; acks and replies go directly to the node that sent it. This node's
//! own queries come through here as well, since it is one of those that answer. Counterpart of
//! `handleQuery` in Go's `serf.go` and of `Query.Respond` in `event.go`.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;

use crate::api::{Event, Query, QueryId, RespondError, received_name};
use crate::machinery::{Checksum, Cx, DropReason, is_notable};
use crate::serf::Serf;
use crate::serf::broadcasts::USER_MESSAGE;
use crate::serf::events::ring::Seen;
use crate::serf::queries::filter::TooManySteps;
use crate::serf::queries::held_answers::AnswerTo;
use crate::serf::queries::internal::names;
use crate::serf::queries::params::TIMEOUT_MAX;
use crate::wire::message::ip_from_bytes;
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{self, FLAG_ACK, FLAG_NO_BROADCAST, QueryResponse, SerfMessage};

/// What is remembered of a query.
#[derive(Debug)]
pub(crate) struct PastQuery {
    pub(crate) id: u32,
    answered: bool,
    /// Its filters match this node.
    pub(crate) matched: bool,
    /// How often the answer was repeated.
    pub(crate) repeats: u32,
}

/// The size of a past query in the ring.
const PAST_QUERY_LEN: usize = 16;

impl Serf {
    /// A query came by gossip, or is this node's own. Returns whether to pass it on.
    pub(crate) fn on_query(&mut self, cx: &mut Cx<'_>, query: &serf_message::Query<'_>) -> bool {
        // A node before serf 0.9.0 does not send its name.
        let source = match query.source_node {
            Text([]) => Some(""),
            source => received_name(source),
        };
        let (Some(name), Some(source)) = (query.name.to_str(), source) else {
            cx.dropped(DropReason::Name, &"query");
            return false;
        };
        if !self.query_clock.can_reach(query.ltime) {
            cx.dropped(DropReason::OutOfReach, &"Lamport time of query");
            return false;
        }
        self.query_clock.witness(query.ltime);
        if query.ltime < self.query_ltime_min {
            return false;
        }
        let now = self.query_clock.time();
        let seen =
            self.queries.seen(now, query.ltime, PAST_QUERY_LEN, |known| known.id.cmp(&query.id));
        let place = match seen {
            Seen::Never(place) => place,
            Seen::Before => {
                if query.flags & FLAG_NO_BROADCAST != 0 {
                    let again = incoming(cx, query, (name, source));
                    self.repeat_answer(cx, &again, query.flags & FLAG_ACK != 0);
                }
                return false;
            }
            Seen::TooOld => return false,
            Seen::Full => {
                cx.dropped(DropReason::Full, &"queries to remember");
                return false;
            }
        };
        let id = QueryId { ltime: query.ltime, id: query.id };
        let matched = self.matches_filters(cx, id, query);
        let past = PastQuery { id: query.id, answered: false, matched, repeats: 0 };
        self.queries.insert(query.ltime, PAST_QUERY_LEN, place, past);
        if matched {
            self.receive_query(cx, query, (name, source));
        }
        query.flags & FLAG_NO_BROADCAST == 0
    }

    /// Whether all filters of a query match this node. The filters of other nodes' queries have only so
    /// many steps per second; a query that takes more is still passed on.
    fn matches_filters(
        &mut self,
        cx: &mut Cx<'_>,
        id: QueryId,
        query: &serf_message::Query<'_>,
    ) -> bool {
        let is_own = self.open_queries.is_open(id);
        let left = match is_own {
            true => usize::MAX,
            false => self.filter_steps.left(cx.now, cx.params.limits.filter_steps),
        };
        let mut steps_left = left;
        let node = (&*cx.params.name, &self.tags);
        let matches = self.filters.match_all(query.filters, node, &mut steps_left);
        if !is_own {
            self.filter_steps.add(left - steps_left);
        }
        matches.unwrap_or_else(|TooManySteps| {
            cx.dropped(DropReason::TooOften, &"filters of query");
            false
        })
    }

    /// A query whose filters match this node: acks it if that is wanted, and hands it on.
    fn receive_query(
        &mut self,
        cx: &mut Cx<'_>,
        query: &serf_message::Query<'_>,
        (name, source): (&str, &str),
    ) {
        self.record_query(cx, query.ltime);
        let wants_ack = query.flags & FLAG_ACK != 0;
        let query = incoming(cx, query, (name, source));
        if wants_ack {
            let ack = response(cx, query.id, FLAG_ACK, &[]).to_vec();
            self.send_response(cx, &query, &ack);
        }
        if name.starts_with(names::PREFIX) {
            self.on_internal_query(cx, &query);
        } else {
            let len = query.payload.len();
            tracing::debug!(target: "serfer::queries", %name, by = &*query.from, len, "query received");
            cx.emit(Event::Query(query));
        }
    }

    /// Replies to a query, once. If that cannot be, the asker waits for nothing, so an operator should know.
    pub(crate) fn respond(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        payload: &[u8],
    ) -> Result<(), RespondError> {
        let result = self.try_respond(cx, query, payload);
        if let Err(error) = &result {
            cx.stats.answers_refused += 1;
            trace_refused(query, error, cx.stats.answers_refused);
        }
        result
    }

    fn try_respond(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        payload: &[u8],
    ) -> Result<(), RespondError> {
        if cx.now >= query.deadline {
            return Err(RespondError::Late);
        }
        if query.from.is_empty() && query.addr.is_none() {
            return Err(RespondError::StrangeAddress);
        }
        let max = cx.params.queries.response_len_max;
        let reply = response(cx, query.id, 0, payload).encode_within(max);
        let reply = reply.map_err(|len| RespondError::TooLarge { len, max })?;
        match self.queries.find_mut(query.id.ltime, |past| past.id.cmp(&query.id.id)) {
            // There were so many queries since that this one is forgotten.
            None => return Err(RespondError::Late),
            Some(past) if past.answered => return Err(RespondError::Answered),
            Some(past) => past.answered = true,
        }
        self.send_response(cx, query, &reply);
        if cx.params.queries.ask_again > 0 && !self.open_queries.is_open(query.id) {
            self.kept_replies.keep(query, reply, cx.now);
        }
        Ok(())
    }

    /// Sends a response to the asker, or holds it until the asker is known.
    fn send_response(&mut self, cx: &mut Cx<'_>, query: &Query, response: &[u8]) {
        match self.answer_to(query) {
            Some(to) => self.send_response_to(cx, query, to, response),
            None => self.hold_answer(cx, query, response),
        }
    }

    pub(crate) fn send_response_to(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        to: AnswerTo,
        response: &[u8],
    ) {
        match to {
            AnswerTo::Member(addr) => {
                send_direct(cx, addr, response);
                self.relay_response(cx, query, addr, response);
            }
            AnswerTo::Ourselves => {
                if let Ok(SerfMessage::QueryResponse(response)) = SerfMessage::decode(response) {
                    cx.as_ourselves(|cx| self.on_query_response(cx, &response));
                }
            }
        }
    }
}

/// A query as it came, just now.
fn incoming(cx: &Cx<'_>, query: &serf_message::Query<'_>, (name, source): (&str, &str)) -> Query {
    let timeout = Duration::from_nanos(u64::try_from(query.timeout).unwrap_or(0));
    let ip = ip_from_bytes(query.addr).map(|ip| ip.to_canonical());
    Query {
        id: QueryId { ltime: query.ltime, id: query.id },
        name: name.into(),
        payload: Bytes::copy_from_slice(query.payload),
        from: source.into(),
        deadline: cx.now + timeout.min(TIMEOUT_MAX),
        addr: ip.map(|ip| SocketAddr::new(ip, query.port)),
        via: cx.from,
        relay_factor: query.relay_factor,
    }
}

/// An answer cannot be sent, for the `count`th time.
fn trace_refused(query: &Query, error: &RespondError, count: u64) {
    let (name, by) = (&*query.name, &*query.from);
    if is_notable(count) {
        tracing::warn!(target: "serfer::queries", name, by, %error, count, "an answer cannot be sent: whoever asked waits in vain");
    } else {
        tracing::debug!(target: "serfer::queries", name, by, %error, count, "an answer cannot be sent");
    }
}

/// This node's response to a query.
pub(crate) fn response<'a>(
    cx: &Cx<'a>,
    id: QueryId,
    flags: u32,
    payload: &'a [u8],
) -> SerfMessage<'a> {
    SerfMessage::QueryResponse(QueryResponse {
        flags,
        from: Text(cx.params.name.as_bytes()),
        id: id.id,
        ltime: id.ltime,
        payload,
    })
}

/// Sends a message to one node.
pub(crate) fn send_direct(cx: &mut Cx<'_>, to: SocketAddr, message: &[u8]) {
    cx.send(to, Checksum::Omit, |out| {
        out.extend_from_slice(USER_MESSAGE);
        out.extend_from_slice(message);
    });
}
