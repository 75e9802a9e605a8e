//! Agents that differ from Debian's default: older protocols, other limits, other addresses.

use std::fs;
use std::net::SocketAddr;

use serfer_tokio::{Coalesce, Queries, Request, Router};

use crate::harness::network::{Family, V6_OBSTACLE};
use crate::harness::peer::{Answers, Peer, Question, agree, settle};
use crate::harness::scene::Scene;
use crate::harness::setting::{AES_128, PLAIN, Setting};
use crate::harness::wait::PATIENCE;
use crate::pair::{Joiner, Pair, death_shows, query_is_answered, tags_arrive, user_event_arrives};
use crate::{Case, case, network_case};

/// Agents with all features.
const ABLE: [Setting; 2] =
    [with("protocol_4", &["-protocol=4"]), with("without_compression", &["-disable-compression"])];

/// Agents of a protocol without queries.
const OLD: [Setting; 2] =
    [with("protocol_2", &["-protocol=2"]), with("protocol_3", &["-protocol=3"])];

/// Long enough for several datagrams. The output of an agent's handler is cut after 8 KiB.
const LONG: usize = 8000;

const fn with(name: &'static str, agent_flags: &'static [&'static str]) -> Setting {
    Setting { name, agent_flags, ..PLAIN }
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (joins, joiner) in [("we_join", Joiner::Node), ("it_joins", Joiner::Agent)] {
        for setting in ABLE {
            let name = format!("otherwise/{}/{joins}/all_goes_on", setting.name);
            cases.push(case(name, move |scene| all_goes_on(&Pair::start(scene, setting, joiner))));
        }
        for setting in OLD {
            let name = format!("otherwise/{}/{joins}/it_answers_us", setting.name);
            cases.push(case(name, move |scene| it_answers(&Pair::start(scene, setting, joiner))));
        }
        for setting in [PLAIN, AES_128] {
            let name = format!("otherwise/ipv6_{}/{joins}/all_goes_on", setting.name);
            let case = network_case(name, move |scene| {
                scene.lay_network_of(Family::V6);
                all_goes_on(&Pair::start(scene, setting, joiner));
            });
            let obstacle = case.obstacle.or_else(|| V6_OBSTACLE.as_deref());
            cases.push(Case { obstacle, ..case });
        }
    }
    cases.push(case("otherwise/long_answers_arrive_and_are_relayed", long_answers));
    cases.push(case("otherwise/a_long_event_comes_with_a_push_pull", long_event));
    cases
}

fn all_goes_on(pair: &Pair<'_>) {
    pair.both_ways(query_is_answered);
    pair.both_ways(tags_arrive);
    pair.come_back();
}

/// Of its tags only the role is known.
fn it_answers(pair: &Pair<'_>) {
    pair.both_ways(user_event_arrives);
    query_is_answered(&*pair.node, &*pair.agent);
    death_shows(&*pair.agent, &*pair.node);
}

/// Every peer may reply with more than fits into a packet, and is asked by every peer.
fn long_answers(scene: &Scene) {
    let config = scene.file("config.json");
    fs::write(&config, r#"{"query_response_size_limit": 20000}"#).expect("a new file");
    let config = format!("-config-file={}", config.display());
    let handler = format!("-event-handler=query:long=head -c {LONG} /dev/zero | tr '\\0' x");
    let seed = SocketAddr::new(scene.ip("agent-1"), 7946).to_string();
    let join = format!("-join={seed}");
    let first = scene.agent(&PLAIN, "agent-1", &[&config, &handler]);
    let second = scene.agent(&PLAIN, "agent-2", &[&config, &handler, &join]);
    let node = scene.node(&PLAIN, "node", |builder| {
        let queries = Queries { response_len_max: 20_000, ..Queries::default() };
        let router = Router::new().query("long", async |_: Request| "x".repeat(LONG));
        builder.configure(|config| config.queries(queries)).router(router).join([seed])
    });
    let all: [&dyn Peer; 3] = [&*first, &*second, &*node];
    settle(&all);

    let acks = || all.iter().map(|peer| peer.name()).collect();
    let replies = all.iter().map(|peer| (peer.name(), "x".repeat(LONG))).collect();
    let expected = Answers::new(acks(), replies);
    for asking in all {
        for relay_factor in [0, 2] {
            let question = Question { name: "long", relay_factor, ..Question::default() };
            assert_eq!(asking.ask(&question), expected, "{} asks", asking.name());
        }
    }
}

/// An agent may send an event that is too long for our gossip.
fn long_event(scene: &Scene) {
    let config = scene.file("config.json");
    fs::write(&config, r#"{"user_event_size_limit": 9000}"#).expect("a new file");
    let agent = scene.agent(&PLAIN, "agent", &[&format!("-config-file={}", config.display())]);
    let seed = scene.ip("agent").to_string();
    let node = scene.node(&PLAIN, "node", |builder| builder.join([seed]));
    agree(&[&*agent, &*node]);

    let payload = "x".repeat(LONG);
    agent.send("deploy", &payload, Coalesce::No);
    let node: &dyn Peer = &*node;
    node.hears_event("deploy", &payload, PATIENCE);
}
