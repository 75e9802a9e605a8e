//! A peer without the cluster's key is refused, and the cluster goes on.

use serfer_tokio::{Coalesce, DropReason, Error};

use crate::harness::peer::{Peer, Roster, agree};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_128, AgentKeys, KEY_B, PLAIN, Setting};
use crate::harness::wait::{SOON, until};
use crate::pair::user_event_arrives;
use crate::{Case, case};

const WRONG_KEY: Setting =
    Setting { node_keys: &[KEY_B], agent_keys: AgentKeys::Flag(KEY_B), ..PLAIN };

/// A peer that must not get into the cluster.
#[derive(Clone, Copy)]
struct Stranger {
    name: &'static str,
    cluster: Setting,
    setting: Setting,
    /// The reasons for which our nodes, members or not, may drop messages of the other side.
    drops: &'static [DropReason],
    /// What an agent logs about a peer that wants to join.
    complaint: &'static str,
}

const STRANGERS: [Stranger; 3] = [
    Stranger {
        name: "a_wrong_key",
        cluster: AES_128,
        setting: WRONG_KEY,
        drops: &[DropReason::Undecryptable],
        complaint: "could decrypt",
    },
    Stranger {
        name: "no_key",
        cluster: AES_128,
        setting: PLAIN,
        drops: &[DropReason::RefusedPlaintext, DropReason::RefusedSealed],
        complaint: "remote state is not encrypted",
    },
    Stranger {
        name: "a_key_where_there_is_none",
        cluster: PLAIN,
        setting: AES_128,
        drops: &[DropReason::RefusedSealed, DropReason::RefusedPlaintext],
        complaint: "encryption is not configured",
    },
];

pub(crate) fn cases() -> Vec<Case> {
    let cases = STRANGERS.into_iter().flat_map(|stranger| {
        let name = stranger.name;
        [
            case(format!("refused/we_with_{name}"), move |scene| our_node(scene, &stranger)),
            case(format!("refused/it_with_{name}"), move |scene| an_agent(scene, &stranger)),
        ]
    });
    cases.collect()
}

fn our_node(scene: &Scene, stranger: &Stranger) {
    provoke(scene, stranger);
    let member = scene.agent(&stranger.cluster, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let other = scene.node(&stranger.cluster, "node", |builder| builder.join([seed]));
    let outside = scene.node(&stranger.setting, "stranger", |builder| builder);

    let joined = outside.join(scene.ip("agent"));
    assert!(matches!(joined, Err(Error::NobodyReached(_))), "{joined:?}");
    member.logs(stranger.complaint, 1);
    all_go_on(&*outside, &*member, &*other);
}

fn an_agent(scene: &Scene, stranger: &Stranger) {
    provoke(scene, stranger);
    let other = scene.agent(&stranger.cluster, "agent", &[]);
    let seed = scene.ip("agent").to_string();
    let member = scene.node(&stranger.cluster, "node", |builder| builder.join([seed]));
    let retry = format!("-retry-join={}", scene.ip("node"));
    let flags = [&*retry, "-retry-interval=1s"];
    let outside = scene.agent(&stranger.setting, "stranger", &flags);

    outside.logs("agent: Join failed", 2);
    until("our node counts what it refuses", SOON, || {
        let dropped = member.stats().dropped;
        if dropped.total() >= 2 { Ok(()) } else { Err(format!("{dropped:?}")) }
    });
    all_go_on(&*outside, &*other, &*member);
}

fn provoke(scene: &Scene, stranger: &Stranger) {
    stranger.drops.iter().for_each(|&reason| scene.provoke_drops(reason));
    scene.provoke_fault(stranger.complaint);
}

#[track_caller]
fn all_go_on(outside: &dyn Peer, member: &dyn Peer, other: &dyn Peer) {
    assert_eq!(outside.roster(), Roster::of([outside.entry()]));
    outside.send("deploy", "to myself", Coalesce::No);
    outside.hears_event("deploy", "to myself", SOON);

    agree(&[member, other]);
    user_event_arrives(member, other);
    user_event_arrives(other, member);
}
