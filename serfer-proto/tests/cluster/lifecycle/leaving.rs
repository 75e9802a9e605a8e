//! Leaving, which must not look like a failure, and forced leaves, which turn a failure into one.

use std::time::Duration;

use serfer_proto::wire::message::state;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{
    Coalesce, Delivery, Endpoint, Event, EventError, ForceLeaveError, JoinError, Leave, LeaveError,
    LeaveReport, MemberChange, Prune, QueryError, QueryParams, Replay, Status, Tags, TagsError,
};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, dead, leave_intent, push_pull, suspect};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, name, secs};

fn has_left(cluster: &Cluster, node: usize) -> bool {
    cluster.nodes[node].events.iter().any(|(_, event)| matches!(event, Event::Left(_)))
}

/// The longest that leaving may take: twice the broadcast timeout and the propagation delay.
const BOUND: Duration = secs(2 * 5 + 1);

#[test]
fn a_node_that_leaves_is_seen_to_leave() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 4, lan);
        cluster.act(3, |node, now| node.leave(now)).unwrap();
        let took = cluster.run_until(BOUND, |it| has_left(it, 3));
        assert!(took < secs(6), "{took:?}: nothing was in the way");
        assert!(cluster.all_say(3, Status::Left));
        assert_eq!(cluster.status(3, 3), Some(Status::Left));
        assert_eq!(cluster.node(0).stats().members_alive, 3);
        cluster.kill(3);
        cluster.run(secs(60));
        assert_eq!(cluster.count_all(MemberChange::Leave), 4, "the leaver tells it too");
        assert_eq!(cluster.count_all(MemberChange::Failed), 0);
    }
}

#[test]
fn all_may_leave_one_after_another() {
    let mut cluster = Cluster::joined(1, 4, local);
    for node in (0..4).rev() {
        cluster.act(node, |node, now| node.leave(now)).unwrap();
        cluster.run_until(BOUND, |it| has_left(it, node));
        cluster.kill(node);
    }
    assert_eq!(cluster.count_all(MemberChange::Failed), 0);
}

#[test]
fn all_may_leave_at_once() {
    let mut cluster = Cluster::joined(1, 4, local);
    for node in 0..4 {
        cluster.act(node, |node, now| node.leave(now)).unwrap();
    }
    cluster.run_until(BOUND, |it| (0..4).all(|node| has_left(it, node)));
    assert_eq!(cluster.count_all(MemberChange::Failed), 0);
}

#[test]
fn a_lone_node_leaves_at_once() {
    let mut solo = Solo::new(lan(0));
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(Duration::ZERO);
    assert_eq!(solo.events.last(), Some(&Event::Left(LeaveReport::default())));
    assert_eq!(solo.node.local_member().status(), Status::Left);

    // A node does not wait for members that are gone.
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(1, &dead(1, 2, 1));
    solo.hear(1, &dead(2, 1, 1));
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(Duration::ZERO);
    assert_eq!(solo.events.last(), Some(&Event::Left(LeaveReport::default())));
}

#[test]
fn a_node_that_is_cut_off_leaves_in_bounded_time() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.network.cut(&[0], &[1, 2], ALL);
    cluster.act(0, |node, now| node.leave(now)).unwrap();
    cluster.run_until(BOUND, |it| has_left(it, 0));
    cluster.run_until(secs(30), |it| it.all_say(0, Status::Failed));
}

#[test]
fn a_second_leave_is_refused_and_one_after_leaving_does_nothing() {
    let mut solo = Solo::among(lan(0), 1);
    solo.act(|node, now| node.leave(now)).unwrap();
    assert_eq!(solo.act(|node, now| node.leave(now)), Err(LeaveError::Leaving));
    solo.pass(BOUND);
    assert_eq!(solo.act(|node, now| node.leave(now)), Ok(()));
    solo.pass(BOUND);
    let lefts = solo.events.iter().filter(|event| matches!(event, Event::Left(_)));
    assert_eq!(lefts.count(), 1);
}

#[test]
fn a_leaving_node_starts_nothing_new() {
    for passed in [Duration::ZERO, secs(3), BOUND] {
        let mut solo = Solo::among(lan(0), 1);
        let [tags, before] = [Tags::from_iter([("a", "b")]), solo.node.tags().clone()];
        solo.act(|node, now| node.leave(now)).unwrap();
        solo.pass(passed);
        let (now, node) = (solo.now, &mut solo.node);
        assert_eq!(node.join(now, &[addr(1)], Replay::Skip), Err(JoinError::Left));
        assert_eq!(node.user_event(now, "a", b"", Coalesce::No), Err(EventError::Left));
        assert_eq!(node.query(now, "a", b"", &QueryParams::new()), Err(QueryError::Left));
        assert_eq!(node.set_tags(now, tags), Err(TagsError::Left));
        assert_eq!(*node.tags(), before);
        assert_eq!(node.force_leave(now, "n1", Prune::No), Err(ForceLeaveError::Left));
    }
}

