//! Hundreds of user events: each arrives exactly once.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serfer_tokio::Coalesce;

use crate::harness::peer::{Heard, Peer, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::harness::wait::{PATIENCE, until};
use crate::{Case, case};

const EVENTS: u32 = 200;

/// Twenty events a second.
const PACE: Duration = Duration::from_millis(50);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("events/two_hundred_of_ours_arrive_once_each", |scene| arrive(scene, "node", "agent")),
        case("events/two_hundred_of_its_arrive_once_each", |scene| arrive(scene, "agent", "node")),
    ]
}

fn arrive(scene: &Scene, from: &str, to: &str) {
    let peers = [from, to].map(|name| scene.peer(&PLAIN, name, from));
    let [from, to] = [&*peers[0], &*peers[1]];
    agree(&[from, to]);
    let start = Instant::now();
    for n in 0..EVENTS {
        sleep((start + n * PACE).saturating_duration_since(Instant::now()));
        from.send(&event(n), "", Coalesce::No);
    }
    let expected: BTreeMap<String, usize> = (0..EVENTS).map(|n| (event(n), 1)).collect();
    for peer in [from, to] {
        until(format_args!("{} hears all events", peer.name()), PATIENCE, || {
            let heard = heard(peer);
            let missing = expected.keys().filter(|event| !heard.contains_key(*event));
            let missing: Vec<_> = missing.collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("it missed {missing:?}")) }
        });
    }
    settle(&[from, to]);
    for peer in [from, to] {
        assert_eq!(heard(peer), expected, "how often {} heard each", peer.name());
    }
}

fn event(n: u32) -> String {
    format!("event-{n}")
}

/// How often a peer heard each event.
fn heard(peer: &dyn Peer) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    for heard in peer.heard() {
        if let Heard::Event(message) = heard {
            *times.entry(message.name).or_default() += 1;
        }
    }
    times
}
