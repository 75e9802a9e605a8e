//! Coming back after a crash or a partition, and members that are forgotten before they do.

use serfer_proto::wire::message::{Dead, Message};
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{MemberChange, Members, Status, Tags};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, alive_at, dead, encoded, leave_intent, push_pull};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, name, secs};

#[test]
fn a_node_that_restarts_unnoticed_never_counts_as_gone() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 4, lan);
        cluster.kill(2);
        cluster.run(ms(300));
        let second = lan(2).serf_protocol(4).tag("life", "second").unwrap();
        cluster.nodes[2].config = second.advertise(addr(2));
        cluster.start(2);
        cluster.join(2, &[0]);
        // It starts with incarnation 1 again, and has to learn that it needs a higher one.
        cluster.run_until(secs(5), |it| {
            it.running().all(|at| {
                it.node(at).member(&name(2)).is_some_and(|member| {
                    let version = member.versions().delegate_cur;
                    (member.tags().get("life"), version) == (Some("second"), 4)
                })
            })
        });
        cluster.run(secs(60));
        assert!(cluster.agree());
        assert_eq!(cluster.count_all(MemberChange::Failed), 0);
    }
}

#[test]
fn a_node_that_failed_is_back_when_it_starts_again() {
    for (seed, wait) in [(0, secs(0)), (1, secs(5)), (2, secs(29)), (3, secs(31)), (4, secs(600))] {
        let mut cluster = Cluster::joined(seed, 4, lan);
        cluster.kill(2);
        cluster.run_until(secs(40), |it| it.all_say(2, Status::Failed));
        cluster.run(wait);
        cluster.start(2);
        cluster.join(2, &[1]);
        cluster.run_until(secs(5), Cluster::agree);
        cluster.run(secs(60));
        assert!(cluster.agree());
        for at in [0, 1, 3] {
            assert_eq!(cluster.count(at, MemberChange::Failed, 2), 1);
            assert_eq!(cluster.count(at, MemberChange::Join, 2), 1);
        }
    }
}

#[test]
fn a_node_that_left_is_back_when_it_starts_again() {
    for wait in [secs(0), secs(600)] {
        let mut cluster = Cluster::joined(1, 3, lan);
        cluster.act(2, |node, now| node.leave(now)).unwrap();
        cluster.run(secs(10));
        cluster.kill(2);
        cluster.run(wait);
        cluster.nodes[2].config = lan(2).advertise(addr(2)).tag("role", "other").unwrap();
        cluster.start(2);
        cluster.join(2, &[0]);
        cluster.run_until(secs(5), Cluster::agree);
        cluster.run(secs(120));
        assert!(cluster.agree(), "nobody reminds the others that it had left");
        for at in [0, 1] {
            let tags = cluster.node(at).member(&name(2)).unwrap().tags();
            assert_eq!(tags.get("role"), Some("other"));
        }
    }
}

#[test]
fn a_member_that_left_may_return_at_another_address_and_one_that_failed_not_yet() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(1, &leave_intent(1, 3));
    solo.hear(1, &dead(1, 1, 1));
    solo.hear(2, &dead(2, 1, 1));
    solo.acks = false;
    solo.hear(1, &alive_at("n1", addr(51), 1));
    solo.hear(2, &alive_at("n2", addr(52), 2));
    solo.pass(ms(500));
    let member = |solo: &Solo, name: &str| {
        let member = solo.node.member(name).unwrap();
        (member.status(), member.addr())
    };
    assert_eq!(member(&solo, "n1"), (Status::Alive, addr(51)));
    assert_eq!(member(&solo, "n2"), (Status::Failed, addr(2)));
    // Once memberlist has forgotten the member, its name is free for whoever comes in person.
    solo.pass(secs(31));
    solo.hear(2, &alive_at("n2", addr(52), 1));
    assert_eq!(member(&solo, "n2"), (Status::Failed, addr(2)));
    solo.hear_from(addr(52), &alive_at("n2", addr(52), 1));
    assert_eq!(member(&solo, "n2"), (Status::Alive, addr(52)));
}

/// The names that a node sends in a push/pull.
fn pushed(solo: &mut Solo) -> Vec<String> {
    solo.written.clear();
    let stream = solo.accept(9, &push_pull(false, &[], None)).unwrap();
    let (to, bytes) = &solo.written[0];
    assert_eq!(*to, stream);
    let Ok(StreamMessage::PushPull(state)) = StreamMessage::decode(bytes) else {
        panic!("{bytes:x?}");
    };
    let mut names: Vec<String> = state.nodes.iter().map(|it| it.name.to_string_lossy()).collect();
    names.sort_unstable();
    names
}

