//! Is it there? One member per interval is asked, and if it does not answer, others ask for us.
//!
//! A round: ping it; after the probe timeout, ask a few others to ping it and try a stream as well;
//! at the end of the interval, stretched by our own trouble, accuse it. A helper that cannot reach
//! it either says so with a nack, which tells us that the trouble is not ours (SWIM §4.1, Lifeguard
//! §IV-A). Counterpart of Go's `probe`, `probeNode` and the ack handlers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::api::member::{Member, Node, Status};
use crate::config::Probe as Settings;
use crate::machinery::context::Cx;
use crate::machinery::rng::Rng;
use crate::machinery::stats::{DropReason, is_notable};
use crate::machinery::table::Key;
use crate::machinery::timers::Timer;
use crate::memberlist::gossip::tick::checksum_for;
use crate::memberlist::members::list::State;
use crate::memberlist::probe::isolation::Distress;
use crate::memberlist::{Delegate, Memberlist, next_tick};
use crate::wire::message::{
    Ack, IndirectPing, IpBytes, Message, Nack, Ping, Suspect, ip_bytes, ip_from_bytes,
};
use crate::wire::msgpack::Text;

/// Helpers that announce this protocol send nacks.
const NACK_SINCE: u8 = 4;
/// Nodes that announce this protocol answer pings over streams.
const STREAM_PING_SINCE: u8 = 3;

#[derive(Debug)]
pub(crate) struct Prober {
    current: Option<Probe>,
    /// A round was due while another was still going on.
    overdue: bool,
    /// Numbers pings: our own and those for others. Starts anywhere, so that nobody can guess it.
    last_seq: u32,
    distress: Distress,
    /// Pings for others, by our number.
    relayed: BTreeMap<u32, Relayed>,
    /// How often a member has answered a probe over a stream only.
    deaf: u64,
}

/// The probe going on.
#[derive(Debug)]
struct Probe {
    target: Key,
    seq: u32,
    incarnation: u32,
    sent: Instant,
    deadline: Instant,
    /// The local stack refused to send the ping.
    send_failed: bool,
    stream_acked: bool,
    nacks_expected: u32,
    nacks: u32,
}

/// A ping for another node.
#[derive(Debug)]
struct Relayed {
    answer_to: SocketAddr,
    seq: u32,
    wants_nack: bool,
}

impl Prober {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self {
            current: None,
            overdue: false,
            distress: Distress::default(),
            last_seq: rng.u32(),
            relayed: BTreeMap::new(),
            deaf: 0,
        }
    }

    pub(crate) fn next_seq(&mut self) -> u32 {
        self.last_seq = self.last_seq.wrapping_add(1);
        self.last_seq
    }

    /// A helper could not reach the member either.
    pub(crate) fn on_nack(&mut self, nack: Nack) {
        let current = self.current.as_mut();
        if let Some(probe) = current.filter(|probe| probe.seq == nack.seq) {
            probe.nacks += 1;
        }
    }

    /// The member answered over a stream.
    pub(crate) fn on_stream_ack(&mut self, seq: u32) {
        let current = self.current.as_mut();
        if let Some(probe) = current.filter(|probe| probe.seq == seq) {
            probe.stream_acked = true;
        }
    }
}

