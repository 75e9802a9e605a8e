//! The snapshot: what is recorded, and when it is written.

use std::time::Duration;

use proptest::prelude::*;
use serfer_proto::wire::serf_message::{Query, SerfMessage};
use serfer_proto::{
    AfterLeave, Config, Durability, Endpoint, Event, Limits, QueryParams, Recovered, Status,
    StoreFailure, StoreWrite, StoredFile,
};

use crate::harness::craft::{alive, dead, join_intent, suspect, user, user_event};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::name;

pub(crate) const MS: Duration = Duration::from_millis(1);
pub(crate) const SEC: Duration = Duration::from_secs(1);

pub(crate) fn recovered(snapshot: &str) -> Recovered {
    Recovered::replay(snapshot.as_bytes(), AfterLeave::StayAway).unwrap()
}

/// A node with this snapshot. It does not probe, since probes would only disturb.
pub(crate) fn config(snapshot: &str) -> Config {
    Config::lan(name(0))
        .probe_with(|probe| probe.interval = 3600 * SEC)
        .push_pull_interval(None)
        .recovered(recovered(snapshot))
}

/// The contents of its disk, which had `before` on it at first.
pub(crate) fn disk(solo: &Solo, before: &str) -> String {
    let mut disk = before.as_bytes().to_vec();
    for (file, write, _, bytes) in &solo.stored {
        assert_eq!(*file, StoredFile::Snapshot);
        if *write == StoreWrite::Replace {
            disk.clear();
        }
        disk.extend_from_slice(bytes);
    }
    String::from_utf8(disk).unwrap()
}

/// Go records the same.
fn without_comments(snapshot: &str) -> Vec<&str> {
    snapshot.lines().filter(|line| !line.starts_with('#')).collect()
}

pub(crate) fn query(ltime: u64, name: &str) -> Vec<u8> {
    let (id, name, timeout) = (9, name.into(), 1_000_000_000);
    user(&SerfMessage::Query(Query { id, ltime, name, timeout, ..Query::default() }))
}

/// TestSnapshotter.
#[test]
fn clocks_and_members_are_found_back() {
    let mut solo = Solo::among(config(""), 2);
    solo.hear(1, &join_intent(1, 99));
    solo.hear(1, &user_event("deploy", 42));
    solo.hear(1, &query(50, "load"));
    solo.pass(SEC);
    let it = recovered(&disk(&solo, ""));
    assert_eq!((it.clock(), it.event_clock(), it.query_clock()), (99, 42, 50));
    let expected = [0, 1, 2].map(|node| (name(node), addr(node)));
    assert!(it.alive().eq(expected.iter().map(|(name, addr)| (name.as_str(), *addr))), "{it:?}");
    assert_eq!(it.incarnation(), solo.node.incarnation());

    let next = Solo::new(config(&disk(&solo, "")));
    let stats = next.node.stats();
    assert_eq!(stats.next_wake, Some("snapshot"));
    assert_eq!(next.node.incarnation(), it.incarnation() + 1);
}

#[test]
fn lines_are_those_of_go_and_extensions_are_comments() {
    let mut solo = Solo::new(config(""));
    solo.hear(1, &alive(1, 1));
    solo.hear(1, &join_intent(1, 1));
    solo.pass(SEC);
    solo.act(|node, now| node.user_event(now, "one", b"", Default::default()).unwrap());
    solo.act(|node, now| node.user_event(now, "two", b"", Default::default()).unwrap());
    for _ in 0..2 {
        let params = QueryParams::new();
        solo.act(|node, now| node.query(now, "q", b"", &params).unwrap());
    }
    solo.hear(1, &join_intent(1, 2));
    solo.pass(SEC);
    solo.hear(1, &dead(1, 2, 1));
    solo.pass(SEC);
    solo.act(|node, now| node.leave(now).unwrap());
    solo.pass(10 * SEC);
    let disk = disk(&solo, "");
    let expected = [
        format!("alive: {} {}", name(0), addr(0)),
        format!("alive: {} {}", name(1), addr(1)),
        "clock: 1".to_owned(),
        "event-clock: 1".to_owned(),
        "event-clock: 2".to_owned(),
        "query-clock: 1".to_owned(),
        "query-clock: 2".to_owned(),
        "clock: 2".to_owned(),
        format!("not-alive: {}", name(1)),
        "leave".to_owned(),
        "clock: 3".to_owned(),
    ];
    assert_eq!(without_comments(&disk), expected, "{disk}");
    assert!(disk.contains(&format!("not-alive: {0}\n# failed: {0} {1}\n", name(1), addr(1))));
    assert!(disk.contains("# incarnation: 1\n"));
}

