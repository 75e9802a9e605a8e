//! Address claims: a member's name appears at a new address.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::{Config, DropReason, Event, Reclaim, Status};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, alive_at, dead, leave_intent};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

const ELSEWHERE: usize = 51;

fn trusting(config: Config) -> Config {
    config.reclaim(Reclaim { ask_holder: false, ..Reclaim::default() })
}

fn impatient(config: Config) -> Config {
    config.reclaim(Reclaim { dead_after: Some(secs(5)), ..Reclaim::default() })
}

/// Node 0, which knows node 1 and has been told that it left.
fn told_that_one_left(config: Config) -> Solo {
    let mut solo = Solo::among(config, 2);
    solo.hear(2, &leave_intent(1, 3));
    solo.hear(2, &dead(1, 1, 1));
    solo
}

fn claim(solo: &mut Solo, incarnation: u32) {
    solo.hear(2, &alive_at("n1", addr(ELSEWHERE), incarnation));
}

fn holder(solo: &Solo) -> (Status, SocketAddr) {
    let member = solo.node.member("n1").unwrap();
    (member.status(), member.addr())
}

#[test]
fn a_member_that_left_gets_another_address_once_the_old_one_is_silent() {
    let mut solo = told_that_one_left(lan(0));
    solo.acks = false;
    claim(&mut solo, 1);
    assert_eq!(holder(&solo), (Status::Left, addr(1)));
    solo.pass(ms(500));
    assert_eq!(holder(&solo), (Status::Alive, addr(ELSEWHERE)));
}

#[test]
fn a_forged_leave_does_not_give_a_name_away() {
    let mut solo = told_that_one_left(lan(0));
    for _ in 0..10 {
        claim(&mut solo, 5);
        solo.pass(ms(600));
    }
    assert_eq!(holder(&solo), (Status::Left, addr(1)));
    assert_eq!(solo.dropped(DropReason::NameInUse), 10);
    // Node 1 has been told by now, and refutes.
    let told = dead(1, 1, 1);
    assert!(solo.said().iter().any(|(to, message)| *to == addr(1) && *message == told));
    solo.hear(1, &alive(1, 2));
    assert_eq!(holder(&solo), (Status::Alive, addr(1)));
}

#[test]
fn address_claims_can_be_believed_without_asking() {
    let mut solo = told_that_one_left(trusting(lan(0)));
    claim(&mut solo, 1);
    assert_eq!(holder(&solo), (Status::Alive, addr(ELSEWHERE)));
}

#[test]
fn a_member_that_comes_back_beats_a_claim_to_its_name() {
    let mut solo = told_that_one_left(lan(0));
    solo.acks = false;
    claim(&mut solo, 5);
    solo.hear(1, &alive(1, 2));
    solo.pass(secs(1));
    assert_eq!(holder(&solo), (Status::Alive, addr(1)));
}

#[test]
fn the_name_of_a_live_member_cannot_be_claimed() {
    let mut solo = Solo::among(impatient(lan(0)), 2);
    claim(&mut solo, 5);
    solo.pass(secs(10));
    assert_eq!(holder(&solo), (Status::Alive, addr(1)));
    assert!(solo.events.iter().any(|event| matches!(event, Event::Conflict(_))));
}

/// How long after a member's death its name can be claimed from another address.
fn had_after(config: Config) -> Duration {
    let mut solo = Solo::among(config, 2);
    solo.acks = false;
    solo.hear(2, &dead(1, 2, 1));
    let start = solo.now;
    while holder(&solo).0 != Status::Alive {
        claim(&mut solo, 2);
        solo.pass(ms(100));
    }
    solo.now - start
}

#[test]
fn the_name_of_a_dead_member_can_be_claimed_after_a_while() {
    // A claim that is too early is a conflict. The next one comes 500 ms later.
    assert_eq!(had_after(impatient(lan(0))), ms(5100 + 500));
    assert_eq!(had_after(lan(0)), ms(30_100));
}

#[test]
fn a_rescheduled_node_is_back_within_seconds() {
    let mut cluster = Cluster::joined(1, 4, |node| impatient(lan(node)));
    cluster.kill(3);
    cluster.run_until(secs(20), |it| it.all_say(3, Status::Failed));
    cluster.run(secs(6));
    // The same name on another machine.
    cluster.add(impatient(lan(3)));
    cluster.join(4, &[0]);
    cluster.run_until(secs(3), |it| {
        [0, 1, 2].iter().all(|&at| {
            let member = it.node(at).member("n3").unwrap();
            (member.status(), member.addr()) == (Status::Alive, addr(4))
        })
    });
}
