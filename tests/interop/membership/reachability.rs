//! `serf reachability`, and forced leaves.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::harness::peer::{Peer, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::{Case, case};

/// A dead member is gossiped to for 15 s in the local preset.
const GOSSIP_TO_THE_DEAD: Duration = Duration::from_secs(16);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("reach/serf_reachability_reaches_us", reachability),
        case("force_leave/it_declares_our_dead_node_left", |scene| {
            dead_one_is_left(scene, "agent", "node");
        }),
        case("force_leave/we_declare_a_dead_agent_left", |scene| {
            dead_one_is_left(scene, "node", "agent");
        }),
        case("force_leave/it_makes_all_forget_our_dead_node", |scene| {
            dead_one_is_forgotten(scene, "agent", "node");
        }),
        case("force_leave/we_make_all_forget_a_dead_agent", |scene| {
            dead_one_is_forgotten(scene, "node", "agent");
        }),
        case("force_leave/it_makes_all_forget_our_node_that_left", |scene| {
            one_that_left_is_forgotten(scene, "agent", "node");
        }),
        case("force_leave/we_make_all_forget_an_agent_that_left", |scene| {
            one_that_left_is_forgotten(scene, "node", "agent");
        }),
        case("force_leave/we_object_if_we_are_alive", |scene| {
            living_one_objects(scene, "agent", "node");
        }),
        case("force_leave/it_objects_if_it_is_alive", |scene| {
            living_one_objects(scene, "node", "agent");
        }),
    ]
}

fn reachability(scene: &Scene) {
    let agent = scene.agent(&PLAIN, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let nodes = ["node-1", "node-2"]
        .map(|name| scene.node(&PLAIN, name, |builder| builder.join([seed.clone()])));
    agree(&[&*agent, &*nodes[0], &*nodes[1]]);

    let report = agent.run(&["reachability", "-verbose"]);

    for line in [
        "Total members: 3, live members: 3",
        "\tAck from 'node-1'",
        "\tAck from 'node-2'",
        "Successfully contacted all live nodes",
    ] {
        assert!(report.lines().any(|found| found == line), "no {line:?} in\n{report}");
    }
}

fn dead_one_is_left(scene: &Scene, by: &str, dead: &str) {
    let [by, other, dead] = three(scene, [by, "third", dead]);
    dead.kill();
    agree(&[&*by, &*other, &*dead]);

    by.force_leave(&dead.name());

    dead.identity().is_now("left");
    agree(&[&*by, &*other, &*dead]);
    [by, other].iter().for_each(|peer| peer.hears_change("member-leave", &dead.name()));
}

fn dead_one_is_forgotten(scene: &Scene, by: &str, dead: &str) {
    let [by, other, dead] = three(scene, [by, "third", dead]);
    dead.kill();
    agree(&[&*by, &*other, &*dead]);

    // As long as they gossip to the dead member, both copies of the message might go there, and no
    // push/pull would repair that.
    thread::sleep(GOSSIP_TO_THE_DEAD);
    by.prune(&dead.name());

    agree(&[&*by, &*other]);
    [by, other].iter().for_each(|peer| peer.hears_change("member-reap", &dead.name()));
}

fn one_that_left_is_forgotten(scene: &Scene, by: &str, leaves: &str) {
    let [by, other, leaves] = three(scene, [by, "third", leaves]);
    leaves.leave();
    agree(&[&*by, &*other, &*leaves]);

    // An agent gossips to members that left as well.
    thread::sleep(GOSSIP_TO_THE_DEAD);
    by.prune(&leaves.name());

    agree(&[&*by, &*other]);
    [by, other].iter().for_each(|peer| peer.hears_change("member-reap", &leaves.name()));
}

/// The peer that forces the leave lists the member as leaving until it has refuted. There must be a
/// third peer, or else neither an agent nor we gossip it.
fn living_one_objects(scene: &Scene, by: &str, alive: &str) {
    let [by, other, alive] = three(scene, [by, "third", alive]);

    by.force_leave(&alive.name());

    agree(&[&*by, &*other, &*alive]);
}

/// Three peers that know each other, and the Lamport time at which each has joined.
fn three(scene: &Scene, names: [&str; 3]) -> [Rc<dyn Peer>; 3] {
    let peers = names.map(|name| scene.peer(&PLAIN, name, names[0]));
    settle(&[&*peers[0], &*peers[1], &*peers[2]]);
    peers
}
