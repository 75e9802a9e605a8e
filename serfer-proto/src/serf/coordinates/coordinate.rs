//! A place in the space of round trip times.
//!
//! Each node has a coordinate; how far two of them are from each other estimates how long a packet
//! takes there and back, for pairs that never spoke to each other too. The height is what a node
//! needs to get to the network at all, and the adjustment is what space and height get wrong. After
//! "Vivaldi" (Dabek et al., SIGCOMM 2004) and "Network Coordinates in the Wild" (Ledlie et al., NSDI
//! 2007). Counterpart of Go's `coordinate.go`, whose sums and products are done in its order, so
//! that the same observations give the same bits.

use std::time::Duration;

use crate::machinery::rng::Rng;

/// How many dimensions the space has. It is not negotiated: all members have the same.
pub const DIMENSIONS: usize = 8;

/// Where a node is in the space of round trip times. Everything but the error is in seconds.
///
/// Go: `coordinate.Coordinate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinate<const D: usize = DIMENSIONS> {
    /// The position in space. Go: `Vec`.
    pub vec: [f64; D],
    /// How far the node trusts all this: from 0, entirely, to 1.5, not at all. It has no unit.
    pub error: f64,
    /// What is added to every distance, or taken from it, for what space and height get wrong.
    pub adjustment: f64,
    /// What is added to every distance for the way from the node to the network.
    pub height: f64,
}

/// Why somebody cannot be where he says.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Implausible {
    #[error("error {0} is not within 0 to {ERROR_MAX}")]
    Error(f64),
    #[error("height of {0} s is not within 0 to {REACH} s")]
    Height(f64),
    #[error("adjustment of {0} s is longer than {REACH} s")]
    Adjustment(f64),
    #[error("{0} s from the origin is farther than {REACH} s")]
    Far(f64),
}

/// The error of a node that knows nothing.
pub(crate) const ERROR_MAX: f64 = 1.5;
/// No node is nearer to the network, in seconds.
pub(crate) const HEIGHT_MIN: f64 = 1e-5;
/// The longest round trip that counts, in seconds; nobody can be farther from the origin.
pub(crate) const REACH: f64 = 10.0;
/// What is smaller is nothing.
pub(crate) const ZERO: f64 = 1e-6;

impl<const D: usize> Coordinate<D> {
    /// Where every node starts. Go: `NewCoordinate`.
    pub const ORIGIN: Self =
        Self { vec: [0.0; D], error: ERROR_MAX, adjustment: 0.0, height: HEIGHT_MIN };

    /// How long a round trip between the two is estimated to take, in whole nanoseconds. What is no
    /// number is zero. Go: `DistanceTo`.
    pub fn distance(&self, other: &Self) -> Duration {
        let raw = self.raw_distance(other);
        let adjusted = raw + self.adjustment + other.adjustment;
        let seconds = if adjusted > 0.0 { adjusted } else { raw };
        Duration::from_nanos((seconds * 1e9) as u64)
    }

    /// Whether a node can be there: nothing is negative that cannot be, nothing is farther away than
    /// the longest round trip that counts, 10 s, and every number is one.
    ///
    /// Unlike Go's `IsValid`, which takes any numbers that are ones. A single coordinate with a
    /// negative error then throws a node out of the solar system. A member that lies within these
    /// bounds can still lead others astray, by seconds, until they have heard enough from the rest.
    pub fn is_plausible(&self) -> bool {
        self.check().is_ok()
    }

    pub(crate) fn check(&self) -> Result<(), Implausible> {
        let far = magnitude(&self.vec);
        // Written so that what is no number does not pass either.
        if !(0.0..=ERROR_MAX).contains(&self.error) {
            Err(Implausible::Error(self.error))
        } else if !(0.0..=REACH).contains(&self.height) {
            Err(Implausible::Height(self.height))
        } else if !(-REACH..=REACH).contains(&self.adjustment) {
            Err(Implausible::Adjustment(self.adjustment))
        } else if !(0.0..=REACH).contains(&far) {
            Err(Implausible::Far(far))
        } else {
            Ok(())
        }
    }

