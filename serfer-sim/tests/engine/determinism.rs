//! The same seed gives the same run, and an added node or fault changes nothing elsewhere.

use serfer_sim::{Config, NodeId, Sim};

use crate::{ms, secs};

/// A run with many faults: two pairs of nodes that never hear of each other.
fn eventful(seed: u64, arrange: impl FnOnce(&mut Sim, [NodeId; 4])) -> (Sim, [NodeId; 4]) {
    let mut sim = Sim::new(seed);
    sim.start_trace();
    sim.network().latency(ms(1)..ms(80)).loss(0.1).duplicate(0.05).reorder(0.05).corrupt(0.02);
    sim.network().streams().reset(0.05).refuse(0.1);
    let nodes = sim.nodes(Config::local, ["a", "b", "x", "y"]);
    let [a, b, x, y] = nodes;
    arrange(&mut sim, nodes);
    for _ in 0..5 {
        sim.join(b, &[a]);
        sim.join(y, &[x]);
        sim.run_for(secs(2));
    }
    sim.user_event(a, "deploy", b"v2");
    sim.pause(b);
    sim.run_for(secs(20));
    sim.resume(b);
    sim.run_for(secs(40));
    (sim, nodes)
}

/// The lines of the trace about some nodes, independent of the width of its columns.
fn about(sim: &Sim, nodes: &[NodeId]) -> Vec<String> {
    let lines = sim.trace().lines().iter();
    let lines = lines.filter(|line| line.node.is_some_and(|node| nodes.contains(&node)));
    lines.map(ToString::to_string).collect()
}

#[test]
fn the_same_seed_gives_the_same_trace_byte_for_byte() {
    let run = |seed| eventful(seed, |_, _| {}).0.trace().to_string();
    let first = run(7);
    assert!(first.lines().count() > 500, "the trace is long enough to compare");
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
}

#[test]
fn an_added_node_changes_nothing_for_others() {
    let (plain, nodes) = eventful(7, |_, _| {});
    let (with_more, _) = eventful(7, |sim, _| {
        let [m, n] = sim.nodes(Config::local, ["m", "n"]);
        sim.join(m, &[n]);
    });
    assert_ne!(plain.trace().lines().len(), with_more.trace().lines().len());
    assert_eq!(about(&plain, &nodes), about(&with_more, &nodes));
}

#[test]
fn a_fault_on_one_link_changes_nothing_elsewhere() {
    let (plain, [a, b, x, y]) = eventful(7, |_, _| {});
    let (with_loss, _) = eventful(7, |sim, [_, _, x, y]| {
        sim.link(x, y).loss(0.5);
        sim.outgoing(y).latency(ms(3)..ms(500));
    });
    assert_ne!(about(&plain, &[x, y]), about(&with_loss, &[x, y]));
    assert_eq!(about(&plain, &[a, b]), about(&with_loss, &[a, b]));
}

#[test]
fn a_nodes_run_depends_on_its_name_and_the_seed_but_not_on_its_position() {
    let trace = |names: [&str; 3]| {
        let mut sim = Sim::new(7);
        sim.start_trace();
        sim.network().latency(ms(1)..ms(80));
        let address = |name: &str| format!("10.0.1.{}:7946", name.as_bytes()[0]).parse().unwrap();
        sim.nodes(|name| Config::local(name.clone()).advertise(address(&name)), names);
        let [a, b] = ["a", "b"].map(|name| sim.id(name).unwrap());
        sim.join(b, &[a]);
        sim.run_for(secs(30));
        about(&sim, &[a, b]).split_off(2)
    };
    assert_eq!(trace(["a", "b", "c"]), trace(["c", "a", "b"]));
}
