//! Eight that come and go while everybody speaks: whoever is there all the time misses nothing, and
//! hears nothing twice.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serfer_tokio::Coalesce;

use crate::events::heard;
use crate::peer::{Peer, agree, settle};
use crate::scene::Scene;
use crate::setting::{AES_128, Setting};
use crate::wait::{PATIENCE, until};
use crate::{Case, case};

const SETTING: Setting = AES_128.for_many();

const STAY: [&str; 4] = ["agent-1", "node-1", "agent-2", "node-2"];

/// Who goes in which round, how, and for how many rounds. A round takes a second: nobody notices the
/// shorter deaths.
const TRIPS: [(&str, u32, How, u32); 6] = [
    ("node-3", 1, How::Dies, 2),
    ("agent-3", 2, How::Leaves, 3),
    ("agent-4", 4, How::Dies, 2),
    ("node-4", 5, How::Leaves, 3),
    ("node-3", 7, How::Dies, 10),
    ("agent-3", 8, How::Dies, 10),
];

const ROUNDS: u32 = 19;

/// Each of them sends so many events in a round.
const EVENTS: u32 = 2;

#[derive(Clone, Copy)]
enum How {
    Dies,
    Leaves,
}

pub(crate) fn cases() -> Vec<Case> {
    vec![case("churn/who_stays_hears_each_event_once", who_stays_hears_each_event_once)]
}

fn who_stays_hears_each_event_once(scene: &Scene) {
    let mut here: BTreeMap<&str, Rc<dyn Peer>> = BTreeMap::new();
    for name in STAY.into_iter().chain(["agent-3", "node-3", "agent-4", "node-4"]) {
        here.insert(name, scene.peer(&SETTING, name, STAY[0]));
    }
    agree(&all(&here));

    let mut sent = 0;
    for round in 0..ROUNDS {
        for (name, from, how, rounds) in TRIPS {
            if round == from {
                match how {
                    How::Dies => here[name].kill(),
                    How::Leaves => here[name].leave(),
                }
            } else if round == from + rounds {
                here.insert(name, scene.peer(&SETTING, name, STAY[round as usize % STAY.len()]));
            }
        }
        here[STAY[round as usize % STAY.len()]].set_tag("round", &round.to_string());
        for name in STAY.into_iter().cycle().take(EVENTS as usize * STAY.len()) {
            here[name].send(&format!("event-{sent}"), "", Coalesce::No);
            sent += 1;
        }
        thread::sleep(Duration::from_secs(1));
    }

    settle(&all(&here));
    let expected: BTreeMap<String, usize> = (0..sent).map(|n| (format!("event-{n}"), 1)).collect();
    for name in STAY {
        until(format_args!("{name} hears all of {sent} events"), PATIENCE, || {
            let heard = heard(&*here[name]);
            let missing: Vec<_> = expected.keys().filter(|it| !heard.contains_key(*it)).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("it missed {missing:?}")) }
        });
        assert_eq!(heard(&*here[name]), expected, "how often {name} heard each");
    }
    for (name, peer) in &here {
        let heard = heard(&**peer);
        assert!(heard.values().all(|&times| times == 1), "{name} heard {heard:?}");
    }
}

fn all<'a>(peers: &'a BTreeMap<&str, Rc<dyn Peer>>) -> Vec<&'a dyn Peer> {
    peers.values().map(|peer| &**peer).collect()
}
