//! Keys that change while a mixed cluster runs. Either side starts the change.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serfer_tokio::{Coalesce, Error, KeyReport, SecretKey};

use crate::harness::agent::Agent;
use crate::harness::node::Node;
use crate::harness::peer::{Heard, Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{AgentKeys, KEY_A, KEY_B, PLAIN, Setting};
use crate::harness::wait::{PATIENCE, SOON, until};
use crate::{Case, case};

const KEYED: Setting = Setting {
    name: "keyring_files",
    node_keys: &[KEY_A],
    agent_keys: AgentKeys::File(&[KEY_A]),
    ..PLAIN.for_many()
};

/// How often each peer sends a message while keys change.
const PAUSE: Duration = Duration::from_millis(50);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("keys/are_changed_everywhere_by_an_agent", by_an_agent),
        case("keys/are_changed_everywhere_by_us", by_us),
        case("keys/are_not_changed_against_the_rules", against_the_rules),
        case("keys/are_refused_by_a_member_that_cannot_store_them", not_stored),
        case("keys/are_rotated_without_a_lost_message", rotation_loses_nothing),
    ]
}

/// Two agents and two of ours, all with a keyring file.
struct Four {
    agents: [Rc<Agent>; 2],
    nodes: [Rc<Node>; 2],
    files: Vec<PathBuf>,
}

impl Four {
    #[track_caller]
    fn start(scene: &Scene) -> Self {
        let seed = scene.ip("agent-1").to_string();
        let first = scene.agent(&KEYED, "agent-1", &[]);
        let second = scene.agent(&KEYED, "agent-2", &[&format!("-join={seed}")]);
        let nodes = ["node-1", "node-2"].map(|name| {
            let file = scene.file(&format!("{name}.keyring"));
            scene.node(&KEYED, name, |builder| builder.keyring_file(file).join([seed.clone()]))
        });
        let agents = [first, second];
        let mut files: Vec<PathBuf> = agents.iter().map(|agent| agent.keyring_file()).collect();
        files.extend(["node-1", "node-2"].map(|name| scene.file(&format!("{name}.keyring"))));
        let four = Self { agents, nodes, files };
        agree(&four.all());
        four
    }

    fn all(&self) -> [&dyn Peer; 4] {
        [&*self.agents[0], &*self.agents[1], &*self.nodes[0], &*self.nodes[1]]
    }

    /// Waits until all four files have these keys, the primary first.
    #[track_caller]
    fn have(&self, keys: &[&str]) {
        for file in &self.files {
            until(format_args!("{} has {keys:?}", file.display()), SOON, || {
                let found = keys_in(file);
                if found == keys { Ok(()) } else { Err(format!("{found:?}")) }
            });
        }
    }

    /// The keys that `serf keys -list` prints.
    #[track_caller]
    fn listed(&self, counts: &[(&str, &str)]) {
        let printed = self.agents[1].run(&["keys", "-list"]);
        for (key, count) in counts {
            let is_there = |line: &str| line.contains(key) && line.contains(&format!("[{count}]"));
            assert!(printed.lines().any(is_there), "{key} is not with {count} in\n{printed}");
        }
        assert_eq!(printed.matches("/4]").count(), counts.len(), "{printed}");
    }
}

fn keys_in(file: &Path) -> Vec<String> {
    let content = fs::read(file).unwrap_or_default();
    serde_json::from_slice(&content).unwrap_or_default()
}

fn key(base64: &str) -> SecretKey {
    SecretKey::from_base64(base64).expect("a base64 key")
}

fn by_an_agent(scene: &Scene) {
    let four = Four::start(scene);
    let agent = &four.agents[0];
    four.listed(&[(KEY_A, "4/4")]);
    assert!(agent.run(&["keys", "-install", KEY_B]).contains("Successfully installed key!"));
    four.have(&[KEY_A, KEY_B]);
    four.listed(&[(KEY_A, "4/4"), (KEY_B, "4/4")]);
    assert!(agent.run(&["keys", "-use", KEY_B]).contains("Successfully changed primary key!"));
    four.have(&[KEY_B, KEY_A]);
    assert!(agent.run(&["keys", "-remove", KEY_A]).contains("Successfully removed key!"));
    four.have(&[KEY_B]);
    four.listed(&[(KEY_B, "4/4")]);
    still_talk(&four);
}

fn by_us(scene: &Scene) {
    let four = Four::start(scene);
    let [node, _] = &four.nodes;
    let counts = |report: &KeyReport, base64: &str| {
        assert!(report.is_complete(), "{report}");
        assert_eq!((report.done(), report.asked()), (4, 4));
        let key = key(base64);
        let count = |counts: std::collections::BTreeMap<&SecretKey, usize>| {
            counts.get(&key).copied().unwrap_or(0)
        };
        (count(report.keys()), count(report.primary_keys()))
    };
    let list = || node.wait(node.serf().list_keys()).expect("all can be asked");
    assert_eq!(counts(&list(), KEY_A), (4, 4));
    let report = node.wait(node.serf().install_key(key(KEY_B))).expect("all can be asked");
    assert_eq!(counts(&report, KEY_B), (0, 0));
    four.have(&[KEY_A, KEY_B]);
    let report = list();
    assert_eq!((counts(&report, KEY_A), counts(&report, KEY_B)), ((4, 4), (4, 0)));
    assert!(node.wait(node.serf().use_key(key(KEY_B))).expect("they have it").is_complete());
    four.have(&[KEY_B, KEY_A]);
    assert!(node.wait(node.serf().remove_key(key(KEY_A))).expect("it is free").is_complete());
    four.have(&[KEY_B]);
    let report = list();
    assert_eq!((counts(&report, KEY_A), counts(&report, KEY_B)), ((0, 0), (4, 4)));
    still_talk(&four);
}

