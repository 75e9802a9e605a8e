//! Our own queries, and what comes back.
//!
//! A query stays open until everybody has answered or its time is up, see
//! [`awaited`](crate::serf::queries::pending). Whoever asked, be it the application or serf itself, is its
//! [`Asker`] and gets the answers. Counterpart of `Query` and `handleQueryResponse` in Go's
//! `serf.go` and of `QueryResponse` in `query.go`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::api::error::QueryError;
use crate::api::event::{Ack, Event, QueryClosed, QueryEnd, Reply};
use crate::api::ids::QueryId;
use crate::api::member::received_name;
use crate::api::tags::Tags;
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::machinery::table::Key;
use crate::machinery::timers::Timer;
use crate::memberlist::gossip::broadcast::{Kind, scaled};
use crate::serf::keys::changes::Collected;
use crate::serf::queries::filter::Steps;
use crate::serf::queries::name_conflict::Vote;
use crate::serf::queries::params::{Patience, QueryParams};
use crate::serf::queries::pending::{Awaited, Counts, Moves};
use crate::serf::queries::{filter, internal};
use crate::serf::{Class, Serf, TIMEOUT_MAX, USER_MESSAGE};
use crate::wire::message::ip_bytes;
use crate::wire::msgpack::{Text, raw_len};
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message;
use crate::wire::serf_message::{FLAG_ACK, QueryResponse, SerfMessage};

/// Our own open queries.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    open: BTreeMap<QueryId, Tracker>,
    moves: Moves,
}

/// One open query of ours.
#[derive(Debug)]
pub(crate) struct Tracker {
    pub(crate) asker: Asker,
    pub(crate) awaited: Awaited,
    acks: bool,
    patience: Patience,
}

/// Who wants to know, and gets the answers.
#[derive(Debug)]
pub(crate) enum Asker {
    /// The application: it is told of all that comes.
    Application,
    /// The vote about our name.
    Conflict(Vote),
    /// A change of, or a look at, everybody's keys. What was said so far is kept in here.
    Keys(Collected),
}

impl Asked {
    pub(crate) fn is_open(&self, query: QueryId) -> bool {
        self.open.contains_key(&query)
    }

    /// Whether everybody's keys are being changed.
    pub(crate) fn is_changing_keys(&self) -> bool {
        let changes = |tracker: &Tracker| match &tracker.asker {
            Asker::Keys(collected) => collected.op.key().is_some(),
            Asker::Application | Asker::Conflict(_) => false,
        };
        self.open.values().any(changes)
    }

    /// Whether the vote about our name is going on.
    pub(crate) fn is_voting(&self) -> bool {
        self.open.values().any(|it| matches!(it.asker, Asker::Conflict(_)))
    }
}

impl Serf {
    /// Asks for the application.
    pub(crate) fn query(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
    ) -> Result<QueryId, QueryError> {
        if name.starts_with(internal::PREFIX) && name != internal::PING {
            let (name, prefix) = (name.to_owned(), internal::PREFIX);
            return Err(QueryError::ReservedName { name, prefix });
        }
        self.ask(cx, name, payload, params, Asker::Application)
    }

