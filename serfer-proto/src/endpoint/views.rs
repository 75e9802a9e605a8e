//! Looks at a node: members, coordinates, keys, counters. They change nothing but what is watched.

use std::net::SocketAddr;
use std::time::Duration;

use super::Endpoint;
use crate::api::{Keyring, Member, MemberDelta, Tags};
use crate::machinery::Stats;
use crate::serf::{Coordinate, Neighbor};

impl Endpoint {
    /// All members of any status, ourselves included.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.serf.members()
    }

    /// The member of a name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.serf.member(name)
    }

    /// Starts to note which members change, for [`take_deltas`](Self::take_deltas).
    pub fn watch_members(&mut self) {
        self.serf.watch_members();
    }

    /// Stops noting which members change.
    pub fn unwatch_members(&mut self) {
        self.serf.unwatch_members();
    }

    /// How [`members`](Self::members) has changed since the last call, or since
    /// [`watch_members`](Self::watch_members): one delta for each changed member, sorted by name. Nothing is
    /// left out, while events do not tell that a member is about to leave. The notes grow with every member
    /// that changes, so call it often.
    pub fn take_deltas(&mut self) -> Vec<MemberDelta> {
        self.serf.take_deltas()
    }

    /// Ourselves.
    pub fn local_member(&self) -> &Member {
        let me = self.serf.member(&self.core.params.name);
        me.expect("a node is a member from the start and is never forgotten by itself")
    }

    /// Where another node has our name, if one has just answered to it there. A join is not done before that
    /// is known, so a node that is starting can say so and go. Afterwards the members vote, see
    /// [`NameConflicts`](crate::NameConflicts).
    pub fn name_in_use_at(&self) -> Option<SocketAddr> {
        self.memberlist.name_in_use_at()
    }

    /// Our incarnation. It grows when we say something new about ourselves or refute a suspicion.
    /// Pass it to [`Config::incarnation`](crate::Config::incarnation) when this node starts again.
    pub fn incarnation(&self) -> u32 {
        self.memberlist.incarnation()
    }

    /// Our tags.
    pub fn tags(&self) -> &Tags {
        self.serf.tags()
    }

    /// Our network coordinate, estimated from the pings so far. `None` if coordinates are
    /// [turned off](crate::Config::coordinates). Go: `GetCoordinate`.
    pub fn coordinate(&self) -> Option<&Coordinate> {
        self.serf.coordinate()
    }

    /// A member's network coordinate: our own as of now, another's from its last ack. `None` if it has not
    /// sent one yet. Go: `GetCachedCoordinate`.
    pub fn coordinate_of(&self, name: &str) -> Option<&Coordinate> {
        self.serf.coordinate_of(&self.core.params.name, name)
    }

    /// The estimated round trip between two members, given by name. `None` unless both have sent a
    /// coordinate. `serf rtt` prints it.
    pub fn distance(&self, a: &str, b: &str) -> Option<Duration> {
        Some(self.coordinate_of(a)?.distance(self.coordinate_of(b)?))
    }

    /// The other members that are alive and nearest to us by their coordinates, at most `count`, nearest
    /// first. Members without a coordinate are left out.
    pub fn nearest(&self, count: usize) -> Vec<Neighbor> {
        let mut neighbors = self.serf.neighbors();
        neighbors.truncate(count);
        neighbors
    }

    /// The other living members within a round trip of `rtt` by their coordinates, nearest first. Members
    /// without a coordinate are left out.
    pub fn within(&self, rtt: Duration) -> Vec<Neighbor> {
        let mut neighbors = self.serf.neighbors();
        neighbors.retain(|neighbor| neighbor.rtt <= rtt);
        neighbors
    }

    /// Our keys, if we have any.
    pub fn keyring(&self) -> Option<&Keyring> {
        self.core.link.keyring()
    }

    /// Whether [`user_event`](Self::user_event) would not refuse with
    /// [`EventError::QueueFull`](crate::EventError::QueueFull) now.
    pub fn has_room_for_user_event(&self) -> bool {
        self.serf.has_room_for_user_event(&self.core.params)
    }

    /// Counters and gauges.
    pub fn stats(&self) -> Stats {
        let mut stats = self.core.stats.clone();
        self.memberlist.gauge(&mut stats);
        self.serf.gauge(&mut stats);
        stats.next_wake = self.core.timers.next().map(|(_, timer)| timer.name());
        stats
    }
}
