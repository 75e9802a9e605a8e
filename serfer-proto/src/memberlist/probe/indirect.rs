//! Indirect probes: others ping a member that did not answer us, and we ping for others.
//!
//! A helper that cannot reach the member either says so with a nack, which tells us that the fault is
//! not ours (SWIM §4.1, Lifeguard §IV-A). Counterpart of Go's `handleIndirectPing`.

use std::net::SocketAddr;
use std::time::Duration;

use crate::api::{Member, Node, Status};
use crate::config::Probe as ProbeSettings;
use crate::machinery::{Cx, DropReason, Timer};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::probe::ping::PingSource;
use crate::memberlist::probe::prober::RelayedPing;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Ack, IndirectPing, Message, Nack, ip_from_bytes};

/// Helpers that announce this protocol send nacks.
const NACK_SINCE: u8 = 4;

/// Nodes that announce this protocol answer pings over streams.
const STREAM_PING_SINCE: u8 = 3;

impl<D: Delegate> Memberlist<D> {
    /// There was no ack in time: asks helpers, and tries a stream.
    pub(crate) fn on_probe_indirect(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(round) = &self.prober.round else {
            return;
        };
        let (target, seq, deadline) = (round.target, round.seq, round.deadline);
        let Some(node) = self.members.get(target).map(|member| member.node.clone()) else {
            return;
        };
        let mut helpers = std::mem::take(&mut self.picked);
        let count = cx.params.probe.indirect_checks;
        self.members.pick(cx.rng, count, SwimState::Alive, Some(target), &mut helpers);
        let (me, target) = (PingSource::of(cx), node.ip_bytes());
        let mut nacks_expected = 0;
        for &helper in &helpers {
            let helper = self.members[helper].node.clone();
            let nack = helper.versions().protocol_max >= NACK_SINCE;
            nacks_expected += u32::from(nack);
            let ping = me.ping(seq, node.name_text());
            let ping = PingSource::indirect_ping(ping, nack, target, node.port());
            self.send(cx, up, helper.addr(), &Message::IndirectPing(ping));
        }
        self.picked = helpers;
        if let Some(round) = &mut self.prober.round {
            round.nacks_expected = nacks_expected;
        }
        if node.versions().protocol_max >= STREAM_PING_SINCE && may_ping_by_stream(cx, &node) {
            self.dial_ping(cx, &node, seq, deadline);
        }
    }

    /// Another node asks us to ping a third.
    pub(crate) fn on_indirect_ping(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        ping: &IndirectPing<'_>,
    ) {
        let Some(ip) = ip_from_bytes(ping.target) else {
            return cx.dropped(DropReason::Address, &"target of indirect ping");
        };
        if self.prober.relayed.len() >= cx.params.limits.relayed_pings {
            return cx.dropped(DropReason::Full, &"too many relayed pings");
        }
        let port = cx.params.port(ping.port);
        let seq = self.prober.next_seq();
        let relayed = RelayedPing {
            answer_to: self.answer_to(cx.from, ping.source_addr, ping.source_port),
            seq: ping.seq,
            wants_nack: ping.nack,
        };
        self.prober.relayed.insert(seq, relayed);
        let settings = &cx.params.probe;
        let wait = if ping.nack { nack_after(settings) } else { settings.timeout };
        cx.timers.set(Timer::Relay(seq), cx.now + wait);
        let me = PingSource::of(cx);
        let relay = Message::Ping(me.ping(seq, ping.node));
        self.send(cx, up, SocketAddr::new(ip.to_canonical(), port), &relay);
    }

    /// The node that we pinged for another has answered, if this number is of such a ping.
    pub(crate) fn on_relayed_ack(&mut self, cx: &mut Cx<'_>, up: &mut D, seq: u32) {
        if let Some(relayed) = self.prober.relayed.remove(&seq) {
            cx.timers.clear(Timer::Relay(seq));
            let ack = Ack { payload: &[], seq: relayed.seq };
            self.send(cx, up, relayed.answer_to, &Message::Ack(ack));
        }
    }

    /// The node that we pinged for another has not answered. Its ack may still come, for a while.
    pub(crate) fn on_relay_timeout(&mut self, cx: &mut Cx<'_>, up: &mut D, seq: u32) {
        let Some(relayed) = self.prober.relayed.get_mut(&seq) else {
            return;
        };
        if !std::mem::take(&mut relayed.wants_nack) {
            self.prober.relayed.remove(&seq);
            return;
        }
        let (answer_to, nack) = (relayed.answer_to, Nack { seq: relayed.seq });
        let settings = &cx.params.probe;
        cx.timers.set(Timer::Relay(seq), cx.now + (settings.timeout - nack_after(settings)));
        self.send(cx, up, answer_to, &Message::Nack(nack));
    }
}

/// When a helper sends its nack: at four fifths of the probe timeout (Lifeguard §IV-A), or of what is
/// left of the interval of the node that asks, if that is less.
///
/// Unlike Go, which waits for all of the timeout. With its LAN and WAN presets the round of the node
/// that asked is over by then, so each nack was missing and counted against that node.
fn nack_after(settings: &ProbeSettings) -> Duration {
    settings.timeout.min(settings.interval.saturating_sub(settings.timeout)) * 4 / 5
}

fn may_ping_by_stream(cx: &Cx<'_>, node: &Node) -> bool {
    let may = cx.params.callbacks.ping_by_stream.as_deref();
    let member = || Member { node: node.clone(), status: Status::Alive };
    cx.params.probe.stream_fallback && may.is_none_or(|may| may(&member()))
}
