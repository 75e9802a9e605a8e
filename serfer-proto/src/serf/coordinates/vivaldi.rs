//! Vivaldi: finding our own coordinate from one round trip after another.
//!
//! Each round trip is a spring between two nodes. If it took longer than the distance between their
//! coordinates, it pushes us away from the other node; if it was shorter, it pulls us. The less certain
//! our coordinate is compared to the other one, the farther we move. Three refinements come from
//! "Network Coordinates in the Wild": the median of the last round trips is used instead of the last
//! one, a weak force pulls every node to the origin so that a cluster does not drift away, and the
//! average remaining error is added to the distance. Counterpart of Go's `client.go`. Sums and products
//! are done in the same order as there.

use std::time::Duration;

use crate::machinery::Rng;
use crate::serf::coordinates::coordinate::{
    Coordinate, DIMENSIONS, ERROR_MAX, Implausible, REACH, ZERO,
};

/// How fast the error follows the observations.
const CE: f64 = 0.25;
/// Which part of the way to move at once.
const CC: f64 = 0.25;
/// The adjustment is the mean of this many observations.
const ADJUSTMENT_WINDOW: usize = 20;
/// The median is that of this many round trips to one member.
const FILTER_SIZE: usize = 3;
/// At this distance, in seconds, gravity pulls by one second per observation.
const GRAVITY_RHO: f64 = 150.0;

/// Our coordinate, and the state needed to move it.
#[derive(Clone, Debug)]
pub(crate) struct Vivaldi<const D: usize = DIMENSIONS> {
    coordinate: Coordinate<D>,
    /// The differences between the last round trips and the distances.
    adjustments: [f64; ADJUSTMENT_WINDOW],
    next_adjustment: usize,
    resets: u64,
}

/// The last round trips to one member. Go: `latencyFilter`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LatencyFilter {
    rtts: [f64; FILTER_SIZE],
    len: usize,
}

/// Why an observation was not used.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error(transparent)]
    Implausible(#[from] Implausible),
    #[error("round trip of {0:?} is longer than {REACH} s")]
    Slow(Duration),
    #[error("it would have moved us to an implausible place: {0}")]
    MovesTo(Implausible),
}

impl<const D: usize> Vivaldi<D> {
    pub(crate) fn new() -> Self {
        Self {
            coordinate: Coordinate::ORIGIN,
            adjustments: [0.0; ADJUSTMENT_WINDOW],
            next_adjustment: 0,
            resets: 0,
        }
    }

    pub(crate) fn coordinate(&self) -> &Coordinate<D> {
        &self.coordinate
    }

    /// How often we had to start again at the origin.
    pub(crate) fn resets(&self) -> u64 {
        self.resets
    }

    /// Learns that a round trip to a member at `other` took `rtt`. `filter` has the previous ones.
    ///
    /// Unlike Go, an observation that would move us to an implausible place is not used. With a
    /// well-chosen adjustment, a coordinate right beside ours could raise our height by hours.
    pub(crate) fn update(
        &mut self,
        filter: &mut LatencyFilter,
        other: &Coordinate<D>,
        rtt: Duration,
        rng: &mut Rng,
    ) -> Result<(), Unusable> {
        other.check()?;
        if rtt > Duration::from_secs_f64(REACH) {
            return Err(Unusable::Slow(rtt));
        }
        let rtt = filter.median(rtt.as_secs_f64());
        let mut moved = self.clone();
        moved.follow(other, rtt, rng);
        moved.adjust(other, rtt);
        moved.gravitate(rng);
        if !moved.coordinate.is_finite() {
            *self = Self { resets: self.resets + 1, ..Self::new() };
            return Ok(());
        }
        moved.coordinate.check().map_err(Unusable::MovesTo)?;
        *self = moved;
        Ok(())
    }

