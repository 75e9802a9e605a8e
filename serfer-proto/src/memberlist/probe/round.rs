//! A round of probes: one member is asked whether it is there.
//!
//! Ping it; after the probe timeout ask a few others to ping it, and try a stream as well
//! ([`indirect`](super::indirect)); at the end of the interval, stretched by our own trouble, accuse it.
//! Counterpart of Go's `probe`, `probeNode` and the ack handlers.

use std::net::SocketAddr;
use std::time::Instant;

use crate::api::Node;
use crate::machinery::{Cx, Key, Timer, checksum_for, is_notable};
use crate::memberlist::members::messages;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::probe::ping::PingSource;
use crate::memberlist::probe::prober::ProbeRound;
use crate::memberlist::{Delegate, Memberlist, next_tick};
use crate::wire::message::{Ack, Message};

impl<D: Delegate> Memberlist<D> {
    /// The next round is due.
    pub(crate) fn on_probe_tick(&mut self, cx: &mut Cx<'_>, up: &mut D, due: Instant) {
        if self.members.live_others() == 0 {
            return;
        }
        cx.out.tidy();
        self.queue.tidy();
        up.lanes(cx).into_iter().for_each(|lane| lane.queue.tidy());
        let next = next_tick(due, cx.params.probe.interval, cx.now);
        cx.timers.set(Timer::Probe, next);
        if self.prober.round.is_some() {
            self.prober.overdue = true;
        } else {
            self.start_probe(cx, up);
        }
    }

