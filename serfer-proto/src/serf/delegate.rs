//! What memberlist asks of serf, and where serf's messages go.
//!
//! This file stands on top of serf: no other names it. The other delegate traits are implemented
//! where they belong: changes of members in [`lifecycle`](crate::serf::members::lifecycle), our own
//! leave in [`leave`](crate::serf::members::leave), nodes to look for in
//! [`missing`](crate::serf::snapshot::missing), coordinates in
//! [`ping_delegate`](crate::serf::coordinates::ping_delegate), push/pulls in
//! [`push_pull`](crate::serf::push_pull).

use std::net::SocketAddr;

use crate::api::{Conflict, Event, JoinDone, Node};
use crate::config::NameConflicts;
use crate::machinery::{Cx, DropReason};
use crate::memberlist::gossip::packing::Lane;
use crate::memberlist::gossip::transmit::transmit_limit;
use crate::memberlist::{Delegate, LeaveDelegate};
use crate::serf::Serf;
use crate::serf::broadcasts::Class;
use crate::serf::keys::redact::redacted;
use crate::wire::serf_message::SerfMessage;

impl Delegate for Serf {
    fn lanes(&mut self, cx: &Cx<'_>) -> [Lane<'_>; 3] {
        self.broadcasts.lanes(transmit_limit(&cx.params.gossip, self.members.len()))
    }

    fn on_sent(&mut self, cx: &mut Cx<'_>, to: SocketAddr) {
        if self.broadcasts.intents().take_own_leave_sent() {
            self.on_own_leave_sent(cx, to);
        }
        if self.broadcasts.intents().take_own_leave_done() {
            self.on_leave_intent_sent(cx);
        }
    }

    fn has_broadcasts(&self) -> bool {
        self.broadcasts.total_len() > 0
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, message: &[u8]) {
        let decoded = match SerfMessage::decode(message) {
            Ok(decoded) => decoded,
            Err(error) => return cx.dropped(error.into(), &error),
        };
        tracing::trace!(target: "serfer::wire", from = %cx.from, message = ?redacted(decoded), "received");
        let (class, is_news) = match decoded {
            SerfMessage::Leave(leave) => (Class::Intent, self.on_leave_intent(cx, &leave)),
            SerfMessage::Join(join) => (Class::Intent, self.on_join_intent(cx, &join)),
            SerfMessage::UserEvent(event) => (Class::Event, self.on_user_event(cx, &event)),
            SerfMessage::Query(query) => (Class::Query, self.on_query(cx, &query)),
            SerfMessage::QueryResponse(it) => return self.on_query_response(cx, &it),
            SerfMessage::Relay(to, message) => return self.on_relay(cx, &to, message),
            SerfMessage::PushPull(_)
            | SerfMessage::ConflictResponse(_)
            | SerfMessage::KeyRequest(_)
            | SerfMessage::KeyResponse(_) => {
                return cx.dropped(DropReason::UnknownType, &"not a message by itself");
            }
        };
        if is_news {
            self.queue(cx, class, message);
        }
    }

    /// Serf remembers members for longer than memberlist does.
    fn has_room_for(&self, cx: &Cx<'_>, name: &str) -> bool {
        self.members.len() < cx.params.limits.members || self.members.find(name).is_some()
    }

    fn on_conflict(&mut self, cx: &mut Cx<'_>, existing: &Node, other: SocketAddr) {
        let Some(existing) = self.member(existing.name()).cloned() else {
            return;
        };
        let (name, addr) = (existing.name(), existing.addr());
        let is_ours = *name == *cx.params.name;
        if !is_ours {
            self.name_disputes.note_claim(name, other);
            self.send_held(cx, |query| *query.from == *name);
        }
        cx.stats.name_conflicts += 1;
        let news = self.name_disputes.told.is_news(cx.now, name);
        // Whether there is another node of our name is not known yet.
        let is_sure = !is_ours || cx.params.name_conflicts == NameConflicts::Report;
        match news.filter(|_| is_sure) {
            Some(count) => {
                tracing::warn!(target: "serfer::members", name, %addr, %other, count, "name conflict: two nodes have this name; give each its own");
            }
            None => {
                tracing::debug!(target: "serfer::members", name, %addr, %other, "name conflict");
            }
        }
        if news.is_some() {
            cx.emit(Event::Conflict(Conflict { existing, other }));
        }
    }

    fn on_namesake(&mut self, cx: &mut Cx<'_>, other: SocketAddr) {
        self.start_vote(cx, other);
    }

    fn on_join_done(&mut self, cx: &mut Cx<'_>, done: JoinDone) {
        if !done.reached.is_empty() && self.is_alive() {
            self.broadcast_join(cx);
        }
        cx.emit(Event::JoinDone(done));
    }
}