impl Memberlist {
    /// Another member is due.
    pub(crate) fn on_probe_tick<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D, due: Instant) {
        if self.members.live_others() == 0 {
            return;
        }
        let next = next_tick(due, cx.params.probe.interval, cx.now);
        cx.timers.set(Timer::Probe, next);
        if self.prober.current.is_some() {
            self.prober.overdue = true;
        } else {
            self.start_probe(cx, up);
        }
    }

    fn start_probe<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(target) = self.members.next_probe(cx.rng) else {
            return;
        };
        let seq = self.prober.next_seq();
        let peer = &self.members[target];
        let incarnation = peer.incarnation.number();
        let deadline = cx.now + self.awareness.stretch(cx.params.probe.interval);
        self.prober.current = Some(Probe {
            target,
            seq,
            incarnation,
            sent: cx.now,
            deadline,
            send_failed: false,
            stream_acked: false,
            nacks_expected: 0,
            nacks: 0,
        });
        cx.timers.set(Timer::ProbeEnd, deadline);
        cx.timers.set(Timer::ProbeIndirect, cx.now + cx.params.probe.timeout);

        let (node, state) = (peer.node.clone(), peer.state());
        let me = Source::of(cx);
        let ping = Message::Ping(me.ping(seq, Text(node.name.as_bytes())));
        if state == State::Alive {
            return self.send(cx, up, node.addr(), &ping);
        }
        // A suspect is told that it is one, so that it can deny it at once.
        let accusation = Message::Suspect(Suspect {
            from: Text(cx.params.name.as_bytes()),
            incarnation,
            node: Text(node.name.as_bytes()),
        });
        self.encoded.clear();
        accusation.encode(&mut self.encoded);
        self.packet.reset(cx.link.message_len_max());
        self.packet.push_first(|out| ping.encode(out));
        self.packet.push(&[&self.encoded]);
        let checksum = checksum_for(node.versions.protocol_max);
        self.send_packet(cx, up, node.addr(), checksum);
    }

    /// The local stack refused to send to `to`: no ack will come from there, so ask others at once.
    pub(crate) fn on_send_failed<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        to: SocketAddr,
    ) {
        let Some(probe) = &mut self.prober.current else {
            return;
        };
        let is_target = self.members.get(probe.target).is_some_and(|peer| peer.node.addr() == to);
        if is_target && cx.timers.is_set(Timer::ProbeIndirect) {
            probe.send_failed = true;
            cx.timers.clear(Timer::ProbeIndirect);
            self.on_probe_indirect(cx, up);
        }
    }

    /// There was no ack in time: ask others, and try a stream.
    pub(crate) fn on_probe_indirect<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(probe) = &self.prober.current else {
            return;
        };
        let (target, seq, deadline) = (probe.target, probe.seq, probe.deadline);
        let Some(node) = self.members.get(target).map(|peer| peer.node.clone()) else {
            return;
        };
        let mut helpers = std::mem::take(&mut self.picked);
        helpers.clear();
        let count = cx.params.probe.indirect_checks;
        self.members.pick(cx.rng, count, State::Alive, Some(target), &mut helpers);
        let mut nacks_expected = 0;
        for &helper in &helpers {
            let helper = self.members[helper].node.clone();
            let nack = helper.versions.protocol_max >= NACK_SINCE;
            nacks_expected += u32::from(nack);
            let me = Source::of(cx);
            let target = ip_bytes(node.ip);
            let ping = me.indirect_ping(seq, nack, &node.name, &target, node.port);
            self.send(cx, up, helper.addr(), &Message::IndirectPing(ping));
        }
        self.picked = helpers;
        if let Some(probe) = &mut self.prober.current {
            probe.nacks_expected = nacks_expected;
        }
        if node.versions.protocol_max >= STREAM_PING_SINCE && may_ping_by_stream(cx, &node) {
            self.dial_ping(cx, &node, seq, deadline);
        }
    }

    /// Somebody answered a ping of ours, or one that we sent for another.
    pub(crate) fn on_ack<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        ack: &Ack<'_>,
    ) {
        let current = self.prober.current.as_ref();
        if let Some(probe) = current.filter(|probe| probe.seq == ack.seq) {
            let (healthy, rtt) = (!probe.send_failed, cx.now - probe.sent);
            let peer = self.members.get(probe.target);
            // Once others have been asked, the ack may be theirs.
            if let Some(peer) = peer.filter(|_| cx.timers.is_set(Timer::ProbeIndirect)) {
                up.on_ping_done(cx, from, &peer.node.name, rtt, ack.payload);
            }
            return self.end_probe(cx, up, healthy);
        }
        if !self.claims.is_empty() && self.refuse_claim(cx, ack.seq) {
            return;
        }
        let Some(relayed) = self.prober.relayed.remove(&ack.seq) else {
            return;
        };
        cx.timers.clear(Timer::Relay(ack.seq));
        let ack = Ack { payload: &[], seq: relayed.seq };
        self.send(cx, up, relayed.answer_to, &Message::Ack(ack));
    }

    /// The member is there. `healthy` if nothing on the way says that we are not.
    fn end_probe<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D, healthy: bool) {
        cx.stats.probes_acked += 1;
        self.prober.distress.on_answered();
        let target = self.prober.current.as_ref().map(|probe| probe.target);
        if let Some(peer) = target.and_then(|target| self.members.get_mut(target)) {
            peer.missed = false;
        }
        if healthy {
            self.awareness.improve();
        }
        self.finish_probe(cx, up);
    }

    /// The interval is over without an ack.
    pub(crate) fn on_probe_end<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(probe) = &self.prober.current else {
            return;
        };
        if probe.stream_acked {
            let (target, healthy) = (probe.target, !probe.send_failed);
            self.prober.deaf += 1;
            if let Some(peer) = self.members.get(target) {
                trace_deaf(&peer.node, self.prober.deaf, cx.params.advertise);
            }
            return self.end_probe(cx, up, healthy);
        }
        cx.stats.probes_failed += 1;
        if probe.nacks == 0 {
            self.prober.distress.on_unanswered();
        } else {
            self.prober.distress.on_answered();
        }
        // Where helpers were asked, only those count against us that did not even say no.
        self.awareness.worsen(match probe.nacks_expected {
            0 => 1,
            expected => expected.saturating_sub(probe.nacks),
        });
        let (target, incarnation) = (probe.target, probe.incarnation);
        self.accuse(cx, target, incarnation);
        self.finish_probe(cx, up);
    }

    /// Accuses a member whose probe failed, unless it is more likely to be us.
    fn accuse(&mut self, cx: &mut Cx<'_>, target: Key, incarnation: u32) {
        let Some(peer) = self.members.get_mut(target) else {
            return;
        };
        let missed_before = std::mem::replace(&mut peer.missed, true);
        if incarnation < peer.incarnation.number() {
            // It has said something since.
            return;
        }
        if self.prober.distress.is_on() && !missed_before && peer.state() == State::Alive {
            cx.stats.accusations_held += 1;
            tracing::debug!(target: "serfer::swim", name = %peer.node.name, "not accusing: hardly anybody answers us");
            return;
        }
        let me = &cx.params.name;
        self.suspect(cx, target, incarnation, me);
    }

    fn finish_probe<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.prober.current = None;
        cx.timers.clear(Timer::ProbeIndirect);
        cx.timers.clear(Timer::ProbeEnd);
        if std::mem::take(&mut self.prober.overdue) {
            self.start_probe(cx, up);
        }
    }

    /// Somebody asks whether we are there.
    pub(crate) fn on_ping<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        ping: &Ping<'_>,
    ) {
        if !is_for_us(cx, ping.node) {
            return cx.dropped(DropReason::Misaddressed, from, &ping.node.to_string_lossy());
        }
        let answer_to = self.answer_to(from, ping.source_addr, ping.source_port);
        let mut payload = std::mem::take(&mut self.encoded);
        payload.clear();
        up.ack_payload(&mut payload);
        let ack = Ack { payload: &payload, seq: ping.seq };
        self.send(cx, up, answer_to, &Message::Ack(ack));
        self.encoded = payload;
    }

    /// Somebody asks us to ping another node.
    pub(crate) fn on_indirect_ping<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        ping: &IndirectPing<'_>,
    ) {
        let Some(ip) = ip_from_bytes(ping.target) else {
            return cx.dropped(DropReason::Address, from, &"target of indirect ping");
        };
        if self.prober.relayed.len() >= cx.params.limits.relayed_pings {
            return cx.dropped(DropReason::Full, from, &"too many relayed pings");
        }
        let port = cx.params.port(ping.port);
        let seq = self.prober.next_seq();
        let relayed = Relayed {
            answer_to: self.answer_to(from, ping.source_addr, ping.source_port),
            seq: ping.seq,
            wants_nack: ping.nack,
        };
        self.prober.relayed.insert(seq, relayed);
        let settings = &cx.params.probe;
        let wait = if ping.nack { nack_after(settings) } else { settings.timeout };
        cx.timers.set(Timer::Relay(seq), cx.now + wait);
        let me = Source::of(cx);
        let relay = Message::Ping(me.ping(seq, ping.node));
        self.send(cx, up, SocketAddr::new(ip.to_canonical(), port), &relay);
    }

    /// The node that we pinged for another has not answered. Its ack may still come, for a while.
    pub(crate) fn on_relay_timeout<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D, seq: u32) {
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

    /// Where to answer a ping.
    ///
    /// Unlike Go, which sends to whatever address a ping names, we only follow it to where the ping
    /// came from or to a member, so that nobody can aim our answers at a stranger.
    fn answer_to(
        &self,
        from: SocketAddr,
        source_addr: Option<&[u8]>,
        source_port: Option<u16>,
    ) -> SocketAddr {
        let Some(ip) = source_addr.and_then(ip_from_bytes) else {
            return from;
        };
        let port = source_port.filter(|&port| port > 0).unwrap_or_else(|| from.port());
        let named = SocketAddr::new(ip.to_canonical(), port);
        if self.members.knows_addr(named) { named } else { from }
    }
}

