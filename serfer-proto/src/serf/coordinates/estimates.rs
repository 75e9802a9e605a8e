//! The coordinates of this node and of other members.
//!
//! A member that acks a ping of ours says its coordinate. From that and from the round trip time we
//! learn our own. The coordinates of others are kept beside the member table, since only members that
//! said one need it: a few hundred bytes each. Counterpart of `coordClient` and `coordCache` in Go's
//! `serf.go`.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::Coordinates;
use crate::machinery::{Key, Rng, Stats};
use crate::serf::coordinates::coordinate::{Coordinate, DIMENSIONS};
use crate::serf::coordinates::vivaldi::{LatencyFilter, Unusable, Vivaldi};
use crate::wire;
use crate::wire::msgpack::{DecodeError, Float};
use crate::wire::seq::SeqBuf;

/// All coordinates. None of them outlives the process.
#[derive(Debug)]
pub(crate) struct CoordinateEstimates {
    vivaldi: Vivaldi,
    /// Its own, so that drawing directions does not change which members we probe and gossip to.
    rng: Rng,
    /// The members that have said their coordinate.
    members: BTreeMap<Key, MemberCoordinate>,
    /// Our coordinate as it goes into acks.
    payload: Vec<u8>,
    vec: SeqBuf,
}

#[derive(Debug)]
struct MemberCoordinate {
    coordinate: Coordinate,
    filter: LatencyFilter,
}

/// Why the payload of an ack was not used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnusablePayload {
    #[error("no coordinate: {0}")]
    Undecodable(#[from] DecodeError),
    #[error("coordinate of {0} dimensions")]
    Dimensions(usize),
    #[error("coordinate: {0}")]
    Unusable(#[from] Unusable),
}

/// The branch of the random numbers for directions.
const DIRECTIONS: u64 = 1;

impl CoordinateEstimates {
    pub(crate) fn new(coordinates: Coordinates, rng: &Rng) -> Option<Self> {
        match coordinates {
            Coordinates::Off => return None,
            Coordinates::On => {}
        }
        let mut estimates = Self {
            vivaldi: Vivaldi::new(),
            rng: rng.branch(DIRECTIONS),
            members: BTreeMap::new(),
            payload: Vec::new(),
            vec: SeqBuf::default(),
        };
        estimates.encode();
        Some(estimates)
    }

    /// Our coordinate, encoded for an ack.
    pub(crate) fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Our coordinate.
    pub(crate) fn ours(&self) -> &Coordinate {
        self.vivaldi.coordinate()
    }

    /// A member's coordinate.
    pub(crate) fn of(&self, member: Key) -> Option<&Coordinate> {
        Some(&self.members.get(&member)?.coordinate)
    }

    /// The other members that have said their coordinate, in the order of the member table.
    pub(crate) fn others(&self) -> impl Iterator<Item = (Key, &Coordinate)> {
        self.members.iter().map(|(&key, it)| (key, &it.coordinate))
    }

    pub(crate) fn gauge(&self, stats: &mut Stats) {
        stats.coordinates = self.members.len();
        stats.coordinate_resets = self.vivaldi.resets();
    }

    pub(crate) fn forget(&mut self, key: Key) {
        self.members.remove(&key);
    }

    /// Learns from an ack of this payload, which came after `rtt`.
    pub(crate) fn observe(
        &mut self,
        key: Key,
        rtt: Duration,
        payload: &[u8],
    ) -> Result<(), UnusablePayload> {
        let coordinate = decode(payload)?;
        let mut filter = self.members.get(&key).map_or_else(LatencyFilter::default, |it| it.filter);
        self.vivaldi.update(&mut filter, &coordinate, rtt, &mut self.rng)?;
        self.members.insert(key, MemberCoordinate { coordinate, filter });
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

fn decode(payload: &[u8]) -> Result<Coordinate, UnusablePayload> {
    let read = wire::coordinate::Coordinate::decode_payload(payload)?;
    if read.vec.len() != DIMENSIONS {
        return Err(UnusablePayload::Dimensions(read.vec.len()));
    }
    let mut vec = [0.0; DIMENSIONS];
    for (at, Float(number)) in vec.iter_mut().zip(read.vec.iter()) {
        *at = number;
    }
    let (error, adjustment, height) = (read.error.0, read.adjustment.0, read.height.0);
    Ok(Coordinate { vec, error, adjustment, height })
}
