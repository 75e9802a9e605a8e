//! Events, queries and intents on top of memberlist.
//!
//! Counterpart of `github.com/hashicorp/serf`: [`members`] knows why a member is gone, [`events`] and
//! [`queries`] carry messages to everybody and answers back, [`keys`] changes keys at run time,
//! [`coordinates`] says how far members are. memberlist moves the bytes: what it asks and tells arrives
//! through [`Delegate`].

mod clock;
mod coordinates;
mod events;
mod keys;
mod members;
mod queries;
mod snapshotter;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clock::LamportClock;
use coordinates::estimates::Distances;
use events::ring::Ring;
use events::user_event::PastEvent;
use keys::changes::{self, Keys};
use members::changes::Watch;
use members::coalesce::Held;
use members::intents::RecentIntents;
use members::leave::{Goodbye, Phase};
use members::lifecycle::{Departures, Entry};
use queries::filter::Exprs;
use queries::incoming::PastQuery;
use queries::name_conflict::Contenders;
use queries::outgoing::Asked;
use queries::rate_limit::ThisSecond;
use snapshotter::Snapshotter;

pub use coordinates::coordinate::{Coordinate, DIMENSIONS};
pub use coordinates::estimates::Neighbor;
pub use events::user_event::Coalesce;
pub use members::leave::Prune;
pub use queries::params::QueryParams;

use crate::api::event::{Conflict, Event, JoinDone, RejoinDone, Replay};
use crate::api::member::{Member, Node, Status};
use crate::api::tags::Tags;
use crate::config::Config;
use crate::machinery::context::Cx;
use crate::machinery::rng::Rng;
use crate::machinery::stats::{DropReason, Stats};
use crate::machinery::table::Table;
use crate::memberlist::Delegate;
use crate::memberlist::gossip::broadcast::{BroadcastQueue, Kind, transmit_limit};
use crate::memberlist::gossip::packing::Lane;
use crate::snapshot::Recovered;
use crate::wire;
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{EventSlot, Join, Leave, PushPull, SerfMessage};

#[derive(Debug)]
pub(crate) struct Serf {
    phase: Phase,
    goodbye: Goodbye,
    tags: Tags,
    members: Table<Entry>,
    departures: Departures,
    watch: Watch,
    recent_intents: RecentIntents,

    clock: LamportClock,
    event_clock: LamportClock,
    query_clock: LamportClock,
    /// User events older than this are none of our business.
    event_ltime_min: u64,
    /// Likewise queries.
    query_ltime_min: u64,
    events: Ring<PastEvent>,
    queries: Ring<PastQuery>,
    asked: Asked,
    /// What was relayed for others lately, in answers.
    relayed: ThisSecond,
    contenders: Contenders,
    held: Held,
    exprs: Exprs,
    /// What the filters of queries took lately, in steps.
    filtered: ThisSecond,
    /// None if coordinates are turned off.
    distances: Option<Distances>,
    keys: Keys,

    queues: Queues,
    /// `None` if no snapshot is kept.
    snapshotter: Option<Box<Snapshotter>>,
}

/// Broadcasts by class. The order is the order in which they fill packets.
#[derive(Debug)]
struct Queues {
    intents: BroadcastQueue,
    queries: BroadcastQueue,
    events: BroadcastQueue,
    /// Which of them are deep, by class, so that it is said once.
    deep: [bool; 3],
}

/// Which queue a broadcast belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Intent,
    Query,
    Event,
}

/// What stands before a serf message in a packet.
const USER_MESSAGE: &[u8] = &[wire::kind::USER];

/// How long we believe a query to be open. Unlike Go: whatever it says.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

