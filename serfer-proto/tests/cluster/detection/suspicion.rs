//! Suspicions: how long a suspect has, and how it refutes.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::wire::message::{Message, PushNodeState, state};
use serfer_proto::{DropReason, Event, MemberChange, Status};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{VERSIONS, alive, alive_at, dead, messages, push_pull, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, name, secs};

/// In a cluster of ten, node 2 suspects node 1, and others confirm it after these milliseconds.
/// Returns when node 1 is declared failed.
fn failed_after_ms(confirmations: &[(u64, usize)]) -> u64 {
    let mut solo = Solo::among(lan(0), 9);
    solo.hear(3, &suspect(1, 2, 1));
    for passed in 0..30_000 {
        for (_, accuser) in confirmations.iter().filter(|(at, _)| *at == passed) {
            solo.hear(*accuser, &suspect(1, *accuser, 1));
        }
        solo.pass(Duration::ZERO);
        if status(&solo, 1) == Some(Status::Failed) {
            return passed;
        }
        solo.pass(ms(1));
    }
    panic!("it is not found failed");
}

fn status(solo: &Solo, of: usize) -> Option<Status> {
    solo.node.member(&name(of)).map(|member| member.status())
}

#[test]
fn confirmations_shorten_a_suspicion() {
    assert_eq!(failed_after_ms(&[]), 24_000);
    assert_eq!(failed_after_ms(&[(500, 3)]), 11_381);
    assert_eq!(failed_after_ms(&[(500, 3), (600, 4)]), 4_000);
    assert_eq!(failed_after_ms(&[(500, 3), (600, 4), (700, 5)]), 4_000);
}

#[test]
fn a_suspicion_that_is_over_does_not_count_for_the_next() {
    for verdict in [None, Some(dead(1, 2, 1))] {
        let mut solo = Solo::among(lan(0), 9);
        solo.hear(3, &suspect(1, 2, 1));
        solo.hear(3, &suspect(1, 3, 1));
        verdict.iter().for_each(|verdict| solo.hear(2, verdict));
        solo.hear(1, &alive(1, 2));
        solo.pass(secs(20));
        assert_eq!(status(&solo, 1), Some(Status::Alive));
        solo.hear(3, &suspect(1, 2, 2));
        assert_eq!(solo.node.stats().suspicions, 2);
        solo.pass(ms(23_999));
        assert_eq!(status(&solo, 1), Some(Status::Alive));
        solo.pass(ms(1));
        assert_eq!(status(&solo, 1), Some(Status::Failed));
    }
}

#[test]
fn one_witness_counts_once() {
    assert_eq!(failed_after_ms(&[(500, 2), (600, 2)]), 24_000);
    assert_eq!(failed_after_ms(&[(500, 3), (600, 3), (700, 2)]), 11_381);
}

#[test]
fn a_confirmation_that_comes_after_the_shortened_time_ends_it_at_once() {
    assert_eq!(failed_after_ms(&[(13_000, 3)]), 13_000);
}

#[test]
fn news_about_a_member_is_gossiped_at_the_next_tick() {
    let news: [fn(u32) -> Vec<u8>; 3] =
        [|inc| suspect(1, 2, inc), |inc| dead(1, 2, inc), |inc| alive(1, inc + 1)];
    for news in news {
        let mut solo = Solo::among(lan(0), 3);
        solo.pass(secs(30));
        solo.sent.clear();
        solo.hear(2, &news(1));
        solo.hear(2, &news(0));
        assert_eq!(solo.node.stats().queued, 1);
        solo.pass(ms(200));
        let told = solo.said().iter().filter(|(_, message)| *message == news(1)).count();
        assert!(told >= 2, "whoever is not the accused may be told");
        // What is known already is not gossiped again.
        solo.pass(secs(3));
        solo.sent.clear();
        solo.hear(2, &news(1));
        assert_eq!(solo.node.stats().queued, 0);
    }
}

#[test]
fn a_suspect_is_told_with_the_next_ping() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(2, &suspect(1, 2, 1));
    // Skips what is gossiped anyway.
    solo.pass(ms(10));
    solo.sent.clear();
    let told = (0..300).find_map(|_| {
        solo.pass(ms(10));
        let said = solo.said();
        let is_ping =
            |(_, message): &(_, Vec<u8>)| matches!(Message::decode(message), Ok(Message::Ping(_)));
        let at = said.iter().position(is_ping)?;
        Some(said[at + 1].1.clone())
    });
    assert_eq!(told, Some(suspect(1, 0, 1)));
}

