//! SWIM with Lifeguard: who is here, found out by asking and by gossip.
//!
//! Counterpart of `github.com/hashicorp/memberlist`, room by room: [`members`] decides what a message
//! about a member changes, [`probe`] asks whether members are there, [`gossip`] spreads the news,
//! [`streams`] compares everything, [`join`] finds others.
//!
//! The layer above answers memberlist's questions and hears its news through a [`Delegate`], which
//! is passed along as an argument. An up-call gets a [`Cx`] and nothing else, so it cannot call back
//! down.

pub(crate) mod gossip;
mod join;
mod members;
mod probe;
mod streams;

pub use streams::exchange::StreamEnd;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gossip::broadcast::{BroadcastQueue, Kind, transmit_limit};
use gossip::packing::{self, Lane};
use join::joins::Joins;
use join::seed_retry::Keeper;
use join::snapshot_rejoin::Rejoin;
use members::address_claim::Claims;
use members::list::Members;
use probe::awareness::Awareness;
use probe::prober::Prober;
use streams::exchange::Exchanges;

use crate::api::event::{JoinDone, RejoinDone, Replay};
use crate::api::member::Node;
use crate::config::Config;
use crate::machinery::context::Cx;
use crate::machinery::link::Checksum;
use crate::machinery::rng::Rng;
use crate::machinery::stats::{DropReason, Stats};
use crate::machinery::timers::Timer;
use crate::wire::compound::Compound;
use crate::wire::message::Message;
use crate::wire::msgpack::DecodeError;

/// memberlist's questions to the layer above, and its news for it.
pub(crate) trait Delegate {
    /// What the layer above adds to a push/pull.
    fn local_state(&self, out: &mut Vec<u8>);

    /// Its broadcasts, in the order in which they fill packets.
    fn lanes(&mut self, cx: &Cx<'_>) -> [Lane<'_>; 3];