/// Every peer reports the answer of each node.
fn against_the_rules(scene: &Scene) {
    let four = Four::start(scene);
    for (command, what, words) in [
        (["keys", "-use", KEY_B], "Error changing primary key", "key is not in the keyring"),
        (["keys", "-remove", KEY_A], "Error removing key", "primary key is not allowed"),
        (["keys", "-install", "c2hvcnQ="], "Error installing key", "16, 24 or 32 bytes"),
    ] {
        let printed = four.agents[0].fails(&command);
        assert!(printed.contains(what), "{printed}");
        assert!(printed.contains("4/4 nodes reported failure"), "{printed}");
        for name in ["agent-1", "agent-2", "node-1", "node-2"] {
            let is_there = |line: &str| line.contains(name) && line.to_lowercase().contains(words);
            assert!(printed.lines().any(is_there), "{name} does not say {words:?}: {printed}");
        }
    }
    let node = &four.nodes[0];
    let report = node.wait(node.serf().use_key(key(KEY_B))).expect("all can be asked");
    assert_eq!((report.done(), report.failures().count()), (0, 4), "{report}");
    let report = node.wait(node.serf().remove_key(key(KEY_A))).expect("all can be asked");
    assert_eq!((report.done(), report.failures().count()), (0, 4), "{report}");
    four.have(&[KEY_A]);
}

/// The member says so to the agent that asks, and has not the key.
fn not_stored(scene: &Scene) {
    let four = Four::start(scene);
    let file = &four.files[2];
    fs::remove_file(file).expect("it is there");
    // Even root cannot write this.
    fs::create_dir(file).expect("nothing is there");
    let printed = four.agents[0].fails(&["keys", "-install", KEY_B]);
    assert!(printed.contains("1/4 nodes reported failure"), "{printed}");
    let why = "the keyring file cannot be written";
    assert!(printed.lines().any(|line| line.contains("node-1") && line.contains(why)), "{printed}");
    four.listed(&[(KEY_A, "4/4"), (KEY_B, "3/4")]);
    fs::remove_dir(file).expect("it is empty");
    four.agents[0].run(&["keys", "-install", KEY_B]);
    four.have(&[KEY_A, KEY_B]);
    still_talk(&four);
}

/// All peers send messages all the time, the agents as fast as their command can.
fn rotation_loses_nothing(scene: &Scene) {
    let four = Four::start(scene);
    let [first, second] = &four.nodes;
    let rotation = first.begin({
        let serf = first.serf().clone();
        async move { serf.rotate_key(key(KEY_B)).await }
    });
    let mut sent = 0;
    // They go on for a while after the change.
    let mut left = 10;
    while left > 0 {
        for peer in four.all() {
            peer.send(&format!("event-{sent}"), "", Coalesce::No);
            sent += 1;
        }
        left -= usize::from(rotation.is_finished());
        assert!(sent < 4000, "the rotation does not end");
        thread::sleep(PAUSE);
    }
    let report = first.wait(rotation).expect("it does not panic").expect("nobody is in the way");
    assert_eq!(report.key, key(KEY_B).fingerprint());
    assert_eq!((report.members.len(), report.removed.len()), (4, 1));
    four.have(&[KEY_B]);
    four.listed(&[(KEY_B, "4/4")]);
    for peer in four.all() {
        until(format_args!("{} hears all {sent} events once", peer.name()), PATIENCE, || {
            let heard = events(peer);
            let missing: Vec<_> =
                (0..sent).filter(|n| !heard.contains(&format!("event-{n}"))).collect();
            if missing.is_empty() { Ok(()) } else { Err(format!("not {missing:?}")) }
        });
        assert_eq!(events(peer).len(), sent, "{} hears none twice", peer.name());
    }
    // Doing it again from another node changes nothing.
    let again = second.wait(second.serf().rotate_key(key(KEY_B)));
    assert!(again.is_ok_and(|report| report.removed.is_empty()));
    let same = second.wait(second.serf().install_key(key(KEY_B)));
    assert!(!matches!(same, Err(Error::Keys(_))), "the rotation is over");
    still_talk(&four);
}

fn events(peer: &dyn Peer) -> Vec<String> {
    let events = peer.heard().into_iter().filter_map(|heard| match heard {
        Heard::Event(event) => Some(event.name),
        _ => None,
    });
    events.collect()
}

/// No member is cut off.
fn still_talk(four: &Four) {
    for from in four.all() {
        let payload = format!("from {}", from.name());
        from.send("deploy", &payload, Coalesce::No);
        for to in four.all() {
            to.hears_event("deploy", &payload, PATIENCE);
        }
    }
    agree(&four.all());
}
