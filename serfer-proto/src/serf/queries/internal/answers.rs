//! How this node answers internal queries. Counterpart of Go's `internal_query.go`.

use crate::api::{Member, Query, Status};
use crate::machinery::{Cx, DropReason};
use crate::serf::Serf;
use crate::serf::queries::internal::names::{
    CONFLICT, INSTALL_KEY, LIST_KEYS, PING, REMOVE_KEY, USE_KEY,
};
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{MemberRecord, SerfMessage};

impl Serf {
    /// An internal query whose filters match this node. It was acked if that was wanted.
    pub(crate) fn on_internal_query(&mut self, cx: &mut Cx<'_>, query: &Query) {
        match &*query.name {
            PING => {}
            CONFLICT => self.on_conflict_query(cx, query),
            INSTALL_KEY | USE_KEY | REMOVE_KEY | LIST_KEYS => self.on_key_query(cx, query),
            name => {
                tracing::debug!(target: "serfer::queries", from = %cx.from, name, "unknown internal query");
            }
        }
    }

    /// Answers where the member of a name is. If it is this node's own name, this node has no vote.
    fn on_conflict_query(&mut self, cx: &mut Cx<'_>, query: &Query) {
        let Ok(name) = std::str::from_utf8(&query.payload) else {
            return cx.dropped(DropReason::Name, &"conflict query");
        };
        if *name == *cx.params.name {
            return;
        }
        let answer = match self.member(name) {
            None => SerfMessage::ConflictResponse(None).to_vec(),
            Some(member) => encode_member(member),
        };
        self.answer_internal(cx, query, &answer);
    }

    /// Answers an internal query. If this fails, only a log tells so.
    pub(crate) fn answer_internal(&mut self, cx: &mut Cx<'_>, query: &Query, answer: &[u8]) {
        let _ = self.respond(cx, query, answer);
    }
}

fn encode_member(member: &Member) -> Vec<u8> {
    let (node, tags) = (&member.node, member.tags());
    let tags = SeqBuf::of(tags.iter().map(|(tag, value)| (Text::from(tag), Text::from(value))));
    let record = MemberRecord {
        addr: node.ip_bytes(),
        delegate_cur: node.versions().delegate_cur,
        delegate_max: node.versions().delegate_max,
        delegate_min: node.versions().delegate_min,
        name: node.name_text(),
        port: node.port(),
        protocol_cur: node.versions().protocol_cur,
        protocol_max: node.versions().protocol_max,
        protocol_min: node.versions().protocol_min,
        status: match member.status {
            Status::Alive => 1,
            Status::Leaving => 2,
            Status::Left => 3,
            Status::Failed => 4,
        },
        tags: tags.as_seq(),
    };
    SerfMessage::ConflictResponse(Some(record)).to_vec()
}
