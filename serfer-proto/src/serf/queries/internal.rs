//! Queries that nodes ask each other by themselves, and what we answer.
//!
//! Their names start with `_serf_`; none of them reaches the application. Counterpart of Go's
//! `internal_query.go`.

use std::net::SocketAddr;

use crate::api::event::Query;
use crate::api::keys::query;
use crate::api::member::{Member, Status};
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::serf::Serf;
use crate::wire::message::ip_bytes;
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{MemberRecord, SerfMessage};

/// What the names of internal queries start with.
pub(crate) const PREFIX: &str = "_serf_";
/// Is acked, and that is all. The only one that an application may ask.
pub(crate) const PING: &str = "_serf_ping";
/// Where is this name? Asked by a node that meets another of its own.
pub(crate) const CONFLICT: &str = "_serf_conflict";

impl Serf {
    /// An internal query is for us. It was acked if that was wanted.
    pub(crate) fn on_internal_query(&mut self, cx: &mut Cx<'_>, from: SocketAddr, query: &Query) {
        match &*query.name {
            PING => {}
            CONFLICT => self.on_conflict_query(cx, from, query),
            query::INSTALL | query::USE | query::REMOVE | query::LIST => {
                self.on_key_query(cx, query);
            }
            name => {
                tracing::debug!(target: "serfer::queries", %from, name, "unknown internal query");
            }
        }
    }

    /// Somebody asks where a name is; unless it is ours, for then we are a party to the dispute.
    fn on_conflict_query(&mut self, cx: &mut Cx<'_>, from: SocketAddr, query: &Query) {
        let Ok(name) = std::str::from_utf8(&query.payload) else {
            return cx.dropped(DropReason::Name, from, &"conflict query");
        };
        if *name == *cx.params.name {
            return;
        }
        let mut answer = Vec::new();
        match self.member(name) {
            None => SerfMessage::ConflictResponse(None).encode(&mut answer),
            Some(member) => encode_member(member, &mut answer),
        }
        self.answer_internal(cx, query, &answer);
    }

    /// Answers an internal query. That it cannot be answered is nobody's business but a log's.
    pub(crate) fn answer_internal(&mut self, cx: &mut Cx<'_>, query: &Query, answer: &[u8]) {
        if let Err(error) = self.respond(cx, query, answer) {
            tracing::debug!(target: "serfer::queries", name = &*query.name, %error, "cannot answer an internal query");
        }
    }
}

fn encode_member(member: &Member, out: &mut Vec<u8>) {
    let (node, tags) = (&member.node, member.tags());
    let tags = tags.iter().map(|(tag, value)| (Text::from(tag), Text::from(value)));
    let tags = SeqBuf::of(tags);
    let record = MemberRecord {
        addr: &ip_bytes(node.ip),
        delegate_cur: node.versions.delegate_cur,
        delegate_max: node.versions.delegate_max,
        delegate_min: node.versions.delegate_min,
        name: Text::from(&*node.name),
        port: node.port,
        protocol_cur: node.versions.protocol_cur,
        protocol_max: node.versions.protocol_max,
        protocol_min: node.versions.protocol_min,
        status: match member.status {
            Status::Alive => 1,
            Status::Leaving => 2,
            Status::Left => 3,
            Status::Failed => 4,
        },
        tags: tags.as_seq(),
    };
    SerfMessage::ConflictResponse(Some(record)).encode(out);
}
