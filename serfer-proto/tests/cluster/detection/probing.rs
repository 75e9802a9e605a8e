//! Probes: failed members are found, and live ones are not declared failed.

use std::time::Duration;

use serfer_proto::wire::kind;
use serfer_proto::wire::message::{Ack, Alive, IndirectPing, Message, Nack, Ping};
use serfer_proto::{Config, DropReason, Limits, MemberChange, Probe, Status};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{encoded, ping, suspect};
use crate::harness::network::{ALL, UDP, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{gos_timing, lan, local, ms, name, secs};

fn without_streams(config: Config) -> Config {
    config.probe(Probe {
        interval: secs(1),
        timeout: ms(500),
        indirect_checks: 3,
        stream_fallback: false,
    })
}

fn suspicions(cluster: &Cluster) -> u64 {
    cluster.running().map(|at| cluster.node(at).stats().suspicions).sum()
}

#[test]
fn a_killed_node_is_found_failed_by_all_within_eight_seconds() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 4, local);
        cluster.kill(3);
        cluster.run_until(secs(8), |it| it.all_say(3, Status::Failed));
        cluster.run(secs(30));
        assert_eq!(cluster.count_all(MemberChange::Failed), 3, "each of three tells it once");
    }
}

#[test]
fn in_a_cluster_of_two_the_failed_one_is_found_too() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 2, local);
        cluster.kill(1);
        // A probe begins, its interval ends, and no other node can confirm: three intervals more.
        cluster.run_until(secs(5), |it| it.all_say(1, Status::Failed));
    }
}

#[test]
fn others_ping_for_a_prober_whose_own_path_is_cut() {
    let mut cluster = Cluster::joined(1, 5, |node| without_streams(lan(node)));
    cluster.network.cut(&[0], &[1], UDP);
    cluster.run(secs(120));
    assert_eq!(suspicions(&cluster), 0);
    assert!(cluster.running().all(|at| cluster.node(at).stats().health_score == 0));
}

#[test]
fn a_stream_saves_a_node_that_datagrams_do_not_reach() {
    let mut cluster = Cluster::joined(1, 2, lan);
    cluster.network.cut(&[0], &[1], UDP);
    cluster.run(secs(120));
    assert_eq!(suspicions(&cluster), 0);
    assert!(cluster.running().all(|at| cluster.node(at).stats().health_score == 0));

    let mut cluster = Cluster::joined(1, 2, |node| without_streams(lan(node)));
    cluster.network.cut(&[0], &[1], UDP);
    cluster.run_until(secs(10), |it| it.all_say(1, Status::Failed));
}

#[test]
fn a_node_cut_off_by_datagram_and_stream_fails_and_comes_back() {
    let mut cluster = Cluster::joined(1, 4, lan);
    cluster.network.cut_one_way(&[3], &[0, 1, 2], ALL);
    cluster.run_until(secs(30), |it| {
        [0, 1, 2].iter().all(|&at| it.status(at, 3) == Some(Status::Failed))
    });
    cluster.network.heal();
    cluster.run_until(secs(60), Cluster::agree);
}

#[test]
fn a_short_pause_is_no_failure() {
    for seed in 0..5 {
        let mut cluster = Cluster::joined(seed, 5, lan);
        cluster.pause(2);
        cluster.run(secs(3));
        cluster.resume(2);
        cluster.run(secs(60));
        assert_eq!(cluster.count_all(MemberChange::Failed), 0);
        assert!(cluster.agree());
    }
}

#[test]
fn nacks_of_all_helpers_keep_the_health_score() {
    // With these settings, a helper's nack arrives within the probe interval.
    let mut cluster = Cluster::joined(1, 6, local);
    cluster.kill(5);
    for _ in 0..200 {
        cluster.run(ms(100));
        assert!(cluster.running().all(|at| cluster.node(at).stats().health_score == 0));
    }
    assert!(cluster.node(0).stats().probes_failed > 0);
}