    /// Whether all numbers are ones. Go: `IsValid`.
    pub(crate) fn is_finite(&self) -> bool {
        let others = [self.error, self.adjustment, self.height];
        self.vec.iter().chain(&others).all(|number| number.is_finite())
    }

    /// The distance in seconds, without adjustments. Go: `rawDistanceTo`.
    pub(crate) fn raw_distance(&self, other: &Self) -> f64 {
        magnitude(&difference(&self.vec, &other.vec)) + self.height + other.height
    }

    /// Pushes away from `other`, or pulls towards it if the force is negative. Two that are in one
    /// place part in any direction. Go: `ApplyForce`.
    pub(crate) fn push(&mut self, force: f64, other: &Self, rng: &mut Rng) {
        let (direction, distance) = direction(&self.vec, &other.vec, rng);
        for (at, unit) in self.vec.iter_mut().zip(direction) {
            *at += unit * force;
        }
        if distance > ZERO {
            let height = (self.height + other.height) * force / distance + self.height;
            self.height = height.max(HEIGHT_MIN);
        }
    }
}

fn difference<const D: usize>(a: &[f64; D], b: &[f64; D]) -> [f64; D] {
    std::array::from_fn(|at| a[at] - b[at])
}

fn magnitude<const D: usize>(vec: &[f64; D]) -> f64 {
    let mut sum = 0.0;
    for at in vec {
        sum += at * at;
    }
    sum.sqrt()
}

/// The unit vector that points from `b` to `a`, and how far apart they are; if they are in one place,
/// any unit vector, and nothing. Go: `unitVectorAt`.
fn direction<const D: usize>(a: &[f64; D], b: &[f64; D], rng: &mut Rng) -> ([f64; D], f64) {
    if let Some(found) = unit(difference(a, b)) {
        return found;
    }
    let any = std::array::from_fn(|_| rng.f64() - 0.5);
    let first_axis = || std::array::from_fn(|at| if at == 0 { 1.0 } else { 0.0 });
    (unit(any).map_or_else(first_axis, |(unit, _)| unit), 0.0)
}