    fn start_probe(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(target) = self.members.next_probe(cx.rng) else {
            return;
        };
        let seq = self.prober.next_seq();
        let member = &self.members[target];
        let incarnation = member.incarnation.number();
        let saved = self.saved_wait(cx, target);
        let deadline = cx.now + self.awareness.stretch(cx.params.probe.interval) - saved;
        self.prober.round = Some(ProbeRound {
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
        cx.timers.set(Timer::ProbeIndirect, cx.now + cx.params.probe.timeout - saved);

        let (node, state) = (member.node.clone(), member.state());
        let me = PingSource::of(cx);
        let ping = Message::Ping(me.ping(seq, node.name_text()));
        if state == SwimState::Alive {
            return self.send(cx, up, node.addr(), &ping);
        }
        // A suspect is told that it is one, so that it can refute at once.
        let accusation = messages::suspect(&cx.params.name, incarnation, node.name_text());
        self.encoded.clear();
        accusation.encode(&mut self.encoded);
        self.packet.reset(cx.link.message_len_max());
        self.packet.push_first(|out| ping.encode(out));
        self.packet.push(&[&self.encoded]);
        let checksum = checksum_for(node.versions().protocol_max);
        self.send_packet(cx, up, node.addr(), checksum);
    }

    /// The local network stack refused to send to `to`: no ack will come from there, so this asks
    /// helpers at once.
    pub(crate) fn on_send_failed(&mut self, cx: &mut Cx<'_>, up: &mut D, to: SocketAddr) {
        let Some(round) = &mut self.prober.round else {
            return;
        };
        let target = self.members.get(round.target);
        let is_target = target.is_some_and(|member| member.node.addr() == to);
        if is_target && cx.timers.is_set(Timer::ProbeIndirect) {
            round.send_failed = true;
            cx.timers.clear(Timer::ProbeIndirect);
            self.on_probe_indirect(cx, up);
        }
    }

    /// A ping was answered: one of ours, or one that we sent for another node.
    pub(crate) fn on_ack(&mut self, cx: &mut Cx<'_>, up: &mut D, ack: &Ack<'_>) {
        if let Some(round) = self.prober.round_of(ack.seq) {
            let (healthy, rtt) = (!round.send_failed, cx.now - round.sent);
            let target = round.target;
            let member = self.members.get(target);
            // Once helpers have been asked, the ack may be from one of them.
            let is_direct = cx.timers.is_set(Timer::ProbeIndirect);
            let is_own = is_direct || member.is_some_and(|it| it.node.addr() == cx.from);
            if let Some(member) = member.filter(|_| is_direct) {
                up.on_ping_done(cx, &member.node, rtt, ack.payload);
                self.repeat_failed_push_pull(cx, target);
            }
            self.note_round_trip(cx, target, is_own.then_some(rtt));
            self.on_probe_acked(cx, up, healthy);
        } else if !self.on_namesake_ack(cx, up, ack.seq)
            && (self.address_claims.is_empty() || !self.refuse_address_claim(cx, ack.seq))
            && !self.on_return_acked(cx, up, ack.seq)
            && !self.on_ask_acked(cx, ack.seq)
        {
            self.on_relayed_ack(cx, up, ack.seq);
        }
    }

    /// The member is there. `healthy` unless something says that the fault was ours.
    fn on_probe_acked(&mut self, cx: &mut Cx<'_>, up: &mut D, healthy: bool) {
        cx.stats.probes_acked += 1;
        self.prober.isolation.on_answered();
        let target = self.prober.round.as_ref().map(|round| round.target);
        if let Some(member) = target.and_then(|target| self.members.get_mut(target)) {
            member.missed = false;
        }
        if let Some(suspicion) = target.and_then(|target| self.suspicions.get_mut(target)) {
            suspicion.answered = true;
        }
        if healthy {
            self.awareness.improve();
        }
        self.finish_probe(cx, up);
    }

    /// The interval is over without an ack.
    pub(crate) fn on_probe_end(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let Some(round) = &self.prober.round else {
            return;
        };
        let (target, incarnation) = (round.target, round.incarnation);
        self.note_round_trip(cx, target, None);
        let Some(round) = &self.prober.round else {
            return;
        };
        if round.stream_acked {
            let healthy = !round.send_failed;
            cx.stats.datagrams_blocked += 1;
            if let Some(member) = self.members.get(round.target) {
                trace_stream_only(&member.node, cx.stats.datagrams_blocked, cx.params.advertise);
            }
            return self.on_probe_acked(cx, up, healthy);
        }
        cx.stats.probes_failed += 1;
        if round.nacks == 0 {
            self.prober.isolation.on_unanswered();
        } else {
            self.prober.isolation.on_answered();
        }
        // If helpers were asked, only those that did not even send a nack count against us.
        self.awareness.worsen(match round.nacks_expected {
            0 => 1,
            expected => expected.saturating_sub(round.nacks),
        });
        self.accuse(cx, target, incarnation);
        self.finish_probe(cx, up);
    }

    /// Accuses a member whose probe failed, unless the fault is more likely ours.
    fn accuse(&mut self, cx: &mut Cx<'_>, target: Key, incarnation: u32) {
        let Some(member) = self.members.get_mut(target) else {
            return;
        };
        let missed_before = std::mem::replace(&mut member.missed, true);
        if incarnation < member.incarnation.number() {
            // It has refuted meanwhile.
            return;
        }
        let isolated = self.prober.isolation.is_on();
        if isolated && !missed_before && member.state() == SwimState::Alive {
            cx.stats.accusations_held += 1;
            tracing::debug!(target: "serfer::swim", name = %member.node.name(), "not accusing: hardly anybody answers us");
            return;
        }
        let me = &cx.params.name;
        self.suspect(cx, target, incarnation, me);
    }

    fn finish_probe(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.prober.round = None;
        cx.timers.clear(Timer::ProbeIndirect);
        cx.timers.clear(Timer::ProbeEnd);
        if std::mem::take(&mut self.prober.overdue) {
            self.start_probe(cx, up);
        }
    }
}

/// A member answers over streams only, for the `count`th time that one does.
fn trace_stream_only(node: &Node, count: u64, advertised: SocketAddr) {
    let (name, addr) = (node.name(), node.addr());
    if is_notable(count) {
        tracing::warn!(target: "serfer::swim", %name, %addr, %advertised, count, "answers over streams but not to datagrams: UDP is blocked, or what we advertise is not our address");
    } else {
        tracing::debug!(target: "serfer::swim", %name, %addr, "answers over streams but not to datagrams");
    }
}
