//! Serf: why members are gone, user events, queries, keys and coordinates, on top of memberlist.
//!
//! Only the endpoint enters, and memberlist through its delegate. Counterpart of
//! `github.com/hashicorp/serf`. This file has the state of a node. The behaviour is in
//! the rooms, as `impl Serf`:
//!
//! - [`members`]: who is alive, leaving, left or failed;
//! - [`events`]: user events, and how events reach the application;
//! - [`queries`]: questions to all members, answered directly;
//! - [`keys`]: keys that change at run time;
//! - [`coordinates`]: how far away members are;
//! - [`snapshot`]: what the next run of this node has to know.
//!
//! Read [`members`] first. memberlist moves the bytes. It calls serf through [`delegate`]; push/pulls go
//! through [`push_pull`] and [`their_state`]; serf sends through [`broadcasts`]. [`clock`] has the Lamport clocks.

mod broadcasts;
mod clock;
mod coordinates;
mod delegate;
mod events;
mod keys;
mod members;
mod push_pull;
mod queries;
mod snapshot;
mod their_state;

use std::collections::BTreeMap;

use broadcasts::{Broadcasts, Class};
use clock::LamportClock;
use coordinates::estimates::CoordinateEstimates;
use events::coalesce::Coalescer;
use events::first_contact::FirstContact;
use events::ring::Ring;
use events::user_event::RecentUserEvent;
use keys::manager::KeyManager;
use keys::storing::KeyChanges;
use members::changes::ChangedMembers;
use members::leave::LeaveProgress;
use members::recent_intents::RecentIntents;
use members::state::{Departures, MemberState};
use queries::early_responses::EarlyResponses;
use queries::filter::FilterEvaluator;
use queries::held_answers::HeldAnswers;
use queries::incoming::PastQuery;
use queries::internal::name_conflict::NameDisputes;
use queries::open_queries::OpenQueries;
use queries::rate_limit::RateLimit;
use queries::repeat::KeptReplies;
use snapshot::writer::Snapshotter;

pub use coordinates::coordinate::{Coordinate, DIMENSIONS};
pub use coordinates::neighbors::Neighbor;
pub use events::user_event::Coalesce;
pub use members::leave::Prune;
pub use queries::params::QueryParams;

use crate::api::{Member, Status, Tags};
use crate::config::Config;
use crate::config::params::Params;
use crate::machinery::{Cx, Rng, Stats, Table};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::snapshot::{Peer, Recovered};

/// The serf layer of a node.
#[derive(Debug)]
pub(crate) struct Serf {
    tags: Tags,
    members: Table<MemberState>,
    departures: Departures,
    changed_members: ChangedMembers,
    recent_intents: RecentIntents,
    leaving: LeaveProgress,

    clock: LamportClock,
    event_clock: LamportClock,
    query_clock: LamportClock,
    /// User events older than this are ignored.
    event_ltime_min: u64,
    /// Queries older than this are ignored.
    query_ltime_min: u64,
    first_contact: FirstContact,
    events: Ring<RecentUserEvent>,
    queries: Ring<PastQuery>,
    open_queries: OpenQueries,
    held_answers: HeldAnswers,
    early_responses: EarlyResponses,
    kept_replies: KeptReplies,
    /// How many members were asked a query again.
    asked_again: RateLimit,
    /// How many responses were relayed for other nodes.
    relayed: RateLimit,
    name_disputes: NameDisputes,
    filters: FilterEvaluator,
    /// How many steps the filters of other nodes' queries took.
    filter_steps: RateLimit,
    keys: KeyManager,
    key_changes: KeyChanges,

    coalescer: Coalescer,
    /// `None` if coordinates are turned off.
    coordinates: Option<CoordinateEstimates>,
    broadcasts: Broadcasts,
    /// `None` if no snapshot is kept.
    snapshotter: Option<Box<Snapshotter>>,
    /// The members that the previous run knew and that this one has not seen yet.
    missing: BTreeMap<Box<str>, Peer>,
}