    /// The packet that was filled is on its way.
    fn on_sent(&mut self, cx: &mut Cx<'_>, to: SocketAddr);

    /// Whether there is anything to fill a packet with.
    fn has_broadcasts(&self) -> bool;

    /// A message for the layer above has come.
    fn on_message(&mut self, cx: &mut Cx<'_>, from: SocketAddr, message: &[u8]);

    /// What another node's layer above added to its push/pull has come, after the members in it. `join`
    /// is set if one of us is joining the other.
    fn on_remote_state(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        join: Option<Replay>,
        state: &[u8],
    );

    /// What the layer above adds to an ack of ours.
    fn ack_payload(&self, out: &mut Vec<u8>);

    /// A node acked a ping of ours by itself, after `rtt`, and its layer above added `payload`.
    fn on_ping_done(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        name: &str,
        rtt: Duration,
        payload: &[u8],
    );

    /// Whether there is room for a node of this name.
    fn has_room_for(&self, cx: &Cx<'_>, name: &str) -> bool;

    /// A node is here, or here again.
    fn on_join(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>);

    /// A node is gone: it left or it died.
    fn on_leave(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>);

    /// A node says something else about itself.
    fn on_update(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>);

    /// Another node, at `other`, claims the name of `existing`.
    fn on_conflict(&mut self, cx: &mut Cx<'_>, existing: &Arc<Node>, other: SocketAddr);

    /// All addresses of a join have been tried.
    fn on_join_done(&mut self, cx: &mut Cx<'_>, done: JoinDone);

    /// Those whom an earlier life of ours knew have been tried.
    fn on_rejoin_done(&mut self, cx: &mut Cx<'_>, done: RejoinDone);

    /// Nodes that an earlier life of ours knew and that are not here, at most `count`.
    fn missing(&self, cx: &Cx<'_>, count: usize) -> Vec<Arc<Node>>;

    /// Whether a node that died at `since` should still be looked for.
    fn wants_back(&self, cx: &Cx<'_>, node: &Arc<Node>, since: Instant) -> bool;

    /// Our own farewell is on its way to somebody.
    fn on_farewell_to(&mut self, cx: &Cx<'_>, to: SocketAddr);

    /// Our own farewell has been sent often enough.
    fn on_farewell_sent(&mut self, cx: &mut Cx<'_>);
}

#[derive(Debug)]
pub(crate) struct Memberlist {
    members: Members,
    leaving: bool,
    awareness: Awareness,
    prober: Prober,
    queue: BroadcastQueue,
    exchanges: Exchanges,
    joins: Joins,
    rejoin: Rejoin,
    keeper: Keeper,
    claims: Claims,
    /// The packet being put together.
    packet: Compound,
    /// A message that is to go into a packet or a queue, or the payload of one.
    encoded: Vec<u8>,
    /// Members just picked.
    picked: Vec<crate::machinery::table::Key>,
    /// Members that are gone and do not know it.
    contradicted: Vec<crate::machinery::table::Key>,
    /// Members that have answered an accusation, and who does not know it.
    answers: Vec<(crate::machinery::table::Key, SocketAddr)>,
}

impl Memberlist {
    pub(crate) fn new(config: &Config, rng: &mut Rng) -> Self {
        Self {
            members: Members::new(rng),

            leaving: false,
            awareness: Awareness::new(config.suspicion.awareness_max),
            prober: Prober::new(rng),
            queue: BroadcastQueue::new(config.limits.queue_bytes),
            exchanges: Exchanges::default(),
            joins: Joins::default(),
            rejoin: Rejoin::default(),
            keeper: Keeper::default(),
            claims: Claims::default(),
            packet: Compound::default(),
            encoded: Vec::new(),
            picked: Vec::new(),
            contradicted: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// Takes one message of an opened packet.
    pub(crate) fn on_packet_message<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        message: Result<&[u8], DecodeError>,
    ) {
        let message = match message.and_then(Message::decode) {
            Ok(message) => message,
            Err(error) => return cx.dropped(error.into(), from, &error),
        };
        // The layer above tells of its messages itself: they may bring keys.
        if !matches!(message, Message::User(_)) {
            tracing::trace!(target: "serfer::wire", %from, ?message, "received");
        }
        match message {
            Message::Ping(ping) => self.on_ping(cx, up, from, &ping),
            Message::IndirectPing(ping) => self.on_indirect_ping(cx, up, from, &ping),
            Message::Ack(ack) => self.on_ack(cx, up, from, &ack),
            Message::Nack(nack) => self.prober.on_nack(nack),
            Message::Suspect(suspect) => self.on_suspect(cx, from, &suspect),
            Message::Alive(_) if !cx.params.allows(from.ip()) => {
                cx.dropped(DropReason::Network, from, &"alive");
            }
            Message::Alive(alive) => {
                self.on_alive(cx, up, from, &alive);
            }
            Message::Dead(dead) => self.on_dead(cx, up, from, &dead),
            Message::User([]) => cx.dropped(DropReason::Malformed, from, &"empty user message"),
            Message::User(message) => up.on_message(cx, from, message),
        }
    }

    /// Sends one message, and with it as much of what is queued as fits: Go's `encodeAndSendMsg`.
    fn send<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        to: SocketAddr,
        message: &Message<'_>,
    ) {
        tracing::trace!(target: "serfer::wire", %to, ?message, "sending");
        self.packet.reset(cx.link.message_len_max());
        self.packet.push_first(|out| message.encode(out));
        self.fill_packet(cx, up);
        self.send_packet(cx, up, to, Checksum::Omit);
    }

    /// Adds what is queued to the packet being put together.
    fn fill_packet<D: Delegate>(&mut self, cx: &Cx<'_>, up: &mut D) {
        let transmit_limit = transmit_limit(&cx.params.gossip, self.members.len());
        let ours = Lane { queue: &mut self.queue, frame: &[], transmit_limit };
        let [intents, queries, events] = up.lanes(cx);
        let lanes = [ours, intents, queries, events];
        packing::fill(lanes, &mut self.packet, cx.link.message_len_max());
    }

    fn send_packet<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        to: SocketAddr,
        checksum: Checksum,
    ) {
        cx.send(to, checksum, |out| self.packet.write(out));
        if self.queue.take_farewell_taken() {
            up.on_farewell_to(cx, to);
        }
        if self.queue.take_farewell_sent() {
            up.on_farewell_sent(cx);
        }
        up.on_sent(cx, to);
    }

    /// Queues one message about a member, in place of any other about it.
    fn broadcast(&mut self, cx: &mut Cx<'_>, message: &Message<'_>, kind: Kind) {
        self.encoded.clear();
        message.encode(&mut self.encoded);
        if self.encoded.len() > cx.link.queued_len_max() {
            // It could never be sent. Push/pulls spread it instead.
            cx.stats.broadcasts_dropped += 1;
            return;
        }
        let len_max = cx.params.limits.queue.max(2 * self.members.len());
        cx.stats.broadcasts_dropped += self.queue.push(&self.encoded, kind, len_max);
        cx.gossip_soon();
    }

    /// The number of the last thing we said about ourselves.
    pub(crate) fn incarnation(&self) -> u32 {
        let me = self.members.me();
        me.map_or(0, |me| self.members[me].incarnation.number())
    }

    pub(crate) fn has_live_others(&self) -> bool {
        self.members.live_others() > 0
    }

    /// How many members are neither dead nor left, ourselves included: Go's `NumMembers`.
    pub(crate) fn live_members(&self) -> usize {
        self.members.live_others() + usize::from(!self.leaving)
    }

    /// Fills in the gauges that are this layer's.
    pub(crate) fn gauge(&self, stats: &mut Stats) {
        stats.members_alive = self.live_members();
        stats.queued += self.queue.len();
        stats.health_score = self.awareness.score();
    }

    /// Forgets those that have been gone long enough.
    pub(crate) fn on_forget(&mut self, cx: &mut Cx<'_>) {
        self.members.forget(cx.now, cx.params.gossip.to_the_dead);
        self.arm_forget(cx);
    }

    fn arm_forget(&self, cx: &mut Cx<'_>) {
        match self.members.next_forgotten(cx.params.gossip.to_the_dead) {
            Some(at) => cx.timers.set(Timer::Forget, at),
            None => cx.timers.clear(Timer::Forget),
        }
    }
}

/// The tick after one that was due at `due`: on time if possible, and never more than one late.
fn next_tick(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}
