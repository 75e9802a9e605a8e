//! The clusters that are measured: which preset, how many nodes, how much loss, and whose timing.

use std::time::Duration;

use serfer_proto::Queries;
use serfer_sim::{Config, NodeId, Sim};

/// Which preset all nodes have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preset {
    Lan,
    Local,
}

/// What the nodes do besides what Go's nodes do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    /// Nothing.
    Go,
    /// The defaults of the presets.
    Ours,
    /// The defaults, except that queries are not asked again.
    Once,
    /// The defaults in every other node, which send all the news, and Go's timing in the rest.
    Mixed,
}

/// A cluster to measure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) preset: Preset,
    pub(crate) timing: Timing,
    /// The part of all datagrams that is lost.
    pub(crate) loss: f64,
}

/// The time from one node to another.
pub(crate) const LATENCY: Duration = Duration::from_millis(1);

impl Setting {
    fn config(&self, name: String) -> Config {
        let config = match self.preset {
            Preset::Lan => Config::lan(name),
            Preset::Local => Config::local(name),
        };
        let once = Queries { ask_again: 0, ..Queries::default() };
        let is_odd = config.name().ends_with(['1', '3', '5', '7', '9']);
        match self.timing {
            Timing::Once => config.queries(once),
            Timing::Go => config.queries(once).prompt_gossip(None),
            Timing::Mixed if is_odd => config.queries(once).prompt_gossip(None),
            Timing::Ours | Timing::Mixed => config,
        }
    }

    /// The nodes that send, in turn.
    pub(crate) fn senders(&self, ids: &[NodeId]) -> Vec<NodeId> {
        let (first, step) = if self.timing == Timing::Mixed { (1, 2) } else { (0, 1) };
        ids.iter().skip(first).step_by(step).copied().collect()
    }

    /// Nodes that do not know each other, on a network that loses nothing yet.
    pub(crate) fn strangers(&self) -> (Sim, Vec<NodeId>) {
        let mut sim = Sim::new(self.seed);
        sim.network().latency(LATENCY);
        sim.discard_events();
        let ids = sim.many(|name| self.config(name), self.nodes);
        (sim, ids)
    }

    /// Nodes that know each other and are quiet, on a network that loses datagrams from now on.
    pub(crate) fn cluster(&self) -> (Sim, Vec<NodeId>) {
        let (mut sim, ids) = self.strangers();
        ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
        sim.run_until_converged(Duration::from_secs(900)).expect("the cluster converges");
        sim.run_for(Duration::from_secs(30));
        sim.network().datagrams().loss(self.loss);
        (sim, ids)
    }
}

/// How many datagrams all nodes have sent.
pub(crate) fn datagrams_sent(sim: &Sim) -> u64 {
    let endpoints = sim.ids().filter_map(|id| sim.endpoint(id));
    endpoints.map(|endpoint| endpoint.stats().datagrams_sent).sum()
}
