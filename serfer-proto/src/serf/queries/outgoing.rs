//! The queries that this node sends.
//!
//! A query spreads by gossip and stays open until all expected members have answered or its time is up.
//! Counterpart of `Query` in Go's `serf.go`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::api::{QueryError, QueryId};
use crate::machinery::{Cx, Key, Timer};
use crate::memberlist::gossip::transmit::scaled;
use crate::serf::Serf;
use crate::serf::broadcasts::{Class, USER_MESSAGE};
use crate::serf::queries::ask_again::AskAgain;
use crate::serf::queries::filter;
use crate::serf::queries::internal::names;
use crate::serf::queries::open_queries::{Asker, OpenQuery};
use crate::serf::queries::params::{QueryParams, TIMEOUT_MAX};
use crate::serf::queries::pending_responders::{Expected, PendingResponders};
use crate::wire::message::ip_bytes;
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{self, FLAG_ACK, FLAG_NO_BROADCAST, SerfMessage};

impl Serf {
    /// Sends a query of the application.
    pub(crate) fn query(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
    ) -> Result<QueryId, QueryError> {
        if name.starts_with(names::PREFIX) && name != names::PING {
            let (name, prefix) = (name.to_owned(), names::PREFIX);
            return Err(QueryError::ReservedName { name, prefix });
        }
        self.check_room(cx.params, Class::Query).map_err(|(waiting, max)| {
            cx.stats.sends_refused += 1;
            QueryError::QueueFull { waiting, max }
        })?;
        self.send_query(cx, name, payload, params, Asker::Application)
    }

    /// Sends a query of the application or an internal one.
    pub(crate) fn send_query(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        params: &QueryParams,
        asker: Asker,
    ) -> Result<QueryId, QueryError> {
        self.check_query(cx)?;
        let tags = params.tags.iter().map(|(tag, expr)| (&**tag, &**expr));
        self.filters.check(tags.clone(), cx.params.limits.filter_steps)?;
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
        let max = cx.params.queries.len_max.min(cx.link.queued_len_max() - USER_MESSAGE.len());
        let message = SerfMessage::Query(query).encode_within(max);
        let message = message.map_err(|len| QueryError::TooLarge { len, max })?;
        let id = QueryId { ltime: query.ltime, id: query.id };
        let acks_suffice = name == names::PING;
        let pending = self.pending_responders(cx, params, acks_suffice);
        let (wants_acks, early_end) = (params.ack, params.early_end);
        let again = self.ask_again_later(cx, id, &query, timeout);
        self.open_queries.open(id, OpenQuery { asker, pending, wants_acks, early_end, again });
        cx.timers.set(Timer::Query(id), cx.now + timeout);
        cx.as_ourselves(|cx| self.on_query(cx, &query));
        self.queue_own(cx, Class::Query, &message);
        self.close_if_complete(cx, id);
        Ok(id)
    }

    /// Sets the timer for [asking again](super::ask_again), at each quarter of the timeout. Of one that is
    /// longer than by default, the default counts.
    fn ask_again_later(
        &self,
        cx: &mut Cx<'_>,
        id: QueryId,
        query: &serf_message::Query<'_>,
        timeout: Duration,
    ) -> Option<AskAgain> {
        let rounds = cx.params.queries.ask_again;
        if rounds == 0 || self.live_others(cx) == 0 {
            return None;
        }
        let interval = timeout.min(self.default_timeout(cx)) / 4;
        let direct = serf_message::Query { flags: query.flags | FLAG_NO_BROADCAST, ..*query };
        let message = SerfMessage::Query(direct).to_vec();
        cx.timers.set(Timer::QueryAgain(id), cx.now + interval);
        Some(AskAgain { message, rounds, interval, place: 0 })
    }

    fn check_query(&self, cx: &Cx<'_>) -> Result<(), QueryError> {
        let protocol = cx.params.versions.delegate_cur;
        let open = self.open_queries.len();
        if !self.is_alive() {
            Err(QueryError::Left)
        } else if protocol < 4 {
            Err(QueryError::Protocol { protocol })
        } else if open >= cx.params.limits.open_queries {
            Err(QueryError::TooMany { open })
        } else {
            Ok(())
        }
    }

    /// How long a query waits. Go: `DefaultQueryTimeout`.
    fn default_timeout(&self, cx: &Cx<'_>) -> Duration {
        cx.params.gossip.interval * scaled(cx.params.queries.timeout_mult, self.live_members())
    }

    /// The live members that match. Each member is looked at only if there is a filter for tags.
    fn pending_responders(
        &mut self,
        cx: &Cx<'_>,
        params: &QueryParams,
        acks_suffice: bool,
    ) -> PendingResponders {
        if params.nodes.is_empty() && params.tags.is_empty() {
            let all = self.open_queries.liveness.all_live();
            return PendingResponders::new(all, self.live_members(), acks_suffice);
        }
        let is_live = |key: &Key| self.is_live(*key);
        let named = params.nodes.iter().filter_map(|name| self.members.find(name));
        let mut selected: BTreeSet<Key> = match params.nodes.is_empty() {
            true => self.members.iter().map(|(key, _)| key).filter(is_live).collect(),
            false => named.filter(is_live).collect(),
        };
        for (tag, expr) in &params.tags {
            let mut matches = self.filters.matcher(expr);
            selected.retain(|key| {
                let member = &self.members[*key].member;
                match *member.name() == *cx.params.name {
                    true => matches(self.tags.get(tag).unwrap_or_default()),
                    false => matches(member.tags().get(tag).unwrap_or_default()),
                }
            });
        }
        let count = selected.len();
        PendingResponders::new(Expected::Selected(selected), count, acks_suffice)
    }
}
