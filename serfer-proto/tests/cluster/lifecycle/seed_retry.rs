//! The scheduler of retries: seeds that are not members are dialled again and again, and lost members asked.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::wire::message::Ack;
use serfer_proto::wire::stream::StreamMessage;
use serfer_proto::{Config, MemberChange, Members, Prune, Replay, SeedKeeper};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, alive_at, dead, leave_intent};
use crate::harness::network::{ALL, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, secs};

const HOUR: Duration = secs(3600);

/// The seconds at which node 0 dialled node 1.
fn dialled(solo: &mut Solo, time: Duration) -> Vec<u64> {
    let start = solo.now;
    let mut when = Vec::new();
    while solo.now < start + time {
        solo.dialled.clear();
        solo.pass(ms(500));
        when.extend(solo.dialled.iter().map(|_| (solo.now - start).as_secs()));
    }
    when
}

#[test]
fn a_seed_that_is_not_up_yet_is_tried_until_it_is() {
    let mut cluster = Cluster::new(1);
    cluster.add(local(0));
    cluster.join(0, &[1]);
    cluster.run(secs(100));
    cluster.add(local(1));
    cluster.run_until(secs(16), Cluster::agree);
}

#[test]
fn dead_members_are_tried_less_and_less_often_but_for_ever() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(1, &dead(1, 0, 1));
    let when = dialled(&mut solo, HOUR);
    let waits: Vec<u64> = when.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(when[0] <= 1, "{}", when[0]);
    // A dial without an answer takes 10 s more. serf itself tries every 30 s.
    assert!(*waits.iter().max().unwrap() <= 70, "{waits:?}");
    assert!(when.len() >= 60, "{}", when.len());
}

/// This holds for a cluster of any size.
#[test]
fn only_some_try_at_a_time() {
    let mut cluster = Cluster::joined(3, 20, lan);
    cluster.kill(19);
    cluster.run(secs(60));
    let tried = |cluster: &Cluster| -> u64 {
        (0..19).map(|at| cluster.node(at).stats().seed_retries).sum()
    };
    let before = tried(&cluster);
    assert!((4..=40).contains(&before), "seven rounds in a minute: {before}");
    cluster.run(secs(300));
    let later = tried(&cluster) - before;
    assert!((10..=50).contains(&later), "some seven rounds in five minutes: {later}");
}

/// All nodes of a cluster have the same seeds. Each dials one less often the more they are.
#[test]
fn a_cluster_dials_a_seed_four_times_a_minute() {
    for count in [4, 12] {
        let mut cluster = Cluster::joined(3, count, lan);
        (0..count).for_each(|node| cluster.join(node, &[50]));
        cluster.run(secs(600));
        let tried = |cluster: &Cluster| -> u64 {
            (0..count).map(|at| cluster.node(at).stats().seed_retries).sum()
        };
        let before = tried(&cluster);
        assert!(before > 8 * count as u64, "quickly at first: {before}");
        cluster.run(secs(600));
        let later = tried(&cluster) - before;
        assert!((30..=65).contains(&later), "{count} nodes in ten minutes: {later}");
    }
}

#[test]
fn two_halves_that_have_forgotten_each_other_join_again() {
    let forgetful = |node| {
        let members = Members { reconnect_timeout: HOUR / 2, ..Members::default() };
        lan(node).members(members)
    };
    for sizes in [1..2, 1..5, 3..5] {
        let mut cluster = Cluster::joined(3, 5.min(sizes.end), forgetful);
        let nodes = cluster.nodes.len();
        let (here, there): (Vec<_>, Vec<_>) = (0..nodes).partition(|node| !sizes.contains(node));
        cluster.network.cut(&here, &there, ALL);
        cluster.run(HOUR);
        assert!(here.iter().all(|&at| cluster.status(at, there[0]).is_none()));
        cluster.network.heal();
        cluster.run_until(secs(70 + 30), Cluster::agree);
    }
}