#[test]
fn a_burst_is_one_write_and_a_quiet_node_writes_nothing() {
    let mut solo = Solo::new(config(""));
    solo.pass(MS);
    assert_eq!(solo.stored.len(), 1, "the first line is stored at once");
    for other in 1..=100 {
        solo.hear(other, &alive(other, 1));
        solo.pass(MS);
    }
    solo.pass(SEC);
    let writes: Vec<_> =
        solo.stored.iter().map(|(_, write, durability, _)| (*write, *durability)).collect();
    assert_eq!(
        writes,
        [(StoreWrite::Replace, Durability::Synced), (StoreWrite::Append, Durability::Lazy)]
    );
    solo.stored.clear();
    solo.pass(3600 * SEC);
    assert!(solo.stored.is_empty());
    assert_eq!(solo.node.stats().next_wake, Some("probe"));
}

/// TestSnapshotter_leave.
#[test]
fn after_leaving_a_node_starts_as_if_it_had_never_been_there() {
    let mut solo = Solo::among(config(""), 2);
    solo.hear(1, &user_event("deploy", 42));
    solo.pass(SEC);
    solo.act(|node, now| node.leave(now).unwrap());
    let (_, write, durability, bytes) = solo.stored.last().unwrap();
    assert_eq!((*write, *durability), (StoreWrite::Append, Durability::Synced));
    assert!(bytes.ends_with(b"leave\n"));
    solo.hear(1, &user_event("late", 43));
    solo.hear(1, &alive(3, 1));
    solo.pass(20 * SEC);
    assert!(solo.events.iter().any(|event| matches!(event, Event::Left(_))));
    let it = recovered(&disk(&solo, ""));
    assert_eq!((it.alive().count(), it.event_clock()), (0, 0));
    assert_eq!(it.clock(), 1, "the clock goes on being recorded");

    let mut next = Solo::new(config(&disk(&solo, "")));
    next.pass(60 * SEC);
    assert!(next.dialled.is_empty() && next.events.is_empty());
}

/// TestSnapshotter_leave_rejoin.
#[test]
fn a_node_that_is_to_come_back_after_leaving_finds_all_of_it() {
    let nothing = Recovered::nothing(AfterLeave::Rejoin);
    let mut solo = Solo::among(config("").recovered(nothing), 2);
    solo.hear(1, &user_event("deploy", 42));
    solo.act(|node, now| node.leave(now).unwrap());
    solo.pass(20 * SEC);
    let disk = disk(&solo, "");
    let it = Recovered::replay(disk.as_bytes(), AfterLeave::Rejoin).unwrap();
    assert_eq!((it.alive().count(), it.event_clock()), (3, 42));
    let next = Solo::new(config("").recovered(it));
    assert_eq!(next.dialled.len(), 1);
}

