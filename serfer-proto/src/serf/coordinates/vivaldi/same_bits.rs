//! The same observations give the same bits as in Go.

use std::time::Duration;

use super::{LatencyFilter, Vivaldi};
use crate::machinery::Rng;
use crate::serf::coordinates::coordinate::Coordinate;

/// What Go's implementation computes: after a round trip of so many ms, the vector, then error,
/// adjustment and height.
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
    let (mut me, mut rng) = (Vivaldi::<3>::new(), Rng::new([0; 32]));
    let mut observe = |filter: &mut LatencyFilter, other: &Coordinate<3>, step: &Step| {
        me.update(filter, other, Duration::from_nanos((step.0 * 1e6_f64).round() as u64), &mut rng)
            .unwrap();
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

/// 200 observations of seven members at random places: the bits after the first and the last one.
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
    let (mut me, mut rng) = (Vivaldi::<8>::new(), Rng::new([0; 32]));
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
