//! A node that dies and is started again at another address at once, before anybody has noticed: in the
//! eyes of agents it is a second node of its name.

use std::rc::Rc;
use std::thread;
use std::time::Duration;

use crate::harness::peer::{Peer, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::{Case, case};

/// Up to ten seconds until the old one is found dead, 30 s until it is forgotten, and then until the next
/// announcement comes round.
const TAKEN_IN: Duration = Duration::from_secs(120);

pub(crate) fn cases() -> Vec<Case> {
    [["agent-1", "agent-2", "agent-3", "agent-4"], ["agent-1", "node-2", "agent-3", "node-4"]]
        .into_iter()
        .map(|others| {
            let name = format!("moved/our_node_gets_its_name_back/among_{}", others.join("_"));
            case(name, move |scene| is_taken_in(scene, &others))
        })
        .collect()
}

fn is_taken_in(scene: &Scene, others: &[&str]) {
    scene.provoke_fault("conflict");
    let others: Vec<Rc<dyn Peer>> =
        others.iter().map(|name| scene.peer(&LAN, name, others[0])).collect();
    let others: Vec<&dyn Peer> = others.iter().map(|peer| &**peer).collect();
    let seed = scene.ip("agent-1").to_string();
    let old = scene.node(&LAN, "node-x", |builder| builder.join([&seed]));
    let mut all = others.clone();
    all.push(&*old);
    settle(&all);

    old.kill();
    thread::sleep(Duration::from_secs(1));
    let again = scene.node_at(&LAN, "elsewhere", "node-x", |builder| builder.join([&seed]));
    for peer in &others {
        peer.lists(&*again, TAKEN_IN);
    }
    let mut all = others;
    all.push(&*again);
    agree(&all);
}
