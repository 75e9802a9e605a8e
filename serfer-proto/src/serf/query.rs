//! Queries: asking everybody, or some, and collecting what they say.
//!
//! A query spreads like a user event; acks and answers come back directly. Counterpart of Go's
//! `query.go` and of `Query`, `handleQuery` and `handleQueryResponse` in `serf.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::ring::Seen;
use super::{Class, Serf, USER_MESSAGE, filter};
use crate::context::Cx;
use crate::error::{QueryError, RespondError};
use crate::event::{Ack, AnswerTo, Event, Query, Reply};
use crate::ids::QueryId;
use crate::link::Checksum;
use crate::member::received_name;
use crate::memberlist::broadcast::{Kind, scaled};
use crate::stats::DropReason;
use crate::timers::Timer;
use crate::wire::message::{ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{self, FLAG_ACK, FLAG_NO_BROADCAST, QueryResponse, SerfMessage};

/// Queries of this prefix are serf's own and never reach the application.
const INTERNAL_PREFIX: &str = "_serf_";
/// The one of them that anybody may ask: it is acked, and that is all.
const INTERNAL_PING: &str = "_serf_ping";

/// How long we believe a query to be open. Unlike Go: whatever it says.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Who is asked, how, and for how long. By default everybody is, with acks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParams {
    nodes: Vec<String>,
    tags: BTreeMap<String, String>,
    ack: bool,
    timeout: Option<Duration>,
}

impl Default for QueryParams {
    fn default() -> Self {
        Self { nodes: Vec::new(), tags: BTreeMap::new(), ack: true, timeout: None }
    }
}

impl QueryParams {
    /// Asks everybody, with acks, for as long as the size of the cluster makes reasonable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks only this node, and others named in the same way.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.nodes.push(name.into());
        self
    }

    /// Asks only nodes in whose tag the regular expression is found; a tag that is not set has an
    /// empty value. Filters for several tags must all match.
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, expr: impl Into<String>) -> Self {
        self.tags.insert(name.into(), expr.into());
        self
    }

    /// Does without acks: half the answers' traffic, but no telling who is silent from who is not
    /// reached.
    #[must_use]
    pub fn without_acks(mut self) -> Self {
        self.ack = false;
        self
    }

    /// How long to collect answers.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// A query as it is remembered.
#[derive(Debug)]
pub(super) struct PastQuery {
    id: u32,
    answered: bool,
}

/// Our own open queries.
#[derive(Debug, Default)]
pub(super) struct Asked {
    open: BTreeMap<QueryId, Tracker>,
}

/// Who has said what to a query of ours.
#[derive(Debug)]
struct Tracker {
    acks: bool,
    acked: BTreeSet<Arc<str>>,
    replied: BTreeSet<Arc<str>>,
    /// How many of each are taken.
    len_max: usize,
}

impl Serf {
    /// Asks. `live_members` is how many can answer, ourselves included.
    pub(crate) fn query(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
        live_members: usize,
    ) -> Result<QueryId, QueryError> {
        self.check_query(cx, name)?;
        let timeout =
            params.timeout.unwrap_or_else(|| default_timeout(cx, live_members)).min(TIMEOUT_MAX);
        let tags = params.tags.iter().map(|(tag, expr)| (&**tag, &**expr));
        let filters = filter::encode(&params.nodes, tags);
        let filters = SeqBuf::of(filters.iter().map(|filter| &**filter));
        let addr = ip_bytes(cx.params.advertise.ip());
        let query = serf_message::Query {
            addr: &addr,
            filters: filters.as_seq_or_nil(),
            flags: if params.ack { FLAG_ACK } else { 0 },
            id: cx.rng.u32() >> 1,
            ltime: self.query_clock.time(),
            name: name.into(),
            payload,
            port: cx.params.advertise.port(),
            relay_factor: 0,
            source_node: Text(cx.params.name.as_bytes()),
            timeout: timeout.as_nanos() as i64,
        };
        let mut message = Vec::with_capacity(128 + name.len() + payload.len());
        SerfMessage::Query(query).encode(&mut message);
        let max = cx.params.queries.len_max.min(cx.link.queued_len_max() - USER_MESSAGE.len());
        if message.len() > max {
            let len = message.len();
            return Err(QueryError::TooLarge { len, max });
        }
        let id = QueryId { ltime: query.ltime, id: query.id };
        let tracker = Tracker {
            acks: params.ack,
            acked: BTreeSet::new(),
            replied: BTreeSet::new(),
            len_max: (2 * live_members).max(64),
        };
        self.asked.open.insert(id, tracker);
        cx.timers.set(Timer::Query(id), cx.now + timeout);
        let ourselves = cx.params.advertise;
        self.on_query(cx, ourselves, &query);
        self.queue(cx, Class::Query, &message, Kind::Plain);
        Ok(id)
    }

