//! Finding one's own coordinate, one observed round trip after another.
//!
//! Each round trip is a spring between two nodes: where it took longer than the distance between
//! their coordinates, it pushes us away from the other, and where it was shorter it pulls. The less
//! sure we are compared to the other, the farther we go. Three refinements come from "Network
//! Coordinates in the Wild": the median of the last round trips stands for all of them, a weak force
//! pulls everybody to the origin so that a whole cluster does not drift away, and the errors that
//! remain on average are added to the distance. Counterpart of Go's `client.go`, whose sums and
//! products are done in its order.

use std::time::Duration;

use crate::machinery::rng::Rng;
use crate::serf::coordinates::coordinate::{
    Coordinate, DIMENSIONS, ERROR_MAX, Implausible, REACH, ZERO,
};

/// How fast the error follows what is observed.
const CE: f64 = 0.25;
/// How far of the way to go at once.
const CC: f64 = 0.25;
/// How many observations the adjustment is the mean of.
const ADJUSTMENT_WINDOW: usize = 20;
/// How many round trips to one member the median is taken of.
const FILTER_SIZE: usize = 3;
/// The distance, in seconds, at which gravity pulls by a second at once.
const GRAVITY_RHO: f64 = 150.0;

/// Our coordinate, and what is needed to move it.
#[derive(Clone, Debug)]
pub(crate) struct Vivaldi<const D: usize = DIMENSIONS> {
    coordinate: Coordinate<D>,
    /// By how much the last observations differed from the distance.
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
    #[error("it would have thrown us off: {0}")]
    Throws(Implausible),
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

    #[cfg(test)]
    pub(crate) fn place(&mut self, coordinate: Coordinate<D>) {
        self.coordinate = coordinate;
    }

    /// How often we had to start again.
    pub(crate) fn resets(&self) -> u64 {
        self.resets
    }

    /// Whether an observation can be used at all.
    fn check(other: &Coordinate<D>, rtt: Duration) -> Result<(), Unusable> {
        other.check()?;
        if rtt > Duration::from_secs_f64(REACH) {
            return Err(Unusable::Slow(rtt));
        }
        Ok(())
    }

    /// A round trip to a member at `other` took so long. `filter` remembers those before.
    ///
    /// Unlike Go, one that would move us to where nobody can be leaves us where we are. With a
    /// well-chosen adjustment, a coordinate right beside ours can lift us by hours.
    pub(crate) fn update(
        &mut self,
        filter: &mut LatencyFilter,
        other: &Coordinate<D>,
        rtt: Duration,
        rng: &mut Rng,
    ) -> Result<(), Unusable> {
        Self::check(other, rtt)?;
        let rtt = filter.median(rtt.as_secs_f64());
        let mut moved = self.clone();
        moved.follow(other, rtt, rng);
        moved.adjust(other, rtt);
        moved.gravitate(rng);
        if !moved.coordinate.is_finite() {
            *self = Self { resets: self.resets + 1, ..Self::new() };
            return Ok(());
        }
        moved.coordinate.check().map_err(Unusable::Throws)?;
        *self = moved;
        Ok(())
    }