#[test]
fn a_leaving_node_still_answers_and_does_not_refute() {
    let mut solo = Solo::among(lan(0), 2);
    solo.act(|node, now| node.leave(now)).unwrap();
    solo.pass(BOUND);
    solo.sent.clear();
    solo.hear(1, &suspect(0, 1, 1));
    solo.hear(1, &dead(0, 1, 1));
    solo.hear(1, &alive(0, 7));
    assert_eq!(solo.node.stats().refutations, 0);
    assert!(solo.is_well());
    assert_eq!(solo.node.local_member().status(), Status::Left);
    solo.accept(1, &push_pull(false, &[], None)).unwrap();
    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(&solo.written[0].1) else {
        panic!("{:x?}", solo.written);
    };
    let me = state.nodes.iter().find(|node| node.name.0 == b"n0").unwrap();
    assert_eq!(me.state, state::LEFT);
}

/// The leave report of a node.
#[track_caller]
fn report(cluster: &Cluster, node: usize) -> LeaveReport {
    let mut events = cluster.nodes[node].events.iter();
    let report = events.find_map(|(_, event)| match event {
        Event::Left(report) => Some(*report),
        _ => None,
    });
    report.unwrap()
}

#[test]
fn a_leaving_node_reports_which_members_were_told_and_confirmed() {
    let mut cluster = Cluster::joined(1, 4, lan);
    cluster.act(3, |node, now| node.leave(now)).unwrap();
    cluster.run_until(BOUND, |it| has_left(it, 3));
    let well = report(&cluster, 3);
    assert_eq!((well.others, well.told, well.confirmed, well.unsent), (3, 3, 3, 0));
    assert_eq!((well.intent, well.farewell), (Delivery::Drained, Delivery::Drained));
    assert_eq!(
        well.to_string(),
        "told 3 of 3 others, of whom 3 confirmed it; intent drained, farewell drained, \
         0 messages unsent"
    );
    // When all others have left, the last node has nobody to tell.
    cluster.act(2, |node, now| node.leave(now)).unwrap();
    cluster.act(1, |node, now| node.leave(now)).unwrap();
    cluster.run(BOUND);
    cluster.act(0, |node, now| node.leave(now)).unwrap();
    cluster.run(secs(1));
    assert_eq!(report(&cluster, 0), LeaveReport::default());
}

#[test]
fn a_node_that_is_cut_off_does_not_count_sent_as_confirmed() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.network.cut(&[0], &[1, 2], ALL);
    cluster.act(0, |node, now| node.leave(now)).unwrap();
    cluster.run_until(BOUND, |it| has_left(it, 0));
    let alone = report(&cluster, 0);
    assert_eq!((alone.others, alone.told, alone.confirmed), (2, 2, 0));
}

#[test]
fn a_leave_that_runs_out_of_time_says_so() {
    let hurry = Leave { broadcast_timeout: ms(1), propagate_delay: ms(0) };
    let mut cluster = Cluster::joined(1, 4, |node| lan(node).leave(hurry));
    for n in 0..200 {
        let (name, payload) = (n.to_string(), [b'x'; 400]);
        let send = |node: &mut Endpoint, now| node.user_event(now, &name, &payload, Coalesce::No);
        cluster.act(3, send).unwrap();
    }
    cluster.act(3, |node, now| node.leave(now)).unwrap();
    cluster.run_until(BOUND, |it| has_left(it, 3));
    let hurried = report(&cluster, 3);
    assert_eq!((hurried.intent, hurried.farewell), (Delivery::TimedOut, Delivery::TimedOut));
    assert!(hurried.unsent > 100, "{hurried}");
}

#[test]
fn without_its_intent_a_leaver_counts_as_failed_until_another_member_tells() {
    let mut cluster = Cluster::joined(1, 4, lan);
    cluster.network.cut(&[3], &[0, 1, 2], ALL);
    cluster.act(2, |node, now| node.leave(now)).unwrap();
    cluster.run_until(BOUND, |it| has_left(it, 2));
    cluster.kill(2);
    cluster.run(secs(60));
    assert!([0, 1].iter().all(|&at| cluster.status(at, 2) == Some(Status::Left)));
    assert_eq!(cluster.status(3, 2), Some(Status::Failed));

    cluster.network.heal();
    cluster.run_until(secs(120), |it| it.status(3, 2) == Some(Status::Left));
    assert_eq!(cluster.count(3, MemberChange::Leave, 2), 1);
}