impl Serf {
    pub(crate) fn new(config: &Config, rng: &mut Rng) -> Self {
        let limits = &config.limits;
        let previous = config.recovered.as_ref();
        let clock = |seen: fn(&Recovered) -> u64| LamportClock::after(previous.map_or(0, seen));
        // What the previous run has seen is not told again.
        let ltime_min = |seen: fn(&Recovered) -> u64| previous.map_or(0, |it| seen(it) + 1);
        let mut missing = previous.map_or_else(BTreeMap::new, |it| it.state.peers.clone());
        missing.remove(&*config.name);
        Self {
            tags: config.tags.clone(),
            members: Table::new(rng),
            departures: Default::default(),
            changed_members: Default::default(),
            recent_intents: Default::default(),
            leaving: Default::default(),
            clock: clock(Recovered::clock),
            event_clock: clock(Recovered::event_clock),
            query_clock: clock(Recovered::query_clock),
            event_ltime_min: ltime_min(Recovered::event_clock),
            query_ltime_min: ltime_min(Recovered::query_clock),
            first_contact: match previous {
                Some(it) if it.event_clock() > 0 || !missing.is_empty() => FirstContact::Past,
                _ => FirstContact::Awaited,
            },
            events: Ring::new(limits.ring, limits.ring_slot, limits.ring_bytes),
            queries: Ring::new(limits.ring, limits.ring_slot, limits.ring_bytes),
            open_queries: Default::default(),
            held_answers: Default::default(),
            early_responses: Default::default(),
            kept_replies: Default::default(),
            asked_again: Default::default(),
            relayed: Default::default(),
            name_disputes: Default::default(),
            filters: Default::default(),
            filter_steps: Default::default(),
            keys: Default::default(),
            key_changes: Default::default(),
            coalescer: Default::default(),
            coordinates: CoordinateEstimates::new(config.coordinates, rng),
            broadcasts: Broadcasts::new(limits.queue_bytes),
            snapshotter: Snapshotter::new(config),
            missing,
        }
    }

    /// All members, in the order of the member table.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().map(|(_, state)| &state.member)
    }

    pub(crate) fn member(&self, name: &str) -> Option<&Member> {
        let key = self.members.find(name)?;
        Some(&self.members[key].member)
    }

    pub(crate) fn tags(&self) -> &Tags {
        &self.tags
    }

    /// Changes our tags. Returns them as they are announced.
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

    /// Fills in the gauges of this layer.
    pub(crate) fn gauge(&self, stats: &mut Stats) {
        stats.members = self.members.len();
        if let Some(coordinates) = &self.coordinates {
            coordinates.gauge(stats);
        }
        stats.members_failed = self.departed(Status::Failed).count();
        stats.members_left = self.departed(Status::Left).count();
        stats.member_ltime = self.clock.time();
        stats.event_ltime = self.event_clock.time();
        stats.query_ltime = self.query_clock.time();
        stats.intents_queued = self.broadcasts.len(Class::Intent);
        stats.events_queued = self.broadcasts.len(Class::Event);
        stats.queries_queued = self.broadcasts.len(Class::Query);
        stats.queued += self.broadcasts.total_len();
    }

    /// Whether one more message of ours has room: if not, how many wait and how many may. A node that has
    /// nobody to send to, or that sends nothing more, refuses nothing here.
    pub(crate) fn check_room(&self, params: &Params, class: Class) -> Result<(), (usize, usize)> {
        if self.live_members() < 2 || !self.is_alive() {
            return Ok(());
        }
        self.broadcasts.check_room(params, class)
    }

    /// Queues a message of ours for all members.
    fn queue_own(&mut self, cx: &mut Cx<'_>, class: Class, message: &[u8]) {
        self.broadcasts.push(cx, self.members.len(), class, message, BroadcastKind::Own);
    }

    /// Queues a message of another node for all members.
    fn queue(&mut self, cx: &mut Cx<'_>, class: Class, message: &[u8]) {
        self.broadcasts.push(cx, self.members.len(), class, message, BroadcastKind::Plain);
    }
}