    fn check_query(&self, cx: &Cx<'_>, name: &str) -> Result<(), QueryError> {
        let protocol = cx.params.versions.delegate_cur;
        let open = self.asked.open.len();
        if !self.phase.is_alive() {
            Err(QueryError::Left)
        } else if protocol < 4 {
            Err(QueryError::Protocol { protocol })
        } else if name.starts_with(INTERNAL_PREFIX) && name != INTERNAL_PING {
            let (name, prefix) = (name.to_owned(), INTERNAL_PREFIX);
            Err(QueryError::ReservedName { name, prefix })
        } else if open >= cx.params.limits.open_queries {
            Err(QueryError::TooMany { open })
        } else {
            Ok(())
        }
    }

    /// A query came by gossip, or is our own; tells whether it is to be passed on.
    pub(super) fn on_query(
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
        let now = self.query_clock.time();
        let is_it = |known: &PastQuery| known.id == query.id;
        match self.queries.seen(now, query.ltime, is_it) {
            Seen::Never => {}
            Seen::Before | Seen::TooOld => return false,
            Seen::Full => {
                cx.dropped(DropReason::Full, from, &"queries of one Lamport time");
                return false;
            }
        }
        let past = PastQuery { id: query.id, answered: false };
        self.queries.insert(query.ltime, past);
        if filter::matches(query.filters, &cx.params.name, &self.tags) {
            let id = QueryId { ltime: query.ltime, id: query.id };
            self.receive_query(cx, from, query, (id, name, source));
        }
        query.flags & FLAG_NO_BROADCAST == 0
    }

    /// A query is for us: ack it if that is wanted, and tell the application.
    fn receive_query(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        query: &serf_message::Query<'_>,
        (id, name, source): (QueryId, &str, &str),
    ) {
        let answer_to = self.answer_to(query, source);
        match answer_to {
            None => cx.dropped(DropReason::StrangeAnswerAddress, from, &name),
            Some(answer_to) if query.flags & FLAG_ACK != 0 => {
                let ack = self.response(cx, id, FLAG_ACK, &[]);
                self.send_response(cx, answer_to, &ack);
            }
            Some(_) => {}
        }
        if name.starts_with(INTERNAL_PREFIX) {
            return;
        }
        let timeout = Duration::from_nanos(u64::try_from(query.timeout).unwrap_or(0));
        cx.emit(Event::Query(Query {
            id,
            name: name.into(),
            payload: Bytes::copy_from_slice(query.payload),
            from: source.into(),
            deadline: cx.now + timeout.min(TIMEOUT_MAX),
            answer_to,
        }));
    }

    /// Where to answer a query.
    ///
    /// Unlike Go, which answers to whatever address a query names: a member is answered where it is,
    /// and others only if some member has the address, so that nobody can aim a cluster's answers at
    /// a stranger.
    fn answer_to(&self, query: &serf_message::Query<'_>, source: &str) -> Option<AnswerTo> {
        if self.asked.open.contains_key(&QueryId { ltime: query.ltime, id: query.id }) {
            return Some(AnswerTo::Ourselves);
        }
        if let Some(member) = self.member(source) {
            return Some(AnswerTo::Member(member.addr()));
        }
        let ip = ip_from_bytes(query.addr)?.to_canonical();
        let addr = SocketAddr::new(ip, query.port);
        self.members.find_addr(addr)?;
        Some(AnswerTo::Member(addr))
    }