    /// Asks, for whomever.
    pub(crate) fn ask(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
        asker: Asker,
    ) -> Result<QueryId, QueryError> {
        self.check_query(cx)?;
        let tags = params.tags.iter().map(|(tag, expr)| (&**tag, &**expr));
        self.exprs.check(tags.clone(), cx.params.limits.filter_steps)?;
        let filters = filter::encode(&params.nodes, tags);
        let filters = SeqBuf::of(filters.iter().map(|filter| &**filter));
        let timeout = params.timeout.unwrap_or_else(|| self.default_timeout(cx)).min(TIMEOUT_MAX);
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
            relay_factor: params.relay_factor.min(cx.params.limits.relay_factor),
            source_node: Text(cx.params.name.as_bytes()),
            timeout: timeout.as_nanos() as i64,
        };
        let message = encode_query(cx, &query)?;
        let id = QueryId { ltime: query.ltime, id: query.id };
        let counts = if name == internal::PING { Counts::Acks } else { Counts::Replies };
        let awaited = self.awaited(cx, params, counts);
        let (acks, patience) = (params.ack, params.patience);
        self.asked.open.insert(id, Tracker { asker, awaited, acks, patience });
        cx.timers.set(Timer::Query(id), cx.now + timeout);
        let ourselves = cx.params.advertise;
        self.on_query(cx, ourselves, &query);
        self.queue(cx, Class::Query, &message, Kind::Plain);
        self.end_if_complete(cx, id);
        Ok(id)
    }

    fn check_query(&self, cx: &Cx<'_>) -> Result<(), QueryError> {
        let protocol = cx.params.versions.delegate_cur;
        let open = self.asked.open.len();
        if !self.phase.is_alive() {
            Err(QueryError::Left)
        } else if protocol < 4 {
            Err(QueryError::Protocol { protocol })
        } else if open >= cx.params.limits.open_queries {
            Err(QueryError::TooMany { open })
        } else {
            Ok(())
        }
    }

    /// How long a query waits: Go's `DefaultQueryTimeout`.
    fn default_timeout(&self, cx: &Cx<'_>) -> Duration {
        cx.params.gossip.interval * scaled(cx.params.queries.timeout_mult, self.live_members())
    }

    /// The live members that match. It takes a look at each only if tags are asked for.
    fn awaited(&mut self, cx: &Cx<'_>, params: &QueryParams, counts: Counts) -> Awaited {
        if params.nodes.is_empty() && params.tags.is_empty() {
            return Awaited::everybody(self.live_members(), &self.asked.moves, counts);
        }
        let is_live = |key: &Key| self.is_live(*key);
        let named = params.nodes.iter().filter_map(|name| self.members.find(name));
        let mut these: Vec<Key> = match params.nodes.is_empty() {
            true => self.members.iter().map(|(key, _)| key).filter(is_live).collect(),
            false => named.filter(is_live).collect(),
        };
        for (tag, expr) in &params.tags {
            self.retain_matching(cx, &mut these, tag, expr);
        }
        Awaited::these(these.into_iter().collect(), counts)
    }

    fn retain_matching(&mut self, cx: &Cx<'_>, members: &mut Vec<Key>, tag: &str, expr: &str) {
        let mut expr = self.exprs.compiled(expr, &mut Steps::unlimited());
        let mut matches =
            |tags: &Tags| expr.as_mut().is_ok_and(|it| it.is_match(tags.get(tag).unwrap_or("")));
        members.retain(|key| {
            let member = &self.members[*key].member;
            match *member.name() == *cx.params.name {
                true => matches(&self.tags),
                false => matches(&member.tags()),
            }
        });
    }

    /// An ack of, or an answer to, a query of ours.
    pub(crate) fn on_query_response(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        response: &QueryResponse<'_>,
    ) {
        let id = QueryId { ltime: response.ltime, id: response.id };
        if !self.asked.is_open(id) {
            // Too late, which is nobody's fault.
            return;
        }
        let Some(name) = received_name(response.from) else {
            return cx.dropped(DropReason::Name, from, &"query response");
        };
        // Unlike Go, where anybody's answer takes the place of a member's.
        let Some(key) = self.members.find(name) else {
            return cx.dropped(DropReason::Stranger, from, &"query response");
        };
        let is_live = self.is_live(key);
        let Asked { open, moves } = &mut self.asked;
        let Some(tracker) = open.get_mut(&id) else {
            return;
        };
        let is_ack = response.flags & FLAG_ACK != 0;
        let is_news = match is_ack {
            true => tracker.acks && tracker.awaited.on_ack(key, is_live, moves),
            false => tracker.awaited.on_reply(key, is_live, moves),
        };
        if !is_news {
            return;
        }
        match &mut tracker.asker {
            Asker::Application => cx.emit(application_event(id, name, response)),
            Asker::Keys(collected) => collected.add(name, response.payload),
            Asker::Conflict(vote) => vote.count(cx.params.advertise, response.payload),
        }
        self.end_if_complete(cx, id);
        self.settle(cx, id);
    }

    /// A query of ours has been open long enough.
    pub(crate) fn on_query_timeout(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        self.close_query(cx, query, QueryEnd::TimedOut);
    }

    /// Everybody has at least acked, and nothing more has come for long enough.
    pub(crate) fn on_query_settled(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        self.close_query(cx, query, QueryEnd::Settled);
    }

    /// A member is here that was not, or not any more.
    pub(crate) fn on_member_here(&mut self, member: Key) {
        if !self.asked.open.is_empty() {
            self.asked.moves.note(member);
        }
    }

    /// A member that was here is gone: nobody waits for it any more.
    pub(crate) fn on_member_gone(&mut self, cx: &mut Cx<'_>, member: Key) {
        let Asked { open, moves } = &mut self.asked;
        if open.is_empty() {
            return;
        }
        open.values_mut().for_each(|tracker| tracker.awaited.on_gone(member, moves));
        moves.note(member);
        let ids: Vec<QueryId> = open.keys().copied().collect();
        for id in ids {
            self.end_if_complete(cx, id);
            if !cx.timers.is_set(Timer::QuerySettle(id)) {
                self.settle(cx, id);
            }
        }
    }

    /// A member is forgotten.
    pub(crate) fn on_member_forgotten(&mut self, member: Key) {
        self.asked.moves.forget(member);
    }

    /// Unlike Go, which waits until the time is up however soon everybody has answered (hs#509,
    /// hs#398).
    fn end_if_complete(&mut self, cx: &mut Cx<'_>, query: QueryId) {
        let tracker = self.asked.open.get(&query);
        let ends = |it: &Tracker| it.patience != Patience::Timeout && it.awaited.is_complete();
        if tracker.is_some_and(ends) {
            self.close_query(cx, query, QueryEnd::Complete);
        }
    }

    /// Something has come: begins to wait for quiet once everybody was heard of.
    fn settle(&self, cx: &mut Cx<'_>, query: QueryId) {
        if let Some(tracker) = self.asked.open.get(&query)
            && let Patience::Settle(quiet) = tracker.patience
            && tracker.awaited.is_heard()
        {
            cx.timers.set(Timer::QuerySettle(query), cx.now + quiet.min(TIMEOUT_MAX));
        }
    }

    /// Ends a query and tells whoever asked.
    fn close_query(&mut self, cx: &mut Cx<'_>, query: QueryId, end: QueryEnd) {
        let Some(tracker) = self.asked.open.remove(&query) else {
            return;
        };
        if self.asked.open.is_empty() {
            self.asked.moves.clear();
        }
        cx.timers.clear(Timer::Query(query));
        cx.timers.clear(Timer::QuerySettle(query));
        match tracker.asker {
            Asker::Application => cx.emit(Event::QueryClosed(QueryClosed { query, end })),
            Asker::Keys(collected) => self.on_keys_answered(cx, query, collected),
            Asker::Conflict(vote) => vote.close(cx),
        }
    }
}

fn encode_query(cx: &Cx<'_>, query: &serf_message::Query<'_>) -> Result<Vec<u8>, QueryError> {
    let max = cx.params.queries.len_max.min(cx.link.queued_len_max() - USER_MESSAGE.len());
    let mut message = Vec::with_capacity(128 + query.name.0.len() + query.payload.len().min(max));
    // What is too long already need not be copied to find that out.
    SerfMessage::Query(serf_message::Query { payload: &[], ..*query }).encode(&mut message);
    let len = message.len() - raw_len(0) + raw_len(query.payload.len());
    if len > max {
        return Err(QueryError::TooLarge { len, max });
    }
    message.clear();
    SerfMessage::Query(*query).encode(&mut message);
    Ok(message)
}

fn application_event(query: QueryId, from: &str, response: &QueryResponse<'_>) -> Event {
    let from: Arc<str> = from.into();
    if response.flags & FLAG_ACK != 0 {
        Event::Ack(Ack { query, from })
    } else {
        Event::Reply(Reply { query, from, payload: Bytes::copy_from_slice(response.payload) })
    }
}
