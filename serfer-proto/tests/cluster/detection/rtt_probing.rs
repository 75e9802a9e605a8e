//! Probe timeouts that follow the round trips of each member.

use std::time::Duration;

use serfer_proto::wire::message::{Ack, Message};
use serfer_proto::{Config, RttProbing};

use crate::harness::craft::{alive, encoded, messages};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, ms, secs};

fn eager(config: Config) -> Config {
    config.rtt_probing(Some(RttProbing::default())).probe_with(|it| it.stream_fallback = false)
}

/// A node that has pinged its only member, which a helper knows as well, a few times.
fn acquainted(config: Config, pings: u32) -> Solo {
    let mut solo = Solo::among(config, 1);
    solo.pass(secs(1) * pings + ms(500));
    solo.sent.clear();
    solo
}

/// After how long helpers would be asked, and the member is suspected, counted from the first ping that
/// nobody answers.
fn waits(mut solo: Solo) -> (Duration, Duration) {
    solo.silent = Some(addr(1));
    let before = solo.node.stats();
    while !solo.sent.iter().any(|(_, packet)| is_ping(packet)) {
        solo.pass(ms(1));
    }
    let pinged = solo.now;
    let mut asked = None;
    while solo.node.stats().suspicions == before.suspicions {
        if asked.is_none() && solo.node.stats().next_wake == Some("probe-end") {
            asked = Some(solo.now - pinged);
        }
        solo.pass(ms(1));
        assert!(solo.now - pinged < secs(3), "it is suspected");
    }
    (asked.expect("helpers are asked first"), solo.now - pinged)
}

fn is_ping(packet: &[u8]) -> bool {
    seq_of(packet).is_some()
}

/// The number of the ping in a packet.
fn seq_of(packet: &[u8]) -> Option<u32> {
    messages(packet).iter().find_map(|message| match Message::decode(message) {
        Ok(Message::Ping(ping)) => Some(ping.seq),
        _ => None,
    })
}

#[test]
fn a_member_that_answers_fast_is_suspected_sooner() {
    assert_eq!(waits(acquainted(eager(lan(0)), 4)), (ms(50), ms(550)));
    let usual = lan(0).probe_with(|it| it.stream_fallback = false);
    assert_eq!(waits(acquainted(usual, 4)), (ms(500), ms(1000)));
}

#[test]
fn a_member_that_is_hardly_known_gets_the_whole_timeout() {
    assert_eq!(waits(acquainted(eager(lan(0)), 1)), (ms(500), ms(1000)));
}

/// A probe that was not answered is no reason to be impatient with the next one.
#[test]
fn after_a_lost_ping_the_member_gets_the_whole_timeout_until_it_is_known_again() {
    for (answered, expected) in [(2, (ms(500), ms(1000))), (3, (ms(50), ms(550)))] {
        let mut solo = acquainted(eager(lan(0)), 4);
        solo.silent = Some(addr(1));
        while solo.node.stats().probes_failed == 0 {
            solo.pass(ms(10));
        }
        solo.silent = None;
        // It refutes at once.
        solo.hear(1, &alive(1, 2));
        let before = solo.node.stats().probes_acked;
        while solo.node.stats().probes_acked < before + answered {
            solo.pass(ms(10));
        }
        assert_eq!(solo.node.stats().health_score, 0);
        solo.sent.clear();
        assert_eq!(waits(solo), expected, "after {answered} round trips");
    }
}

/// A member that has become slower is learnt from its late acks.
#[test]
fn a_late_ack_lengthens_the_timeout() {
    let mut solo = acquainted(eager(lan(0)), 8);
    solo.silent = Some(addr(1));
    while !solo.sent.iter().any(|(_, packet)| is_ping(packet)) {
        solo.pass(ms(1));
    }
    let ping = solo.sent.iter().find_map(|(_, packet)| seq_of(packet)).expect("it was pinged");
    solo.pass(ms(60));
    solo.hear(1, &encoded(&Message::Ack(Ack { payload: &[], seq: ping })));
    assert_eq!(solo.node.stats().suspicions, 0);
    solo.sent.clear();
    let (asked, suspected) = waits(solo);
    assert!(asked >= ms(300) && asked <= ms(302), "five times 60 ms, not {asked:?}");
    assert_eq!(suspected, asked + ms(500));
}
