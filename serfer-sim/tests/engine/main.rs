//! Tests of the simulation itself: a run is the same every time, and each fault does what it says.

#![expect(clippy::unwrap_used, reason = "every helper here is part of a test")]

mod conditions;
mod determinism;
mod machines;
mod streams;

use std::time::Duration;

use serfer_sim::{Config, Kind, Line, NodeId, Sim};

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Three nodes that know each other and are quiet, with a trace.
fn cluster(seed: u64) -> (Sim, [NodeId; 3]) {
    let mut sim = Sim::new(seed);
    sim.start_trace();
    sim.network().latency(ms(10));
    let nodes = sim.nodes(Config::local, ["a", "b", "c"]);
    sim.join(nodes[1], &nodes[..1]);
    sim.join(nodes[2], &nodes[..1]);
    sim.run_until_quiet(secs(60)).unwrap();
    assert!(sim.converged());
    (sim, nodes)
}

/// The lines of the trace since a time that contain a text.
fn lines<'a>(sim: &'a Sim, since: Duration, text: &str) -> Vec<&'a Line> {
    let lines = sim.trace().lines().iter();
    lines.filter(|line| line.at >= since && line.text.contains(text)).collect()
}

/// How many datagrams a node has received.
fn received(sim: &Sim, node: NodeId) -> u64 {
    sim.endpoint(node).unwrap().stats().datagrams_received
}

fn is_event(line: &Line) -> bool {
    line.kinds == [Kind::Event]
}
