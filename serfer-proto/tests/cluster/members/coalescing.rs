//! Coalescing: events that are held back to be reported together.

use serfer_proto::{Coalesce, Coalescing, Event, MemberChange};

use crate::harness::craft::{alive, dead};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

fn coalescing() -> Solo {
    let both = Some(Coalescing { period: secs(3), quiescent: secs(1) });
    let mut solo = Solo::new(lan(0).coalesce_members(both).coalesce_user_events(both));
    solo.pass(secs(10));
    solo.events.clear();
    solo
}

/// The member events since the last call, with the number of members of each.
fn changes(solo: &mut Solo) -> Vec<(MemberChange, usize)> {
    let events = std::mem::take(&mut solo.events);
    let change = |event| match event {
        Event::Member(event) => (event.change, event.members.len()),
        other => panic!("{other:?}"),
    };
    events.into_iter().map(change).collect()
}

#[test]
fn a_window_closes_when_it_is_quiet_or_its_period_is_over() {
    let mut solo = coalescing();
    (1..=3).for_each(|other| solo.hear(1, &alive(other, 1)));
    solo.pass(ms(999));
    assert_eq!(changes(&mut solo), []);
    solo.pass(ms(1));
    assert_eq!(changes(&mut solo), [(MemberChange::Join, 3)]);

    for other in 4..10 {
        solo.hear(1, &alive(other, 1));
        solo.pass(ms(500));
    }
    assert_eq!(changes(&mut solo), [(MemberChange::Join, 6)]);
}

#[test]
fn a_lone_node_that_holds_nothing_back_sleeps() {
    let mut solo = coalescing();
    assert_eq!(solo.until(), None);
    let send = |solo: &mut Solo, coalesce| {
        solo.act(|node, now| node.user_event(now, "deploy", b"", coalesce)).unwrap();
        (solo.events.len(), solo.until().map(|until| until - solo.now))
    };
    // An event that must not be coalesced is reported at once.
    assert_eq!(send(&mut solo, Coalesce::No).0, 1);
    solo.pass(secs(1));
    assert_eq!(solo.node.stats().next_wake, None);
    assert_eq!(send(&mut solo, Coalesce::Yes).0, 1);
    solo.pass(ms(500));
    assert_eq!(solo.node.stats().next_wake, Some("coalesce-events"));
    solo.pass(ms(500));
    assert_eq!((solo.events.len(), solo.node.stats().next_wake), (2, None));
}

#[test]
fn coalesced_events_can_be_flushed_at_once() {
    let mut solo = coalescing();
    solo.hear(1, &alive(1, 1));
    solo.hear(1, &dead(1, 1, 1));
    assert_eq!(changes(&mut solo), []);
    solo.act(|node, now| node.flush_events(now));
    assert_eq!(changes(&mut solo), [(MemberChange::Leave, 1)]);
    solo.act(|node, now| node.flush_events(now));
    solo.pass(secs(5));
    assert_eq!(changes(&mut solo), []);
}

#[test]
fn a_node_that_leaves_tells_what_it_holds_back_before_it_says_that_it_left() {
    let mut solo = coalescing();
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(ms(1));
    let [Event::Member(event), Event::Left(_)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((event.change, event.members[0].name()), (MemberChange::Leave, "n0"));
}
