//! Rotation: a running cluster gets another primary key.

use std::collections::BTreeMap;

use serfer_proto::{
    Coalesce, Encryption, Event, Lag, Laggard, Retire, RotationParams, RotationReport,
    RotationStage, RotationStopped,
};

use crate::harness::cluster::Cluster;
use crate::harness::support::{lan, local, ms, name, secs};
use crate::keys::changes::{key, keyed, rings};

fn begin(cluster: &mut Cluster, at: usize, new: u8, params: RotationParams) {
    cluster.act(at, |node, now| node.rotate_key(now, key(new), params)).unwrap();
}

/// How the last rotation of a node ended.
fn end_of(cluster: &Cluster, at: usize) -> Option<Result<RotationReport, RotationStopped>> {
    cluster.nodes[at].events.iter().rev().find_map(|(_, event)| match event {
        Event::RotationDone(report) => Some(Ok(report.clone())),
        Event::RotationStopped(stopped) => Some(Err(stopped.clone())),
        _ => None,
    })
}

#[track_caller]
fn rotate(
    cluster: &mut Cluster,
    at: usize,
    new: u8,
    params: RotationParams,
) -> Result<RotationReport, RotationStopped> {
    cluster.nodes[at].events.clear();
    begin(cluster, at, new, params);
    cluster.run_until(secs(60), |cluster| end_of(cluster, at).is_some());
    end_of(cluster, at).unwrap()
}

fn stages(cluster: &Cluster, at: usize) -> Vec<RotationStage> {
    let events = cluster.nodes[at].events.iter();
    let stages = events.filter_map(|(_, event)| match event {
        Event::RotationStage(stage) => Some(*stage),
        _ => None,
    });
    stages.collect()
}

fn lags(stopped: &RotationStopped) -> Vec<(&str, Lag)> {
    stopped.laggards.iter().map(|Laggard { node, lag, .. }| (&**node, *lag)).collect()
}

/// A message that a node cannot open counts as dropped, and the harness allows no drops.
#[test]
fn every_message_sent_during_a_rotation_arrives_everywhere_once() {
    for seed in 1..=3 {
        let mut cluster = Cluster::joined(seed, 6, |node| keyed(lan(node), &[1]));
        begin(&mut cluster, 0, 2, RotationParams::default());
        let mut sent = 0;
        while end_of(&cluster, 0).is_none() || sent < 60 {
            let event = format!("{sent}");
            let from = sent % 6;
            cluster.act(from, |node, now| node.user_event(now, &event, b"", Coalesce::No)).unwrap();
            sent += 1;
            cluster.run(ms(90));
            assert!(sent < 1000);
        }
        // What gossip misses by chance comes with the next push/pull.
        cluster.run(secs(70));
        for at in 0..6 {
            let mut heard = BTreeMap::<&str, usize>::new();
            for (_, event) in &cluster.nodes[at].events {
                if let Event::User(event) = event {
                    *heard.entry(&event.name).or_default() += 1;
                }
            }
            assert_eq!(heard.len(), sent, "node {at} of seed {seed}");
            assert!(heard.values().all(|&times| times == 1));
        }
        let report = end_of(&cluster, 0).unwrap().unwrap();
        assert_eq!(
            (report.key, &*report.removed),
            (key(2).fingerprint(), &[key(1).fingerprint()][..])
        );
        assert_eq!((report.members.len(), report.absent.len()), (6, 0));
        assert_eq!(rings(&cluster), [[2]; 6]);
    }
}

#[test]
fn a_rotation_goes_through_its_stages() {
    let mut cluster = Cluster::joined(4, 3, |node| keyed(local(node), &[1]));
    rotate(&mut cluster, 1, 2, RotationParams::default()).unwrap();
    use RotationStage::{Install, Preflight, Remove, Use};
    assert_eq!(stages(&cluster, 1), [Preflight, Install, Use, Remove]);
    // A stage that has nothing to change is skipped.
    rotate(&mut cluster, 2, 2, RotationParams::default()).unwrap();
    assert_eq!(stages(&cluster, 2), [Preflight]);
}

#[test]
fn a_node_alone_gets_another_key_too() {
    let mut cluster = Cluster::new(5);
    cluster.add(keyed(lan(0), &[1]));
    rotate(&mut cluster, 0, 2, RotationParams::default()).unwrap();
    assert_eq!(rings(&cluster), [[2]]);
}

#[test]
fn nothing_is_changed_while_a_member_does_not_answer() {
    let mut cluster = Cluster::joined(6, 3, |node| keyed(lan(node), &[1]));
    cluster.pause(2);
    let params = RotationParams { attempts: 1, ..RotationParams::default() };
    let stopped = rotate(&mut cluster, 0, 2, params).unwrap_err();
    assert_eq!(stopped.stage, RotationStage::Preflight);
    assert_eq!(lags(&stopped), [("n2", Lag::Silent)]);
    assert_eq!(rings(&cluster), [[1]; 3]);
    let expected = format!(
        "rotation to key {} stopped at stage preflight: n2 does not answer",
        key(2).fingerprint()
    );
    assert_eq!(stopped.to_string(), expected);
    cluster.resume(2);
    cluster.run(secs(1));
    rotate(&mut cluster, 0, 2, params).unwrap();
    assert_eq!(rings(&cluster), [[2]; 3]);
}