#[test]
fn a_false_suspicion_is_refuted_before_the_suspect_is_declared_failed() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 5, lan);
        cluster.hear(1, 2, &suspect(3, 2, 1));
        assert_eq!(cluster.node(1).stats().suspicions, 1);
        cluster.run(secs(30));
        assert_eq!(cluster.count_all(MemberChange::Failed), 0);
        assert!(cluster.agree());
        assert_eq!(cluster.node(3).stats().refutations, 1);
        assert_eq!(cluster.node(3).stats().health_score, 0, "good probes have made up for it");
    }
}

#[test]
fn a_false_death_is_refuted_and_taken_back() {
    let mut cluster = Cluster::joined(1, 5, lan);
    cluster.hear(1, 2, &dead(3, 2, 1));
    assert_eq!(cluster.status(1, 3), Some(Status::Failed));
    cluster.run_until(secs(5), Cluster::agree);
    cluster.run(secs(30));
    assert!(cluster.agree());
    assert_eq!(cluster.count(1, MemberChange::Failed, 3), 1);
    assert_eq!(cluster.count(1, MemberChange::Join, 3), 1);
}

#[test]
fn the_dead_of_a_push_pull_are_only_suspected() {
    let mut solo = Solo::among(lan(0), 3);
    let [one, two] = [1, 2].map(name);
    let node = |name: &'static str, of: usize, state| PushNodeState {
        addr: &[10, 0, 0, 2],
        incarnation: 1,
        meta: &[],
        name: name.into(),
        port: addr(of).port(),
        state,
        versions: &VERSIONS,
    };
    let nodes = [
        node(one.leak(), 1, state::DEAD),
        node(two.leak(), 2, state::LEFT),
        node("n7", 7, state::DEAD),
        node("n8", 8, state::LEFT),
        node("n3", 3, 99),
    ];
    solo.accept(3, &push_pull(false, &nodes, None)).unwrap();
    assert_eq!(solo.node.stats().suspicions, 2);
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    assert_eq!(
        status(&solo, 2),
        Some(Status::Alive),
        "that it left is hearsay, and no intent said so"
    );
    assert_eq!(status(&solo, 3), Some(Status::Alive));
    assert_eq!((status(&solo, 7), status(&solo, 8)), (None, None));
    solo.hear(1, &alive(1, 2));
    solo.pass(secs(60));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
}

#[test]
fn only_newer_news_counts() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(1, &alive(1, 5));
    solo.hear(2, &suspect(1, 2, 4));
    solo.hear(2, &dead(1, 2, 4));
    assert_eq!((solo.node.stats().suspicions, status(&solo, 1)), (0, Some(Status::Alive)));
    solo.hear(2, &suspect(1, 2, 5));
    assert_eq!(solo.node.stats().suspicions, 1);
    solo.hear(1, &alive(1, 5));
    solo.pass(secs(4));
    assert_eq!(status(&solo, 1), Some(Status::Failed), "the same incarnation clears nobody");
    solo.hear(1, &alive(1, 5));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
    solo.hear(1, &alive(1, 6));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    // A suspicion may carry a higher incarnation than we know. Then only a still higher one refutes
    // it.
    solo.hear(2, &suspect(1, 2, 9));
    solo.hear(1, &alive(1, 9));
    solo.pass(secs(4));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
}

#[test]
fn a_suspicion_with_an_incarnation_out_of_reach_is_dropped() {
    const TOO_FAR: u32 = 2 + (1 << 20);
    let mut solo = Solo::among(lan(0), 2);
    for packet in [
        suspect(1, 2, TOO_FAR),
        dead(1, 2, u32::MAX),
        alive(1, TOO_FAR),
        suspect(0, 2, u32::MAX),
        dead(0, 2, TOO_FAR),
        alive(0, TOO_FAR),
        alive(0, u32::MAX),
        alive(7, u32::MAX),
    ] {
        let before = solo.dropped(DropReason::OutOfReach);
        solo.hear(2, &packet);
        assert_eq!(solo.dropped(DropReason::OutOfReach), before + 1, "{packet:x?}");
    }
    assert_eq!(status(&solo, 7), None);
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    assert_eq!((solo.node.stats().suspicions, solo.node.stats().refutations), (0, 0));
    // An incarnation within reach still works.
    solo.hear(2, &suspect(0, 2, TOO_FAR - 1));
    assert_eq!(solo.node.stats().refutations, 1);
    solo.hear(2, &dead(1, 2, 1));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
}

#[test]
fn many_forged_suspicions_do_not_drive_an_incarnation_out_of_reach() {
    let mut solo = Solo::among(lan(0), 2);
    for step in 1..=4096 {
        let forged = step * (1 << 19);
        solo.hear(2, &suspect(0, 2, forged));
        solo.hear(2, &alive(1, forged));
    }
    assert!(solo.node.incarnation() < 1 << 21, "{}", solo.node.incarnation());
    // A member that was driven so high is still believed, and so is a still newer message.
    solo.hear(2, &dead(1, 2, 1 << 20));
    assert_eq!(status(&solo, 1), Some(Status::Failed));
    solo.hear(1, &alive(1, (1 << 20) + 1));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
    assert!(solo.is_well());
}

