//! Queries of ours that go to an agent again, directly: it takes one that it has not had, and takes no
//! notice of one that it has.

use std::thread::sleep;
use std::time::Duration;

use serfer_tokio::QueryParams;

use crate::harness::peer::{Answers, Heard, Peer, Question, answer, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::LAN;
use crate::{Case, network_case};

/// A query is asked again after 0.8, 1.6 and 2.4 s, and gossiped for less than a second.
const GOSSIPED: Duration = Duration::from_millis(1200);

pub(crate) fn cases() -> Vec<Case> {
    vec![
        network_case("asking/an_agent_that_missed_a_query_gets_it_directly", missed),
        network_case("asking/an_agent_that_had_a_query_takes_it_once", had),
    ]
}

fn missed(scene: &Scene) {
    let network = scene.lay_network();
    let node = scene.node(&LAN, "node", |builder| builder);
    let agent = scene.agent(&LAN, "agent", &[&format!("-join={}", scene.ip("node"))]);
    settle(&[&*node, &*agent]);

    network.block("node", "agent");
    let params = QueryParams::new().node("agent");
    let replies = node.serf().query_with("status", "late", &params).expect("a small query");
    sleep(GOSSIPED);
    network.host("agent").run("nft delete table inet blocks");
    let answers = node.wait(replies.collect());
    assert_eq!(answers.acks.len(), 1, "{answers:?}");
    assert_eq!(answers.replies["agent"], answer("agent", "late"));
    assert!(answers.silent().is_empty());
    assert_eq!(node.stats().queries_repeated, 2);
    assert_eq!(times_heard(&*agent, "late"), 1);
}

fn had(scene: &Scene) {
    let network = scene.lay_network();
    let node = scene.node(&LAN, "node", |builder| builder);
    let agent = scene.agent(&LAN, "agent", &[&format!("-join={}", scene.ip("node"))]);
    settle(&[&*node, &*agent]);

    network.block("agent", "node");
    let question = Question { node: Some("agent"), ..Question::status("unheard") };
    assert_eq!(node.ask(&question), Answers::new(Vec::new(), Vec::new()));
    assert_eq!(node.stats().queries_repeated, 3);
    assert_eq!(times_heard(&*agent, "unheard"), 1);
}

fn times_heard(peer: &dyn Peer, asked: &str) -> usize {
    let is_it = |heard: &&Heard| matches!(heard, Heard::Query(it) if it.payload == asked);
    peer.heard().iter().filter(is_it).count()
}