impl Serf {
    pub(crate) fn new(config: &Config, rng: &mut Rng) -> Self {
        let limits = &config.limits;
        let earlier = config.recovered.as_ref();
        let clock = |seen: fn(&Recovered) -> u64| LamportClock::after(earlier.map_or(0, seen));
        // What an earlier life has seen is not told again.
        let ltime_min = |seen: fn(&Recovered) -> u64| earlier.map_or(0, |it| seen(it) + 1);
        Self {
            phase: Phase::Alive,
            goodbye: Goodbye::default(),
            tags: config.tags.clone(),
            members: Table::new(rng),
            departures: Departures::default(),
            watch: Watch::default(),
            recent_intents: RecentIntents::default(),
            clock: clock(Recovered::clock),
            event_clock: clock(Recovered::event_clock),
            query_clock: clock(Recovered::query_clock),
            event_ltime_min: ltime_min(Recovered::event_clock),
            query_ltime_min: ltime_min(Recovered::query_clock),
            events: Ring::new(limits.ring, limits.ring_slot, limits.ring_bytes),
            queries: Ring::new(limits.ring, limits.ring_slot, usize::MAX),
            asked: Asked::default(),
            relayed: ThisSecond::default(),
            contenders: Contenders::default(),
            held: Held::default(),
            exprs: Exprs::default(),
            filtered: ThisSecond::default(),
            distances: Distances::new(config.coordinates, rng),
            keys: Keys::default(),
            queues: Queues {
                intents: BroadcastQueue::new(limits.queue_bytes),
                queries: BroadcastQueue::new(limits.queue_bytes),
                events: BroadcastQueue::new(limits.queue_bytes),
                deep: [false; 3],
            },
            snapshotter: Snapshotter::new(config),
        }
    }

    /// All members, in the order in which we got to know them.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().map(|(_, entry)| &entry.member)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        let key = self.members.find(name)?;
        Some(&self.members[key].member)
    }

    pub(crate) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Changes our tags; returns how they are announced.
    pub(crate) fn set_tags(&mut self, cx: &Cx<'_>, tags: Tags) -> Vec<u8> {
        self.tags = tags;
        self.meta(cx)
    }

    /// Our tags as they are announced.
    pub(crate) fn meta(&self, cx: &Cx<'_>) -> Vec<u8> {
        match cx.params.versions.delegate_cur {
            ..=2 => self.tags.encode_role(),
            3.. => self.tags.encode(),
        }
    }

    /// Fills in the gauges that are this layer's.
    pub(crate) fn gauge(&self, stats: &mut Stats) {
        stats.members = self.members.len();
        self.gauge_distances(stats);
        stats.members_failed = self.departed(Status::Failed).count();
        stats.members_left = self.departed(Status::Left).count();
        stats.member_ltime = self.clock.time();
        stats.event_ltime = self.event_clock.time();
        stats.query_ltime = self.query_clock.time();
        stats.intents_queued = self.queues.intents.len();
        stats.events_queued = self.queues.events.len();
        stats.queries_queued = self.queues.queries.len();
        stats.queued += stats.intents_queued + stats.events_queued + stats.queries_queued;
    }

    /// Says that we mean to be a member.
    fn broadcast_join(&mut self, cx: &mut Cx<'_>) {
        let ourselves = cx.params.advertise;
        let join = Join { ltime: self.clock.time(), node: Text(cx.params.name.as_bytes()) };
        self.on_join_intent(cx, ourselves, &join);
        self.queue_message(cx, Class::Intent, &SerfMessage::Join(join), Kind::Plain);
    }

    fn queue_message(
        &mut self,
        cx: &mut Cx<'_>,
        class: Class,
        message: &SerfMessage<'_>,
        kind: Kind,
    ) {
        let mut bytes = Vec::with_capacity(64);
        message.encode(&mut bytes);
        self.queue(cx, class, &bytes, kind);
    }

    fn queue(&mut self, cx: &mut Cx<'_>, class: Class, message: &[u8], kind: Kind) {
        let len_max = cx.link.queued_len_max() - USER_MESSAGE.len();
        if message.len() > len_max {
            // It came in a larger packet than ours and could never be passed on.
            cx.stats.broadcasts_dropped += 1;
            return;
        }
        let queue_len_max = cx.params.limits.queue.max(2 * self.members.len());
        let queue = match class {
            Class::Intent => &mut self.queues.intents,
            Class::Query => &mut self.queues.queries,
            Class::Event => &mut self.queues.events,
        };
        cx.stats.broadcasts_dropped += queue.push(message, kind, queue_len_max);
        let (len, warning) = (queue.len(), cx.params.limits.queue_warning);
        let is_deep = &mut self.queues.deep[class as usize];
        if len >= warning && !*is_deep {
            *is_deep = true;
            cx.stats.deep_queues += 1;
            tracing::warn!(target: "serfer::swim", queue = ?class, len, "a broadcast queue is deep");
        } else if len <= warning / 2 {
            *is_deep = false;
        }
        cx.gossip_soon();
    }

    /// Takes over what another node remembers. Nothing of it is passed on: everybody hears it in an
    /// exchange of their own.
    fn merge(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        join: Option<Replay>,
        theirs: &PushPull<'_>,
    ) {
        let clocks = [
            (&mut self.clock, theirs.ltime),
            (&mut self.event_clock, theirs.event_ltime),
            (&mut self.query_clock, theirs.query_ltime),
        ];
        for (clock, time) in clocks {
            // A clock stands one after what it has seen.
            let seen = time.saturating_sub(1);
            if !clock.can_reach(seen) {
                cx.dropped(DropReason::OutOfReach, from, &"Lamport clock");
            } else if time > 0 {
                clock.witness(seen);
            }
        }
        self.record_clock(cx);
        self.merge_intents(cx, from, theirs);
        if join == Some(Replay::Skip) {
            self.event_ltime_min = self.event_ltime_min.max(theirs.event_ltime);
        }
        let slots_max = cx.params.limits.ring;
        for slot in theirs.events.iter().take(slots_max) {
            for past in slot.events.iter().take(cx.params.limits.ring_slot) {
                let event = wire::serf_message::UserEvent {
                    coalesce: false,
                    ltime: slot.ltime,
                    name: past.name,
                    payload: past.payload,
                };
                self.on_user_event(cx, from, &event);
            }
        }
    }

    fn merge_intents(&mut self, cx: &mut Cx<'_>, from: SocketAddr, theirs: &PushPull<'_>) {
        let mut left: Vec<&[u8]> = theirs.left_members.iter().map(|name| name.0).collect();
        left.sort_unstable();
        for (node, ltime) in theirs.status_ltimes.iter() {
            if left.binary_search(&node.0).is_err() {
                self.on_join_intent(cx, from, &Join { ltime, node });
                continue;
            }
            // Leaving came after whatever the time stands for. Unlike Go, where two nodes that agree
            // on a member that left drive its time and their clocks up with every exchange.
            let known = node.to_str().and_then(|name| self.member(name));
            let agreed = known.is_some_and(|member| member.status() == Status::Left);
            let leave =
                Leave { ltime: ltime.saturating_add(u64::from(!agreed)), node, prune: false };
            self.on_leave_intent(cx, from, &leave);
        }
    }
}

