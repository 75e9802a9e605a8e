//! Relayed responses: a second way for a response, in case the direct one is blocked.
//!
//! A node that answers a query with a relay factor picks some members at random, and each of them passes
//! the response on. The sender of the query takes the first copy. Counterpart of `relayResponse` in Go's
//! `query.go` and of the relays in `NotifyMsg` of `delegate.go`.
//!
//! Unlike Go, where a relay sends any bytes to any address: this node passes on responses only, to
//! members only, and only so many per second.

use std::net::SocketAddr;

use crate::api::{Member, Query, Status};
use crate::config::ANSWER_LEN_MAX;
use crate::machinery::{Cx, DropReason};
use crate::serf::Serf;
use crate::serf::queries::incoming::send_direct;
use crate::wire::message::{ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{RelayHeader, SerfMessage, UdpAddr};

/// The first memberlist protocol version with relays.
const PROTOCOL_MIN: u8 = 5;

impl Serf {
    /// Sends a response through other members. It has been sent directly `to` its receiver.
    ///
    /// Unlike Go, it never goes through the receiver, which would be no other way. If it gets too long
    /// for a relay, this is no error, since it was sent.
    pub(crate) fn relay_response(
        &self,
        cx: &mut Cx<'_>,
        query: &Query,
        to: SocketAddr,
        response: &[u8],
    ) {
        let count = query.relay_factor.min(cx.params.limits.relay_factor);
        if count == 0 {
            return;
        }
        let Some(message) = relay_message(cx, query, to, response) else {
            return;
        };
        for relay in self.pick_relays(cx, usize::from(count), to) {
            send_direct(cx, relay, &message);
        }
    }

    /// Sends a response through the member that passed the query on, because its sender is unknown to us.
    pub(crate) fn relay_through_sender(&self, cx: &mut Cx<'_>, query: &Query, response: &[u8]) {
        let is_member = self.members.any_at(query.via, |state| can_relay(&state.member));
        if let Some(to) = query.addr.filter(|_| is_member && query.via != cx.params.advertise)
            && let Some(message) = relay_message(cx, query, to, response)
        {
            send_direct(cx, query.via, &message);
        }
    }

    /// Picks up to `count` members that can relay a response to `receiver`. It draws a fixed number of
    /// times, however many members there are, so it can find fewer if most members are gone.
    fn pick_relays(&self, cx: &mut Cx<'_>, count: usize, receiver: SocketAddr) -> Vec<SocketAddr> {
        let mut drawn = Vec::new();
        cx.rng.pick(16 + 4 * count, self.members.places(), &mut drawn);
        let can_relay = |member: &&Member| {
            can_relay(member) && *member.name() != *cx.params.name && member.addr() != receiver
        };
        let drawn = drawn.into_iter().filter_map(|place| self.members.at(place));
        let relays = drawn.map(|entry| &entry.member).filter(can_relay);
        relays.map(Member::addr).take(count).collect()
    }

    /// Another node wants a response passed on.
    pub(crate) fn on_relay(&mut self, cx: &mut Cx<'_>, header: &RelayHeader<'_>, message: &[u8]) {
        let Ok(SerfMessage::QueryResponse(response)) = SerfMessage::decode(message) else {
            return cx.dropped(DropReason::UnknownType, &"relay of something else");
        };
        let to = relay_target(header);
        let Some(to) = to.filter(|to| self.members.find_addr(*to).is_some()) else {
            return cx.dropped(DropReason::StrangeAnswerAddress, &"relay");
        };
        if to == cx.params.advertise {
            return self.on_query_response(cx, &response);
        }
        if message.len() > ANSWER_LEN_MAX {
            return cx.dropped(DropReason::Oversized, &"relay");
        }
        if self.relayed.left(cx.now, cx.params.limits.relayed_answers) == 0 {
            return cx.dropped(DropReason::TooOften, &"relay");
        }
        self.relayed.add(1);
        send_direct(cx, to, message);
    }
}

fn can_relay(member: &Member) -> bool {
    member.status() == Status::Alive && member.versions().protocol_max >= PROTOCOL_MIN
}

/// A response that another member is to pass on, if it is short enough.
fn relay_message(cx: &Cx<'_>, query: &Query, to: SocketAddr, response: &[u8]) -> Option<Vec<u8>> {
    let addr = ip_bytes(to.ip());
    let dest_addr = UdpAddr { ip: &addr, port: to.port().into(), zone: Text(b"") };
    let header = RelayHeader { dest_addr, dest_name: Text(query.from.as_bytes()) };
    let message = SerfMessage::Relay(header, response).to_vec();
    let fits = message.len() <= cx.params.queries.response_len_max;
    if !fits {
        tracing::debug!(target: "serfer::queries", len = message.len(), "answer too long to be relayed");
    }
    fits.then_some(message)
}

fn relay_target(header: &RelayHeader<'_>) -> Option<SocketAddr> {
    let ip = ip_from_bytes(header.dest_addr.ip)?.to_canonical();
    let port = u16::try_from(header.dest_addr.port).ok()?;
    Some(SocketAddr::new(ip, port))
}