#[test]
fn members_that_left_or_were_forced_to_are_not_tried() {
    for gone in ["left", "forced", "pruned"] {
        let mut solo = Solo::among(lan(0), 1);
        match gone {
            "left" => {
                solo.hear(1, &leave_intent(1, 9));
                solo.hear(1, &dead(1, 1, 1));
            }
            _ => {
                let prune = if gone == "pruned" { Prune::Yes } else { Prune::No };
                solo.hear(1, &dead(1, 0, 1));
                solo.act(|node, now| node.force_leave(now, "n1", prune)).unwrap();
            }
        }
        assert_eq!(dialled(&mut solo, secs(600)), [0; 0], "{gone}");
    }
}

#[test]
fn a_member_that_is_back_is_no_longer_tried() {
    let mut solo = Solo::among(lan(0), 1);
    solo.hear(1, &dead(1, 0, 1));
    solo.hear(1, &alive(1, 2));
    // Members always do one push/pull a minute at most.
    assert!(dialled(&mut solo, secs(600)).len() <= 20);
    assert_eq!(solo.node.stats().seed_retries, 0);
}

#[test]
fn seeds_are_tried_at_the_address_they_were_given_by() {
    // Node 1 is known by an address that only it could name.
    let mut solo = Solo::among(lan(0), 1);
    solo.act(|node, now| node.join(now, &[addr(9)], Replay::Skip)).unwrap();
    solo.hear(1, &dead(1, 0, 1));
    solo.dialled.clear();
    solo.pass(secs(30));
    assert!(solo.dialled.iter().any(|(_, to)| *to == addr(9)));
}

#[test]
fn it_can_be_turned_off() {
    let mut cluster = Cluster::joined(3, 2, |node| {
        let members = Members { reconnect_interval: 10 * HOUR, ..Members::default() };
        lan(node).members(members).seed_keeper(None)
    });
    cluster.network.cut(&[0], &[1], ALL);
    cluster.run(secs(120));
    cluster.network.heal();
    cluster.run(HOUR);
    assert!(!cluster.agree());
    assert_eq!(cluster.count_all(MemberChange::Failed), 2);
}

/// The addresses that a node pings in this time, without those of members that are alive.
fn asked(solo: &mut Solo, time: Duration) -> Vec<SocketAddr> {
    solo.sent.clear();
    solo.acks = false;
    solo.pass(time);
    let mut asked: Vec<_> = solo.sent.drain(..).map(|(to, _)| to).collect();
    asked.sort_unstable();
    asked.dedup();
    asked
}

/// A node that probes nobody and that keeps no more than two lost members and three seeds.
fn frugal() -> Config {
    let keeper = SeedKeeper { seeds: 3, dead: 2, ..SeedKeeper::default() };
    let members = Members { reconnect_interval: 10 * HOUR, ..Members::default() };
    lan(0)
        .probe_with(|probe| probe.interval = 100 * HOUR)
        .push_pull_interval(None)
        .members(members)
        .seed_keeper(Some(keeper))
}

#[test]
fn the_newest_push_out_the_oldest() {
    let mut solo = Solo::among(frugal(), 4);
    for node in 1..=3 {
        solo.hear(4, &dead(node, 4, 1));
        solo.pass(secs(100));
    }
    solo.hear(9, &dead(4, 9, 1));
    solo.pass(secs(100));
    assert_eq!(asked(&mut solo, secs(100)), [addr(3), addr(4)]);
    let seeds: Vec<_> = (20..25).map(addr).collect();
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    solo.pass(secs(100));
    solo.dialled.clear();
    solo.pass(secs(200));
    let mut dialled: Vec<_> = solo.dialled.iter().map(|(_, to)| *to).collect();
    dialled.retain(|to| *to >= addr(20));
    dialled.sort_unstable();
    dialled.dedup();
    assert_eq!(dialled, [22, 23, 24].map(addr));
}