    /// Answers a query, once.
    pub(crate) fn respond(
        &mut self,
        cx: &mut Cx<'_>,
        query: &Query,
        payload: &[u8],
    ) -> Result<(), RespondError> {
        if cx.now > query.deadline {
            return Err(RespondError::Late);
        }
        let answer_to = query.answer_to.ok_or(RespondError::StrangeAddress)?;
        let response = self.response(cx, query.id, 0, payload);
        let max = cx.params.queries.response_len_max;
        if response.len() > max {
            let len = response.len();
            return Err(RespondError::TooLarge { len, max });
        }
        let at_its_time = self.queries.at_mut(query.id.ltime);
        let past = at_its_time.iter_mut().find(|past| past.id == query.id.id);
        match past {
            // So much has been asked since that it is not remembered.
            None => return Err(RespondError::Late),
            Some(past) if past.answered => return Err(RespondError::Answered),
            Some(past) => past.answered = true,
        }
        self.send_response(cx, answer_to, &response);
        Ok(())
    }

    fn response(&self, cx: &Cx<'_>, id: QueryId, flags: u32, payload: &[u8]) -> Vec<u8> {
        let response = QueryResponse {
            flags,
            from: Text(cx.params.name.as_bytes()),
            id: id.id,
            ltime: id.ltime,
            payload,
        };
        let mut message = Vec::with_capacity(64 + payload.len());
        SerfMessage::QueryResponse(response).encode(&mut message);
        message
    }

    fn send_response(&mut self, cx: &mut Cx<'_>, to: AnswerTo, response: &[u8]) {
        match to {
            AnswerTo::Member(addr) => cx.send(addr, Checksum::Omit, |out| {
                out.extend_from_slice(USER_MESSAGE);
                out.extend_from_slice(response);
            }),
            AnswerTo::Ourselves => {
                let ourselves = cx.params.advertise;
                if let Ok(SerfMessage::QueryResponse(response)) = SerfMessage::decode(response) {
                    self.on_query_response(cx, ourselves, &response);
                }
            }
        }
    }

    /// An ack of, or an answer to, a query of ours.
    pub(super) fn on_query_response(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        response: &QueryResponse<'_>,
    ) {
        let query = QueryId { ltime: response.ltime, id: response.id };
        let Some(tracker) = self.asked.open.get_mut(&query) else {
            // Too late, which is nobody's fault.
            return;
        };
        let Some(name) = received_name(response.from) else {
            return cx.dropped(DropReason::Name, from, &"query response");
        };
        let is_ack = response.flags & FLAG_ACK != 0;
        let said = match is_ack {
            true if !tracker.acks => return,
            true => &mut tracker.acked,
            false => &mut tracker.replied,
        };
        if said.contains(name) {
            return;
        }
        if said.len() >= tracker.len_max {
            return cx.dropped(DropReason::Full, from, &"answers to one query");
        }
        let name: Arc<str> = name.into();
        said.insert(name.clone());
        cx.emit(if is_ack {
            Event::Ack(Ack { query, from: name })
        } else {
            Event::Reply(Reply {
                query,
                from: name,
                payload: Bytes::copy_from_slice(response.payload),
            })
        });
    }

    /// A query of ours has been open long enough.
    pub(crate) fn on_query_timeout(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        if self.asked.open.remove(&query).is_some() {
            cx.emit(Event::QueryClosed(query));
        }
    }
}

/// How long a query waits in a cluster of `live_members`: Go's `DefaultQueryTimeout`.
fn default_timeout(cx: &Cx<'_>, live_members: usize) -> Duration {
    cx.params.gossip.interval * scaled(cx.params.queries.timeout_mult, live_members)
}