#[test]
fn two_leaves_with_an_unheard_join_in_between_come_to_an_end() {
    let mut solo = Solo::among(lan(0), 3);
    // It leaves, comes back without anybody hearing its join intent, and leaves again.
    for (incarnation, ltime) in [(1, 5), (2, 9)] {
        solo.hear(2, &leave_intent(1, ltime));
        solo.hear(2, &dead(1, 1, incarnation));
        // The first leave intent is still around, and so is this one.
        for around in [5, ltime, 5, ltime] {
            solo.hear(3, &leave_intent(1, around));
        }
        if incarnation == 1 {
            solo.hear(1, &alive(1, 2));
        }
    }
    solo.pass(secs(10));
    assert_eq!(solo.node.stats().queued, 0);
    let queued = |solo: &mut Solo, ltime| {
        solo.hear(3, &leave_intent(1, ltime));
        solo.node.stats().intents_queued
    };
    assert_eq!([5, 9, 5, 9].map(|ltime| queued(&mut solo, ltime)), [0; 4]);
    let changes = solo.events.iter().map(|event| match event {
        Event::Member(event) => event.change,
        other => panic!("{other:?}"),
    });
    let expected = [MemberChange::Leave, MemberChange::Join, MemberChange::Leave];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}

#[test]
fn leave_intent_and_dead_message_may_come_in_any_order() {
    let status = |packets: [Vec<u8>; 2]| {
        let mut solo = Solo::among(lan(0), 1);
        packets.iter().for_each(|packet| solo.hear(1, packet));
        solo.node.member("n1").unwrap().status()
    };
    assert_eq!(status([leave_intent(1, 5), dead(1, 1, 1)]), Status::Left);
    assert_eq!(status([dead(1, 1, 1), leave_intent(1, 5)]), Status::Left);
    // It does not matter which node declared it dead.
    assert_eq!(status([leave_intent(1, 5), dead(1, 2, 1)]), Status::Left);
}

// Forced leaves.

#[test]
fn a_failed_member_that_is_forced_to_leave_has_left_everywhere() {
    let mut cluster = Cluster::joined(1, 5, local);
    cluster.kill(4);
    cluster.run_until(secs(20), |it| it.all_say(4, Status::Failed));
    cluster.act(0, |node, now| node.force_leave(now, &name(4), Prune::No)).unwrap();
    assert_eq!(cluster.status(0, 4), Some(Status::Left));
    cluster.run_until(secs(40), |it| it.all_say(4, Status::Left));
    assert_eq!(cluster.count_all(MemberChange::Leave), 4);
}

#[test]
fn a_live_member_refutes_a_forced_leave() {
    for prune in [Prune::No, Prune::Yes] {
        let mut cluster = Cluster::joined(1, 4, lan);
        cluster.act(0, |node, now| node.force_leave(now, &name(3), prune)).unwrap();
        assert_eq!(cluster.status(0, 3), Some(Status::Leaving));
        cluster.run_until(secs(3), Cluster::agree);
        cluster.run(secs(60));
        assert!(cluster.agree());
        assert_eq!(cluster.changes(0), []);
    }
}

#[test]
fn the_only_other_member_hears_of_its_forced_leave() {
    let mut cluster = Cluster::joined(1, 2, lan);
    cluster.act(0, |node, now| node.force_leave(now, &name(1), Prune::No)).unwrap();
    cluster.run_until(secs(3), |it| it.status(0, 1) == Some(Status::Alive));
}

#[test]
fn a_node_cannot_force_itself_to_leave() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.act(0, |node, now| node.force_leave(now, &name(0), Prune::No)).unwrap();
    assert_eq!(cluster.status(0, 0), Some(Status::Alive));
    cluster.run(secs(60));
    assert!(cluster.agree());
}

#[test]
fn a_pruned_member_is_forgotten_everywhere() {
    let mut cluster = Cluster::joined(1, 4, lan);
    cluster.kill(3);
    cluster.run_until(secs(40), |it| it.all_say(3, Status::Failed));
    cluster.act(1, |node, now| node.force_leave(now, &name(3), Prune::Yes)).unwrap();
    assert_eq!(cluster.status(1, 3), None);
    cluster.run_until(secs(5), |it| it.running().all(|at| it.status(at, 3).is_none()));
    for at in [0, 1, 2] {
        let [.., (_, left, _), (_, reaped, _)] = &cluster.changes(at)[..] else {
            panic!("{:?}", cluster.changes(at));
        };
        assert_eq!((*left, *reaped), (MemberChange::Leave, MemberChange::Reap));
    }
    // It may join again as any other node.
    cluster.run(secs(60));
    cluster.start(3);
    cluster.join(3, &[0]);
    cluster.run_until(secs(2), Cluster::agree);
}

#[test]
fn a_member_that_only_others_know_can_be_forced_to_leave() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.kill(2);
    cluster.run_until(secs(40), |it| it.all_say(2, Status::Failed));
    let newcomer = cluster.add(lan(3));
    // It joins through an address, so it does not hear of members that are gone already.
    cluster.join(newcomer, &[0]);
    cluster.run_until(secs(5), |it| it.node(newcomer).members().count() >= 3);
    assert_eq!(cluster.status(newcomer, 2), None);
    cluster.act(newcomer, |node, now| node.force_leave(now, &name(2), Prune::No)).unwrap();
    cluster
        .run_until(secs(5), |it| [0, 1].iter().all(|&at| it.status(at, 2) == Some(Status::Left)));
}
