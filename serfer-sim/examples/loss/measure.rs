//! Measures what packet loss does to a cluster: false failures, and how soon a crash is noticed.

use std::time::Duration;

use serfer_proto::{MemberChange, RttProbing, Status};
use serfer_sim::{Config, Event, NodeId, Sim};

/// One cell of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) loss: f64,
    pub(crate) streams: Streams,
    /// Whether probe timeouts follow round trips.
    pub(crate) rtt_probing: bool,
    /// Whether news is sent at once, or with Go's timing.
    pub(crate) is_prompt: bool,
    /// How long to watch while no node crashes.
    pub(crate) watched: Duration,
    /// How many nodes crash after that, one after another.
    pub(crate) crashes: usize,
}

/// What becomes of streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    /// Segments are lost like datagrams, and sent again 0.2 s, 0.4 s, … later.
    Lossy,
    /// Nothing is lost.
    Intact,
}

#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// How often members declared a live one failed.
    pub(crate) false_failures: usize,
    /// How long it took until somebody suspected a node that crashed, shortest first.
    pub(crate) suspected: Vec<Option<Duration>>,
    /// How long it took until all knew of a crash, shortest first. `None` if longer than
    /// [`NOTICED_WITHIN`].
    pub(crate) noticed: Vec<Option<Duration>>,
}

/// How long to wait until all have noticed a crash.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_secs(120);

impl Measured {
    pub(crate) fn median(&self) -> Option<Duration> {
        median(&self.noticed)
    }

    pub(crate) fn max(&self) -> Option<Duration> {
        *self.noticed.last()?
    }
}

/// Sorts times, shortest first.
pub(crate) fn sort(times: &mut [Option<Duration>]) {
    times.sort_unstable_by_key(|it| it.unwrap_or(Duration::MAX));
}

/// The median of times in their order.
pub(crate) fn median(times: &[Option<Duration>]) -> Option<Duration> {
    times[times.len() / 2]
}

/// Lets a cluster converge, then loses packets, and measures.
pub(crate) fn measure(setting: &Setting) -> Measured {
    let ms = Duration::from_millis;
    let mut sim = Sim::new(setting.seed);
    sim.network().latency(ms(1)..ms(5));
    let rtt_probing = setting.rtt_probing.then(RttProbing::default);
    let config = |name| match Config::lan(name).rtt_probing(rtt_probing) {
        config if setting.is_prompt => config,
        config => config.prompt_gossip(None),
    };
    let ids = sim.many(config, setting.nodes);
    ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
    sim.run_until_converged(ms(60_000)).expect("the cluster converges without loss");
    sim.run_for(ms(10_000));
    ids.iter().for_each(|&id| drop(sim.take_events(id)));

    let network = sim.network();
    match setting.streams {
        Streams::Lossy => network.loss(setting.loss),
        Streams::Intact => network.datagrams().loss(setting.loss),
    };
    sim.run_for(setting.watched);
    let false_failures = ids.iter().map(|&id| failures(&sim, id)).sum();

    sim.discard_events();
    let (mut suspected, mut noticed) = (Vec::new(), Vec::new());
    for &id in &ids[1..=setting.crashes] {
        let crashed = sim.elapsed();
        sim.crash(id);
        let before = suspicions(&sim);
        let first = sim.run_until(NOTICED_WITHIN, |sim| suspicions(sim) > before);
        suspected.push(first);
        let rest = sim.run_until(NOTICED_WITHIN, |sim| all_noticed(sim, id));
        noticed.push(rest.map(|_| sim.elapsed() - crashed));
    }
    sort(&mut suspected);
    sort(&mut noticed);
    Measured { false_failures, suspected, noticed }
}

fn failures(sim: &Sim, node: NodeId) -> usize {
    let failed = sim.events(node).iter().filter_map(|recorded| match &recorded.event {
        Event::Member(event) if event.change == MemberChange::Failed => Some(event.members.len()),
        _ => None,
    });
    failed.sum()
}

/// How often members have been suspected, of whom there may be others than the one that crashed.
fn suspicions(sim: &Sim) -> u64 {
    sim.running().filter_map(|id| sim.endpoint(id)).map(|it| it.stats().suspicions).sum()
}

fn all_noticed(sim: &Sim, crashed: NodeId) -> bool {
    let name = sim.name(crashed);
    sim.running().all(|id| sim.status(id, name) == Some(Status::Failed))
}
