//! Queries that serf sends by itself, and replies that take another way: relays, `serf
//! reachability`, and the vote about a name conflict.

use std::rc::Rc;

use crate::harness::peer::{Answers, Peer, Question, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_256, LAN, PLAIN, Setting};
use crate::harness::wait::{PATIENCE, until};
use crate::{Case, case, network_case};

/// Which peer asks, which relays, and which replies.
const RELAYS: [[&str; 3]; 3] = [
    ["agent-asks", "node-relays", "agent-answers"],
    ["node-asks", "agent-relays", "node-answers"],
    ["agent-asks", "agent-relays", "node-answers"],
];

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for names in RELAYS {
        let [asks, relays, answers] = names;
        cases.push(network_case(
            format!("asking/an_answer_finds_a_way_through_others/{asks}_{relays}_{answers}"),
            move |scene| is_relayed(scene, names),
        ));
    }
    for setting in [PLAIN, AES_256] {
        let name = setting.name;
        cases.push(case(format!("asking/everybody_is_reachable/{name}"), move |scene| {
            all_are_reachable(scene, &setting);
        }));
    }
    for seed in ["agent-1", "node-1"] {
        cases.push(case(
            format!("asking/an_agent_with_the_name_of_our_node_goes/through_{seed}"),
            move |scene| agent_loses(scene, seed),
        ));
        cases.push(case(
            format!("asking/our_node_with_the_name_of_an_agent_goes/through_{seed}"),
            move |scene| node_loses(scene, seed),
        ));
    }
    cases
}

/// Datagrams of one peer do not reach the other, unless a third relays them.
fn is_relayed(scene: &Scene, names: [&str; 3]) {
    let network = scene.lay_network();
    let [asks, relays, answers] = names;
    let peers = [relays, asks, answers].map(|name| scene.peer(&LAN, name, relays));
    let [relaying, asking, answering] = peers.each_ref().map(|peer| &**peer);
    settle(&[relaying, asking, answering]);
    network.block(answers, asks);

    let straight = Question { node: Some(answers), ..Question::status("straight") };
    assert_eq!(asking.ask(&straight), Answers::new(Vec::new(), Vec::new()));

    // An agent picks relays at random, and may miss the only one that can help.
    let expected = Answers::of(&[answering], "relayed");
    until(format_args!("{asks} hears {answers} through {relays}"), PATIENCE, || {
        let relayed =
            Question { node: Some(answers), relay_factor: 2, ..Question::status("relayed") };
        let heard = asking.ask(&relayed);
        if heard == expected { Ok(()) } else { Err(format!("{heard:?}")) }
    });
}

/// `serf reachability` asks `_serf_ping`.
fn all_are_reachable(scene: &Scene, setting: &Setting) {
    let (agent, all) = four(scene, &setting.for_many());
    let all: Vec<&dyn Peer> = all.iter().map(|peer| &**peer).collect();
    settle(&all);
    let printed = agent.run(&["reachability"]);
    assert!(printed.contains("Successfully contacted all live nodes"), "{printed}");

    let ping = Question { name: "_serf_ping", ..Question::default() };
    let acks: Vec<String> = all.iter().map(|peer| peer.name()).collect();
    assert_eq!(all[2].ask(&ping), Answers::new(acks, Vec::new()));
}

/// Two agents and two nodes of ours: the first agent, and all four.
fn four(scene: &Scene, setting: &Setting) -> (Rc<crate::harness::agent::Agent>, Vec<Rc<dyn Peer>>) {
    let agent = scene.agent(setting, "agent-1", &[]);
    let names = ["agent-2", "node-1", "node-2"];
    let others = names.map(|name| scene.peer(setting, name, "agent-1"));
    let mut all: Vec<Rc<dyn Peer>> = vec![agent.clone()];
    all.extend(others);
    (agent, all)
}

fn agent_loses(scene: &Scene, seed: &str) {
    scene.provoke_fault("conflict");
    let (_, all) = four(scene, &PLAIN);
    let all: Vec<&dyn Peer> = all.iter().map(|peer| &**peer).collect();
    settle(&all);

    let join = format!("-join={}", scene.ip(seed));
    let twin = scene.agent_at(&PLAIN, "twin", "node-2", &[&join]);
    twin.ends_by_itself();
    let log = twin.log();
    assert!(log.contains("minority in name conflict resolution"), "{log}");
    agree(&all);
}

fn node_loses(scene: &Scene, seed: &str) {
    scene.provoke_fault("conflict");
    let (_, all) = four(scene, &PLAIN);
    let all: Vec<&dyn Peer> = all.iter().map(|peer| &**peer).collect();
    settle(&all);

    let twin = scene.node_at(&PLAIN, "twin", "agent-2", |builder| builder);
    let joined = twin.join(scene.ip(seed));
    assert!(matches!(joined, Err(serfer_tokio::Error::NameInUse { .. })), "{joined:?}");
    twin.ends_by_itself();
    agree(&all);
}
