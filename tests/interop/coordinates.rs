//! Network coordinates, as an agent and a node of ours see them.

use std::rc::Rc;

use serfer_tokio::Coordinates;

use crate::harness::agent::Agent;
use crate::harness::node::Node;
use crate::harness::peer::agree;
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_128, Setting};
use crate::harness::wait::{PATIENCE, until};
use crate::{Case, case};

/// Which of the two joins the other.
#[derive(Clone, Copy)]
enum Joiner {
    Node,
    Agent,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (joins, joiner) in [("we_join", Joiner::Node), ("it_joins", Joiner::Agent)] {
        let mut add = |name: &str, test: fn(&Scene, Joiner)| {
            cases.push(case(format!("coordinates/{joins}/{name}"), move |scene| {
                test(scene, joiner);
            }));
        };
        add("both_know_where_the_other_is", each_tells_the_other);
        add("our_distance_is_what_serf_rtt_prints", distance_is_what_it_prints);
        add("who_has_none_is_nowhere", who_has_none_is_nowhere);
    }
    cases
}

/// An agent and a node of ours that know each other.
fn pair(scene: &Scene, joiner: Joiner, coordinates: Coordinates) -> (Rc<Agent>, Rc<Node>) {
    let setting = Setting { coordinates, ..AES_128 };
    let pair = match joiner {
        Joiner::Node => {
            let agent = scene.agent(&setting, "agent", &[]);
            let seed = scene.ip("agent").to_string();
            (agent, scene.node(&setting, "node", |builder| builder.join([seed])))
        }
        Joiner::Agent => {
            let node = scene.node(&setting, "node", |builder| builder);
            (scene.agent(&setting, "agent", &[&format!("-join={}", scene.ip("node"))]), node)
        }
    };
    agree(&[&*pair.0, &*pair.1]);
    pair
}

/// The coordinate of one arrives at the other unchanged, to the bit.
fn each_tells_the_other(scene: &Scene, joiner: Joiner) {
    let (agent, node) = pair(scene, joiner, Coordinates::On);
    let mut rpc = agent.rpc();
    // Both move with every ack that they receive, and send their new coordinate with the next ack.
    until("the agent knows where we are", PATIENCE, || {
        let (told, ours) = (rpc.coordinate("node"), node.coordinate_of("node"));
        (told.is_some() && told == ours).then_some(()).ok_or_else(|| format!("{told:?}\n{ours:?}"))
    });
    until("we know where the agent is", PATIENCE, || {
        let (told, its) = (node.coordinate_of("agent"), rpc.coordinate("agent"));
        (told.is_some() && told == its).then_some(()).ok_or_else(|| format!("{told:?}\n{its:?}"))
    });
    assert_eq!(rpc.coordinate("stranger"), None);
    assert_eq!(node.nearest(), ["agent"]);
}

/// The agent's coordinates may change while it is asked for them, but not often.
fn distance_is_what_it_prints(scene: &Scene, joiner: Joiner) {
    let (agent, _node) = pair(scene, joiner, Coordinates::On);
    let mut rpc = agent.rpc();
    for (a, b) in [("agent", "node"), ("node", "agent")] {
        let mut read = || Some((rpc.coordinate(a)?, rpc.coordinate(b)?));
        until("both stay where they are for a moment", PATIENCE, || {
            let Some(before) = read() else {
                return Err("they do not know each other");
            };
            let printed = agent.run(&["rtt", a, b]);
            if read() != Some(before) {
                return Err("they move");
            }
            let distance = before.0.distance(&before.1).as_secs_f64() * 1e3;
            assert_eq!(printed.trim_end(), format!("Estimated {a} <-> {b} rtt: {distance:.3} ms"));
            Ok(())
        });
    }
}

/// A node of ours that has coordinates turned off is a member like others.
fn who_has_none_is_nowhere(scene: &Scene, joiner: Joiner) {
    let (agent, node) = pair(scene, joiner, Coordinates::Off);
    until("they have pinged each other", PATIENCE, || match node.stats().probes_acked {
        acked @ ..4 => Err(format!("{acked} acks")),
        _ => Ok(()),
    });
    let mut rpc = agent.rpc();
    assert!(rpc.coordinate("agent").is_some(), "the agent has one");
    assert_eq!(rpc.coordinate("node"), None);
    assert_eq!((node.coordinate_of("agent"), node.coordinate_of("node")), (None, None));
    assert!(node.nearest().is_empty());
}
