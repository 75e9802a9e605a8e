//! Join and leave intents, in any order; and tags.

use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{Leave, PushPull, SerfMessage};
use serfer_proto::{
    DropReason, Endpoint, Event, Limits, MemberChange, Prune, Status, Tags, TagsError,
};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, dead, join_intent, leave_intent, push_pull, user};

use crate::harness::solo::Solo;
use crate::harness::support::{lan, name, secs};

fn status(solo: &Solo, of: usize) -> Option<Status> {
    solo.node.member(&name(of)).map(|member| member.status())
}

#[test]
fn an_intent_may_come_before_its_member() {
    let after = |intents: &[Vec<u8>]| {
        let mut solo = Solo::among(lan(0), 1);
        intents.iter().for_each(|intent| solo.hear(1, intent));
        solo.hear(5, &alive(5, 1));
        let status_then = status(&solo, 5).unwrap();
        solo.hear(5, &dead(5, 1, 1));
        (status_then, status(&solo, 5).unwrap())
    };
    let (join, leave) = (|ltime| join_intent(5, ltime), |ltime| leave_intent(5, ltime));
    assert_eq!(after(&[]), (Status::Alive, Status::Failed));
    assert_eq!(after(&[leave(4)]), (Status::Leaving, Status::Left));
    assert_eq!(after(&[leave(4), join(5)]), (Status::Alive, Status::Failed));
    assert_eq!(after(&[join(5), leave(4)]), (Status::Alive, Status::Failed));
    assert_eq!(after(&[join(4), leave(5)]), (Status::Leaving, Status::Left));
}

#[test]
fn an_older_intent_changes_nothing() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(1, &join_intent(1, 7));
    solo.hear(1, &leave_intent(1, 7));
    solo.hear(1, &leave_intent(1, 6));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    solo.hear(1, &leave_intent(1, 8));
    assert_eq!(status(&solo, 1), Some(Status::Leaving));
    solo.hear(1, &join_intent(1, 8));
    assert_eq!(status(&solo, 1), Some(Status::Leaving));
    solo.hear(1, &join_intent(1, 9));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    assert_eq!(solo.events, [], "the application is told when it is gone");
}

#[test]
fn an_intent_does_not_wait_for_its_member_for_ever() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(1, &leave_intent(5, 4));
    solo.pass(secs(300));
    solo.hear(1, &leave_intent(6, 4));
    solo.pass(secs(15));
    solo.hear(5, &alive(5, 1));
    solo.hear(6, &alive(6, 1));
    assert_eq!((status(&solo, 5), status(&solo, 6)), (Some(Status::Alive), Some(Status::Leaving)));
}

#[test]
fn only_so_many_intents_wait() {
    let limits = Limits { recent_intents: 10, ..Limits::default() };
    let mut solo = Solo::among(lan(0).limits(limits), 1);
    (10..21).for_each(|node| solo.hear(1, &leave_intent(node, 4)));
    (10..21).for_each(|node| solo.hear(1, &alive(node, 1)));
    let leaving = |node| status(&solo, node) == Some(Status::Leaving);
    assert!(!leaving(10) && (11..21).all(leaving));
}

#[test]
fn an_intent_is_gossiped_while_it_is_new() {
    let passed_on = |solo: &mut Solo, intent: &[u8]| {
        solo.pass(secs(10));
        solo.sent.clear();
        solo.hear(1, intent);
        solo.pass(secs(10));
        solo.said().iter().any(|(_, message)| message == intent)
    };
    let mut solo = Solo::among(lan(0), 2);
    // For a member, and for a name that no member has yet.
    for node in [2, 7] {
        assert!(passed_on(&mut solo, &leave_intent(node, 4)));
        assert!(!passed_on(&mut solo, &leave_intent(node, 4)));
        assert!(!passed_on(&mut solo, &join_intent(node, 3)));
        assert!(passed_on(&mut solo, &join_intent(node, 5)));
    }
}

#[test]
fn a_leave_intent_in_our_name_is_refuted() {
    let mut solo = Solo::among(lan(0), 2);
    solo.pass(secs(10));
    solo.sent.clear();
    solo.hear(1, &leave_intent(0, 41));
    solo.pass(secs(10));
    assert_eq!(status(&solo, 0), Some(Status::Alive));
    let said = solo.said();
    assert!(said.iter().any(|(_, message)| *message == join_intent(0, 42)));
    assert!(!said.iter().any(|(_, message)| *message == leave_intent(0, 41)));
    // The same for an intent of ours that another node remembers.
    let me = SeqBuf::of([Text(b"n0")]);
    let times = SeqBuf::of([(Text(b"n0"), 50_u64)]);
    let theirs = PushPull {
        ltime: 51,
        left_members: me.as_seq(),
        status_ltimes: times.as_seq(),
        ..PushPull::default()
    };
    solo.accept(1, &push_pull(false, &[], Some(&theirs))).unwrap();
    solo.pass(secs(10));
    assert!(solo.said().iter().any(|(_, message)| *message == join_intent(0, 52)));
    assert_eq!(status(&solo, 0), Some(Status::Alive));
}

