//! Members that a configuration refuses: by network, by name, or because a callback says so.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use serfer_proto::{Config, DropReason, Event, JoinFailure, MemberChange, Status};

use crate::harness::cluster::Cluster;
use crate::harness::craft::alive_at;
use crate::harness::network::{UDP, addr};
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, name, secs};

fn within(config: Config, networks: &[&str]) -> Config {
    config.allowed_networks(networks.iter().map(|network| network.parse().unwrap()))
}

#[test]
fn gossip_about_members_counts_only_from_allowed_networks() {
    let mut solo = Solo::new(within(lan(0), &["10.0.0.0/24", "fd00::/8"]));
    solo.hear_from("192.168.0.1:7946".parse().unwrap(), &alive_at("x", addr(1), 1));
    assert_eq!(solo.dropped(DropReason::Network), 1);
    solo.hear(1, &alive_at("x", addr(1), 1));
    assert_eq!(solo.node.member("x").unwrap().status(), Status::Alive);
}

#[test]
fn members_may_only_be_in_allowed_networks() {
    let cases: [(&[&str], &str, bool); 9] = [
        (&[], "192.168.0.1:1", true),
        (&[], "[2001:db8::1]:1", true),
        (&["0.0.0.0/0"], "192.168.0.1:1", true),
        (&["0.0.0.0/0"], "[fd00::1]:1", false),
        (&["::/0"], "10.0.0.1:1", false),
        (&["::/0", "10.0.0.0/8"], "10.0.0.1:1", true),
        (&["10.0.0.0/30"], "10.0.0.3:1", true),
        (&["10.0.0.0/30"], "10.0.0.4:1", false),
        (&["10.0.0.0/30"], "[::ffff:10.0.0.3]:1", true),
    ];
    for (networks, at, allowed) in cases {
        let mut solo = Solo::new(within(lan(0), networks));
        let source = if networks.contains(&"::/0") { "[fd00::9]:7946" } else { "10.0.0.2:7946" };
        solo.hear_from(source.parse().unwrap(), &alive_at("x", at.parse().unwrap(), 1));
        assert_eq!(solo.node.member("x").is_some(), allowed, "{networks:?} {at}");
    }
}

#[test]
fn a_cluster_does_not_learn_of_members_elsewhere() {
    // Node 1 sees all nodes. Node 0 sees only the lower half of the network.
    let mut cluster = Cluster::new(1);
    cluster.add(within(local(0), &["10.0.0.0/30"]));
    cluster.add(local(1));
    for far in 2..5 {
        cluster.add(local(far));
    }
    cluster.expects_drops = true;
    for node in [0, 2, 3, 4] {
        cluster.join(node, &[1]);
    }
    cluster.run(secs(60));
    // 10.0.0.4 and 10.0.0.5 are outside.
    assert_eq!(cluster.node(0).stats().members_alive, 3);
    assert_eq!(cluster.node(1).stats().members_alive, 5);
    assert!(cluster.node(0).stats().dropped[DropReason::Network] > 0);
}

#[test]
fn a_member_that_is_not_accepted_is_ignored() {
    let mut cluster = Cluster::new(1);
    let picky = local(0).accept_member(|member| match member.tags().get("role") {
        Some("web") => Ok(()),
        _ => Err("not a web server".to_owned()),
    });
    cluster.add(picky);
    cluster.add(local(1).tag("role", "web").unwrap());
    cluster.add(local(2));
    cluster.expects_drops = true;
    for node in [1, 2] {
        cluster.join(node, &[0]);
    }
    cluster.run(secs(30));
    assert_eq!(cluster.status(0, 1), Some(Status::Alive));
    assert_eq!(cluster.status(0, 2), None);
    assert!(cluster.node(0).stats().dropped[DropReason::Vetoed] > 0);
    assert_eq!(cluster.node(0).tags().len(), 0, "it never has to accept itself");
}