#[test]
fn a_stale_alive_message_of_a_dead_member_is_answered_with_its_death() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(2, &alive(1, 9));
    solo.hear(2, &dead(1, 2, 9));
    solo.pass(secs(5));
    solo.sent.clear();

    for _ in 0..100 {
        solo.hear(2, &alive(1, 3));
    }
    solo.pass(ms(200));

    let contradiction = dead(1, 0, 9);
    let is_it = |(to, packet): &&(SocketAddr, Vec<u8>)| {
        *to == addr(1) && messages(packet).contains(&contradiction)
    };
    assert_eq!(solo.sent.iter().filter(is_it).count(), 1);
    // It answers with a newer incarnation, and that is believed.
    solo.hear(1, &alive(1, 10));
    assert_eq!(status(&solo, 1), Some(Status::Alive));
}

#[test]
fn a_node_that_missed_a_refutation_is_sent_it() {
    let told = |solo: &Solo, to: SocketAddr, answer: &[u8]| {
        let is_it = |(at, packet): &&(SocketAddr, Vec<u8>)| {
            *at == to && messages(packet).iter().any(|message| *message == answer)
        };
        solo.sent.iter().filter(is_it).count()
    };
    for accusation in [suspect(1, 3, 4), dead(1, 3, 4)] {
        let mut solo = Solo::among(lan(0), 3);
        solo.hear(1, &alive(1, 5));
        solo.pass(secs(5));
        solo.sent.clear();
        for _ in 0..100 {
            solo.hear(2, &accusation);
            solo.hear_from(addr(50), &accusation);
        }
        solo.pass(ms(200));

        assert_eq!(status(&solo, 1), Some(Status::Alive));
        assert_eq!(told(&solo, addr(2), &alive(1, 5)), 1);
        assert_eq!(told(&solo, addr(50), &alive(1, 5)), 0, "a stranger");
    }
}

#[test]
fn a_node_that_missed_our_own_refutation_is_sent_it_too() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(2, &suspect(0, 2, 1));
    solo.pass(secs(5));
    solo.sent.clear();
    solo.hear(2, &suspect(0, 2, 1));
    solo.pass(ms(200));

    let is_me = |(to, packet): &(SocketAddr, Vec<u8>)| {
        let says_so = |message: &Vec<u8>| matches!(Message::decode(message), Ok(Message::Alive(me)) if me.incarnation == 2);
        *to == addr(2) && messages(packet).iter().any(says_so)
    };
    assert!(solo.sent.iter().any(is_me));
    assert_eq!(solo.node.stats().refutations, 1);
}

#[test]
fn a_member_that_left_and_restarts_with_incarnation_1_is_told_so() {
    let mut solo = Solo::among(lan(0), 2);
    solo.hear(1, &dead(1, 1, 9));
    solo.pass(secs(5));
    solo.sent.clear();

    solo.hear(1, &alive(1, 1));
    solo.pass(ms(200));

    let farewell = dead(1, 1, 9);
    assert!(
        solo.sent.iter().any(|(to, packet)| *to == addr(1) && messages(packet).contains(&farewell))
    );
}

#[test]
fn a_node_with_our_name_at_another_address_is_reported_and_not_obeyed() {
    let mut solo = Solo::among(lan(0), 2);
    solo.events.clear();
    solo.hear(2, &alive_at("n0", addr(50), 9));
    let [Event::Conflict(conflict)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((conflict.existing.addr(), conflict.other), (addr(0), addr(50)));
    assert_eq!(solo.node.stats().refutations, 0);
    assert!(solo.is_well());
    assert_eq!(solo.node.local_member().addr(), addr(0));

    // The same for another member.
    solo.events.clear();
    solo.hear(2, &alive_at("n1", addr(51), 9));
    let [Event::Conflict(conflict)] = &solo.events[..] else {
        panic!("{:?}", solo.events);
    };
    assert_eq!((conflict.existing.addr(), conflict.other), (addr(1), addr(51)));
    assert_eq!(solo.node.member("n1").unwrap().addr(), addr(1));
}

/// A machine that wakes up once a minute, say. It reads what waits each time, and at last it believes it.
#[test]
fn a_node_that_is_late_each_time_finds_a_dead_member_all_the_same() {
    let mut solo = Solo::among(lan(0), 1);
    solo.acks = false;
    for _ in 0..200 {
        solo.now += secs(60);
        solo.act(|node, now| node.handle_timeout(now));
    }
    let member = solo.node.member("n1");
    assert!(member.is_none_or(|member| member.status() == Status::Failed));
}