#[test]
fn a_push_pull_tells_which_members_left_and_repeating_it_changes_nothing() {
    let mut solo = Solo::among(lan(0), 3);
    solo.hear(1, &dead(1, 2, 1));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
    let left = SeqBuf::of([Text(b"n1")]);
    let times = SeqBuf::of([(Text(b"n1"), 6_u64), (Text(b"n2"), 7)]);
    let theirs = PushPull {
        ltime: 8,
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        ..PushPull::default()
    };
    let state = push_pull(false, &[], Some(&theirs));
    solo.accept(3, &state).unwrap();
    assert_eq!(status(&solo, 1), Some(Status::Left));
    let [Event::Member(_), Event::Member(event)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((event.change, event.members[0].name()), (MemberChange::Leave, "n1"));

    // The same push/pull again does not move the clock: our next intent shows it.
    for _ in 0..50 {
        solo.accept(3, &state).unwrap();
    }
    let leave = |node: &mut Endpoint, now| node.force_leave(now, "n9", Prune::No);
    solo.sent.clear();
    solo.act(leave).unwrap();
    solo.pass(secs(10));
    assert!(solo.said().iter().any(|(_, message)| *message == leave_intent(9, 8)));
}

#[test]
fn a_stale_push_pull_does_not_make_a_member_that_is_back_leave() {
    let returning = |words: &[Vec<u8>]| {
        let mut solo = Solo::among(lan(0), 3);
        solo.hear(1, &leave_intent(1, 4));
        solo.hear(1, &dead(1, 1, 1));
        assert_eq!(status(&solo, 1), Some(Status::Left));
        solo.hear(2, &join_intent(1, 7));
        words.iter().for_each(|word| solo.hear(2, word));
        solo
    };
    let (mut behind, mut ahead) = (returning(&[]), returning(&[alive(1, 2)]));
    behind.accept(2, &push_pull(false, &[], None)).unwrap();
    let (_, state) = &behind.written[0];
    ahead.accept(3, state).unwrap();
    assert_eq!(status(&ahead, 1), Some(Status::Alive));

    // Once the member is back, its status has the time of its last intent.
    behind.hear(2, &alive(1, 2));
    behind.hear(2, &leave_intent(1, 7));
    assert_eq!(status(&behind, 1), Some(Status::Alive));
}

#[test]
fn names_of_intents_must_be_names_and_times_within_reach() {
    let mut solo = Solo::among(lan(0), 1);
    for broken in [&b""[..], b"a\nb", b"\xff", &[b'x'; 1025]] {
        let before = solo.dropped(DropReason::Name);
        let leave = Leave { ltime: 5, node: Text(broken), prune: false };
        solo.hear(1, &user(&SerfMessage::Leave(leave)));
        assert_eq!(solo.dropped(DropReason::Name), before + 1);
    }
    for ltime in [u64::MAX, (1 << 32) + 3] {
        let before = solo.dropped(DropReason::OutOfReach);
        solo.hear(1, &leave_intent(1, ltime));
        solo.hear(1, &join_intent(1, ltime));
        solo.hear(1, &leave_intent(8, ltime));
        assert_eq!(solo.dropped(DropReason::OutOfReach), before + 3);
    }
    // The same by push/pull, for members, for members that left, and for other names.
    let left = SeqBuf::of([Text(b"n1"), Text(b"n0")]);
    let times = [Text(b"n1"), Text(b"n0"), Text(b"n8"), Text(b"a\nb")].map(|name| (name, u64::MAX));
    let times = SeqBuf::of(times);
    let theirs = PushPull {
        left_members: left.as_seq(),
        status_ltimes: times.as_seq(),
        ..PushPull::default()
    };
    let before = [DropReason::OutOfReach, DropReason::Name].map(|reason| solo.dropped(reason));
    solo.accept(1, &push_pull(true, &[], Some(&theirs))).unwrap();
    let after = [DropReason::OutOfReach, DropReason::Name].map(|reason| solo.dropped(reason));
    assert_eq!(after, [before[0] + 3, before[1] + 1]);
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    // The clock has not moved.
    solo.sent.clear();
    solo.act(|node, now| node.force_leave(now, "n9", Prune::No)).unwrap();
    solo.pass(secs(10));
    assert!(solo.said().iter().any(|(_, message)| *message == leave_intent(9, 1)));
}

#[test]
fn a_live_member_is_not_pruned_before_it_is_gone() {
    let prune = Leave { ltime: 5, node: Text(b"n1"), prune: true };
    let prune = user(&SerfMessage::Leave(prune));
    // If its refutation is lost, it stays leaving, which all can see.
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(2, &prune);
    solo.pass(secs(600));
    assert_eq!(status(&solo, 1), Some(Status::Leaving));
    solo.hear(1, &dead(1, 1, 1));
    assert_eq!(status(&solo, 1), None);
    let changes = solo.events.iter().filter_map(|event| match event {
        Event::Member(event) => Some(event.change),
        _ => None,
    });
    assert_eq!(changes.collect::<Vec<_>>(), [MemberChange::Leave, MemberChange::Reap]);
    // If the refutation comes, nobody remembers the prune.
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(2, &prune);
    solo.hear(1, &join_intent(1, 6));
    solo.hear(1, &dead(1, 2, 1));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
}

// Tags.

#[test]
fn tags_are_seen_by_all_from_the_start_and_as_they_change() {
    let mut cluster =
        Cluster::joined(1, 4, |node| lan(node).tag("rack", node.to_string()).unwrap());
    let tags = |cluster: &Cluster, at: usize| cluster.node(at).member(&name(2)).unwrap().tags();
    assert!((0..4).all(|at| tags(&cluster, at) == Tags::from_iter([("rack", "2")])));

    let changed = Tags::from_iter([("role", "web"), ("ünï", "¢ode")]);
    cluster.act(2, |node, now| node.set_tags(now, changed.clone())).unwrap();
    assert_eq!(*cluster.node(2).tags(), changed);
    cluster.run_until(secs(3), |it| (0..4).all(|at| tags(it, at) == changed));
    cluster.run(secs(60));
    for at in 0..4 {
        assert_eq!(cluster.count(at, MemberChange::Update, 2), 1, "node {at}");
        assert_eq!(cluster.changes(at).len(), 1);
    }
    // Setting the same tags again is no change.
    cluster.act(2, |node, now| node.set_tags(now, changed.clone())).unwrap();
    cluster.run(secs(60));
    assert_eq!(cluster.count_all(MemberChange::Update), 4);
}

#[test]
fn tags_that_are_too_large_change_nothing() {
    let mut solo = Solo::new(lan(0).tag("role", "web").unwrap());
    let large = Tags::from_iter([("k", "v".repeat(600))]);
    let error = solo.act(|node, now| node.set_tags(now, large)).unwrap_err();
    assert_eq!(error, TagsError::TooLarge { len: 607, max: 512 });
    assert_eq!(error.to_string(), "tags of 607 encoded bytes exceed 512 bytes");
    assert_eq!(*solo.node.tags(), Tags::from_iter([("role", "web")]));
    assert_eq!(solo.node.local_member().tags(), Tags::from_iter([("role", "web")]));
    assert_eq!(solo.events, []);
}

#[test]
fn the_largest_tags_reach_all_nodes() {
    let mut cluster = Cluster::joined(1, 3, lan);
    let tags = Tags::from_iter([("k", "v".repeat(505))]);
    assert_eq!(tags.encoded_len(), 512);
    cluster.act(0, |node, now| node.set_tags(now, tags.clone())).unwrap();
    cluster.run_until(secs(3), |it| {
        (0..3).all(|at| it.node(at).member(&name(0)).unwrap().tags() == tags)
    });
}

#[test]
fn protocol_2_announces_the_role_alone() {
    let mut cluster = Cluster::joined(1, 2, |node| {
        let config = lan(node).tag("role", "web").unwrap().tag("rack", "3").unwrap();
        if node == 0 { config.serf_protocol(2) } else { config }
    });
    let tags = |cluster: &Cluster| cluster.node(1).member(&name(0)).unwrap().tags();
    assert_eq!(tags(&cluster), Tags::from_iter([("role", "web")]));
    let changed = Tags::from_iter([("role", "db"), ("rack", "4")]);
    cluster.act(0, |node, now| node.set_tags(now, changed)).unwrap();
    cluster.run(secs(3));
    assert_eq!(tags(&cluster), Tags::from_iter([("role", "db")]));
}