#[test]
fn dead_members_are_sent_in_push_pulls_for_a_while_and_then_forgotten() {
    let mut solo = Solo::among(lan(0), 3);
    solo.hear(2, &dead(1, 2, 1));
    solo.pass(secs(1));
    solo.hear(2, &leave_intent(2, 4));
    solo.hear(2, &dead(2, 2, 1));
    solo.pass(ms(28_999));
    assert_eq!(pushed(&mut solo), ["n0", "n1", "n2", "n3"]);
    solo.pass(ms(1));
    assert_eq!(pushed(&mut solo), ["n0", "n2", "n3"]);
    solo.pass(secs(1));
    assert_eq!(pushed(&mut solo), ["n0", "n3"]);
    // Serf remembers them for a day.
    assert_eq!(solo.node.member("n1").unwrap().status(), Status::Failed);
    assert_eq!(solo.node.member("n2").unwrap().status(), Status::Left);
}

#[test]
fn members_that_are_gone_too_long_are_reaped() {
    let members = Members {
        reconnect_timeout: secs(105),
        tombstone_timeout: secs(200),
        ..Members::default()
    };
    let mut solo = Solo::among(lan(0).members(members), 2);
    solo.hear(1, &dead(1, 2, 1));
    solo.hear(1, &leave_intent(2, 4));
    solo.hear(1, &dead(2, 2, 1));
    let gone_after = |solo: &mut Solo, who: &str| {
        let start = solo.now;
        while solo.node.member(who).is_some() {
            solo.pass(secs(1));
        }
        (solo.now - start).as_secs()
    };
    // Reaped at the first tick after that time: there is a tick every 15 s.
    assert_eq!(gone_after(&mut solo, "n1"), 120);
    assert_eq!(gone_after(&mut solo, "n2"), 90);
    assert_eq!(solo.node.stats().members, 1);
}

#[test]
fn a_member_may_be_remembered_for_a_time_of_its_own() {
    let members = Members {
        reconnect_timeout: secs(1000),
        tombstone_timeout: secs(2000),
        ..Members::default()
    };
    // The callback gets each member with the timeout for its status.
    let config = lan(0).members(members).reconnect_timeout_of(|member, timeout| {
        match (member.name(), member.status()) {
            ("n1", Status::Failed) => timeout / 10,
            ("n2", Status::Left) => timeout / 100,
            ("n3", _) => std::time::Duration::MAX,
            _ => timeout,
        }
    });
    let mut solo = Solo::among(config, 4);
    solo.hear(4, &leave_intent(2, 4));
    (1..=3).for_each(|other| solo.hear(4, &dead(other, 4, 1)));
    let known = |solo: &Solo, node: usize| solo.node.member(&name(node)).is_some();
    solo.pass(secs(29));
    assert!((1..=3).all(|node| known(&solo, node)));
    solo.pass(secs(1));
    assert!(!known(&solo, 2));
    solo.pass(secs(74));
    assert!(known(&solo, 1));
    solo.pass(secs(1));
    assert!(!known(&solo, 1));
    solo.pass(secs(10_000));
    assert!(known(&solo, 3));
    assert_eq!(solo.node.stats().reaps, 2);
}

#[test]
fn a_member_that_is_back_soon_after_it_failed_is_counted() {
    let mut solo = Solo::among(lan(0), 3);
    let come_and_go = |solo: &mut Solo, incarnation, away| {
        solo.hear(2, &dead(1, 2, incarnation));
        solo.pass(away);
        solo.hear(1, &alive(1, incarnation + 1));
        solo.node.stats().flaps
    };
    assert_eq!(come_and_go(&mut solo, 1, secs(59)), 1);
    assert_eq!(come_and_go(&mut solo, 2, secs(60)), 1);
    assert_eq!(come_and_go(&mut solo, 3, secs(0)), 2);
    // A member that left has come back on purpose.
    solo.hear(1, &leave_intent(1, 9));
    assert_eq!(come_and_go(&mut solo, 4, secs(1)), 2);
    let stats = solo.node.stats();
    assert_eq!((stats.joins, stats.failures, stats.leaves), (4 + 4, 3, 1));
}

#[test]
fn a_timeout_may_be_endless() {
    let members = Members {
        reconnect_timeout: std::time::Duration::MAX,
        tombstone_timeout: std::time::Duration::MAX,
        recent_intent_timeout: std::time::Duration::MAX,
        ..Members::default()
    };
    let mut solo = Solo::among(lan(0).members(members), 2);
    solo.hear(1, &dead(1, 2, 1));
    solo.hear(1, &leave_intent(9, 4));
    solo.pass(secs(100_000));
    assert_eq!(solo.node.stats().members, 3);
}

