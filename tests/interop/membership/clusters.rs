//! Larger clusters of agents and nodes of ours, half and half.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use serfer_tokio::Coalesce;

use crate::harness::peer::{Heard, Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_256, PLAIN, Setting};
use crate::harness::wait::PATIENCE;
use crate::{Case, case};

const A_MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for setting in [PLAIN, AES_256] {
        let name = setting.name;
        cases.push(case(format!("cluster/of_three_is_stable_for_a_minute/{name}"), move |scene| {
            three_are_stable(scene, &setting);
        }));
        cases.push(case(format!("cluster/of_six_agrees_after_each_step/{name}"), move |scene| {
            six_agree(scene, &setting);
        }));
    }
    cases
}

/// One agent and two nodes of ours: no member is suspected.
fn three_are_stable(scene: &Scene, setting: &Setting) {
    let agent = scene.agent(setting, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let nodes = ["node-1", "node-2"]
        .map(|name| scene.node(setting, name, |builder| builder.join([seed.clone()])));
    let all: [&dyn Peer; 3] = [&*agent, &*nodes[0], &*nodes[1]];
    agree(&all);

    thread::sleep(A_MINUTE);

    agree(&all);
    for node in &nodes {
        let stats = node.stats();
        assert_eq!((stats.suspicions, stats.refutations), (0, 0), "{stats:?}");
        assert!(stats.probes_acked >= 50, "{stats:?}");
    }
    for peer in all {
        let heard = peer.heard();
        let joins = |heard: &Heard| match heard {
            Heard::Member { change, .. } => change == "member-join",
            Heard::Event(_) | Heard::Query(_) => false,
        };
        assert!(heard.iter().all(joins), "{heard:?}");
    }
    let log = agent.log();
    let is_trouble = |line: &&str| {
        ["uspect", "Refuting", "[WARN]", "[ERR]"].iter().any(|word| line.contains(word))
    };
    assert_eq!(log.lines().find(is_trouble), None);
}

/// Three agents and three nodes of ours, through all that can happen to a member.
///
/// In the local preset each member gossips a message only twice, to three members each time. So one
/// of five can miss it until the next push/pull, which is due every 15 s.
fn six_agree(scene: &Scene, setting: &Setting) {
    let mut six = Six { scene, setting: *setting, peers: Vec::new() };
    let mut seed = "agent-1";
    for name in ["agent-1", "node-1", "agent-2", "node-2", "agent-3", "node-3"] {
        six.start(name, seed);
        six.agree();
        seed = name;
    }
    for name in ["agent-1", "node-1"] {
        let payload = format!("by {name}");
        six.peer(name).send("deploy", &payload, Coalesce::No);
        for peer in &six.peers {
            peer.hears_event("deploy", &payload, PATIENCE);
        }
    }
    for name in ["node-2", "agent-2"] {
        six.peer(name).set_tag("version", "2");
        six.agree();
    }
    for (name, seed) in [("node-2", "agent-2"), ("agent-2", "node-2")] {
        six.peer(name).kill();
        six.agree();
        six.start(name, seed);
        six.agree();
    }
    for name in ["node-3", "agent-3"] {
        six.peer(name).leave();
        six.agree();
    }
    for (name, by) in [("node-2", "agent-2"), ("agent-2", "node-1")] {
        six.peer(name).kill();
        six.agree();
        six.peer(by).force_leave(name);
        six.peer(name).identity().is_now("left");
        six.agree();
    }
}

struct Six<'a> {
    scene: &'a Scene,
    setting: Setting,
    peers: Vec<Rc<dyn Peer>>,
}

impl Six<'_> {
    /// Starts a peer, or starts it again, and makes it join through another.
    #[track_caller]
    fn start(&mut self, name: &str, seed: &str) {
        self.peers.retain(|peer| peer.name() != name);
        self.peers.push(self.scene.peer(&self.setting, name, seed));
    }

    #[track_caller]
    fn peer(&self, name: &str) -> &dyn Peer {
        let peer = self.peers.iter().find(|peer| peer.name() == name);
        &**peer.expect("a name of this cluster")
    }

    #[track_caller]
    fn agree(&self) {
        let peers: Vec<&dyn Peer> = self.peers.iter().map(|peer| &**peer).collect();
        agree(&peers);
    }
}