/// TestSnapshotter_forceCompact.
#[test]
fn a_snapshot_that_grew_too_long_is_replaced_by_a_short_one_that_says_the_same() {
    let limits = Limits { snapshot_len: 1024, ..Limits::default() };
    let mut solo = Solo::among(config("").limits(limits), 2);
    solo.hear(2, &dead(2, 1, 1));
    for ltime in 1..=1024 {
        solo.hear(1, &join_intent(1, ltime));
        solo.hear(1, &user_event("e", ltime));
        solo.hear(1, &query(ltime, "q"));
        solo.pass(600 * MS);
        let len = disk(&solo, "").len();
        assert!(len <= 1024, "{len} bytes");
    }
    let replaced = solo.stored.iter().filter(|(_, write, ..)| *write == StoreWrite::Replace);
    assert!((20..200).contains(&replaced.count()));
    let it = recovered(&disk(&solo, ""));
    assert_eq!((it.clock(), it.event_clock(), it.query_clock()), (1024, 1024, 1024));
    assert_eq!((it.alive().count(), it.failed().count()), (2, 1));
}

#[test]
fn many_members_may_have_a_long_snapshot() {
    let limits = Limits { snapshot_len: 0, ..Limits::default() };
    let mut solo = Solo::among(config("").limits(limits), 100);
    solo.pass(SEC);
    solo.stored.clear();
    for ltime in 1..=100 {
        solo.hear(1, &user_event("e", ltime));
        solo.pass(SEC);
    }
    assert!(solo.stored.iter().all(|(_, write, ..)| *write == StoreWrite::Append));
}

#[test]
fn a_torn_snapshot_is_replaced_before_anything_is_appended() {
    let whole = format!("alive: {} {}\nclock: 7\n", name(1), addr(1));
    let torn = format!("{whole}event-clo");
    let mut solo = Solo::new(config(&torn));
    solo.hear(1, &user_event("e", 5));
    solo.pass(SEC);
    assert_eq!(solo.stored[0].1, StoreWrite::Replace);
    let it = recovered(&disk(&solo, &torn));
    assert_eq!((it.clock(), it.event_clock(), it.problems().len()), (7, 5, 0));
    assert!(it.alive().any(|(alive, _)| alive == name(1)), "nobody said that it is gone");
}

#[test]
fn queries_that_are_not_for_the_application_are_recorded_too() {
    let mut solo = Solo::among(config(""), 1);
    solo.hear(1, &query(3, "_serf_ping"));
    solo.pass(SEC);
    assert_eq!(recovered(&disk(&solo, "")).query_clock(), 3);
}

#[test]
fn our_incarnation_is_recorded_whenever_it_moves() {
    let mut solo = Solo::among(config(""), 2);
    solo.hear(1, &suspect(0, 1, 1));
    solo.pass(SEC);
    assert!(solo.node.incarnation() > 1);
    assert_eq!(recovered(&disk(&solo, "")).incarnation(), solo.node.incarnation());
}

fn fail(solo: &mut Solo) {
    solo.act(|node, now| node.handle_store_failed(now, StoredFile::Snapshot, "no space"));
}

#[test]
fn a_disk_that_fails_is_told_and_tried_again_every_half_minute() {
    let mut solo = Solo::among(config(""), 1);
    solo.pass(SEC);
    solo.stored.clear();
    solo.hear(1, &user_event("e", 3));
    solo.pass(MS);
    assert_eq!(solo.stored.len(), 1);
    fail(&mut solo);
    let failure = StoreFailure { file: StoredFile::Snapshot, reason: "no space".into() };
    assert_eq!(solo.events.last(), Some(&Event::StoreFailed(failure)));
    let mut replaced = Vec::new();
    for second in 0..70 {
        solo.hear(1, &user_event("e", 4 + second));
        solo.stored.clear();
        solo.pass(SEC);
        if let Some((_, write, ..)) = solo.stored.first() {
            assert_eq!((*write, solo.stored.len()), (StoreWrite::Replace, 1));
            replaced.push(second);
            fail(&mut solo);
        }
    }
    assert_eq!(replaced, [0, 29, 59]);
    solo.pass(60 * SEC);
    assert_eq!(recovered(&disk(&solo, "")).event_clock(), 73, "the last one worked");
    solo.stored.clear();
    solo.hear(1, &user_event("e", 80));
    solo.pass(SEC);
    assert_eq!(solo.stored[0].1, StoreWrite::Append, "and lines fit again");
}

