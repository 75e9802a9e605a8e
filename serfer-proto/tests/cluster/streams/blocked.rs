//! Streams that fail while datagrams pass.

use serfer_proto::Status;

use crate::harness::cluster::Cluster;
use crate::harness::network::Traffic;
use crate::harness::support::{lan, secs};

const TCP: &[Traffic] = &[Traffic::Streams];
const MINUTE: u64 = 60;

#[test]
fn streams_that_fail_in_both_directions_are_counted_by_both_and_nobody_fails() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.network.cut(&[0], &[1, 2], TCP);
    cluster.run(secs(5 * MINUTE));
    for node in 0..3 {
        assert!(cluster.node(node).stats().streams_blocked >= 2, "node {node}");
        assert_eq!(cluster.node(node).stats().datagrams_blocked, 0);
        assert!(cluster.all_say(node, Status::Alive));
    }
    cluster.network.heal();
    cluster.run(secs(2 * MINUTE));
    let before: Vec<u64> = (0..3).map(|it| cluster.node(it).stats().streams_blocked).collect();
    cluster.run(secs(10 * MINUTE));
    let after: Vec<u64> = (0..3).map(|it| cluster.node(it).stats().streams_blocked).collect();
    assert_eq!(before, after);
}

#[test]
fn a_member_that_crashes_or_is_cut_off_does_not_count_as_blocked() {
    for seed in 0..10 {
        let mut cluster = Cluster::joined(seed, 4, lan);
        cluster.kill(3);
        for _ in 0..10 {
            cluster.network.cut(&[0], &[1, 2], crate::harness::network::ALL);
            cluster.run(secs(20));
            cluster.network.heal();
            cluster.run(secs(2 * MINUTE));
        }
        let counts = (0..3).map(|it| cluster.node(it).stats().streams_blocked);
        assert_eq!(counts.sum::<u64>(), 0, "seed {seed}");
    }
}

#[test]
fn a_node_that_nobody_can_dial_finds_out() {
    let mut cluster = Cluster::joined(1, 3, lan);
    cluster.network.cut_one_way(&[1, 2], &[0], TCP);
    cluster.run(secs(20 * MINUTE));
    assert!(cluster.node(0).stats().unreturned_push_pulls >= 30);
    assert!(cluster.node(1).stats().unreturned_push_pulls < 10);
    cluster.network.heal();
    cluster.run(secs(2 * MINUTE));
    assert!(cluster.node(0).stats().unreturned_push_pulls < 10);
}