#[test]
fn two_nodes_join_again_after_a_partition() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 2, lan);
        cluster.network.cut(&[0], &[1], ALL);
        cluster.run_until(secs(40), |it| {
            it.status(0, 1) == Some(Status::Failed) && it.status(1, 0) == Some(Status::Failed)
        });
        cluster.run(secs(200));
        cluster.network.heal();
        // Each tries the other every 30 s, since no other member failed. At the end of the
        // partition an attempt may just be waiting for its timeout, but the next one works.
        cluster.run_until(secs(31), Cluster::agree);
    }
}

#[test]
fn two_halves_join_again_after_a_partition() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 6, lan);
        cluster.network.cut(&[0, 1, 2], &[3, 4, 5], ALL);
        cluster.run_until(secs(60), |it| {
            (0..6).all(|at| {
                (0..6).all(|of| at / 3 == of / 3 || it.status(at, of) == Some(Status::Failed))
            })
        });
        cluster.run(secs(100));
        cluster.network.heal();
        // As many members have failed as are alive, so each node tries one every 30 s. One attempt
        // that works tells all members of both sides.
        cluster.run_until(secs(35), Cluster::agree);
    }
}

#[test]
fn a_cluster_remembers_failed_members_until_they_are_back() {
    // One failed member among many is tried only now and then: here by each of the four nodes once
    // in four times 30 s. So it may take minutes.
    let mut cluster = Cluster::joined(1, 5, lan);
    cluster.network.cut(&[4], &[0, 1, 2, 3], ALL);
    cluster.run_until(secs(60), |it| {
        [0, 1, 2, 3].iter().all(|&at| it.status(at, 4) == Some(Status::Failed))
    });
    cluster.act(4, |node, now| node.set_tags(now, Tags::from_iter([("a", "new")]))).unwrap();
    cluster.run(secs(300));
    cluster.network.heal();
    cluster.run_until(secs(300), Cluster::agree);
    let tags = cluster.node(0).member(&name(4)).unwrap().tags();
    assert_eq!(tags.get("a"), Some("new"));
}

#[test]
fn a_node_that_was_alone_for_a_while_probes_and_does_push_pulls_again() {
    for back in [secs(1), secs(100)] {
        let mut solo = Solo::among(lan(0), 1);
        solo.hear(1, &dead(1, 0, 1));
        solo.pass(back);
        solo.hear(1, &alive(1, 2));
        solo.sent.clear();
        solo.dialled.clear();
        let acked = solo.node.stats().probes_acked;
        solo.pass(secs(61));
        assert!(solo.node.stats().probes_acked >= acked + 60);
        assert!(solo.dialled.iter().any(|(_, to)| *to == addr(1)));
    }
}

#[test]
fn a_reconnected_member_is_one_that_answers() {
    let mut solo = Solo::among(local(0).seed_keeper(None), 1);
    solo.hear(1, &dead(1, 0, 1));
    solo.dialled.clear();
    solo.pass(secs(29));
    assert_eq!(solo.dialled, []);
    solo.pass(secs(1));
    assert_eq!(solo.dialled.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [addr(1)]);
    solo.hear(1, &alive(1, 1));
    solo.dialled.clear();
    solo.pass(ms(14_000));
    solo.hear(1, &leave_intent(1, 9));
    solo.hear(1, &dead(1, 1, 1));
    solo.dialled.clear();
    solo.pass(secs(100));
    assert_eq!(solo.dialled, [], "who left is left alone");
}

#[test]
fn members_at_one_address_are_told_apart_by_their_ports() {
    let at = |port| std::net::SocketAddr::new(addr(1).ip(), port);
    let mut solo = Solo::new(lan(0).seed_keeper(None));
    solo.hear(1, &alive_at("a", at(7001), 1));
    solo.hear(1, &alive_at("b", at(7002), 1));
    let dead = |node: &str| {
        encoded(&Message::Dead(Dead { from: "n0".into(), incarnation: 1, node: node.into() }))
    };
    solo.hear(1, &dead("a"));
    solo.dialled.clear();
    solo.pass(secs(300));
    assert!(solo.dialled.iter().any(|(_, to)| *to == at(7001)), "it is tried again");
    solo.hear(1, &alive_at("a", at(7001), 2));
    let member = |name| solo.node.member(name).map(|member| (member.status(), member.addr()));
    assert_eq!(member("a"), Some((Status::Alive, at(7001))));
    assert_eq!(member("b"), Some((Status::Alive, at(7002))));
}