/// Many that are lost at once are the other half of a partition. One by one, workers come and go.
#[test]
fn members_that_were_lost_together_are_kept_for_longer() {
    let mut solo = Solo::among(frugal(), 5);
    solo.hear(5, &dead(1, 5, 1));
    solo.hear(5, &dead(2, 5, 1));
    for node in 3..=5 {
        solo.pass(secs(100));
        solo.hear(9, &dead(node, 9, 1));
    }
    // The last one has a place, too.
    solo.pass(secs(100));
    assert_eq!(asked(&mut solo, secs(200)), [addr(2), addr(5)]);
}

#[test]
fn a_node_makes_two_tries_in_a_second_at_most() {
    let members = Members { reconnect_interval: 10 * HOUR, ..Members::default() };
    let mut solo = Solo::among(lan(0).members(members), 100);
    solo.acks = false;
    (1..=100).for_each(|node| solo.hear(0, &dead(node, 101, 1)));
    let seeds: Vec<_> = (101..=200).map(addr).collect();
    solo.act(|node, now| node.update_seeds(now, &seeds, Replay::Skip));
    for _ in 0..60 {
        let before = solo.node.stats().seed_retries;
        solo.pass(secs(10));
        let tried = solo.node.stats().seed_retries - before;
        assert!(tried <= 20, "{tried}");
    }
    let tried = solo.node.stats().seed_retries;
    assert!(tried >= 1100, "all the time, because there is always something to try: {tried}");
}

/// Two halves that are apart for a month find each other after three quarters of an hour, not for want of tries.
#[test]
fn who_is_gone_for_longer_is_asked_less_often() {
    let mut solo = Solo::among(frugal(), 1);
    solo.acks = false;
    solo.hear(2, &dead(1, 2, 1));
    let mut asked_in = |time: Duration| {
        let before = solo.node.stats().seed_retries;
        solo.pass(time);
        solo.node.stats().seed_retries - before
    };
    let first_hour = asked_in(HOUR);
    assert!((70..=100).contains(&first_hour), "each 45 s: {first_hour}");
    asked_in(20 * 24 * HOUR);
    let later = asked_in(24 * HOUR);
    assert!((55..=80).contains(&later), "each 22 min: {later}");
}

#[test]
fn a_lost_member_is_dialled_only_when_it_has_answered_to_its_name() {
    let mut solo = Solo::among(frugal(), 1);
    solo.acks = false;
    solo.hear(2, &dead(1, 2, 1));
    solo.pass(secs(9));
    // Over a stream it is asked once, with a ping that names it.
    let [(stream, to)] = solo.dialled[..] else { panic!("{:?}", solo.dialled) };
    assert_eq!(to, addr(1));
    solo.written.clear();
    solo.act(|node, now| node.handle_connected(now, stream));
    let asked = StreamMessage::decode(&solo.written[0].1);
    assert!(matches!(asked, Ok(StreamMessage::Ping(ping)) if ping.node.0 == b"n1"), "{asked:?}");
    solo.dialled.clear();
    solo.acks = true;
    solo.pass(secs(90));
    assert_eq!(solo.dialled.first().map(|(_, to)| *to), Some(addr(1)));
}

#[test]
fn the_push_pull_also_follows_an_answer_over_a_stream() {
    let mut solo = Solo::among(frugal(), 1);
    solo.acks = false;
    solo.hear(2, &dead(1, 2, 1));
    solo.pass(secs(3));
    let (stream, _) = solo.dialled[0];
    solo.act(|node, now| node.handle_connected(now, stream));
    let asked = solo.written.last().unwrap().1.clone();
    let Ok(StreamMessage::Ping(ping)) = StreamMessage::decode(&asked) else { panic!("{asked:?}") };
    let mut ack = Vec::new();
    StreamMessage::Ack(Ack { payload: &[], seq: ping.seq }).encode(&mut ack);
    solo.dialled.clear();
    solo.act(|node, now| node.handle_stream_data(now, stream, &ack));
    assert_eq!(solo.dialled.iter().map(|(_, to)| *to).collect::<Vec<_>>(), [addr(1)]);
}