#[test]
fn a_node_that_gets_no_acks_lowers_its_health_and_probes_more_slowly() {
    let mut solo = Solo::among(lan(0), 60);
    solo.acks = false;
    // Three helpers are silent each time, and the health score ends at seven: eight intervals a
    // probe.
    let failed_by = [(2, 1), (6, 2), (13, 3), (21, 4), (29, 5), (37, 6)];
    let mut passed = 0;
    for (second, failed) in failed_by {
        solo.pass(secs(second - passed));
        passed = second;
        assert_eq!(solo.node.stats().probes_failed, failed, "after {second} s");
    }
    assert_eq!(solo.node.stats().health_score, 7);
    solo.acks = true;
    solo.pass(secs(30));
    assert_eq!(solo.node.stats().health_score, 0);
}

/// Waits for the next ping and does not answer it. Returns whom it is for and its number.
pub(crate) fn next_ping(solo: &mut Solo) -> (usize, u32) {
    solo.acks = false;
    solo.sent.clear();
    loop {
        solo.pass(ms(10));
        for (to, message) in solo.said() {
            if let Ok(Message::Ping(ping)) = Message::decode(&message) {
                return ((1..99).find(|&node| addr(node) == to).unwrap(), ping.seq);
            }
        }
    }
}

#[test]
fn a_ping_that_the_local_stack_refuses_goes_through_helpers_at_once() {
    let mut solo = Solo::among(lan(0), 5);
    // Two points of bad health: each successful probe removes one.
    solo.hear(1, &suspect(0, 1, 1));
    solo.hear(1, &suspect(0, 1, 2));
    assert_eq!(solo.node.stats().health_score, 2);

    let (target, seq) = next_ping(&mut solo);
    solo.act(|node, now| node.handle_send_failed(now, addr(target)));
    let asked = solo.said();
    assert_eq!(asked.len(), 3);
    for (helper, message) in &asked {
        let Ok(Message::IndirectPing(ping)) = Message::decode(message) else {
            panic!("{message:x?}");
        };
        assert_ne!(*helper, addr(target));
        assert_eq!((ping.seq, ping.node.0), (seq, name(target).as_bytes()));
    }
    assert_eq!(solo.dialled.last().map(|(_, to)| *to), Some(addr(target)));

    let helper = asked[0].0;
    solo.hear_from(helper, &encoded(&Message::Ack(Ack { payload: &[], seq })));
    assert_eq!(solo.node.stats().probes_acked, 1);
    assert_eq!(solo.node.stats().health_score, 2, "it was reached, but something is wrong with us");

    let (_, seq) = next_ping(&mut solo);
    solo.hear_from(helper, &encoded(&Message::Ack(Ack { payload: &[], seq })));
    assert_eq!(solo.node.stats().health_score, 1);
}

#[test]
fn a_node_to_which_our_stack_refuses_to_send_is_found_through_others() {
    let mut cluster = Cluster::joined(1, 3, |node| without_streams(lan(node)));
    cluster.network.refused_sends.extend([(0, 1), (1, 0)]);
    cluster.run(secs(60));
    assert_eq!(suspicions(&cluster), 0);
    assert!(cluster.node(0).stats().sends_failed > 10);
}

#[test]
fn a_round_that_was_due_while_another_took_longer_begins_when_that_ends() {
    let mut solo = Solo::among(lan(0), 5);
    // Bad health gives each probe three intervals.
    solo.hear(1, &suspect(0, 1, 1));
    solo.hear(1, &suspect(0, 1, 2));
    let (target, seq) = next_ping(&mut solo);
    solo.pass(ms(2300));
    assert_eq!(solo.node.stats().probes_failed, 0);
    solo.sent.clear();
    let pings = |solo: &mut Solo| {
        let said = solo.said();
        let is_ping = |message: &[u8]| matches!(Message::decode(message), Ok(Message::Ping(_)));
        said.iter().filter(|(_, message)| is_ping(message)).count()
    };
    solo.hear(target, &encoded(&Message::Ack(Ack { payload: &[], seq })));
    assert_eq!(pings(&mut solo), 1);
    // There is no extra ping for each round that was missed.
    solo.acks = true;
    solo.pass(ms(600));
    assert_eq!(pings(&mut solo), 0);
}

