//! A small part of what `examples/loss` measures, with bounds.

#[path = "../../examples/loss/measure.rs"]
mod measure;

use std::time::Duration;

use measure::{Setting, Streams, measure};

use crate::support::{mins, secs, with_seeds};

const NODES: usize = 32;

/// One of 31 probes it within a second or two, others confirm within another two what they find, and
/// then it is a suspect for 6 s.
const MOSTLY_NOTICED_WITHIN: Duration = secs(12);

/// Without others who confirm, a suspicion lasts up to 36 s; but they have long found it by then.
const NOTICED_WITHIN: Duration = secs(20);

/// Hardly anybody is declared failed who is alive, and all who died are noticed in time.
fn withstands(loss: f64, streams: Streams, false_failures_max: usize) {
    with_seeds(|seed| {
        let watched = mins(5);
        let setting = Setting { seed, nodes: NODES, loss, streams, watched, crashes: 3 };
        let measured = measure(&setting);
        assert!(measured.false_failures <= false_failures_max, "{setting:?}: {measured:?}");
        assert!(measured.median().is_some_and(|it| it <= MOSTLY_NOTICED_WITHIN), "{measured:?}");
        assert!(measured.max().is_some_and(|it| it <= NOTICED_WITHIN), "{measured:?}");
    });
}

/// hs#269: where now and then a packet is lost, members flap, once an hour or all the time.
#[test]
fn a_tenth_of_all_packets_lost_has_nobody_declared_failed() {
    withstands(0.1, Streams::Lossy, 0);
}

/// Twice as bad, a member may miss all denials of another and give it up, alone and for a moment.
#[test]
fn a_fifth_of_all_packets_lost_has_hardly_anybody_declared_failed() {
    withstands(0.2, Streams::Lossy, 2);
}

/// Where a firewall or a small buffer drops datagrams, streams tell that a member is there.
#[test]
fn half_of_all_datagrams_lost_has_nobody_declared_failed() {
    withstands(0.5, Streams::Intact, 0);
}
