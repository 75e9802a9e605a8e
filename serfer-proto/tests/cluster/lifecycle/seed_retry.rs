//! Seed retry: seeds that are not members are tried again for ever.

use std::time::Duration;

use serfer_proto::{MemberChange, Members, Prune, Replay, SeedKeeper};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, dead, leave_intent};
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

/// This holds even if no other node knows of the seed.
#[test]
fn a_seed_is_tried_as_often_in_a_large_cluster() {
    let mut cluster = Cluster::joined(3, 20, lan);
    cluster.join(0, &[20]);
    cluster.run(secs(300));
    let tried = cluster.node(0).stats().seed_retries;
    assert!((8..=12).contains(&tried), "less and less often, then each minute: {tried}");
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
