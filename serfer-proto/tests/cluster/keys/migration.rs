//! Changing the wire settings of a running cluster: encryption, labels, protocol versions.

use serfer_proto::wire::label;
use serfer_proto::{
    Config, DropReason, Encryption, InboundLabel, Keyring, Label, MemberChange, SecretKey,
};

use crate::harness::cluster::Cluster;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, ms, secs};

fn key() -> SecretKey {
    SecretKey::new(&[7; 16]).unwrap()
}

fn sealing(config: Config, encryption: Encryption) -> Config {
    config.keyring(Keyring::new(key())).encryption(encryption)
}

/// Restarts one node after another with another configuration.
fn roll_out(cluster: &mut Cluster, config: impl Fn(Config) -> Config) {
    for node in 0..cluster.nodes.len() {
        cluster.kill(node);
        let incarnation = 100 * cluster.elapsed().as_secs() as u32;
        cluster.nodes[node].config =
            config(cluster.nodes[node].config.clone()).incarnation(incarnation);
        cluster.start(node);
        let others: Vec<_> = (0..cluster.nodes.len()).filter(|&other| other != node).collect();
        cluster.join(node, &others);
        cluster.run_until(secs(3), Cluster::agree);
    }
}

#[test]
fn encryption_is_introduced_in_three_steps_without_a_pause() {
    let mut cluster = Cluster::joined(1, 3, local);
    for encryption in [Encryption::Prepare, Encryption::Prefer, Encryption::Require] {
        roll_out(&mut cluster, |config| sealing(config, encryption));
        cluster.run(secs(30));
        assert!(cluster.agree());
    }
    assert_eq!(cluster.count_all(MemberChange::Failed), 0);
}

#[test]
fn a_step_taken_too_early_is_counted() {
    let mut cluster = Cluster::joined(1, 3, local);
    cluster.expects_drops = true;
    cluster.kill(0);
    cluster.nodes[0].config = sealing(cluster.nodes[0].config.clone(), Encryption::Require);
    cluster.start(0);
    cluster.join(0, &[1, 2]);
    cluster.run(secs(30));
    assert!(!cluster.agree());
    assert!(cluster.node(0).stats().dropped[DropReason::RefusedPlaintext] > 0);
    assert!(cluster.node(1).stats().dropped[DropReason::RefusedSealed] > 0);
}

#[test]
fn a_node_without_a_key_sends_in_the_clear_whatever_it_prefers() {
    for encryption in [Encryption::Prepare, Encryption::Prefer, Encryption::Require] {
        let cluster = Cluster::joined(1, 2, |node| local(node).encryption(encryption));
        assert!(cluster.agree());
    }
}

#[test]
fn an_inbound_label_that_a_proxy_strips_must_be_absent() {
    let blue = || Label::new("blue").unwrap();
    let config = lan(0).label(blue()).inbound_label(InboundLabel::Stripped);
    let mut solo = Solo::new(config);
    let bare = crate::harness::craft::alive(1, 1);
    let mut labelled = Vec::new();
    label::put(b"blue", &mut labelled);
    labelled.extend_from_slice(&bare);

    solo.hear(1, &labelled);
    assert_eq!((solo.dropped(DropReason::Label), solo.node.members().count()), (1, 1));
    solo.hear(1, &bare);
    assert_eq!(solo.node.members().count(), 2);
    // What it sends has a label all the same.
    solo.pass(secs(2));
    assert!(!solo.sent.is_empty());
    assert!(solo.sent.iter().all(|(_, packet)| packet.starts_with(b"\xf4\x04blue")));
}

#[test]
fn every_protocol_version_lives_with_every_other() {
    for versions in [[1, 5], [5, 1], [1, 1], [2, 5], [3, 4], [2, 1]] {
        for keyed in [true, false] {
            let mut cluster = Cluster::joined(1, 2, |node| {
                let config = local(node).memberlist_protocol(versions[node]);
                if keyed { sealing(config, Encryption::Require) } else { config }
            });
            cluster.run(secs(30));
            assert!(cluster.agree(), "{versions:?}");
            let announced = cluster.node(0).members().map(|member| member.versions().protocol_cur);
            let mut announced: Vec<u8> = announced.collect();
            announced.sort_unstable();
            let mut expected = versions;
            expected.sort_unstable();
            assert_eq!(announced, expected);
        }
    }
}

#[test]
fn in_the_first_protocol_all_have_one_port() {
    let mut solo = Solo::new(lan(0).memberlist_protocol(1));
    solo.acks = false;
    solo.hear(1, &crate::harness::craft::alive_at("x", "10.0.0.9:1234".parse().unwrap(), 1));
    assert_eq!(solo.node.member("x").unwrap().addr().port(), 7946);
    solo.pass(ms(1000));
}