#[test]
fn each_member_gets_what_its_protocol_understands() {
    for (protocol_max, checksum, stream) in [(2, false, false), (3, false, true), (5, true, true)] {
        let mut solo = Solo::new(lan(0));
        let versions = [1, protocol_max, 2, 2, 5, 5];
        let me = name(1);
        let alive = Alive {
            addr: &[10, 0, 0, 2],
            incarnation: 1,
            node: me.as_str().into(),
            port: 7946,
            versions: &versions,
            ..Alive::default()
        };
        solo.sent.clear();
        solo.hear(1, &encoded(&Message::Alive(alive)));
        solo.pass(ms(200));
        let gossip = &solo.sent.iter().find(|(_, packet)| packet.len() > 60).unwrap().1;
        assert_eq!(gossip[0] == kind::HAS_CRC, checksum, "protocol {protocol_max}");
        next_ping(&mut solo);
        solo.pass(ms(600));
        assert_eq!(!solo.dialled.is_empty(), stream, "protocol {protocol_max}");
    }
}

#[test]
fn only_helpers_that_know_a_nack_are_asked_for_one() {
    for (protocol_max, nack) in [(3, false), (4, true)] {
        let mut solo = Solo::new(lan(0));
        for node in [1, 2] {
            let me = name(node);
            let alive = Alive {
                addr: &[10, 0, 0, node as u8 + 1],
                incarnation: 1,
                node: me.as_str().into(),
                port: 7946,
                versions: &[1, protocol_max, 2, 2, 5, 5],
                ..Alive::default()
            };
            solo.hear(node, &encoded(&Message::Alive(alive)));
        }
        let (target, _) = next_ping(&mut solo);
        solo.pass(ms(500));
        let said = solo.said();
        let asked = said.iter().find_map(|(to, message)| match Message::decode(message) {
            Ok(Message::IndirectPing(ping)) => Some((*to, ping.nack)),
            _ => None,
        });
        assert_eq!(asked, Some((addr(3 - target), nack)));
        // A failed probe counts against us: one point, or one for each nack that did not come.
        solo.pass(ms(500));
        assert_eq!(solo.node.stats().health_score, 1);
    }
}

// Indirect pings for others.

fn indirect_ping(target: usize, seq: u32, nack: bool) -> Vec<u8> {
    let node = name(target);
    encoded(&Message::IndirectPing(IndirectPing {
        nack,
        node: node.as_str().into(),
        port: 7946,
        seq,
        target: &[10, 0, 0, target as u8 + 1],
        ..IndirectPing::default()
    }))
}

fn long_interval(config: Config) -> Config {
    let probe =
        Probe { interval: secs(1000), timeout: ms(500), indirect_checks: 3, stream_fallback: true };
    config.probe(probe)
}

#[test]
fn a_helper_forwards_the_ack_or_sends_a_nack() {
    let mut solo = Solo::new(long_interval(gos_timing(lan(0))));
    solo.hear(1, &indirect_ping(2, 5, true));
    let ack = encoded(&Message::Ack(Ack { payload: &[], seq: 5 }));
    assert!(solo.said().contains(&(addr(1), ack)));

    solo.acks = false;
    solo.hear(1, &indirect_ping(2, 6, true));
    solo.hear(1, &indirect_ping(2, 7, false));
    solo.pass(ms(399));
    solo.sent.clear();
    solo.pass(ms(1));
    let expected = encoded(&Message::Nack(Nack { seq: 6 }));
    assert_eq!(solo.said(), [(addr(1), expected)]);
    solo.pass(secs(5));
    assert_eq!(solo.said(), []);
}

#[test]
fn a_helper_sends_its_nack_before_the_probe_of_the_asker_ends() {
    for (interval, timeout, after) in [(1000, 500, 400), (5000, 3000, 1600), (1000, 200, 160)] {
        let probe = Probe {
            interval: ms(interval),
            timeout: ms(timeout),
            indirect_checks: 3,
            stream_fallback: true,
        };
        let mut solo = Solo::new(lan(0).probe(probe));
        solo.acks = false;
        solo.hear(1, &indirect_ping(2, 5, true));
        let nack = (addr(1), encoded(&Message::Nack(Nack { seq: 5 })));
        solo.pass(ms(after - 1));
        assert!(!solo.said().contains(&nack));
        solo.pass(ms(1));
        assert!(solo.said().contains(&nack));
        assert!(timeout + after < interval);
    }
}

