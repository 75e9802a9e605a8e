//! A file that may be a snapshot, to a node that starts with it.
//!
//! The first byte says whether a node that left comes back; the rest is the file.

use std::time::Duration;

use serfer_proto::{AfterLeave, Config, Endpoint, Output, Recovered, StoreWrite, StoredFile};

use super::watched::{EPOCH, addr};

/// A file is refused, or a node starts from it and leaves a file that says the same.
pub fn snapshot_replay(input: &[u8]) {
    let Some((&kind, file)) = input.split_first() else {
        return;
    };
    let after_leave = if kind & 1 > 0 { AfterLeave::Rejoin } else { AfterLeave::StayAway };
    let Ok(found) = Recovered::replay(file, after_leave) else {
        return;
    };
    let left = live(found.clone(), file);
    let again = Recovered::replay(&left, after_leave).expect("what we write is a snapshot");
    assert_eq!(again.event_clock(), found.event_clock());
    assert_eq!(again.query_clock(), found.query_clock());
    assert!(again.clock() >= found.clock());
    assert!(again.incarnation() >= found.incarnation());
    // No member was added or removed.
    let others = |it: &Recovered| -> (Vec<_>, Vec<_>) {
        let owned = |(name, addr): (&str, _)| (name.to_owned(), addr);
        let is_other = |(name, _): &(String, _)| name != "n0";
        (
            it.alive().map(owned).filter(is_other).collect(),
            it.failed().map(owned).filter(is_other).collect(),
        )
    };
    assert_eq!(others(&again), others(&found));
    assert!(again.alive().any(|(name, at)| (name, at) == ("n0", addr(0))));
}

/// The snapshot after a short life of a node.
fn live(found: Recovered, file: &[u8]) -> Vec<u8> {
    let start = *EPOCH;
    let config = Config::lan("n0").advertise(addr(0)).recovered(found);
    let mut node = Endpoint::new(config, [3; 32], start).expect("what was recovered is usable");
    let mut file = file.to_vec();
    store(&mut node, &mut file);
    for second in 1..4 {
        node.handle_timeout(start + Duration::from_secs(second));
        store(&mut node, &mut file);
    }
    node.flush_snapshot(start + Duration::from_secs(4));
    store(&mut node, &mut file);
    file
}

fn store(node: &mut Endpoint, disk: &mut Vec<u8>) {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match node.poll_output(&mut bytes) {
            Output::Store { file, write, .. } => {
                assert_eq!(file, StoredFile::Snapshot);
                if write == StoreWrite::Replace {
                    disk.clear();
                }
                disk.extend_from_slice(&bytes);
            }
            Output::Wait { .. } => return,
            _ => {}
        }
    }
}
