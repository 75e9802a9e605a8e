//! A new key for a whole cluster, while packets are lost.

use std::collections::BTreeMap;
use std::time::Duration;

use serfer_proto::{DropReason, KeyParams, Keyring, RotationParams, SecretKey};
use serfer_sim::{Config, Event, NodeId, Sim};

use crate::support::{cluster, lan, mins, ms, secs, sum, with_seeds};

const NODES: usize = 16;

/// Four queries and three changes, each of which may have to be tried again.
const ROTATED_WITHIN: Duration = mins(2);

fn key(byte: u8) -> SecretKey {
    SecretKey::new(&[byte; 32]).expect("32 bytes are a key")
}

fn keyed(name: String) -> Config {
    lan(name).keyring(Keyring::new(key(1)))
}

fn is_rotated(sim: &Sim, by: NodeId) -> bool {
    sim.events(by).iter().any(|it| match &it.event {
        Event::RotationDone(_) => true,
        Event::RotationStopped(stopped) => panic!("{stopped}"),
        _ => false,
    })
}

/// hs#579, hc#719: when operators change keys step by step, some nodes are left behind, and the others
/// no longer understand them.
#[test]
fn a_key_is_rotated_while_packets_are_lost_and_no_event_is_lost() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, keyed, NODES);
        sim.network().loss(0.1);
        let ask = KeyParams { relay_factor: 3, ..KeyParams::default() };
        let params = RotationParams { attempts: 10, ask, ..RotationParams::default() };
        let begun = sim.at(ids[0], |it, now| it.rotate_key(now, key(2), params));
        begun.expect("no other key operation is running");

        let begin = sim.elapsed();
        let mut sent = 0;
        while !is_rotated(&sim, ids[0]) {
            sim.user_event(ids[sent % NODES], &format!("{sent}"), b"");
            sent += 1;
            sim.run_for(ms(100));
            assert!(sim.elapsed() < begin + ROTATED_WITHIN, "the rotation takes too long");
        }
        // The push/pulls bring what gossip misses.
        sim.run_for(secs(75));

        for &id in &ids {
            let ring = sim.endpoint(id).and_then(|it| it.keyring()).expect("it has keys");
            assert_eq!(ring.keys().collect::<Vec<_>>(), [&key(2)]);
            let mut received = BTreeMap::<&str, usize>::new();
            for recorded in sim.events(id) {
                if let Event::User(event) = &recorded.event {
                    *received.entry(&event.name).or_default() += 1;
                }
            }
            assert!(received.values().all(|&times| times == 1), "{received:?}");
            assert_eq!(received.len(), sent, "{} receives all", sim.name(id));
        }
        let unread = sum(&sim, &ids, |stats| stats.dropped[DropReason::Undecryptable]);
        assert_eq!(unread, 0);
    });
}