/// It cannot be there.
#[test]
fn a_lost_member_is_not_looked_for_where_somebody_else_is() {
    let mut solo = Solo::among(frugal(), 1);
    solo.hear(2, &alive_at("other", addr(1), 1));
    solo.hear(2, &dead(1, 2, 1));
    solo.dialled.clear();
    solo.pass(HOUR);
    assert_eq!((solo.dialled.len(), solo.node.stats().seed_retries), (0, 0));
}

/// A try that a large cluster has put off is made soon by a node that has lost the others.
#[test]
fn a_node_that_is_alone_now_does_not_wait_for_others() {
    let mut solo = Solo::among(frugal(), 50);
    solo.act(|node, now| node.update_seeds(now, &[addr(90)], Replay::Skip));
    solo.acks = false;
    solo.pass(2 * HOUR);
    let tries = |solo: &Solo| solo.dialled.iter().filter(|(_, to)| *to == addr(90)).count();
    let before = tries(&solo);
    assert!(before <= 7 + 2 * 8, "each quarter of an hour: {before}");
    (1..=50).for_each(|node| solo.hear(0, &dead(node, 60, 1)));
    solo.pass(secs(300));
    assert!(tries(&solo) >= before + 4, "{}", tries(&solo) - before);
}

// Seeds that change.

#[test]
fn the_seeds_of_now_are_dialled_where_nobody_is_with_us() {
    let mut solo = Solo::among(frugal(), 2);
    solo.act(|node, now| node.join(now, &[addr(30)], Replay::Skip)).unwrap();
    solo.pass(secs(20));
    solo.dialled.clear();
    let seeds = [0, 1, 2, 31, 32].map(addr);
    solo.act(|node, now| node.update_seeds(now, &seeds, Replay::Skip));
    assert_eq!(solo.dialled, [], "not all at once");
    solo.pass(secs(120));
    let mut dialled: Vec<_> = solo.dialled.iter().map(|(_, to)| *to).collect();
    dialled.sort_unstable();
    dialled.dedup();
    assert_eq!(dialled, [31, 32].map(addr), "not ourselves, no member, and no seed of yesterday");
    solo.act(|node, now| node.update_seeds(now, &[], Replay::Skip));
    solo.dialled.clear();
    solo.pass(secs(120));
    assert_eq!(solo.dialled, []);
}

#[test]
fn two_islands_become_one_when_their_seeds_are_looked_up_again() {
    let mut cluster = Cluster::new(1);
    for node in 0..4 {
        cluster.add(lan(node));
        cluster.join(node, &[node / 2 * 2]);
    }
    cluster.run(secs(60));
    assert_eq!(cluster.node(0).members().count(), 2);
    cluster.act(1, |node, now| node.update_seeds(now, &[0, 1, 2, 3].map(addr), Replay::Skip));
    cluster.run_until(secs(5), Cluster::agree);
}

#[test]
fn it_keeps_no_more_than_it_may() {
    let keeper = SeedKeeper { seeds: 3, dead: 2, ..SeedKeeper::default() };
    let mut solo = Solo::among(lan(0).seed_keeper(Some(keeper)), 9);
    let seeds: Vec<_> = (20..29).map(addr).collect();
    solo.act(|node, now| node.join(now, &seeds, Replay::Skip)).unwrap();
    for node in 1..=9 {
        solo.hear(node, &dead(node, 0, 1));
    }
    // Those nine are dialled once. Then three of them are, and two seeds that died.
    solo.pass(ms(10_500));
    solo.dialled.clear();
    solo.pass(secs(10));
    let mut tried: Vec<_> = solo.dialled.iter().map(|(_, to)| *to).collect();
    tried.sort_unstable();
    tried.dedup();
    assert!(tried.len() <= 5, "{tried:?}");
}