#[test]
fn an_ack_is_forwarded_even_after_a_nack() {
    let mut solo = Solo::new(lan(0));
    solo.acks = false;
    solo.hear(1, &indirect_ping(2, 5, true));
    let relayed = solo.said().iter().find_map(|(_, message)| match Message::decode(message) {
        Ok(Message::Ping(ping)) => Some(ping.seq),
        _ => None,
    });
    solo.pass(ms(450));
    let ack = |seq| encoded(&Message::Ack(Ack { payload: &[], seq }));
    solo.hear(2, &ack(relayed.unwrap()));
    assert!(solo.said().contains(&(addr(1), ack(5))));
}

#[test]
fn indirect_pings_for_others_are_limited() {
    let limits = Limits { relayed_pings: 3, ..Limits::default() };
    let mut solo = Solo::new(lan(0).limits(limits));
    solo.acks = false;
    for seq in 0..5 {
        solo.hear(1, &indirect_ping(2, seq, true));
    }
    assert_eq!(solo.dropped(DropReason::Full), 2);
    solo.pass(ms(500));
    solo.hear(1, &indirect_ping(2, 9, true));
    assert_eq!(solo.dropped(DropReason::Full), 2, "there is room again");
}

#[test]
fn pings_for_others_are_not_answered() {
    let mut solo = Solo::new(lan(0));
    solo.sent.clear();
    solo.hear(1, &ping(3, 5));
    assert_eq!(solo.said(), []);
    assert_eq!(solo.dropped(DropReason::Misaddressed), 1);
    assert!(solo.is_well());
}

#[test]
fn an_ack_goes_to_another_address_only_if_a_member_has_it() {
    let mut solo = Solo::among(long_interval(lan(0)), 2);
    let ping_from = |source: usize| {
        let me = name(0);
        encoded(&Message::Ping(Ping {
            node: me.as_str().into(),
            seq: 5,
            source_addr: Some(&[10, 0, 0, source as u8 + 1]),
            source_node: Some("whoever".into()),
            source_port: Some(7946),
        }))
    };
    let answered = |solo: &mut Solo, from: usize, source: usize| {
        solo.sent.clear();
        solo.hear(from, &ping_from(source));
        solo.said()[0].0
    };
    assert_eq!(answered(&mut solo, 50, 2), addr(2));
    assert_eq!(answered(&mut solo, 50, 51), addr(50));
    assert_eq!(answered(&mut solo, 1, 1), addr(1));
}

#[test]
fn acks_that_nothing_waits_for_do_nothing() {
    let mut solo = Solo::among(long_interval(lan(0)), 3);
    let before = solo.node.stats();
    for seq in [0, 1, u32::MAX] {
        solo.hear(1, &encoded(&Message::Ack(Ack { payload: &[], seq })));
        solo.hear(1, &encoded(&Message::Nack(Nack { seq })));
    }
    let after = solo.node.stats();
    assert_eq!(after.probes_acked, before.probes_acked);
    assert_eq!(after.dropped, before.dropped);
    assert_eq!(after.health_score, 0);
}

/// Node 0 is cut off from the others for a while. Returns how many suspicions it started, and how
/// many it held back.
fn accusations_of_one_cut_off(others: usize, time: Duration) -> (u64, u64) {
    let mut solo = Solo::among(lan(0), others);
    solo.acks = false;
    solo.pass(time);
    let stats = solo.node.stats();
    (stats.suspicions, stats.accusations_held)
}

#[test]
fn an_isolated_node_stops_suspecting_others() {
    let (accused, held) = accusations_of_one_cut_off(200, secs(600));
    assert!(accused <= 8, "{accused}");
    assert!(held >= 50, "{held}");
}

#[test]
fn in_a_small_cluster_an_isolated_node_goes_on_suspecting() {
    for (others, time) in [(5, secs(120)), (20, secs(600))] {
        let (accused, _) = accusations_of_one_cut_off(others, time);
        assert_eq!(accused, others as u64);
    }
}

#[test]
fn a_node_whose_helpers_send_nacks_goes_on_suspecting() {
    // Half of twenty nodes die at once. The helpers send nacks, so nobody takes itself to be
    // isolated.
    let mut cluster = Cluster::joined(1, 20, lan);
    for node in 10..20 {
        cluster.kill(node);
    }
    cluster.run_until(secs(60), |it| (10..20).all(|dead| it.all_say(dead, Status::Failed)));
    let held: u64 = (0..10).map(|at| cluster.node(at).stats().accusations_held).sum();
    assert_eq!(held, 0);
}