#[test]
fn a_leave_that_could_not_be_stored_is_stored_when_the_disk_works_again() {
    let mut solo = Solo::among(config(""), 1);
    solo.pass(SEC);
    solo.act(|node, now| node.leave(now).unwrap());
    fail(&mut solo);
    solo.pass(60 * SEC);
    let it = recovered(&disk(&solo, ""));
    assert_eq!((it.alive().count(), it.clock()), (0, 1));
}

#[test]
fn what_waits_is_stored_when_the_process_ends() {
    let mut solo = Solo::among(config(""), 1);
    solo.pass(SEC);
    solo.stored.clear();
    solo.hear(1, &join_intent(1, 9));
    solo.act(Endpoint::flush_snapshot);
    let (_, _, durability, bytes) = &solo.stored[0];
    assert_eq!((*durability, bytes.as_slice()), (Durability::Synced, &b"clock: 9\n"[..]));
    solo.act(Endpoint::flush_snapshot);
    assert_eq!(solo.stored.len(), 1, "there is nothing more");
}

#[test]
fn without_a_snapshot_nothing_is_stored_and_old_events_are_told() {
    let mut solo = Solo::among(Config::lan(name(0)), 1);
    solo.hear(1, &user_event("e", 1));
    solo.act(|node, now| node.leave(now).unwrap());
    solo.act(Endpoint::flush_snapshot);
    solo.pass(20 * SEC);
    assert!(solo.stored.is_empty());
}

/// A history of a node among four, as random numbers.
fn histories() -> impl Strategy<Value = Vec<(u8, u8)>> {
    prop::collection::vec((0..7_u8, 1..5_u8), 0..60)
}

fn live(history: &[(u8, u8)]) -> Solo {
    let limits = Limits { snapshot_len: 700, ..Limits::default() };
    let mut solo = Solo::new(config("").limits(limits));
    let mut incarnation = 1;
    for (step, &(what, node)) in history.iter().enumerate() {
        let (node, ltime) = (usize::from(node), step as u64 + 1);
        incarnation += 1;
        match what {
            0 | 1 => solo.hear(node, &alive(node, incarnation)),
            2 => solo.hear(5, &dead(node, 5, incarnation)),
            3 => solo.hear(5, &dead(node, node, incarnation)),
            4 => solo.hear(5, &join_intent(node, ltime)),
            5 => solo.hear(5, &user_event("e", ltime)),
            _ => solo.hear(5, &query(ltime, "q")),
        }
        solo.pass(u32::from(node as u8) * 200 * MS);
    }
    solo.act(Endpoint::flush_snapshot);
    solo
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_replayed_is_what_was_so(history in histories()) {
        let solo = live(&history);
        let it = recovered(&disk(&solo, ""));
        let with = |status| {
            let mut names: Vec<_> = solo
                .node
                .members()
                .filter(|member| member.status() == status)
                .map(|member| (member.name().to_owned(), member.addr()))
                .collect();
            names.sort_unstable();
            names
        };
        let owned = |(name, addr): (&str, _)| (name.to_owned(), addr);
        prop_assert_eq!(it.alive().map(owned).collect::<Vec<_>>(), with(Status::Alive));
        prop_assert_eq!(it.failed().map(owned).collect::<Vec<_>>(), with(Status::Failed));
        prop_assert_eq!(it.incarnation(), solo.node.incarnation());
        prop_assert_eq!(it.problems(), &[]);
    }

    #[test]
    fn a_snapshot_may_be_cut_anywhere(history in histories(), cut in 0..1000_usize) {
        let disk = disk(&live(&history), "");
        let cut = &disk[..cut.min(disk.len())];
        let it = recovered(cut);
        prop_assert_eq!(it.problems(), &[]);
    }
}