    /// The force of one spring. Go: `updateVivaldi`.
    fn follow(&mut self, other: &Coordinate<D>, rtt: f64, rng: &mut Rng) {
        let me = &mut self.coordinate;
        let distance = me.distance(other).as_secs_f64();
        let rtt = rtt.max(ZERO);
        let wrongness = (distance - rtt).abs() / rtt;
        let total_error = (me.error + other.error).max(ZERO);
        let weight = me.error / total_error;
        let error = CE * weight * wrongness + me.error * (1.0 - CE * weight);
        me.error = error.min(ERROR_MAX);
        let force = CC * weight * (rtt - distance);
        me.push(force, other, rng);
    }

    /// Go: `updateAdjustment`.
    fn adjust(&mut self, other: &Coordinate<D>, rtt: f64) {
        self.adjustments[self.next_adjustment] = rtt - self.coordinate.raw_distance(other);
        self.next_adjustment = (self.next_adjustment + 1) % ADJUSTMENT_WINDOW;
        let mut sum = 0.0;
        for adjustment in self.adjustments {
            sum += adjustment;
        }
        self.coordinate.adjustment = sum / (2.0 * ADJUSTMENT_WINDOW as f64);
    }

    /// Go: `updateGravity`.
    fn gravitate(&mut self, rng: &mut Rng) {
        let distance = Coordinate::ORIGIN.distance(&self.coordinate).as_secs_f64();
        let share = distance / GRAVITY_RHO;
        let force = -(share * share);
        self.coordinate.push(force, &Coordinate::ORIGIN, rng);
    }
}

impl LatencyFilter {
    /// The median of the last round trips, this one included, in seconds.
    fn median(&mut self, rtt: f64) -> f64 {
        if self.len == FILTER_SIZE {
            self.rtts.rotate_left(1);
        } else {
            self.len += 1;
        }
        self.rtts[self.len - 1] = rtt;
        let mut sorted = self.rtts;
        let sorted = &mut sorted[..self.len];
        sorted.sort_unstable_by(f64::total_cmp);
        sorted[self.len / 2]
    }
}

