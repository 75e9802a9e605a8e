//! Coordinates in the space of round trip times.
//!
//! Each node has a coordinate. The distance between two of them estimates the round trip time between
//! the nodes, even if these never exchanged a packet. The height is the way from a node to the network,
//! and the adjustment corrects the errors of vector and height. After "Vivaldi" (Dabek et al., SIGCOMM
//! 2004) and "Network Coordinates in the Wild" (Ledlie et al., NSDI 2007). Counterpart of Go's
//! `coordinate.go`. Sums and products are done in the same order as there, so that the same
//! observations give the same bits.

use std::time::Duration;

use crate::machinery::Rng;

/// The dimensions of the space. They are not negotiated: all members must have the same number.
pub const DIMENSIONS: usize = 8;

/// The position of a node in the space of round trip times. All fields but the error are in seconds.
///
/// Go: `coordinate.Coordinate`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coordinate<const D: usize = DIMENSIONS> {
    /// The position in space. Go: `Vec`.
    pub vec: [f64; D],
    /// How wrong the node expects the coordinate to be: from 0, not at all, to 1.5. It has no unit.
    pub error: f64,
    /// Added to every distance to correct the errors of vector and height. May be negative.
    pub adjustment: f64,
    /// Added to every distance for the way from the node to the network.
    pub height: f64,
}

/// Why a coordinate is implausible.
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
/// The lowest height that we compute, in seconds.
pub(crate) const HEIGHT_MIN: f64 = 1e-5;
/// The longest round trip that is used, in seconds. No plausible coordinate is farther from the origin.
pub(crate) const REACH: f64 = 10.0;
/// Smaller numbers count as zero.
pub(crate) const ZERO: f64 = 1e-6;

impl<const D: usize> Coordinate<D> {
    /// Where every node starts. Go: `NewCoordinate`.
    pub const ORIGIN: Self =
        Self { vec: [0.0; D], error: ERROR_MAX, adjustment: 0.0, height: HEIGHT_MIN };

    /// The estimated round trip time between two nodes, in whole nanoseconds. NaN gives zero. Go:
    /// `DistanceTo`.
    pub fn distance(&self, other: &Self) -> Duration {
        let raw = self.raw_distance(other);
        let adjusted = raw + self.adjustment + other.adjustment;
        let seconds = if adjusted > 0.0 { adjusted } else { raw };
        Duration::from_nanos((seconds * 1e9) as u64)
    }

    /// Whether a node can be there: all numbers are finite, error and height are not negative, and
    /// nothing is farther away than the longest round trip that is used, 10 s.
    ///
    /// Unlike Go's `IsValid`, which accepts all finite numbers, so that one coordinate with a negative
    /// error moves a node out of the solar system. A member that lies within these bounds can still
    /// make the estimates of others wrong by seconds, until they have heard enough from honest members.
    pub fn is_plausible(&self) -> bool {
        self.check().is_ok()
    }

    pub(crate) fn check(&self) -> Result<(), Implausible> {
        let far = magnitude(&self.vec);
        // Written so that NaN does not pass either.
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

    /// Whether all numbers are finite. Go: `IsValid`.
    pub(crate) fn is_finite(&self) -> bool {
        let others = [self.error, self.adjustment, self.height];
        self.vec.iter().chain(&others).all(|number| number.is_finite())
    }

    /// The distance in seconds, without adjustments. Go: `rawDistanceTo`.
    pub(crate) fn raw_distance(&self, other: &Self) -> f64 {
        magnitude(&difference(&self.vec, &other.vec)) + self.height + other.height
    }

    /// Pushes away from `other`, or pulls towards it if the force is negative. Two coordinates at the
    /// same place move apart in a random direction. Go: `ApplyForce`.
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

/// The unit vector from `b` to `a`, and the distance between them. If they are at the same place, a
/// random unit vector and zero. Go: `unitVectorAt`.
fn direction<const D: usize>(a: &[f64; D], b: &[f64; D], rng: &mut Rng) -> ([f64; D], f64) {
    if let Some(found) = unit(difference(a, b)) {
        return found;
    }
    let any = std::array::from_fn(|_| rng.f64() - 0.5);
    let first_axis = || std::array::from_fn(|at| if at == 0 { 1.0 } else { 0.0 });
    (unit(any).map_or_else(first_axis, |(unit, _)| unit), 0.0)
}

/// The unit vector of a vector, and its length. `None` if the length counts as zero.
fn unit<const D: usize>(vec: [f64; D]) -> Option<([f64; D], f64)> {
    let length = magnitude(&vec);
    // Go multiplies by the reciprocal. A division would give other bits.
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
    fn a_node_starts_at_the_origin_with_the_greatest_error() {
        let new: Coordinate = Coordinate::ORIGIN;
        let parts = (new.vec, new.error, new.adjustment, new.height);
        assert_eq!(parts, ([0.0; 8], 1.5, 0.0, 1e-5));
        assert!(new.is_plausible() && new.is_finite());
    }

    #[test]
    fn numbers_that_are_not_finite_or_too_large_are_not_plausible() {
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
        assert!(!at([4.0; 8]).is_plausible(), "each axis is short enough, but the vector is not");
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
    fn adjustments_count_unless_the_distance_becomes_negative() {
        let a = Coordinate { height: 0.7, adjustment: 0.1, ..at([-0.5, 1.3, 2.4]) };
        let b = Coordinate { height: 0.1, adjustment: 0.2, ..at([1.2, -2.3, 3.4]) };
        assert_eq!(a.distance(&b), Duration::from_nanos(5_204_875_150));
        let a = Coordinate { adjustment: -1e6, ..a };
        assert_eq!(a.distance(&b), Duration::from_nanos(4_904_875_150));
    }

    #[test]
    fn the_distance_is_a_duration_for_any_numbers() {
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
    fn two_at_one_place_move_apart_in_any_direction_and_keep_their_height() {
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
    fn unit_vectors_point_from_b_to_a() {
        let (a, b) = ([1.0, 2.0, 3.0], [0.5, 0.6, 0.7]);
        let (unit, length) = direction(&a, &b, &mut rng());
        assert!((magnitude(&unit) - 1.0).abs() < 1e-9);
        assert_eq!(length, magnitude(&difference(&a, &b)));
        let back: [f64; 3] = std::array::from_fn(|at| b[at] + unit[at] * length);
        assert!(magnitude(&difference(&a, &back)) < 1e-9);
    }
}
