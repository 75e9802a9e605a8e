//! What scenarios have in common: clusters to start with, and checks.

use std::collections::BTreeMap;
use std::env;
use std::time::Duration;

use serfer_proto::{MemberChange, Members, Stats, Status};
use serfer_sim::{Config, Event, NodeId, Sim};

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) const fn mins(mins: u64) -> Duration {
    secs(60 * mins)
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How many seeds a scenario is run with, unless the variable says something else.
const SEEDS: u64 = 5;
const SEEDS_VARIABLE: &str = "SERFER_SEEDS";

fn seeds() -> u64 {
    let Ok(seeds) = env::var(SEEDS_VARIABLE) else {
        return SEEDS;
    };
    match seeds.parse() {
        Ok(seeds @ 1..) => seeds,
        _ => panic!("{SEEDS_VARIABLE} is no number of seeds: {seeds:?}"),
    }
}

/// Runs a scenario with several seeds, and says with which one it failed.
pub(crate) fn with_seeds(scenario: impl Fn(u64)) {
    struct Current(u64);

    impl Drop for Current {
        fn drop(&mut self) {
            if std::thread::panicking() {
                eprintln!("this was seed {}", self.0);
            }
        }
    }

    for seed in 1..=seeds() {
        let _current = Current(seed);
        scenario(seed);
    }
}

/// A cluster that has converged and is quiet. The latency is 1 to 5 ms each way. All nodes joined the
/// first one.
pub(crate) fn cluster(
    seed: u64,
    config: impl Fn(String) -> Config,
    count: usize,
) -> (Sim, Vec<NodeId>) {
    let mut sim = Sim::new(seed);
    sim.network().latency(ms(1)..ms(5));
    let ids = sim.many(config, count);
    for &id in &ids[1..] {
        sim.join(id, &[ids[0]]);
    }
    settle(&mut sim);
    (sim, ids)
}

/// Lets a cluster converge and become quiet, and forgets the events.
pub(crate) fn settle(sim: &mut Sim) {
    sim.run_until_converged(mins(2)).expect("the cluster converges");
    sim.run_for(secs(30));
    for id in sim.ids() {
        sim.take_events(id);
    }
}

/// The default LAN configuration.
pub(crate) fn lan(name: String) -> Config {
    Config::lan(name)
}

/// A LAN configuration without stream pings.
pub(crate) fn lan_without_fallback(name: String) -> Config {
    Config::lan(name).probe_with(|probe| probe.stream_fallback = false)
}

/// Practically turns off serf's reconnects, which help only sometimes.
pub(crate) fn without_reconnects(config: Config) -> Config {
    config.members(Members { reconnect_interval: mins(60 * 24), ..Members::default() })
}

/// How often nodes declared members failed, by the names of the node and of the member.
pub(crate) fn failures(sim: &Sim, nodes: &[NodeId]) -> BTreeMap<(String, String), usize> {
    let mut failures = BTreeMap::new();
    for &id in nodes {
        for recorded in sim.events(id) {
            let Event::Member(event) = &recorded.event else {
                continue;
            };
            if event.change != MemberChange::Failed {
                continue;
            }
            for member in &*event.members {
                let key = (sim.name(id).to_owned(), member.name().to_owned());
                *failures.entry(key).or_default() += 1;
            }
        }
    }
    failures
}

/// Fails if any of these nodes declared another of them failed.
#[track_caller]
pub(crate) fn assert_none_failed(sim: &Sim, among: &[NodeId]) {
    assert_failed_at_most(sim, among, 0);
}

/// Fails if these nodes declared each other failed more than `max` times in all.
#[track_caller]
pub(crate) fn assert_failed_at_most(sim: &Sim, among: &[NodeId], max: usize) {
    let names: Vec<&str> = among.iter().map(|&id| sim.name(id)).collect();
    let mut failures = failures(sim, among);
    failures.retain(|(_, about), _| names.contains(&about.as_str()));
    let count: usize = failures.values().sum();
    assert!(count <= max, "(node, declared failed) and how often: {failures:?}");
}

/// Fails unless each of these nodes lists each of those with this status.
#[track_caller]
pub(crate) fn assert_status(sim: &Sim, these: &[NodeId], those: &[NodeId], status: Status) {
    for &id in these {
        for &other in those {
            let listed = sim.status(id, sim.name(other));
            assert_eq!(listed, Some(status), "{} of {}", sim.name(id), sim.name(other));
        }
    }
}

/// For how many pairs of running nodes the first does not list the second as alive at its address.
pub(crate) fn unacquainted(sim: &Sim) -> usize {
    let ids: Vec<NodeId> = sim.running().collect();
    let unknown = |id: NodeId| {
        let endpoint = sim.endpoint(id).expect("it runs");
        let is_known = |&other: &NodeId| {
            let member = endpoint.member(sim.name(other));
            member.is_some_and(|it| it.status() == Status::Alive && it.addr() == sim.addr(other))
        };
        ids.iter().filter(|other| !is_known(other)).count()
    };
    ids.iter().map(|&id| unknown(id)).sum()
}

/// How many events about name conflicts these nodes had.
pub(crate) fn conflicts(sim: &Sim, nodes: &[NodeId]) -> usize {
    let is_conflict = |event: &Event| matches!(event, Event::Conflict(_));
    let at = |&id: &NodeId| sim.events(id).iter().filter(|it| is_conflict(&it.event)).count();
    nodes.iter().map(at).sum()
}

/// Changes the tags of a node many times, which raises its incarnation.
pub(crate) fn change_tags(sim: &mut Sim, node: NodeId, times: u32) {
    for time in 0..times {
        let tags = [("time", time.to_string())].into_iter().collect();
        sim.at(node, |endpoint, now| endpoint.set_tags(now, tags)).expect("it is short");
    }
}

/// The sum of a counter over those of some nodes that run.
pub(crate) fn sum(sim: &Sim, nodes: &[NodeId], counter: impl Fn(&Stats) -> u64) -> u64 {
    nodes.iter().filter_map(|&id| sim.endpoint(id)).map(|it| counter(&it.stats())).sum()
}
