//! How far members are, as far as we know.
//!
//! Whoever acks a ping of ours says where it is, and from that and from how long the ping took we
//! learn where we are. What it said is kept beside the members, for those only who ever said
//! something: a few hundred bytes each. Counterpart of Go's `pingDelegate` and of the cache of
//! coordinates in `serf.go`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::api::member::{Member, Status};
use crate::config::Coordinates;
use crate::machinery::context::Cx;
use crate::machinery::rng::Rng;
use crate::machinery::stats::{DropReason, Stats};
use crate::machinery::table::Key;
use crate::serf::Serf;
use crate::serf::coordinates::coordinate::{Coordinate, DIMENSIONS};
use crate::serf::coordinates::vivaldi::{LatencyFilter, Unusable, Vivaldi};
use crate::wire;
use crate::wire::msgpack::{DecodeError, Float};
use crate::wire::seq::SeqBuf;

/// A member that is alive, and how far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbor {
    /// The member.
    pub member: Member,
    /// How long a round trip to it is estimated to take.
    pub rtt: Duration,
}

/// Everything about coordinates. None of it outlives the process.
#[derive(Debug)]
pub(crate) struct Distances {
    vivaldi: Vivaldi,
    /// Of its own, so that directions can be drawn without changing whom we probe and gossip to.
    rng: Rng,
    /// Those members who said where they are.
    places: BTreeMap<Key, Place>,
    /// Our coordinate as it goes into acks.
    payload: Vec<u8>,
    vec: SeqBuf,
}

#[derive(Debug)]
struct Place {
    coordinate: Coordinate,
    filter: LatencyFilter,
}

/// Why what came with an ack tells us nothing.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("no coordinate: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("coordinate of {0} dimensions")]
    Dimensions(usize),
    #[error("coordinate: {0}")]
    Unusable(#[from] Unusable),
}

/// The branch of the random numbers that directions are drawn from.
const DIRECTIONS: u64 = 1;

impl Distances {
    pub(crate) fn new(coordinates: Coordinates, rng: &Rng) -> Option<Self> {
        match coordinates {
            Coordinates::Off => return None,
            Coordinates::On => {}
        }
        let mut distances = Self {
            vivaldi: Vivaldi::new(),
            rng: rng.branch(DIRECTIONS),
            places: BTreeMap::new(),
            payload: Vec::new(),
            vec: SeqBuf::default(),
        };
        distances.encode();
        Some(distances)
    }

    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.places.remove(&key);
    }

    fn observe(&mut self, key: Key, rtt: Duration, payload: &[u8]) -> Result<(), Refused> {
        let coordinate = decode(payload)?;
        let mut filter = self.places.get(&key).map_or_else(LatencyFilter::default, |it| it.filter);
        self.vivaldi.update(&mut filter, &coordinate, rtt, &mut self.rng)?;
        self.places.insert(key, Place { coordinate, filter });
        self.encode();
        Ok(())
    }

    fn encode(&mut self) {
        let Coordinate { vec, error, adjustment, height } = *self.vivaldi.coordinate();
        self.vec.clear();
        vec.iter().for_each(|&at| self.vec.push(&Float(at)));
        let (adjustment, error) = (Float(adjustment), Float(error));
        let (height, vec) = (Float(height), self.vec.as_seq());
        self.payload.clear();
        let coordinate = wire::coordinate::Coordinate { adjustment, error, height, vec };
        coordinate.encode_payload(&mut self.payload);
    }
}

fn decode(payload: &[u8]) -> Result<Coordinate, Refused> {
    let read = wire::coordinate::Coordinate::decode_payload(payload)?;
    if read.vec.len() != DIMENSIONS {
        return Err(Refused::Dimensions(read.vec.len()));
    }
    let mut vec = [0.0; DIMENSIONS];
    for (at, Float(number)) in vec.iter_mut().zip(read.vec.iter()) {
        *at = number;
    }
    let (error, adjustment, height) = (read.error.0, read.adjustment.0, read.height.0);
    Ok(Coordinate { vec, error, adjustment, height })
}

impl Serf {
    /// A member acked a ping of ours after `rtt`, and said where it is.
    pub(crate) fn on_distance(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        name: &str,
        rtt: Duration,
        payload: &[u8],
    ) {
        let (Some(distances), Some(key)) = (&mut self.distances, self.members.find(name)) else {
            return;
        };
        // Nodes that have coordinates turned off say nothing.
        if !payload.is_empty()
            && let Err(refused) = distances.observe(key, rtt, payload)
        {
            cx.dropped(DropReason::Coordinate, from, &refused);
        }
    }

    /// Our coordinate.
    pub(crate) fn coordinate(&self) -> Option<&Coordinate> {
        Some(self.distances.as_ref()?.vivaldi.coordinate())
    }

    /// A member's coordinate, as it last told us.
    pub(crate) fn coordinate_of(&self, me: &str, name: &str) -> Option<&Coordinate> {
        if name == me {
            return self.coordinate();
        }
        let place = self.distances.as_ref()?.places.get(&self.members.find(name)?)?;
        Some(&place.coordinate)
    }

    /// Other members that are alive and said where they are, the nearest first; equally near ones in
    /// the order in which we got to know them.
    pub(crate) fn neighbors(&self) -> Vec<Neighbor> {
        let Some(distances) = &self.distances else {
            return Vec::new();
        };
        let me = distances.vivaldi.coordinate();
        let places = distances.places.iter().map(|(&key, place)| (&self.members[key], place));
        let alive = places.filter(|(entry, _)| entry.member.status == Status::Alive);
        let neighbor = alive.map(|(entry, place)| Neighbor {
            member: entry.member.clone(),
            rtt: me.distance(&place.coordinate),
        });
        let mut neighbors: Vec<Neighbor> = neighbor.collect();
        neighbors.sort_by_key(|neighbor| neighbor.rtt);
        neighbors
    }

    pub(crate) fn gauge_distances(&self, stats: &mut Stats) {
        if let Some(distances) = &self.distances {
            stats.coordinates = distances.places.len();
            stats.coordinate_resets = distances.vivaldi.resets();
        }
    }
}