impl Delegate for Serf {
    fn ack_payload(&self, out: &mut Vec<u8>) {
        if let Some(distances) = &self.distances {
            out.extend_from_slice(distances.payload());
        }
    }

    fn on_ping_done(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        name: &str,
        rtt: Duration,
        payload: &[u8],
    ) {
        self.on_distance(cx, from, name, rtt, payload);
    }

    fn local_state(&self, out: &mut Vec<u8>) {
        let (mut left, mut times) = (SeqBuf::default(), SeqBuf::default());
        for (_, entry) in self.members.iter() {
            let name = Text(entry.member.node.name.as_bytes());
            times.push(&(name, entry.status_ltime));
            if entry.member.status == Status::Left {
                left.push(&name);
            }
        }
        let mut slots = SeqBuf::default();
        for (ltime, events) in self.events.iter() {
            let events = events.iter().map(|event| wire::serf_message::PastEvent {
                name: Text(event.name.as_bytes()),
                payload: &event.payload,
            });
            let events = SeqBuf::of(events);
            slots.push(&EventSlot { events: events.as_seq(), ltime });
        }
        let state = SerfMessage::PushPull(PushPull {
            event_ltime: self.event_clock.time(),
            events: slots.as_seq(),
            ltime: self.clock.time(),
            left_members: left.as_seq(),
            query_ltime: self.query_clock.time(),
            status_ltimes: times.as_seq(),
        });
        state.encode(out);
    }

    fn lanes(&mut self, cx: &Cx<'_>) -> [Lane<'_>; 3] {
        let transmit_limit = transmit_limit(&cx.params.gossip, self.members.len());
        let Queues { intents, queries, events, .. } = &mut self.queues;
        let lane = |queue| Lane { queue, frame: USER_MESSAGE, transmit_limit };
        [intents, queries, events].map(lane)
    }

    fn on_sent(&mut self, cx: &mut Cx<'_>, to: SocketAddr) {
        if self.queues.intents.take_farewell_taken() {
            self.on_farewell_to(cx, to);
        }
        if self.queues.intents.take_farewell_sent() {
            self.on_intent_drained(cx);
        }
    }

    fn has_broadcasts(&self) -> bool {
        let Queues { intents, queries, events, .. } = &self.queues;
        !(intents.is_empty() && queries.is_empty() && events.is_empty())
    }

