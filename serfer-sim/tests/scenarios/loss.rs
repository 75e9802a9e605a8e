//! A small part of what `examples/loss` measures, with bounds.

#[path = "../../examples/loss/measure.rs"]
mod measure;

use std::cell::RefCell;
use std::time::Duration;

use measure::{Setting, Streams, measure, median, sort};

use crate::support::{mins, secs, with_seeds};

const NODES: usize = 32;

/// One of 31 members probes it within a second or two, others confirm the suspicion within another
/// two, and then the suspicion lasts for 6 s.
const MOSTLY_NOTICED_WITHIN: Duration = secs(12);

/// Without confirmations, a suspicion lasts up to 36 s. But others confirm it long before.
const NOTICED_WITHIN: Duration = secs(20);

/// Nearly no live member is declared failed, and all crashes are noticed in time.
fn withstands(loss: f64, streams: Streams, false_failures_max: usize) {
    with_seeds(|seed| {
        let watched = mins(5);
        let setting = Setting {
            seed,
            nodes: NODES,
            loss,
            streams,
            rtt_probing: false,
            is_prompt: true,
            watched,
            crashes: 3,
        };
        let measured = measure(&setting);
        assert!(measured.false_failures <= false_failures_max, "{setting:?}: {measured:?}");
        assert!(measured.median().is_some_and(|it| it <= MOSTLY_NOTICED_WITHIN), "{measured:?}");
        assert!(measured.max().is_some_and(|it| it <= NOTICED_WITHIN), "{measured:?}");
    });
}

/// hs#269: on a network that loses some packets, members flap, once an hour or all the time.
#[test]
fn with_a_tenth_of_all_packets_lost_no_live_member_is_declared_failed() {
    withstands(0.1, Streams::Lossy, 0);
}

/// With twice the loss, a node may miss all refutations of a member and declare it failed, alone and
/// for a moment.
#[test]
fn with_a_fifth_of_all_packets_lost_nearly_no_live_member_is_declared_failed() {
    withstands(0.2, Streams::Lossy, 2);
}

/// If a firewall or a small buffer drops datagrams, stream pings show that a member is alive.
#[test]
fn with_half_of_all_datagrams_lost_no_live_member_is_declared_failed() {
    withstands(0.5, Streams::Intact, 0);
}

/// With timeouts that follow round trips, a crash is suspected sooner, and no live member is declared failed
/// for that.
#[test]
fn timeouts_that_follow_round_trips_find_crashes_sooner_and_accuse_nobody() {
    let suspected = |loss, rtt_probing| {
        let found = RefCell::new(Vec::new());
        with_seeds(|seed| {
            let (watched, streams) = (mins(5), Streams::Lossy);
            let setting = Setting {
                seed,
                nodes: NODES,
                loss,
                streams,
                rtt_probing,
                is_prompt: true,
                watched,
                crashes: 16,
            };
            let measured = measure(&setting);
            assert_eq!(measured.false_failures, 0, "{setting:?}: {measured:?}");
            found.borrow_mut().extend(measured.suspected);
        });
        let mut suspected = found.into_inner();
        sort(&mut suspected);
        median(&suspected).expect("crashes are suspected")
    };
    let (whole, following) = (suspected(0.0, false), suspected(0.0, true));
    assert!(following < whole, "{following:?} instead of {whole:?}");
    suspected(0.1, true);
}
