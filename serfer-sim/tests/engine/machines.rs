//! Faults of machines, and events.

use serfer_proto::{NameConflicts, Status};
use serfer_sim::{Config, Event};

use crate::{cluster, is_event, lines, ms, received, secs};

#[test]
fn a_paused_node_reads_its_socket_when_it_resumes_and_its_clock_has_advanced() {
    let (mut sim, [a, b, c]) = cluster(1);
    let (start, before, clock) = (sim.elapsed(), received(&sim, c), sim.now());
    sim.pause(c);
    // Both others probe it in this time.
    sim.run_for(secs(2));
    assert_eq!(received(&sim, c), before, "it does not read");
    sim.resume(c);
    assert!(received(&sim, c) > before, "datagrams were waiting in the socket");
    sim.at(c, |_, now| assert_eq!(now, clock + secs(2)));
    sim.run_for(secs(10));
    assert!(lines(&sim, start, "member-failed").is_empty());
    let _ = (a, b);
}

#[test]
fn a_socket_buffer_has_a_limit() {
    let (mut sim, [a, _, c]) = cluster(1);
    sim.pause(c);
    let start = sim.elapsed();
    for _ in 0..300 {
        sim.inject(sim.addr(a), c, &[0xee; 1000]);
    }
    assert_eq!(lines(&sim, start, "socket buffer full").len(), 300 - 212);
}

#[test]
fn a_suspended_machine_loses_datagrams_and_its_clock_stands_still() {
    let (mut sim, [_, _, c]) = cluster(1);
    let (before, clock) = (received(&sim, c), sim.now());
    sim.suspend(c);
    sim.run_for(secs(60));
    sim.resume(c);
    assert_eq!(received(&sim, c), before);
    sim.at(c, |_, now| assert_eq!(now, clock));
    sim.run_until_converged(secs(120)).unwrap();
    sim.at(c, |_, now| assert!(now > clock));
}

#[test]
fn a_crash_and_a_restart_are_noticed() {
    let (mut sim, [a, _, c]) = cluster(1);
    sim.crash(c);
    assert!(sim.endpoint(c).is_none());
    sim.run_until(secs(60), |sim| sim.status(a, "c") == Some(Status::Failed)).unwrap();
    sim.restart(c);
    sim.join(c, &[a]);
    sim.run_until_converged(secs(60)).unwrap();
    assert_eq!(sim.status(a, "c"), Some(Status::Alive));
}

#[test]
fn a_node_that_remembers_starts_above_its_last_incarnation() {
    let (mut sim, [_, _, c]) = cluster(1);
    let before = sim.endpoint(c).unwrap().incarnation();
    sim.restart_remembering(c);
    assert!(sim.endpoint(c).unwrap().incarnation() > before);
    sim.restart(c);
    sim.restart(c);
    assert!(
        sim.endpoint(c).unwrap().incarnation() > before,
        "the incarnation stays in the configuration"
    );
}

#[test]
fn each_restart_is_in_the_trace() {
    let (mut sim, [_, _, c]) = cluster(1);
    let start = sim.elapsed();
    sim.restart(c);
    sim.restart(c);
    let starts = lines(&sim, start, "starts");
    assert_eq!(starts.len(), 2);
}

#[test]
fn a_node_that_moves_is_reached_at_its_new_address() {
    let (mut sim, [a, _, c]) = cluster(1);
    let addr = "10.9.9.9:7946".parse().unwrap();
    // With the default, the others would vote for its old address, and it would shut down.
    sim.configure(c, Config::local("c").name_conflicts(NameConflicts::Report));
    sim.readdress(c, addr);
    sim.restart_remembering(c);
    sim.join(c, &[a]);
    sim.run_until_converged(secs(60)).unwrap();
    assert_eq!(sim.endpoint(a).unwrap().member("c").unwrap().addr(), addr);
}

#[test]
fn an_application_gets_events_as_they_happen_and_may_respond() {
    let (mut sim, [a, b, c]) = cluster(1);
    for node in [b, c] {
        sim.app(node, |endpoint, now, event| {
            if let Event::Query(query) = event {
                endpoint.respond(now, query, b"fine").unwrap();
            }
        });
    }
    sim.query(a, "how are you", b"");
    sim.run_for(secs(5));
    let replies = sim.events(a).iter().filter(|it| matches!(it.event, Event::Reply(_)));
    assert_eq!(replies.count(), 2);
}

#[test]
fn events_are_recorded_with_their_time_unless_they_are_discarded() {
    let (mut sim, [a, b, _]) = cluster(1);
    sim.take_events(b);
    let start = sim.elapsed();
    sim.user_event(a, "deploy", b"v2");
    sim.run_for(secs(5));
    let events = sim.take_events(b);
    assert_eq!(events.len(), 1);
    assert!(events[0].at > start && events[0].at < start + ms(500));
    assert!(sim.trace().lines().iter().any(|line| is_event(line) && line.at == events[0].at));

    sim.discard_events();
    sim.user_event(a, "deploy", b"v3");
    sim.run_for(secs(5));
    assert!(sim.events(b).is_empty());
}
