//! Answers that also go through others, in case the straight way is blocked.
//!
//! Whoever answers a query that asks for it picks some members at random and has each pass the answer
//! on; the one who asked takes what comes first. Counterpart of `relayResponse` in Go's `query.go` and
//! of the relays in `NotifyMsg` of `delegate.go`.
//!
//! Unlike Go, where a relay is a way to have any bytes sent to any address: we pass on nothing but
//! answers to queries, to nobody but members, and so many in a second.

use std::net::SocketAddr;

use crate::api::event::Query;
use crate::api::member::{Member, Status};
use crate::config::ANSWER_LEN_MAX;
use crate::machinery::context::Cx;
use crate::machinery::link::Checksum;
use crate::machinery::stats::DropReason;
use crate::serf::{Serf, USER_MESSAGE};
use crate::wire::message::{ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;
use crate::wire::serf_message::{RelayHeader, SerfMessage, UdpAddr};

/// The first memberlist protocol whose nodes know relays.
const PROTOCOL_MIN: u8 = 5;

impl Serf {
    /// Sends an answer, which has gone straight `to` the one who asked, through others as well.
    ///
    /// Unlike Go, it never goes through the one who asked, for that is no other way; and if it gets
    /// too long for a relay, that is no failure, since it was sent.
    pub(crate) fn relay(&self, cx: &mut Cx<'_>, query: &Query, to: SocketAddr, response: &[u8]) {
        let count = query.relay_factor.min(cx.params.limits.relay_factor);
        if count == 0 {
            return;
        }
        let addr = ip_bytes(to.ip());
        let dest_addr = UdpAddr { ip: &addr, port: to.port().into(), zone: Text(b"") };
        let header = RelayHeader { dest_addr, dest_name: Text(query.from.as_bytes()) };
        let mut message = Vec::with_capacity(96 + response.len());
        SerfMessage::Relay(header, response).encode(&mut message);
        if message.len() > cx.params.queries.response_len_max {
            tracing::debug!(target: "serfer::queries", len = message.len(), "answer too long to be relayed");
            return;
        }
        for helper in self.relay_helpers(cx, usize::from(count), to) {
            cx.send(helper, Checksum::Omit, |out| {
                out.extend_from_slice(USER_MESSAGE);
                out.extend_from_slice(&message);
            });
        }
    }

    /// Up to `count` members that can relay something for `asker`: drawn a few times, however many
    /// there are, so where most are gone some may not be found.
    fn relay_helpers(&self, cx: &mut Cx<'_>, count: usize, asker: SocketAddr) -> Vec<SocketAddr> {
        let mut drawn = Vec::new();
        cx.rng.pick(16 + 4 * count, self.members.places(), &mut drawn);
        let can_help = |member: &&Member| {
            member.status() == Status::Alive
                && member.versions().protocol_max >= PROTOCOL_MIN
                && *member.name() != *cx.params.name
                && member.addr() != asker
        };
        let drawn = drawn.into_iter().filter_map(|place| self.members.at(place));
        let helpers = drawn.map(|entry| &entry.member).filter(can_help);
        helpers.map(Member::addr).take(count).collect()
    }

    /// Somebody asks us to pass something on.
    pub(crate) fn on_relay(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        header: &RelayHeader<'_>,
        message: &[u8],
    ) {
        let Ok(SerfMessage::QueryResponse(response)) = SerfMessage::decode(message) else {
            return cx.dropped(DropReason::UnknownType, from, &"relay of something else");
        };
        let to = relay_target(header);
        let Some(to) = to.filter(|to| self.members.find_addr(*to).is_some()) else {
            return cx.dropped(DropReason::StrangeAnswerAddress, from, &"relay");
        };
        if to == cx.params.advertise {
            return self.on_query_response(cx, from, &response);
        }
        if message.len() > ANSWER_LEN_MAX {
            return cx.dropped(DropReason::Oversized, from, &"relay");
        }
        if self.relayed.left(cx.now, cx.params.limits.relayed_answers) == 0 {
            return cx.dropped(DropReason::TooOften, from, &"relay");
        }
        self.relayed.add(1);
        cx.send(to, Checksum::Omit, |out| {
            out.extend_from_slice(USER_MESSAGE);
            out.extend_from_slice(message);
        });
    }
}

fn relay_target(header: &RelayHeader<'_>) -> Option<SocketAddr> {
    let ip = ip_from_bytes(header.dest_addr.ip)?.to_canonical();
    let port = u16::try_from(header.dest_addr.port).ok()?;
    Some(SocketAddr::new(ip, port))
}
