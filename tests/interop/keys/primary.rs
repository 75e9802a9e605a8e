//! A sender whose primary key one receiver lacks. The receiver reports the mistake in the keyrings,
//! and no member is declared failed, since members with both keys pass on what they hear.

use serfer_tokio::{Coalesce, DropReason};

use crate::harness::peer::{Peer, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{AgentKeys, KEY_A, KEY_B, PLAIN, Setting};
use crate::harness::wait::{PATIENCE, until};
use crate::{Case, case};

const ONLY_A: Setting =
    Setting { node_keys: &[KEY_A], agent_keys: AgentKeys::Flag(KEY_A), ..PLAIN };

const FIRST_A: Setting =
    Setting { node_keys: &[KEY_A, KEY_B], agent_keys: AgentKeys::File(&[KEY_A, KEY_B]), ..PLAIN };

const FIRST_B: Setting =
    Setting { node_keys: &[KEY_B, KEY_A], agent_keys: AgentKeys::File(&[KEY_B, KEY_A]), ..PLAIN };

/// How many messages must be dropped before we believe that it does no harm.
const MANY: usize = 10;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("missing_primary/of_an_agent_at_our_node", at_our_node),
        case("missing_primary/of_our_node_at_an_agent", at_an_agent),
    ]
}

fn at_our_node(scene: &Scene) {
    scene.provoke_drops(DropReason::Undecryptable);
    // A ping or a push/pull that we cannot decrypt is answered, over a stream, with an error.
    scene.provoke_fault("msgtype");
    scene.provoke_fault("could decrypt");
    let both = scene.node(&FIRST_A, "both", |builder| builder);
    let seed = scene.ip("both").to_string();
    let lacks = scene.node(&ONLY_A, "lacks", |builder| builder.join([seed]));
    let sender = scene.agent(&FIRST_B, "sender", &[&format!("-join={}", scene.ip("both"))]);
    agree(&[&*both, &*lacks, &*sender]);

    until("our node counts what it cannot decrypt", PATIENCE, || {
        let count = lacks.stats().dropped[DropReason::Undecryptable];
        if count >= MANY as u64 { Ok(()) } else { Err(count) }
    });
    all_go_on(&*both, &*lacks, &*sender);
}

fn at_an_agent(scene: &Scene) {
    scene.provoke_fault("could decrypt");
    let both = scene.agent(&FIRST_A, "both", &[]);
    let join = format!("-join={}", scene.ip("both"));
    let lacks = scene.agent(&ONLY_A, "lacks", &[&join]);
    let seed = scene.ip("both").to_string();
    let sender = scene.node(&FIRST_B, "sender", |builder| builder.join([seed]));
    agree(&[&*both, &*lacks, &*sender]);

    lacks.logs("could decrypt", MANY);
    all_go_on(&*both, &*lacks, &*sender);
}

#[track_caller]
fn all_go_on(both: &dyn Peer, lacks: &dyn Peer, sender: &dyn Peer) {
    agree(&[both, lacks, sender]);
    for (from, to) in [(lacks, sender), (sender, lacks)] {
        let payload = format!("by {}", from.name());
        from.send("deploy", &payload, Coalesce::No);
        // If both copies go to members that cannot read them, two push/pulls must repair it.
        to.hears_event("deploy", &payload, 2 * PATIENCE);
    }
}
