//! SWIM with Lifeguard: who the members are, found out by probes and by gossip.
//!
//! Counterpart of `github.com/hashicorp/memberlist`. Five rooms:
//!
//! - [`members`] keeps what is known of each member, and decides what a message about one changes,
//! - [`probe`] detects failures,
//! - [`gossip`] spreads messages,
//! - [`streams`] are connections: push/pulls, pings where datagrams are blocked, messages to one node,
//! - [`join`] finds other nodes.
//!
//! Only the endpoint and [`serf`](crate::serf) enter. This file holds the state of the layer, hands
//! each message to its room and sends packets. Read it first, then [`delegate`]: what this layer asks
//! and tells the one above.

mod delegate;
pub(crate) mod gossip;
mod join;
mod members;
mod probe;
mod streams;

pub(crate) use delegate::{
    Delegate, Departure, EventDelegate, LeaveDelegate, PingDelegate, PushPullDelegate,
    RejoinDelegate,
};
pub use streams::exchange::StreamEnd;

use std::marker::PhantomData;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use gossip::corrections::Corrections;
use gossip::newcomers::Newcomers;
use gossip::packing;
use gossip::queue::{BroadcastKind, BroadcastQueue};
use gossip::transmit::transmit_limit;
use join::asking::Asks;
use join::joins::Joins;
use join::retries::Retries;
use join::snapshot_rejoin::SnapshotRejoin;
use members::claims::address_claim::AddressClaims;
use members::claims::own_name::OwnName;
use members::claims::relocation::Relocation;
use members::claims::return_claim::ReturnClaims;
use members::list::SwimMembers;
use members::suspicion::Suspicions;
use probe::awareness::Awareness;
use probe::prober::Prober;
use probe::round_trips::RoundTrips;
use streams::exchange::{Exchanges, PushPullReason};
use streams::long_push_pull::LongPushPulls;

use crate::api::JoinFailure;
use crate::config::Config;
use crate::machinery::{Checksum, Cx, DropReason, Key, Rng, Stats, is_notable};
use crate::wire::compound::Compound;
use crate::wire::message::Message;
use crate::wire::msgpack::DecodeError;

/// The state of this layer. The layer above, `D`, is an argument of the handlers.
#[derive(Debug)]
pub(crate) struct Memberlist<D: Delegate> {
    members: SwimMembers,
    suspicions: Suspicions,
    address_claims: AddressClaims,
    own_name: OwnName,
    relocation: Relocation,
    return_claims: ReturnClaims,
    leaving: bool,
    awareness: Awareness,
    prober: Prober,
    round_trips: RoundTrips,
    queue: BroadcastQueue,
    corrections: Corrections,
    newcomers: Newcomers,
    exchanges: Exchanges,
    long_push_pulls: LongPushPulls<D>,
    joins: Joins,
    snapshot_rejoin: SnapshotRejoin,
    asks: Asks,
    retries: Retries,
    /// The packet being put together.
    packet: Compound,
    /// Scratch memory: a message, or the payload of one.
    encoded: Vec<u8>,
    /// Scratch memory: members picked at random.
    picked: Vec<Key>,
    above: PhantomData<fn(&mut D)>,
}

impl<D: Delegate> Memberlist<D> {
    pub(crate) fn new(config: &Config, rng: &mut Rng) -> Self {
        Self {
            members: SwimMembers::new(rng),
            suspicions: Suspicions::default(),
            address_claims: Default::default(),
            own_name: Default::default(),
            relocation: Default::default(),
            return_claims: Default::default(),
            leaving: false,
            awareness: Awareness::new(config.suspicion.awareness_max),
            prober: Prober::new(rng),
            round_trips: Default::default(),
            queue: BroadcastQueue::new(config.limits.queue_bytes),
            corrections: Default::default(),
            newcomers: Default::default(),
            exchanges: Exchanges::default(),
            long_push_pulls: Default::default(),
            joins: Default::default(),
            snapshot_rejoin: Default::default(),
            asks: Default::default(),
            retries: Default::default(),
            packet: Compound::default(),
            encoded: Vec::new(),
            picked: Vec::new(),
            above: PhantomData,
        }
    }

    /// Handles one message of an opened packet.
    pub(crate) fn on_packet_message(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        message: Result<&[u8], DecodeError>,
    ) {
        // It stays where it is decoded: it is large, and most of them say nothing new.
        let message = message.and_then(Message::decode);
        let message = match &message {
            Ok(message) => message,
            Err(error) => return cx.dropped((*error).into(), error),
        };
        // The layer above traces its messages itself: there may be keys in them.
        if !matches!(message, Message::User(_)) {
            tracing::trace!(target: "serfer::wire", from = %cx.from, ?message, "received");
        }
        match message {
            Message::Ping(ping) => self.on_ping(cx, up, ping),
            Message::IndirectPing(ping) => self.on_indirect_ping(cx, up, ping),
            Message::Ack(ack) => self.on_ack(cx, up, ack),
            Message::Nack(nack) => self.prober.on_nack(*nack),
            Message::Suspect(suspect) => self.on_suspect(cx, up, suspect),
            Message::Alive(_) if !cx.params.allows(cx.from.ip()) => {
                cx.dropped(DropReason::Network, &"alive");
            }
            Message::Alive(alive) => {
                let live = self.members.live_others();
                self.on_alive(cx, up, alive);
                if self.members.live_others() > live {
                    self.note_newcomer(cx, alive.node);
                }
            }
            Message::Dead(dead) => self.on_dead(cx, up, dead),
            Message::User([]) => cx.dropped(DropReason::Malformed, &"empty user message"),
            Message::User(message) => up.on_message(cx, message),
        }
    }