    fn on_message(&mut self, cx: &mut Cx<'_>, from: SocketAddr, message: &[u8]) {
        let decoded = match SerfMessage::decode(message) {
            Ok(decoded) => decoded,
            Err(error) => return cx.dropped(error.into(), from, &error),
        };
        tracing::trace!(target: "serfer::wire", %from, message = ?changes::redacted(decoded), "received");
        let (class, is_news) = match decoded {
            SerfMessage::Leave(leave) => (Class::Intent, self.on_leave_intent(cx, from, &leave)),
            SerfMessage::Join(join) => (Class::Intent, self.on_join_intent(cx, from, &join)),
            SerfMessage::UserEvent(event) => (Class::Event, self.on_user_event(cx, from, &event)),
            SerfMessage::Query(query) => (Class::Query, self.on_query(cx, from, &query)),
            SerfMessage::QueryResponse(response) => {
                return self.on_query_response(cx, from, &response);
            }
            SerfMessage::Relay(header, message) => {
                return self.on_relay(cx, from, &header, message);
            }
            SerfMessage::PushPull(_)
            | SerfMessage::ConflictResponse(_)
            | SerfMessage::KeyRequest(_)
            | SerfMessage::KeyResponse(_) => {
                return cx.dropped(DropReason::UnknownType, from, &"not a message by itself");
            }
        };
        if is_news {
            self.queue(cx, class, message, Kind::Plain);
        }
    }

    fn on_remote_state(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        join: Option<Replay>,
        state: &[u8],
    ) {
        match SerfMessage::decode(state) {
            Ok(SerfMessage::PushPull(theirs)) => self.merge(cx, from, join, &theirs),
            Ok(_) => cx.dropped(DropReason::UnknownType, from, &"not a push/pull"),
            Err(error) => cx.dropped(error.into(), from, &error),
        }
    }

    /// We remember members for longer than memberlist does.
    fn has_room_for(&self, cx: &Cx<'_>, name: &str) -> bool {
        self.members.len() < cx.params.limits.members || self.members.find(name).is_some()
    }

    fn on_join(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        self.on_node_join(cx, node);
    }

    fn on_leave(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        self.on_node_leave(cx, node);
    }

    fn on_update(&mut self, cx: &mut Cx<'_>, node: &Arc<Node>) {
        self.on_node_update(cx, node);
    }

    fn on_conflict(&mut self, cx: &mut Cx<'_>, existing: &Arc<Node>, other: SocketAddr) {
        let Some(existing) = self.member(&existing.name).cloned() else {
            return;
        };
        tracing::warn!(target: "serfer::members", name = existing.name(), addr = %existing.addr(), %other, "name conflict: two nodes have this name");
        let is_ours = *existing.name() == *cx.params.name;
        if !is_ours {
            self.contenders.note(existing.name(), other);
        }
        cx.emit(Event::Conflict(Conflict { existing, other }));
        if is_ours {
            self.start_vote(cx);
        }
    }

    fn on_join_done(&mut self, cx: &mut Cx<'_>, done: JoinDone) {
        if !done.reached.is_empty() && self.phase.is_alive() {
            self.broadcast_join(cx);
        }
        cx.emit(Event::JoinDone(done));
    }

    /// Not if it left, was made to, or is back elsewhere. Whom we do not know has been gone for too
    /// long, and might come back, or was pruned, and should not.
    fn wants_back(&self, cx: &Cx<'_>, node: &Arc<Node>, since: Instant) -> bool {
        match self.members.find(&node.name) {
            Some(key) => self.members[key].member.status == Status::Failed,
            None if self.misses(&node.name) => true,
            None => {
                let member = Member { node: node.clone(), status: Status::Failed };
                let settings = &cx.params.members;
                cx.now > since + cx.params.timeout_of(&member, settings.reconnect_timeout)
            }
        }
    }

    fn on_farewell_to(&mut self, cx: &Cx<'_>, to: SocketAddr) {
        if self.is_live_other(cx, to) {
            self.goodbye.told.insert(to);
        }
    }

    fn on_rejoin_done(&mut self, cx: &mut Cx<'_>, done: RejoinDone) {
        tracing::info!(target: "serfer::join", reached = ?done.reached, tried = done.tried, "rejoined");
        cx.emit(Event::RejoinDone(done));
    }

    fn missing(&self, cx: &Cx<'_>, count: usize) -> Vec<Arc<Node>> {
        self.missing_nodes(cx, count)
    }

    fn on_farewell_sent(&mut self, cx: &mut Cx<'_>) {
        self.on_farewell_drained(cx);
    }
}