/// When a helper says that it has no answer: at four fifths of the probe timeout (Lifeguard §IV-A), or
/// of what is left of the interval of whoever asks, if that is less.
///
/// Unlike Go, which waits for all of the timeout. With its LAN and WAN presets that is when the round
/// of whoever asked is over, so each nack was missing and counted against it.
fn nack_after(settings: &Settings) -> Duration {
    settings.timeout.min(settings.interval.saturating_sub(settings.timeout)) * 4 / 5
}

fn may_ping_by_stream(cx: &Cx<'_>, node: &Arc<Node>) -> bool {
    let ask =
        |may: &dyn Fn(&Member) -> bool| may(&Member { node: node.clone(), status: Status::Alive });
    let may = cx.params.questions.ping_by_stream.as_deref();
    cx.params.probe.stream_fallback && may.is_none_or(|may| ask(may))
}

/// A member answers over streams only, for the `count`th time that one does.
fn trace_deaf(node: &Node, count: u64, advertised: SocketAddr) {
    let (name, addr) = (&node.name, node.addr());
    if is_notable(count) {
        tracing::warn!(target: "serfer::swim", %name, %addr, %advertised, count, "answers over streams but not to datagrams: UDP is blocked, or what we advertise is not our address");
    } else {
        tracing::debug!(target: "serfer::swim", %name, %addr, "answers over streams but not to datagrams");
    }
}