#[test]
fn a_member_that_cannot_install_the_key_stops_the_rotation_and_says_why() {
    let full: Vec<u8> = (1..=64).collect();
    let ring = |node| if node == 1 { &full[..] } else { &[1] };
    let mut cluster = Cluster::joined(7, 3, |node| keyed(local(node), ring(node)));
    let stopped = rotate(&mut cluster, 0, 200, RotationParams::default()).unwrap_err();
    assert_eq!(stopped.stage, RotationStage::Install);
    assert_eq!(lags(&stopped), [("n1", Lag::Lacks(key(200).fingerprint()))]);
    assert!(stopped.to_string().contains("64 keys"), "{stopped}");
    // No node seals with the new key.
    let primaries: Vec<u8> = rings(&cluster).iter().map(|ring| ring[0]).collect();
    assert_eq!(primaries, [1, 1, 1]);
}

#[test]
fn a_member_that_lacks_a_primary_key_of_another_is_found_before_any_change() {
    // Node 2 seals with a key that node 1 lacks.
    let ring = |node| [&[1, 2][..], &[1], &[2, 1]][node];
    let mut cluster = Cluster::new(8);
    cluster.expects_drops = true;
    for node in 0..3 {
        cluster.add(keyed(local(node), ring(node)));
    }
    cluster.join(1, &[0]);
    cluster.join(2, &[0]);
    cluster.run(secs(3));
    let stopped = rotate(&mut cluster, 0, 3, RotationParams::default()).unwrap_err();
    assert_eq!(stopped.stage, RotationStage::Preflight);
    assert_eq!(lags(&stopped), [("n1", Lag::Lacks(key(2).fingerprint()))]);
}

#[test]
fn a_member_that_refuses_to_list_its_keys_stops_the_rotation() {
    let encryption = |node| if node == 1 { Encryption::Prefer } else { Encryption::Require };
    let config = |node| keyed(local(node), &[1]).encryption(encryption(node));
    let mut cluster = Cluster::joined(9, 2, config);
    let stopped = rotate(&mut cluster, 0, 2, RotationParams::default()).unwrap_err();
    assert_eq!(lags(&stopped), [("n1", Lag::Refuses)]);
    assert_eq!(rings(&cluster), [[1]; 2]);
}

#[test]
fn a_node_that_joins_meanwhile_gets_the_new_key() {
    let mut cluster = Cluster::joined(10, 3, |node| keyed(lan(node), &[1]));
    let newcomer = cluster.add(keyed(lan(3), &[1, 7]));
    begin(&mut cluster, 0, 2, RotationParams::default());
    cluster.run_until(secs(5), |it| stages(it, 0).contains(&RotationStage::Install));
    cluster.join(newcomer, &[1]);
    cluster.run_until(secs(60), |it| end_of(it, 0).is_some());
    let report = end_of(&cluster, 0).unwrap().unwrap();
    assert_eq!(report.members.len(), 4);
    cluster.run(secs(1));
    assert_eq!(rings(&cluster), [&[2][..], &[2], &[2], &[2, 7]]);
}

#[test]
fn which_keys_are_removed_is_for_the_caller_to_say() {
    for (retire, expected) in
        [(Retire::Former, &[4, 2, 3][..]), (Retire::Others, &[4]), (Retire::Nothing, &[4, 1, 2, 3])]
    {
        let mut cluster = Cluster::joined(11, 3, |node| keyed(local(node), &[1, 2, 3]));
        let params = RotationParams { retire, ..RotationParams::default() };
        rotate(&mut cluster, 0, 4, params).unwrap();
        assert_eq!(rings(&cluster), [expected; 3], "{retire:?}");
    }
}

#[test]
fn a_member_that_fails_meanwhile_is_named_and_not_waited_for() {
    let mut cluster = Cluster::joined(12, 4, |node| keyed(local(node), &[1]));
    cluster.kill(3);
    let params = RotationParams { attempts: 20, ..RotationParams::default() };
    let report = rotate(&mut cluster, 0, 2, params).unwrap();
    assert_eq!(report.absent.iter().map(|node| &**node).collect::<Vec<_>>(), [name(3)]);
    let said = report.to_string();
    assert!(
        said.ends_with(&format!("old keys are removed; absent, and without it: {}", name(3))),
        "{said}"
    );
    assert_eq!(rings(&cluster), [[2]; 3]);
}

#[test]
fn a_node_that_leaves_meanwhile_stops() {
    let mut cluster = Cluster::joined(13, 3, |node| keyed(lan(node), &[1]));
    begin(&mut cluster, 0, 2, RotationParams::default());
    cluster.act(0, |node, now| node.leave(now)).unwrap();
    cluster.run_until(secs(60), |it| end_of(it, 0).is_some());
    let stopped = end_of(&cluster, 0).unwrap().unwrap_err();
    assert!(stopped.error.is_some(), "{stopped}");
}