/// The vector stretched to a length of one, and the length that it had, if it had any.
fn unit<const D: usize>(vec: [f64; D]) -> Option<([f64; D], f64)> {
    let length = magnitude(&vec);
    // Go multiplies by the reciprocal, which gives other bits than a division.
    let by = 1.0 / length;
    (length > ZERO).then(|| (vec.map(|at| at * by), length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at<const D: usize>(vec: [f64; D]) -> Coordinate<D> {
        Coordinate { vec, ..Coordinate::ORIGIN }
    }

    fn rng() -> Rng {
        Rng::new([0; 32])
    }

    #[test]
    fn a_node_starts_at_the_origin_and_trusts_nothing() {
        let new: Coordinate = Coordinate::ORIGIN;
        let parts = (new.vec, new.error, new.adjustment, new.height);
        assert_eq!(parts, ([0.0; 8], 1.5, 0.0, 1e-5));
        assert!(new.is_plausible() && new.is_finite());
    }

    #[test]
    fn what_is_no_number_or_too_large_a_one_is_not_plausible() {
        type Place = fn(&mut Coordinate) -> &mut f64;
        let places: [Place; 5] = [
            |it| &mut it.vec[0],
            |it| &mut it.vec[7],
            |it| &mut it.error,
            |it| &mut it.adjustment,
            |it| &mut it.height,
        ];
        for place in places {
            for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
                let mut coordinate = Coordinate::ORIGIN;
                *place(&mut coordinate) = number;
                assert!(!coordinate.is_finite() && !coordinate.is_plausible(), "{coordinate:?}");
            }
            for number in [1e300, -1e300, f64::MAX, 10.1, -10.1] {
                let mut coordinate = Coordinate::ORIGIN;
                *place(&mut coordinate) = number;
                assert!(coordinate.is_finite() && !coordinate.is_plausible(), "{coordinate:?}");
            }
        }
        let origin: Coordinate = Coordinate::ORIGIN;
        assert!(!Coordinate { error: -1e-9, ..origin }.is_plausible());
        assert!(!Coordinate { height: -1e-9, ..origin }.is_plausible());
        assert!(Coordinate { adjustment: -1e-9, ..origin }.is_plausible());
        assert!(!at([4.0; 8]).is_plausible(), "each of them is near, but not all together");
    }

    #[test]
    fn the_distance_is_that_of_the_vectors_and_both_heights() {
        let a = at([-0.5, 1.3, 2.4]);
        let b = at([1.2, -2.3, 3.4]);
        assert_eq!(a.distance(&a), Duration::from_nanos(20_000));
        assert_eq!(a.distance(&b), b.distance(&a));
        let (a, b) = (Coordinate { height: 0.0, ..a }, Coordinate { height: 0.0, ..b });
        assert_eq!(a.raw_distance(&b), 4.104875150354758);
        let (a, b) = (Coordinate { height: 0.7, ..a }, Coordinate { height: 0.1, ..b });
        assert_eq!(a.raw_distance(&b), 4.104875150354758 + 0.7 + 0.1);
    }

    #[test]
    fn adjustments_count_unless_nothing_is_left() {
        let a = Coordinate { height: 0.7, adjustment: 0.1, ..at([-0.5, 1.3, 2.4]) };
        let b = Coordinate { height: 0.1, adjustment: 0.2, ..at([1.2, -2.3, 3.4]) };
        assert_eq!(a.distance(&b), Duration::from_nanos(5_204_875_150));
        let a = Coordinate { adjustment: -1e6, ..a };
        assert_eq!(a.distance(&b), Duration::from_nanos(4_904_875_150));
    }

    #[test]
    fn the_distance_to_nonsense_is_a_time_all_the_same() {
        let origin = at([0.0; 3]);
        assert_eq!(at([f64::NAN; 3]).distance(&origin), Duration::ZERO);
        assert_eq!(at([1e300; 3]).distance(&origin), Duration::from_nanos(u64::MAX));
    }

    #[test]
    fn a_force_pushes_away_or_pulls() {
        let above = at([0.0, 0.0, 2.9]);
        let mut pushed = at([0.0; 3]);
        pushed.push(5.3, &above, &mut rng());
        assert_eq!((pushed.vec, pushed.height), ([0.0, 0.0, -5.3], 4.655172413793104e-05));
        let mut pulled = at([0.0; 3]);
        pulled.push(-5.3, &above, &mut rng());
        assert_eq!((pulled.vec, pulled.height), ([0.0, 0.0, 5.3], 1e-5));
    }

    #[test]
    fn two_in_one_place_part_in_any_direction_and_keep_their_height() {
        let mut rng = rng();
        let mut directions = Vec::new();
        for _ in 0..2 {
            let mut pushed = at([0.0; 3]);
            pushed.push(1.0, &at([0.0; 3]), &mut rng);
            assert!((magnitude(&pushed.vec) - 1.0).abs() < 1e-9);
            assert_eq!(pushed.height, HEIGHT_MIN);
            directions.push(pushed.vec);
        }
        assert_ne!(directions[0], directions[1]);
    }

    #[test]
    fn unit_vectors_point_from_one_to_the_other() {
        let (a, b) = ([1.0, 2.0, 3.0], [0.5, 0.6, 0.7]);
        let (unit, length) = direction(&a, &b, &mut rng());
        assert!((magnitude(&unit) - 1.0).abs() < 1e-9);
        assert_eq!(length, magnitude(&difference(&a, &b)));
        let back: [f64; 3] = std::array::from_fn(|at| b[at] + unit[at] * length);
        assert!(magnitude(&difference(&a, &back)) < 1e-9);
    }
}
