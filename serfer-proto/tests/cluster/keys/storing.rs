//! Keys that change once they are stored.

use std::time::Duration;

use serfer_proto::{Durability, Event, KeyOp, KeyParams, StoreWrite, StoredFile};

use super::changes::{Asked, INSTALL, LIST, REMOVE, USE, key, keyed, no, request, yes};
use crate::harness::support::{lan, secs};

fn asked() -> Asked {
    Asked::new(keyed(lan(0), &[1]).store_keyring())
}

/// The keyrings that are to be stored since the last call.
fn stored(node: &mut Asked) -> Vec<String> {
    let stored =
        node.solo.stored.split_off(0).into_iter().map(|(file, write, durability, content)| {
            let how = (StoredFile::Keyring, StoreWrite::Replace, Durability::Synced);
            assert_eq!((file, write, durability), how);
            String::from_utf8(content).unwrap()
        });
    stored.collect()
}

fn file(keys: &[u8]) -> String {
    let keys: Vec<_> =
        keys.iter().map(|&byte| format!("  \"{}\"", key(byte).to_base64())).collect();
    format!("[\n{}\n]", keys.join(",\n"))
}

fn report(node: &mut Asked, outcome: Result<(), &str>) {
    node.solo.act(|node, now| match outcome {
        Ok(()) => node.handle_stored(now, StoredFile::Keyring),
        Err(reason) => node.handle_store_failed(now, StoredFile::Keyring, reason),
    });
}

#[test]
fn a_changed_ring_is_stored_whole_and_in_order() {
    let mut node = asked();
    let changes = [(INSTALL, 2, &[1, 2][..], 1), (USE, 2, &[2, 1], 2), (REMOVE, 1, &[2], 2)];
    for (name, which, keys, sealed_with) in changes {
        let before = node.ring();
        assert_eq!(node.request(name, &request(&[which; 16])), None, "it waits for the disk");
        assert_eq!((stored(&mut node), node.ring()), (vec![file(keys)], before));
        report(&mut node, Ok(()));
        assert_eq!((node.answer(), node.ring()), (Some(yes(sealed_with)), keys.to_vec()));
    }
    node.about(LIST, 0);
    node.about(USE, 9);
    assert!(node.solo.stored.is_empty());
}

#[test]
fn a_change_that_cannot_be_stored_is_not_made_and_whoever_wants_it_is_told_why() {
    let mut node = asked();
    for (name, which) in [(INSTALL, 2), (REMOVE, 3), (USE, 1)] {
        node.request(name, &request(&[which; 16]));
        report(&mut node, Err("ring: Read-only file system"));
        let message = "the keyring file cannot be written: ring: Read-only file system";
        assert_eq!(node.answer(), Some(no(Some(1), message)));
        assert!(matches!(node.solo.events.last(), Some(Event::StoreFailed(_))));
        assert_eq!(node.ring(), [1]);
    }
    // However long the reason is, it fits into an answer.
    node.request(INSTALL, &request(&[2; 16]));
    report(&mut node, Err(&"é".repeat(5000)));
    let answer = node.answer().expect("it answers");
    assert!(answer.message.len() < 500, "{}", answer.message.len());
    // And when the disk works again, so do keys.
    node.request(INSTALL, &request(&[2; 16]));
    report(&mut node, Ok(()));
    assert_eq!((node.answer(), node.ring()), (Some(yes(1)), vec![1, 2]));
    // Reports that nobody waits for change nothing.
    report(&mut node, Ok(()));
    report(&mut node, Err("late"));
    assert_eq!((node.answer(), node.ring()), (None, vec![1, 2]));
}

#[test]
fn changes_that_come_while_one_is_stored_wait_for_it() {
    let mut node = asked();
    for (name, which) in [(INSTALL, 2), (INSTALL, 3), (USE, 3), (USE, 9)] {
        assert_eq!(node.request(name, &request(&[which; 16])), None);
    }
    assert_eq!(stored(&mut node), [file(&[1, 2])]);
    report(&mut node, Err("full"));
    assert_eq!(stored(&mut node), [file(&[1, 3])], "what failed is not in what comes after it");
    report(&mut node, Ok(()));
    assert_eq!(stored(&mut node), [file(&[3, 1])]);
    node.solo.sent.clear();
    report(&mut node, Ok(()));
    assert_eq!((stored(&mut node), node.ring()), (vec![], vec![3, 1]));
    assert_eq!(node.answer(), Some(yes(3)));
    assert_eq!(node.about(USE, 9), no(Some(3), "requested key is not in the keyring"));
}

#[test]
fn a_disk_that_hangs_keeps_nobody_waiting_in_vain() {
    let mut node = asked();
    node.request(INSTALL, &request(&[2; 16]));
    node.solo.pass(secs(1));
    node.request(INSTALL, &request(&[3; 16]));
    // The sender listens for ten seconds.
    node.solo.pass(Duration::from_millis(6400));
    assert_eq!(node.answer(), None);
    node.solo.pass(Duration::from_millis(200));
    let message = "the keyring file is not written yet; the change is made when it is";
    assert_eq!(node.answer(), Some(no(Some(1), message)));
    node.solo.pass(secs(1));
    let message = "not done: the keyring file takes too long to be written";
    assert_eq!(node.answer(), Some(no(Some(1), message)));
    // Others are told at once when too many wait.
    for _ in 0..64 {
        assert_eq!(node.request(INSTALL, &request(&[4; 16])), None);
    }
    assert_eq!(node.about(INSTALL, 5), no(Some(1), message));
    node.solo.pass(secs(60));
    node.solo.stored.clear();
    report(&mut node, Ok(()));
    assert_eq!((stored(&mut node), node.ring()), (vec![], vec![1, 2]));
}

#[test]
fn a_node_that_asks_itself_waits_for_its_own_disk() {
    let mut node = asked();
    let params = KeyParams::default();
    let install = KeyOp::Install(key(2));
    node.solo.act(|node, now| node.manage_key(now, install, params)).unwrap();
    assert_eq!(node.ring(), [1]);
    report(&mut node, Ok(()));
    assert_eq!(node.ring(), [1, 2]);
}