    /// Vivaldi itself. Go: `updateVivaldi`.
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
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::new([0; 32])
    }

    fn ms(ms: f64) -> Duration {
        Duration::from_nanos((ms * 1e6).round() as u64)
    }

    /// What an implementation in Go gave: round trip, and then the place, error, adjustment, height.
    type Step = (f64, [f64; 3], [f64; 3]);

    const FIRST: Step =
        (2.0, [0.0, 0.0, -0.00012249999877047386], [1.37375, 2.137625e-05, 1.2449999774670516e-05]);
    const STEPS: [Step; 5] = [
        (
            10.0,
            [0.00014244387738236708, -0.0001899251698431561, 0.00045309197153467544],
            [1.1842199168278853, -4.613704231381126e-05, 1e-05],
        ),
        (
            30.0,
            [-0.0005530977793926921, 0.000737463705856923, -0.00235747592075633],
            [1.0773974495052003, 0.000309065532018057, 6.111491382743524e-05],
        ),
        (
            12.0,
            [-0.0003909400955870596, 0.0005212534607827462, -0.001702223734468131],
            [0.9524925084901592, 0.00023228603214360863, 4.919804464425684e-05],
        ),
        (
            0.0,
            [-0.0002651647935683319, 0.0003535530580911093, -0.0011939866933363744],
            [0.8421541101592354, 0.00016948187922966916, 3.9954894815881206e-05],
        ),
        (
            9.999999,
            [-9.535783761414738e-05, 0.00012714378348552992, -0.0005078250834803796],
            [0.7842721907217607, 7.554556234686156e-05, 2.7475888000185794e-05],
        ),
    ];

    #[test]
    fn the_same_observations_give_the_same_bits_as_in_go() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let mut observe = |filter: &mut LatencyFilter, other: &Coordinate<3>, step: &Step| {
            me.update(filter, other, ms(step.0), &mut rng).unwrap();
            let [error, adjustment, height] = step.2;
            let expected = Coordinate { vec: step.1, error, adjustment, height };
            assert_eq!(*me.coordinate(), expected, "after {} ms", step.0);
            *me.coordinate()
        };
        let near = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        observe(&mut LatencyFilter::default(), &near, &FIRST);

        let (vec, error) = ([0.003, -0.004, 0.012], 0.5);
        let other = Coordinate { vec, error, adjustment: 0.00005, height: 0.0002 };
        let mut filter = LatencyFilter::default();
        let last = STEPS.map(|step| observe(&mut filter, &other, &step))[4];
        assert_eq!(last.distance(&other), Duration::from_nanos(13_882_997));
    }

    /// Of 200 observations of seven members at random places, after the first and after the last.
    #[test]
    fn many_observations_give_the_same_bits_as_in_go() {
        let first = Coordinate {
            vec: [
                0.0013259805031975655,
                -0.00016244239045891127,
                -0.0025617859072160055,
                0.0020226485657454957,
                -0.005101624239196811,
                -8.828541448256875e-06,
                -0.0009313252421724718,
                0.007504092948823008,
            ],
            error: 1.3874358509698022,
            adjustment: 0.001475165136975189,
            height: 0.00258894610072156,
        };
        let last = Coordinate {
            vec: [
                -0.029163665966891867,
                0.032136008140014834,
                0.02335789676892582,
                0.026099983385438494,
                -0.015422068964572563,
                -0.011209832958483086,
                -0.02790886263429757,
                0.015941291492673548,
            ],
            error: 0.32670171246444357,
            adjustment: 0.0018643247135115288,
            height: 0.03182179066204522,
        };
        let (mut me, mut rng) = (Vivaldi::<8>::new(), rng());
        let mut filters = [LatencyFilter::default(); 7];
        let mut x = 1u64;
        let mut next = || {
            x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (x >> 11) as f64 / (1u64 << 53) as f64
        };
        for observation in 0..200 {
            let vec = std::array::from_fn(|_| (next() - 0.5) * 0.05);
            let (error, adjustment) = (next() * 1.5, (next() - 0.5) * 0.002);
            let other = Coordinate { vec, error, adjustment, height: next() * 0.01 };
            let rtt = Duration::from_nanos((next() * 2e8) as u64);
            me.update(&mut filters[observation % 7], &other, rtt, &mut rng).unwrap();
            let distance = me.coordinate().distance(&other).as_nanos();
            match observation {
                0 => assert_eq!((*me.coordinate(), distance), (first, 49_016_958)),
                199 => assert_eq!((*me.coordinate(), distance), (last, 128_025_006)),
                _ => {}
            }
        }
    }

    #[test]
    fn a_node_moves_away_from_whom_it_is_farther_from_than_it_thought() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        assert_eq!(*me.coordinate(), Coordinate::ORIGIN);
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        let rtt = ms(2.0 * 1.01);
        me.update(&mut LatencyFilter::default(), &above, rtt, &mut rng).unwrap();
        assert!(me.coordinate().vec[2] < 0.0);
    }

    #[test]
    fn round_trips_that_take_too_long_do_not_count() {
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
    fn an_outlier_is_not_believed_until_it_comes_again() {
        let mut filter = LatencyFilter::default();
        let medians = [0.201, 0.200, 0.207, 1.9, 0.203, 0.199, 0.211].map(|rtt| filter.median(rtt));
        assert_eq!(medians, [0.201, 0.201, 0.201, 0.207, 0.207, 0.203, 0.203]);
        assert_eq!(LatencyFilter::default().median(0.217), 0.217, "each member has its own");
    }

    #[test]
    fn the_latest_adjustment_takes_the_place_of_the_oldest() {
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
    fn what_nobody_can_be_leaves_us_where_we_are() {
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

    /// All of its numbers are small. But it is right beside us and very high, and says by its
    /// adjustment that it is not far at all.
    #[test]
    fn what_would_throw_us_off_leaves_us_where_we_are() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let beside = [0.0, 0.0, 1.1e-6];
        let (height, adjustment) = (9.0, -8.9999);
        let trap = Coordinate { vec: beside, error: 0.0, adjustment, height };
        assert!(trap.is_plausible());
        let refused = me.update(&mut LatencyFilter::default(), &trap, ms(400.0), &mut rng);
        assert!(matches!(refused, Err(Unusable::Throws(_))), "{refused:?}");
        assert_eq!(*me.coordinate(), Coordinate::ORIGIN);
    }

    /// Whatever can be said, as far away as can be, as often as one likes.
    #[test]
    fn what_a_liar_did_wears_off() {
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
    fn whoever_is_nowhere_starts_again() {
        let (mut me, mut rng) = (Vivaldi::<3>::new(), rng());
        let above = Coordinate { vec: [0.0, 0.0, 0.001], ..Coordinate::ORIGIN };
        me.coordinate.vec[0] = f64::NAN;
        me.update(&mut LatencyFilter::default(), &above, ms(2.0), &mut rng).unwrap();
        assert_eq!((*me.coordinate(), me.resets()), (Coordinate::ORIGIN, 1));
    }
}
