//! How well coordinates estimate round trips, held to the bounds that serf's own tests have.
//!
//! Nodes whose true round trips are known observe each other: in a cycle, each looks at one other,
//! picked at random. Then what all pairs estimate is compared with the truth. The bounds were made
//! for one sequence of random numbers; here the median of a hundred seeds must meet them.
//! Counterparts of the six tests of Go's `performance_test.go`.

use std::f64::consts::{PI, SQRT_2};
use std::time::Duration;

use crate::machinery::rng::Rng;
use crate::serf::coordinates::coordinate::Coordinate;
use crate::serf::coordinates::vivaldi::{LatencyFilter, Vivaldi};

const SEEDS: u8 = 100;
const CYCLES: usize = 1000;

/// The true round trips between all nodes, in seconds.
struct Truth(Vec<Vec<f64>>);

struct Simulation<'a, const D: usize> {
    truth: &'a Truth,
    nodes: Vec<Vivaldi<D>>,
    /// What each remembers of each.
    filters: Vec<Vec<LatencyFilter>>,
    rng: Rng,
}

/// The relative errors of all pairs.
#[derive(Clone, Copy)]
struct Errors {
    mean: f64,
    max: f64,
}

impl Truth {
    fn of(nodes: usize, mut rtt: impl FnMut(usize, usize) -> f64) -> Self {
        let mut truth = vec![vec![0.0; nodes]; nodes];
        for (a, b) in pairs(nodes) {
            let rtt = rtt(a, b);
            (truth[a][b], truth[b][a]) = (rtt, rtt);
        }
        Self(truth)
    }

    fn rtt(&self, a: usize, b: usize) -> Duration {
        Duration::from_nanos((self.0[a][b] * 1e9) as u64)
    }
}

impl<'a, const D: usize> Simulation<'a, D> {
    fn new(truth: &'a Truth, seed: u8) -> Self {
        let nodes = truth.0.len();
        Self {
            truth,
            nodes: vec![Vivaldi::new(); nodes],
            filters: vec![vec![LatencyFilter::default(); nodes]; nodes],
            rng: Rng::new([seed; 32]),
        }
    }

    fn run(&mut self, cycles: usize) {
        let count = self.nodes.len();
        for node in (0..cycles).flat_map(|_| 0..count) {
            let other = self.rng.index(count);
            if other == node {
                continue;
            }
            let (at, rtt) = (*self.nodes[other].coordinate(), self.truth.rtt(node, other));
            let filter = &mut self.filters[node][other];
            self.nodes[node].update(filter, &at, rtt, &mut self.rng).unwrap();
        }
    }

    fn errors(&self) -> Errors {
        let (mut sum, mut max, mut count) = (0.0, 0f64, 0.0);
        for (a, b) in pairs(self.nodes.len()) {
            let estimate = self.nodes[a].coordinate().distance(self.nodes[b].coordinate());
            let truth = self.truth.rtt(a, b).as_secs_f64();
            let error = (estimate.as_secs_f64() - truth).abs() / truth;
            (sum, max, count) = (sum + error, max.max(error), count + 1.0);
        }
        Errors { mean: sum / count, max }
    }
}

fn pairs(nodes: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..nodes).flat_map(move |a| (a + 1..nodes).map(move |b| (a, b)))
}

fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Every seed's errors, and what else is to be known of every seed.
fn simulated<T, const D: usize>(
    truth: &Truth,
    look: impl Fn(&Simulation<'_, D>) -> T,
) -> (Vec<Errors>, Vec<T>) {
    let run = |seed| {
        let mut simulation = Simulation::new(truth, seed);
        simulation.run(CYCLES);
        (simulation.errors(), look(&simulation))
    };
    (0..SEEDS).map(run).unzip()
}

#[track_caller]
fn meets(errors: &[Errors], bound: Errors) {
    let mean = median(errors.iter().map(|errors| errors.mean));
    let max = median(errors.iter().map(|errors| errors.max));
    assert!(mean <= bound.mean && max <= bound.max, "mean {mean:.6}, max {max:.6}");
}

#[test]
fn nodes_on_a_line() {
    let truth = Truth::of(10, |a, b| 0.010 * (b - a) as f64);
    let (errors, _) = simulated::<_, 8>(&truth, |_| ());
    meets(&errors, Errors { mean: 0.0031, max: 0.0130 });
}

#[test]
fn nodes_on_a_grid() {
    let truth = Truth::of(25, |a, b| {
        let [x, y] = [a % 5, a / 5].map(|at| at as f64);
        let [x2, y2] = [b % 5, b / 5].map(|at| at as f64);
        0.010 * ((x2 - x).powi(2) + (y2 - y).powi(2)).sqrt()
    });
    let (errors, _) = simulated::<_, 8>(&truth, |_| ());
    meets(&errors, Errors { mean: 0.0016, max: 0.0230 });
}

#[test]
fn nodes_in_two_places() {
    let truth = Truth::of(25, |a, b| if (a <= 12) == (b <= 12) { 0.001 } else { 0.011 });
    let (errors, _) = simulated::<_, 8>(&truth, |_| ());
    meets(&errors, Errors { mean: 0.000_060, max: 0.000_48 });
}

/// There is no place on a plane for a node that is twice as far from a circle as its middle is. It
/// has to rise.
#[test]
fn a_node_far_above_a_circle() {
    const RADIUS: f64 = 0.100;
    let truth = Truth::of(25, |a, b| {
        let angle = |node: usize| 2.0 * PI * node as f64 / 25.0;
        let ((y, x), (y2, x2)) = (angle(a).sin_cos(), angle(b).sin_cos());
        let across = RADIUS * ((x2 - x).powi(2) + (y2 - y).powi(2)).sqrt();
        if a == 0 { 2.0 * RADIUS } else { across }
    });
    let heights = |simulation: &Simulation<'_, 2>| {
        let mut heights = simulation.nodes.iter().map(|node| node.coordinate().height);
        (heights.next().unwrap(), heights.fold(0.0, f64::max))
    };
    let (errors, heights) = simulated(&truth, heights);
    // Go's own test has 0.0028, which its one seed meets. The median of a hundred seeds is 0.00323
    // with Go's code too.
    meets(&errors, Errors { mean: 0.00323, max: 0.064 });
    let middle = median(heights.iter().map(|heights| heights.0));
    let highest_other = median(heights.iter().map(|heights| heights.1));
    assert!(middle >= 0.97 * RADIUS, "{middle}");
    assert!(highest_other <= 0.03 * RADIUS, "{highest_other}");
}

/// All start on one side of the origin. As in Go, two of them start in one place, and only one of the
/// diagonals is longer than a side.
#[test]
fn gravity_brings_a_cluster_back() {
    const SIDE: f64 = 0.500;
    let truth = Truth::of(4, |a, b| if (a, b) == (0, 2) { SQRT_2 * SIDE } else { SIDE });
    let corners = [[0.0, 0.0], [0.0, SIDE], [SIDE, SIDE], [SIDE, SIDE]];
    let offset = |simulation: &Simulation<'_, 2>| {
        let places = || simulation.nodes.iter().map(|node| node.coordinate().vec);
        let middle = |axis: usize| {
            let low = places().map(|at| at[axis]).fold(f64::MAX, f64::min);
            let high = places().map(|at| at[axis]).fold(f64::MIN, f64::max);
            low + (high - low) / 2.0
        };
        middle(0).hypot(middle(1))
    };
    let kept = (0..SEEDS).map(|seed| {
        let mut simulation = Simulation::<2>::new(&truth, seed);
        for (node, vec) in simulation.nodes.iter_mut().zip(corners) {
            node.place(Coordinate { vec, ..Coordinate::ORIGIN });
        }
        simulation.run(CYCLES);
        let before = offset(&simulation);
        simulation.run(10 * CYCLES);
        offset(&simulation) / before
    });
    let kept = median(kept);
    assert!(kept <= 0.8, "{kept}");
}

/// No space has places for these.
#[test]
fn nodes_at_random_distances() {
    let mut rng = Rng::new([1; 32]);
    // Box and Muller's way to a normal distribution.
    let mut normal = |mean: f64, deviation: f64| {
        let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
        mean + deviation * radius * (2.0 * PI * rng.f64()).cos()
    };
    let truth = Truth::of(25, |_, _| normal(0.100, 0.010));
    let (errors, _) = simulated::<_, 8>(&truth, |_| ());
    meets(&errors, Errors { mean: 0.075, max: 0.33 });
}
