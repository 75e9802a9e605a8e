//! Measures what packet loss does to a cluster: false failures, and how soon a crash is noticed.

use std::time::Duration;

use serfer_proto::{MemberChange, Status};
use serfer_sim::{Config, Event, NodeId, Sim};

/// One cell of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) loss: f64,
    pub(crate) streams: Streams,
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
    /// How long it took until all knew of a crash, shortest first. `None` if longer than
    /// [`NOTICED_WITHIN`].
    pub(crate) noticed: Vec<Option<Duration>>,
}

/// How long to wait until all have noticed a crash.
pub(crate) const NOTICED_WITHIN: Duration = Duration::from_secs(120);

impl Measured {
    pub(crate) fn median(&self) -> Option<Duration> {
        self.noticed[self.noticed.len() / 2]
    }

    pub(crate) fn max(&self) -> Option<Duration> {
        *self.noticed.last()?
    }
}

/// Lets a cluster converge, then loses packets, and measures.
pub(crate) fn measure(setting: &Setting) -> Measured {
    let ms = Duration::from_millis;
    let mut sim = Sim::new(setting.seed);
    sim.network().latency(ms(1)..ms(5));
    let ids = sim.many(Config::lan, setting.nodes);
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
    let mut noticed = Vec::new();
    for &id in &ids[1..=setting.crashes] {
        sim.crash(id);
        noticed.push(sim.run_until(NOTICED_WITHIN, |sim| all_noticed(sim, id)));
    }
    noticed.sort_unstable_by_key(|it| it.unwrap_or(Duration::MAX));
    Measured { false_failures, noticed }
}

fn failures(sim: &Sim, node: NodeId) -> usize {
    let failed = sim.events(node).iter().filter_map(|recorded| match &recorded.event {
        Event::Member(event) if event.change == MemberChange::Failed => Some(event.members.len()),
        _ => None,
    });
    failed.sum()
}

fn all_noticed(sim: &Sim, crashed: NodeId) -> bool {
    let name = sim.name(crashed);
    sim.running().all(|id| sim.status(id, name) == Some(Status::Failed))
}
