//! Random faults: once they are over, all nodes agree.

use std::collections::BTreeSet;

use serfer_proto::{Coalesce, Config, DropReason, Event, Tags};

use crate::harness::cluster::Cluster;
use crate::harness::craft::suspect;
use crate::harness::network::{ALL, UDP};
use crate::harness::support::{lan, local, ms, name, secs};
use crate::hostile::mutation::Noise;

const NODES: usize = 7;

/// One fault, or the end of one.
fn stir(cluster: &mut Cluster, noise: &mut Noise, sent: &mut usize) {
    let at = noise.below(NODES);
    let runs = cluster.running().any(|node| node == at);
    let others: Vec<usize> = (0..NODES).filter(|_| noise.below(2) == 0).collect();
    let rest: Vec<usize> = (0..NODES).filter(|node| !others.contains(node)).collect();
    match noise.below(12) {
        0 if runs && cluster.running().count() > 2 => cluster.kill(at),
        1 | 2 if !runs => restart(cluster, at),
        3 => cluster.network.cut(&others, &rest, ALL),
        4 => cluster.network.cut(&others, &rest, UDP),
        5 => cluster.network.cut_one_way(&[at], &rest, ALL),
        6 | 7 => cluster.network.heal(),
        8 if runs => {
            *sent += 1;
            let name = format!("event {sent}");
            cluster.act(at, |node, now| node.user_event(now, &name, b"", Coalesce::No)).unwrap();
        }
        9 if runs => {
            cluster.pause(at);
            cluster.run(ms(noise.below(5000) as u64));
            cluster.resume(at);
        }
        10 if runs => {
            let tags = Tags::from_iter([("life", noise.below(1000).to_string())]);
            cluster.act(at, |node, now| node.set_tags(now, tags)).unwrap();
        }
        11 => rest.iter().for_each(|&node| cluster.hear(node, at, &suspect(at, node, 2))),
        _ => {}
    }
}

fn restart(cluster: &mut Cluster, at: usize) {
    cluster.nodes[at].events.clear();
    cluster.start(at);
    let peer = cluster.running().find(|&node| node != at).unwrap();
    cluster.join(at, &[peer]);
}

/// No live node was told of an event twice.
fn check_events(cluster: &Cluster) {
    for node in &cluster.nodes {
        let mut told = BTreeSet::new();
        for (_, event) in &node.events {
            if let Event::User(event) = event {
                assert!(told.insert(event.name.clone()), "{event:?} again");
            }
        }
    }
}

fn storm(seed: u8, config: impl Fn(usize) -> Config) {
    let mut noise = Noise(u64::from(seed) + 99);
    let mut cluster = Cluster::joined(seed, NODES, config);
    // Streams may break in the middle of a message.
    cluster.expects_drops = true;
    let mut sent = 0;
    for _ in 0..30 {
        stir(&mut cluster, &mut noise, &mut sent);
        cluster.run(ms(noise.below(15_000) as u64));
    }

    cluster.network.heal();
    for at in 0..NODES {
        if !cluster.running().any(|node| node == at) {
            restart(&mut cluster, at);
        }
    }
    // A member that was away is tried again every 30 s, by chance, so it may take some minutes.
    cluster.run_until(secs(600), Cluster::agree);
    cluster.run(secs(120));
    assert!(cluster.agree());
    for at in 0..NODES {
        for of in 0..NODES {
            let seen = cluster.node(at).member(&name(of)).unwrap().tags();
            assert_eq!(seen, *cluster.node(of).tags(), "{at} of {of}");
        }
    }
    assert!(cluster.is_quiet());
    check_events(&cluster);
    for at in 0..NODES {
        let dropped = cluster.node(at).stats().dropped;
        // Who comes back is asked whether it is, and may crash before it answers.
        let expected = dropped[DropReason::Incomplete] + dropped[DropReason::Unconfirmed];
        assert_eq!(dropped.total(), expected, "{dropped:?}");
    }
}

#[test]
fn after_random_faults_all_nodes_agree() {
    for seed in 0..6 {
        storm(seed, lan);
        storm(seed, local);
    }
}
