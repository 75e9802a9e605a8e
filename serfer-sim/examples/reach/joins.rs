//! Bursts of joins: many nodes join one at the same time. When does everybody know everybody?

use std::time::Duration;

use serfer_sim::Sim;

use super::clusters::Setting;

/// How long to wait for it.
const WITHIN: Duration = Duration::from_secs(120);

/// Makes all nodes but the first join it at once, `runs` times. Returns how long each took until everybody
/// knew everybody, shortest first; `None` if longer than two minutes.
pub(crate) fn measure(setting: &Setting, runs: u64) -> Vec<Option<Duration>> {
    let one = |run| {
        let setting = Setting { seed: setting.seed + run, ..*setting };
        let (mut sim, ids) = setting.strangers();
        sim.network().datagrams().loss(setting.loss);
        ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
        sim.run_until(WITHIN, |sim| all_know_all(sim, ids.len()))
    };
    let mut times: Vec<_> = (0..runs).map(one).collect();
    times.sort_unstable_by_key(|time| time.unwrap_or(Duration::MAX));
    times
}

fn all_know_all(sim: &Sim, nodes: usize) -> bool {
    let mut endpoints = sim.running().filter_map(|id| sim.endpoint(id));
    endpoints.all(|endpoint| endpoint.stats().members_alive == nodes)
}
