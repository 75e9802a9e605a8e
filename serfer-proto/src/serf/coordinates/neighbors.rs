//! What the application can ask about coordinates.

use std::time::Duration;

use crate::api::{Member, Status};
use crate::serf::Serf;
use crate::serf::coordinates::coordinate::Coordinate;

/// A member that is alive, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbor {
    /// The member.
    pub member: Member,
    /// How long a round trip to it is estimated to take.
    pub rtt: Duration,
}

impl Serf {
    /// Our coordinate.
    pub(crate) fn coordinate(&self) -> Option<&Coordinate> {
        Some(self.coordinates.as_ref()?.ours())
    }

    /// The last coordinate that a member told us.
    pub(crate) fn coordinate_of(&self, me: &str, name: &str) -> Option<&Coordinate> {
        if name == me {
            return self.coordinate();
        }
        self.coordinates.as_ref()?.of(self.members.find(name)?)
    }

    /// The other members that are alive and have said their coordinate, the nearest first. Equally
    /// near ones keep the order of the member table.
    pub(crate) fn neighbors(&self) -> Vec<Neighbor> {
        let Some(coordinates) = &self.coordinates else {
            return Vec::new();
        };
        let others = coordinates.others().map(|(key, at)| (&self.members[key].member, at));
        let alive = others.filter(|(member, _)| member.status == Status::Alive);
        let mut neighbors: Vec<Neighbor> = alive
            .map(|(member, at)| Neighbor {
                member: member.clone(),
                rtt: coordinates.ours().distance(at),
            })
            .collect();
        neighbors.sort_by_key(|neighbor| neighbor.rtt);
        neighbors
    }
}
