//! A small part of what `examples/reach` measures, with bounds: news reaches everybody, and soon.

#[expect(dead_code, reason = "the example measures more clusters")]
#[path = "../../../examples/reach/clusters.rs"]
mod clusters;
#[path = "../../../examples/reach/joins.rs"]
mod joins;
#[expect(dead_code, reason = "the example prints more columns")]
#[path = "../../../examples/reach/rounds.rs"]
mod rounds;

use std::cell::Cell;

use clusters::{Preset, Setting, Timing};
use rounds::{News, Rounds};

use crate::support::{secs, with_seeds};

/// The sizes of clusters, and how many rounds each plays.
const SIZES: [(usize, u32); 3] = [(5, 100), (8, 100), (50, 20)];

/// Plays rounds in clusters of all sizes, with both presets.
fn each(timing: Timing, loss: f64, news: News, check: impl Fn(&Setting, &Rounds)) {
    with_seeds(|seed| {
        for preset in [Preset::Lan, Preset::Local] {
            for (nodes, rounds) in SIZES {
                let setting = Setting { seed, nodes, preset, timing, loss };
                check(&setting, &rounds::measure(&setting, news, rounds));
            }
        }
    });
}

/// With Go's timing, some member of eight misses every twentieth query on a quiet network.
#[test]
fn without_loss_every_query_reaches_and_is_answered_by_everybody() {
    each(Timing::Ours, 0.0, News::Query, |setting, measured| {
        assert_eq!((measured.missed, measured.unanswered), (0, 0), "{setting:?}: {measured:?}");
    });
}

#[test]
fn without_loss_every_user_event_reaches_everybody_within_a_second() {
    each(Timing::Ours, 0.0, News::UserEvent, |setting, measured| {
        assert_eq!(measured.missed, 0, "{setting:?}: {measured:?}");
    });
}

/// Every other node has Go's timing and asks once. The queries of the rest reach all of them.
#[test]
fn among_nodes_with_go_s_timing_every_query_reaches_everybody() {
    each(Timing::Mixed, 0.0, News::Query, |setting, measured| {
        assert_eq!(measured.missed, 0, "{setting:?}: {measured:?}");
    });
}

/// Every twentieth datagram is lost. A query is lost to somebody if gossip has missed him, and three direct
/// messages are lost as well.
#[test]
fn with_a_twentieth_lost_hardly_any_query_misses_anybody() {
    let missed = Cell::new(0);
    each(Timing::Ours, 0.05, News::Query, |setting, measured| {
        missed.set(missed.get() + measured.missed);
        assert!(missed.get() <= 1, "{setting:?}: {measured:?}");
    });
}

/// All know all, soon after many have joined one of them at the same time.
#[test]
fn after_a_burst_of_joins_everybody_knows_everybody() {
    with_seeds(|seed| {
        for preset in [Preset::Lan, Preset::Local] {
            for nodes in [9, 51] {
                let setting = Setting { seed, nodes, preset, timing: Timing::Ours, loss: 0.0 };
                let took = joins::measure(&setting, 1)[0];
                assert!(took.is_some_and(|it| it <= secs(1)), "{setting:?}: {took:?}");
            }
        }
    });
}
