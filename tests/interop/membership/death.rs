//! How soon a death is noticed if another member has left before: the real agent counts members
//! that left when it works out how many confirmations a suspicion needs.

use std::rc::Rc;
use std::time::Duration;

use crate::harness::peer::{Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::PLAIN;
use crate::harness::wait::until;
use crate::{Case, case};

/// With three other members alive there are enough confirmations.
const AMONG_MANY: Duration = Duration::from_secs(8);

/// With one other member there are none, so the suspicion lasts as long as it can.
const ALONE: Duration = Duration::from_secs(25);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("death/of_an_agent_seen_by_one_after_another_left", |scene| {
            among(scene, &["node-1", "agent-1", "node-2"], ALONE);
        }),
        case("death/of_our_node_seen_by_one_after_another_left", |scene| {
            among(scene, &["agent-1", "node-1", "agent-2"], ALONE);
        }),
        case("death/of_an_agent_seen_by_three_after_another_left", |scene| {
            among(scene, &["node-1", "node-2", "agent-1", "agent-2", "agent-3"], AMONG_MANY);
        }),
        case("death/of_our_node_seen_by_three_after_another_left", |scene| {
            among(scene, &["agent-1", "agent-2", "node-1", "node-2", "node-3"], AMONG_MANY);
        }),
    ]
}

/// These join one after another. Then the last one leaves, and the last but one dies. A peer of the
/// other kind must notice that in time. It may take longer until all know it.
fn among(scene: &Scene, names: &[&str], noticed: Duration) {
    let peers: Vec<Rc<dyn Peer>> =
        names.iter().map(|name| scene.peer(&PLAIN, name, names[0])).collect();
    let peers: Vec<&dyn Peer> = peers.iter().map(|peer| &**peer).collect();
    agree(&peers);
    let [others @ .., dies, leaves] = &peers[..] else { unreachable!("there are at least three") };
    leaves.leave();
    agree(&peers);

    dies.kill();

    let role = |peer: &dyn Peer| peer.entry().tags["role"].clone();
    let others = others.iter().filter(|other| role(**other) != role(*dies));
    until(format_args!("somebody lists {}", dies.entry()), noticed, || {
        let mut rosters = others.clone().map(|other| other.roster());
        let noticed = rosters.any(|roster| roster.has(&dies.entry()));
        if noticed { Ok(()) } else { Err("nobody does") }
    });
    agree(&peers);
}