/// Whether a ping means us: it names us or, from very old nodes, nobody.
pub(crate) fn is_for_us(cx: &Cx<'_>, name: Text<'_>) -> bool {
    name.0.is_empty() || *name.0 == *cx.params.name.as_bytes()
}

/// Ourselves, as the source of a ping.
pub(crate) struct Source<'a> {
    ip: IpBytes,
    port: u16,
    name: &'a str,
}

impl<'a> Source<'a> {
    pub(crate) fn of(cx: &Cx<'a>) -> Self {
        Self {
            ip: ip_bytes(cx.params.advertise.ip()),
            port: cx.params.advertise.port(),
            name: &cx.params.name,
        }
    }

    pub(crate) fn ping<'s>(&'s self, seq: u32, node: Text<'s>) -> Ping<'s> {
        Ping {
            node,
            seq,
            source_addr: Some(&self.ip),
            source_node: Some(self.name.into()),
            source_port: Some(self.port),
        }
    }

    fn indirect_ping<'s>(
        &'s self,
        seq: u32,
        nack: bool,
        node: &'s str,
        target: &'s [u8],
        port: u16,
    ) -> IndirectPing<'s> {
        IndirectPing {
            nack,
            node: node.into(),
            port,
            seq,
            source_addr: Some(&self.ip),
            source_node: Some(self.name.into()),
            source_port: Some(self.port),
            target,
        }
    }
}