    /// A push/pull that we dialled is over: hands its outcome to what it was for.
    fn on_push_pull_done(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        reason: PushPullReason,
        result: Result<(), JoinFailure>,
    ) {
        let peer = cx.from;
        self.note_stream_health(cx, peer, result.as_ref().map(|&()| ()));
        if reason != PushPullReason::Periodic {
            self.on_tried(cx, peer, result.is_ok());
        }
        if reason != PushPullReason::Periodic && result == Err(JoinFailure::Unanswered) {
            cx.stats.joins_unanswered += 1;
            trace_unanswered(peer, cx.stats.joins_unanswered);
        }
        match (reason, result) {
            (PushPullReason::Join(id, _), result) => self.on_join_tried(cx, up, id, peer, result),
            (PushPullReason::SnapshotRejoin, result) => {
                self.on_snapshot_rejoin_tried(cx, up, peer, result);
            }
            (_, Ok(())) => {}
            (_, Err(failure)) => {
                tracing::debug!(target: "serfer::swim", %peer, %failure, "push/pull failed");
            }
        }
    }

    /// Sends one message and, in the same packet, as many broadcasts as fit: Go's `encodeAndSendMsg`.
    fn send(&mut self, cx: &mut Cx<'_>, up: &mut D, to: SocketAddr, message: &Message<'_>) {
        tracing::trace!(target: "serfer::wire", %to, ?message, "sending");
        self.send_encoded(cx, up, to, |_, out| message.encode(out));
    }

    /// The same with whatever message `encode` appends. If there are no broadcasts, right to what is sent.
    fn send_encoded(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        to: SocketAddr,
        encode: impl FnOnce(&D, &mut Vec<u8>),
    ) {
        if self.queue.is_empty() && !up.has_broadcasts() {
            cx.send(to, Checksum::Omit, |out| encode(up, out));
            return self.note_sent(cx, up, to);
        }
        self.packet.reset(cx.link.message_len_max());
        self.packet.push_first(|out| encode(up, out));
        self.fill_packet(cx, up);
        self.send_packet(cx, up, to, Checksum::Omit);
    }

    /// Adds broadcasts to the packet being put together. News is left to those whose turn it is.
    fn fill_packet(&mut self, cx: &Cx<'_>, up: &mut D) {
        let sends_min = usize::from(cx.news.is_near());
        let limit = transmit_limit(&cx.params.gossip, self.members.len());
        let mut lanes = packing::lanes(&mut self.queue, limit, up.lanes(cx));
        packing::fill(&mut lanes, &mut self.packet, cx.link.message_len_max(), sends_min);
        packing::requeue(&mut lanes);
    }

    fn send_packet(&mut self, cx: &mut Cx<'_>, up: &mut D, to: SocketAddr, checksum: Checksum) {
        cx.send(to, checksum, |out| self.packet.write(out));
        self.note_sent(cx, up, to);
    }

    fn note_sent(&mut self, cx: &mut Cx<'_>, up: &mut D, to: SocketAddr) {
        if self.queue.take_own_leave_sent() {
            up.on_own_leave_sent(cx, to);
        }
        if self.queue.take_own_leave_done() {
            up.on_own_leave_done(cx);
        }
        up.on_sent(cx, to);
    }

    /// Queues one message about a member. It replaces any other about the same member.
    fn broadcast(
        &mut self,
        cx: &mut Cx<'_>,
        about: Key,
        message: &Message<'_>,
        kind: BroadcastKind,
    ) {
        self.encoded.clear();
        message.encode(&mut self.encoded);
        if self.encoded.len() > cx.link.queued_len_max() {
            // It would never fit into a packet. Push/pulls spread it instead.
            cx.stats.broadcasts_dropped += 1;
            return;
        }
        let len_max = cx.params.limits.queue.max(2 * self.members.len());
        let place = &mut self.members[about].queued;
        let dropped = self.queue.push_about(about, place, &self.encoded, kind, len_max);
        cx.stats.broadcasts_dropped += dropped.total();
        cx.news_soon(self.encoded.len());
    }

    /// Our own incarnation.
    pub(crate) fn incarnation(&self) -> u32 {
        let me = self.members.me();
        me.map_or(0, |me| self.members[me].incarnation.number())
    }

    pub(crate) fn has_live_others(&self) -> bool {
        self.members.live_others() > 0
    }

    /// Fills in the gauges of this layer.
    pub(crate) fn gauge(&self, stats: &mut Stats) {
        // Go's `NumMembers`.
        stats.members_alive = self.members.live_others() + usize::from(!self.leaving);
        stats.queued += self.queue.len();
        stats.health_score = self.awareness.score();
        stats.unreturned_push_pulls = self.exchanges.quiet_ticks;
    }
}

/// A node that we tried to join closed without an answer, for the `count`th time that one does.
fn trace_unanswered(peer: SocketAddr, count: u64) {
    if is_notable(count) {
        tracing::warn!(target: "serfer::join", %peer, count, "the node there closed without an answer: it has another label, no room, or is no serf node");
    } else {
        tracing::debug!(target: "serfer::join", %peer, count, "the node there closed without an answer");
    }
}

/// The tick after one that was due at `due`: on time if possible, and never more than one late.
fn next_tick(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}
