//! Streams: how they are refused, break and stall.

use serfer_proto::JoinFailure;
use serfer_sim::{Config, Event, NodeId, Sim, Traffic};

use crate::{cluster, lines, ms, secs};

/// The result of `b`'s join with `a`.
fn join(arrange: impl FnOnce(&mut Sim, NodeId, NodeId)) -> Result<(), JoinFailure> {
    let mut sim = Sim::new(1);
    sim.network().latency(ms(10));
    let [a, b] = sim.nodes(Config::local, ["a", "b"]);
    arrange(&mut sim, a, b);
    sim.join(b, &[a]);
    sim.run_for(secs(10));
    let done = sim.events(b).iter().find_map(|it| match &it.event {
        Event::JoinDone(done) => Some(done.clone()),
        _ => None,
    });
    match done.expect("every join ends").failed.first() {
        Some((_, why)) => Err(why.clone()),
        None => Ok(()),
    }
}

#[test]
fn a_stream_is_refused_where_no_process_listens() {
    assert_eq!(join(|_, _, _| {}), Ok(()));
    assert_eq!(join(|sim, a, _| sim.crash(a)), Err(JoinFailure::Unreachable));
    let refused = join(|sim, a, _| {
        sim.incoming(a).streams().refuse(1.0);
    });
    assert_eq!(refused, Err(JoinFailure::Unreachable));
    assert_eq!(join(|sim, _, b| sim.interface_down(b)), Err(JoinFailure::Unreachable));
}

#[test]
fn a_stream_that_breaks_is_closed_for_both_nodes() {
    let broken = join(|sim, _, _| {
        sim.network().streams().reset(1.0);
    });
    assert_eq!(broken, Err(JoinFailure::Unanswered));
}

#[test]
fn a_stream_stalls_where_the_path_is_cut() {
    let stalled = join(|sim, a, b| sim.cut(&[a], &[b], Traffic::Streams));
    assert_eq!(stalled, Err(JoinFailure::TimedOut));
    let unanswered = join(|sim, a, b| sim.block(&[a], &[b], Traffic::Streams));
    assert_eq!(unanswered, Err(JoinFailure::TimedOut));
    assert_eq!(join(|sim, a, _| sim.suspend(a)), Err(JoinFailure::TimedOut));
}

#[test]
fn dialling_a_paused_node_times_out() {
    assert_eq!(join(|sim, a, _| sim.pause(a)), Err(JoinFailure::TimedOut));
}

#[test]
fn dialling_an_address_without_a_machine_times_out() {
    let mut sim = Sim::new(1);
    let b = sim.node(Config::local("b"));
    let nowhere = ["10.7.7.7:7946".parse().unwrap()];
    sim.at(b, |it, now| it.join(now, &nowhere, Default::default())).unwrap();
    sim.run_for(secs(10));
    let event = &sim.events(b).last().unwrap().event;
    assert!(matches!(event, Event::JoinDone(done) if done.failed[0].1 == JoinFailure::TimedOut));
}

#[test]
fn a_stalled_stream_continues_after_heal() {
    let mut sim = Sim::new(1);
    sim.start_trace();
    sim.network().latency(ms(10));
    let [a, b] = sim.nodes(Config::lan, ["a", "b"]);
    sim.join(b, &[a]);
    sim.run_for(ms(25));
    sim.partition(&[a], &[b]);
    sim.run_for(secs(5));
    assert_eq!(lines(&sim, ms(0), "stalled").len(), 1);
    assert!(!sim.converged());
    sim.heal();
    sim.run_for(secs(4));
    assert!(sim.converged());
}

#[test]
fn a_full_endpoint_drops_the_oldest_stream_that_has_said_nothing() {
    let mut sim = Sim::new(1);
    sim.network().latency(ms(10));
    let limits = serfer_proto::Limits { inbound_streams: 1, ..Default::default() };
    let full = sim.node(Config::local("full").limits(limits));
    let [a, b] = sim.nodes(Config::local, ["a", "b"]);
    sim.join(a, &[full]);
    sim.join(b, &[full]);
    sim.run_for(secs(10));
    let reached = |node| {
        sim.events(node)
            .iter()
            .any(|it| matches!(&it.event, Event::JoinDone(done) if !done.reached.is_empty()))
    };
    assert_eq!([reached(a), reached(b)], [false, true]);
}

#[test]
fn many_streams_leave_no_stream_open() {
    let (mut sim, [a, b, c]) = cluster(1);
    sim.network().latency(ms(1)..ms(50)).loss(0.2);
    sim.network().streams().reset(0.1).refuse(0.1);
    for round in 0..50 {
        sim.join(a, &[b, c]);
        sim.join(b, &[c]);
        sim.run_for(ms(100));
        if round % 10 == 0 {
            sim.restart(c);
        }
    }
    sim.network().latency(ms(10)).loss(0.0).reset(0.0).refuse(0.0);
    sim.join(c, &[a]);
    sim.run_until_quiet(secs(120)).expect("no stream stays open");
}