#[cfg(test)]
mod accuracy;
#[cfg(test)]
mod same_bits;
#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::new([0; 32])
    }

    fn ms(ms: f64) -> Duration {
        Duration::from_nanos((ms * 1e6).round() as u64)
    }

    #[test]
    fn a_node_moves_away_from_a_node_that_is_farther_than_estimated() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        assert_eq!(*me.coordinate(), Coordinate::ORIGIN);
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        let rtt = ms(2.0 * 1.01);
        me.update(&mut LatencyFilter::default(), &above, rtt, &mut rng).unwrap();
        assert!(me.coordinate().vec[2] < 0.0);
    }

    #[test]
    fn round_trips_that_take_too_long_are_not_used() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        let longest = Duration::from_secs(10);
        let longer = longest + Duration::from_nanos(1);
        let filter = &mut LatencyFilter::default();
        assert_eq!(me.update(filter, &above, longer, &mut rng), Err(Unusable::Slow(longer)));
        assert_eq!((*me.coordinate(), filter.len), (Coordinate::ORIGIN, 0));
        assert_eq!(me.update(filter, &above, longest, &mut rng), Ok(()));
    }

    #[test]
    fn one_outlier_does_not_change_the_median() {
        let mut filter = LatencyFilter::default();
        let medians = [0.201, 0.200, 0.207, 1.9, 0.203, 0.199, 0.211].map(|rtt| filter.median(rtt));
        assert_eq!(medians, [0.201, 0.201, 0.201, 0.207, 0.207, 0.203, 0.203]);
        assert_eq!(LatencyFilter::default().median(0.217), 0.217, "each member has its own");
    }

    #[test]
    fn the_latest_adjustment_replaces_the_oldest() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let other = Coordinate { vec: [0.0, 0.0, 0.001], error: 0.1, ..Coordinate::ORIGIN };
        let filter = &mut LatencyFilter::default();
        for _ in 0..ADJUSTMENT_WINDOW * 20 {
            me.update(filter, &other, ms(5.0), &mut rng).unwrap();
        }
        let estimated = me.coordinate().distance(&other).as_secs_f64();
        assert!((estimated - 0.005).abs() < 0.0001, "{estimated}");
    }

    #[test]
    fn an_implausible_coordinate_does_not_move_us() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        let filter = &mut LatencyFilter::default();
        me.update(filter, &above, ms(2.0), &mut rng).unwrap();
        let before = *me.coordinate();
        let origin = Coordinate::<3>::ORIGIN;
        for wrong in [
            Coordinate { error: -1.5, ..above },
            Coordinate { error: 1e10, ..above },
            Coordinate { error: f64::NAN, ..above },
            Coordinate { height: -1e300, ..above },
            Coordinate { height: -1e-5, ..above },
            Coordinate { height: f64::INFINITY, ..above },
            Coordinate { adjustment: -1e300, ..above },
            Coordinate { vec: [1e300, 0.0, 0.0], ..origin },
            Coordinate { vec: [0.0, f64::NAN, 0.0], ..origin },
        ] {
            let refused = me.update(filter, &wrong, ms(2.0), &mut rng);
            assert!(matches!(refused, Err(Unusable::Implausible(_))), "{wrong:?}");
            assert_eq!((*me.coordinate(), filter.len, me.resets()), (before, 1, 0));
        }
    }

    /// All of its numbers are small. But it is right beside us and very high, and its adjustment says
    /// that it is near.
    #[test]
    fn an_observation_that_would_move_us_to_an_implausible_place_is_not_used() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let beside = [0.0, 0.0, 1.1e-6];
        let (height, adjustment) = (9.0, -8.9999);
        let trap = Coordinate { vec: beside, error: 0.0, adjustment, height };
        assert!(trap.is_plausible());
        let refused = me.update(&mut LatencyFilter::default(), &trap, ms(400.0), &mut rng);
        assert!(matches!(refused, Err(Unusable::MovesTo(_))), "{refused:?}");
        assert_eq!(*me.coordinate(), Coordinate::ORIGIN);
    }

    /// Any plausible coordinates, as far away as possible, many times.
    #[test]
    fn the_effect_of_lies_wears_off() {
        let mut rng = rng();
        for _ in 0..20 {
            let (mut me, mut liar) = (Vivaldi::<8>::new(), LatencyFilter::default());
            for _ in 0..500 {
                let vec = std::array::from_fn(|_| (rng.f64() - 0.5) * 7.0);
                let (error, height) = (rng.f64() * ERROR_MAX, rng.f64() * REACH);
                let adjustment = (rng.f64() - 0.5) * 2.0 * REACH;
                let lie = Coordinate { vec, error, adjustment, height };
                let _ = me.update(&mut liar, &lie, ms(500.0 * rng.f64()), &mut rng);
                assert!(me.coordinate().is_plausible());
            }
            let honest: [Coordinate; 8] = std::array::from_fn(|axis| Coordinate {
                vec: std::array::from_fn(|at| if at == axis { 0.005 } else { 0.0 }),
                error: 0.2,
                ..Coordinate::ORIGIN
            });
            let mut filters = [LatencyFilter::default(); 8];
            for at in (0..200).flat_map(|_| 0..8) {
                me.update(&mut filters[at], &honest[at], ms(10.0), &mut rng).unwrap();
            }
            let distance = me.coordinate().distance(&honest[0]);
            assert!(distance.abs_diff(ms(10.0)) < ms(2.0), "{distance:?}");
        }
    }

    #[test]
    fn a_node_whose_coordinate_is_not_finite_starts_again() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        me.coordinate.vec[0] = f64::NAN;
        me.update(&mut LatencyFilter::default(), &above, ms(2.0), &mut rng).unwrap();
        assert_eq!((*me.coordinate(), me.resets()), (Coordinate::ORIGIN, 1));
    }
}
