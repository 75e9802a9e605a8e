//! Acks and nacks: which ones count, and until when.

use serfer_proto::wire::compound::Compound;
use serfer_proto::wire::message::{Ack, Message, Nack};

use crate::detection::probing::next_ping;
use crate::harness::craft::{alive, encoded, is_ack_to, messages, ping, suspect};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan, ms, secs};

fn ack(seq: u32) -> Vec<u8> {
    encoded(&Message::Ack(Ack { payload: &[], seq }))
}

fn nack(seq: u32) -> Vec<u8> {
    encoded(&Message::Nack(Nack { seq }))
}

#[test]
fn each_ping_in_a_packet_is_acked() {
    let mut solo = Solo::new(lan(0));
    let mut pings = Compound::default();
    pings.reset(1400);
    (5..8).for_each(|seq| assert!(pings.push(&[&ping(0, seq)])));
    let mut packet = Vec::new();
    pings.write(&mut packet);
    solo.hear(1, &packet);
    let said = solo.said();
    let acks: Vec<_> = said.iter().filter(|(_, message)| message[0] == 2).collect();
    assert_eq!(acks.len(), 3);
    assert!(acks.iter().zip(5..).all(|((to, ack), seq)| *to == addr(1) && is_ack_to(seq, ack)));
}

#[test]
fn an_ack_carries_gossip() {
    let mut solo = Solo::among(gos_timing(lan(0)), 1);
    solo.sent.clear();
    solo.hear(1, &ping(0, 5));
    let [(to, packet)] = &solo.sent[..] else {
        panic!("{:x?}", solo.sent);
    };
    let messages = messages(packet);
    assert!(*to == addr(1) && is_ack_to(5, &messages[0]));
    assert!(messages.contains(&alive(1, 1)) && messages.contains(&alive(0, 1)));
}

#[test]
fn pings_are_numbered_one_after_another() {
    let mut solo = Solo::among(lan(0), 3);
    let (_, first) = next_ping(&mut solo);
    let (_, second) = next_ping(&mut solo);
    assert_eq!(second, first.wrapping_add(1));
}

#[test]
fn a_member_that_does_not_ack_is_pinged_through_others_and_then_suspected() {
    let mut solo = Solo::among(lan(0), 3);
    let (target, _) = next_ping(&mut solo);
    solo.pass(ms(500));
    let said = solo.said();
    let mut asked: Vec<_> = said.iter().filter(|(_, message)| message[0] == 1).collect();
    asked.retain(|(to, _)| *to != addr(target));
    assert_eq!(asked.len(), 2, "both others are asked");
    assert_eq!(solo.node.stats().suspicions, 0);
    solo.pass(ms(500));
    assert_eq!(solo.node.stats().suspicions, 1);
    solo.pass(ms(200));
    assert!(solo.said().iter().any(|(_, message)| *message == suspect(target, 0, 1)));
}

#[test]
fn a_point_of_bad_health_doubles_the_time_and_only_missing_nacks_count_against_us() {
    for (nacks, score) in [(2, 1), (1, 2), (0, 3)] {
        let mut solo = Solo::among(lan(0), 3);
        solo.hear(1, &suspect(0, 1, 1));
        assert_eq!(solo.node.stats().health_score, 1);
        let (target, seq) = next_ping(&mut solo);
        solo.pass(ms(500));
        let helpers = (1..=3).filter(|&helper| helper != target);
        helpers.take(nacks).for_each(|helper| solo.hear(helper, &nack(seq)));
        // The ping may have been sent up to 10 ms before the test saw it.
        solo.pass(ms(1480));
        assert_eq!(solo.node.stats().probes_failed, 0);
        solo.pass(ms(20));
        assert_eq!(solo.node.stats().probes_failed, 1);
        assert_eq!(solo.node.stats().health_score, score, "{nacks} nacks");
    }
}

#[test]
fn an_ack_counts_even_after_a_nack() {
    let mut solo = Solo::among(lan(0), 3);
    let (target, seq) = next_ping(&mut solo);
    solo.pass(ms(500));
    let helper = target % 3 + 1;
    solo.hear(helper, &nack(seq));
    solo.hear(target, &ack(seq));
    assert_eq!(solo.node.stats().probes_acked, 1);
    solo.acks = true;
    solo.pass(secs(5));
    assert_eq!((solo.node.stats().probes_failed, solo.node.stats().suspicions), (0, 0));
}

#[test]
fn an_ack_that_comes_again_or_too_late_does_nothing() {
    let mut solo = Solo::among(lan(0), 3);
    let (target, seq) = next_ping(&mut solo);
    (0..2).for_each(|_| solo.hear(target, &ack(seq)));
    assert_eq!(solo.node.stats().probes_acked, 1);

    let (target, seq) = next_ping(&mut solo);
    solo.pass(secs(1));
    assert_eq!(solo.node.stats().suspicions, 1);
    solo.hear(target, &ack(seq));
    assert_eq!(solo.node.stats().probes_acked, 1);
}