fn join_failure(cluster: &Cluster, at: usize) -> JoinFailure {
    let mut events = cluster.nodes[at].events.iter();
    let failure = events.find_map(|(_, event)| match event {
        Event::JoinDone(done) => done.failed.first().map(|(_, failure)| failure.clone()),
        _ => None,
    });
    failure.unwrap()
}

#[test]
fn a_merge_that_either_side_refuses_changes_nothing_there() {
    let refuse =
        |members: &[serfer_proto::Member]| Err(format!("not with {} of you", members.len()));
    for refusing in [[true, true], [true, false], [false, true]] {
        let mut cluster = Cluster::new(1);
        cluster.expects_drops = true;
        for node in [0, 1] {
            let config = local(node).seed_keeper(None);
            cluster.add(if refusing[node] { config.accept_merge(refuse) } else { config });
        }
        // Only the push/pull of the join arrives.
        cluster.network.cut(&[0], &[1], UDP);
        cluster.join(1, &[0]);
        cluster.run(secs(2));
        let knows = [cluster.status(0, 1).is_some(), cluster.status(1, 0).is_some()];
        assert_eq!(knows, refusing.map(|refuses| !refuses));
        for node in [0, 1] {
            let vetoed = cluster.node(node).stats().dropped[DropReason::Vetoed];
            assert_eq!(vetoed, u64::from(refusing[node]));
        }
        if refusing[1] {
            assert_eq!(join_failure(&cluster, 1), JoinFailure::Vetoed("not with 1 of you".into()));
        }
    }
}

/// Asked in vain, it would still take the time to put together all members.
#[test]
fn only_merges_are_asked_about_not_every_push_pull() {
    let asked = Arc::new(AtomicUsize::new(0));
    let mut cluster = Cluster::joined(1, 2, |node| {
        let asked = asked.clone();
        local(node).seed_keeper(None).accept_merge(move |_| {
            asked.fetch_add(1, Relaxed);
            Ok(())
        })
    });
    assert_eq!(asked.load(Relaxed), 2, "both sides of the join");
    let dialled = |cluster: &Cluster| cluster.node(0).stats().streams_dialled;
    let before = dialled(&cluster);
    cluster.run(secs(60));
    assert!(dialled(&cluster) > before, "a push/pull now and then");
    assert_eq!(asked.load(Relaxed), 2);
}

#[test]
fn a_member_that_must_not_be_pinged_by_stream_is_not() {
    for pinged in [true, false] {
        let mut cluster = Cluster::joined(1, 2, |node| {
            let config = lan(node);
            config.ping_by_stream(move |member| pinged || member.name() != name(1))
        });
        cluster.network.cut(&[0], &[1], UDP);
        cluster.run(secs(30));
        let failed = cluster.count(0, MemberChange::Failed, 1);
        assert_eq!(failed > 0, !pinged);
    }
}

#[test]
fn strict_names_refuse_members_with_other_names() {
    let mut solo = Solo::new(lan(0).strict_names());
    for (node, is_member) in [("web-1.example", true), ("web_1", false), ("a b", false)] {
        solo.hear(1, &alive_at(node, addr(1), 1));
        assert_eq!(solo.node.member(node).is_some(), is_member, "{node}");
    }
    assert_eq!(solo.dropped(DropReason::Name), 2);
    solo.hear(1, &alive_at(&"x".repeat(129), addr(1), 1));
    assert_eq!(solo.dropped(DropReason::Name), 3);

    // A cluster that has such a member is not merged either.
    let mut cluster = Cluster::new(1);
    cluster.expects_drops = true;
    cluster.add(local(0).strict_names());
    cluster.add(local(1).named("web_1"));
    cluster.join(0, &[1]);
    cluster.run(secs(2));
    let why = "name \"web_1\" contains '_', which is none of A-Z, a-z, 0-9, - and .";
    assert_eq!(join_failure(&cluster, 0), JoinFailure::Vetoed(why.to_owned()));
    assert_eq!(cluster.node(0).members().count(), 1);
}
