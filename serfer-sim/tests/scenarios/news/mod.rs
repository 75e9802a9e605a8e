//! News is sent at once, and reaches everybody.
//!
//! With Go's timing, users wait half a second for an event to get around, a query misses a member now and
//! then, and after many joins at once it takes up to half a minute until all know each other.

mod reach;

use std::time::Duration;

use serfer_proto::{Coalesce, EventError, Stats};
use serfer_sim::{Config, Event, NodeId, Sim};

use crate::support::{lan, ms, secs, sum, with_seeds};

/// A cluster that is quiet, with 1 ms each way.
fn cluster(seed: u64, config: impl Fn(String) -> Config, count: usize) -> (Sim, Vec<NodeId>) {
    let mut sim = Sim::new(seed);
    sim.network().latency(ms(1)..ms(1));
    let ids = sim.many(config, count);
    ids[1..].iter().for_each(|&id| sim.join(id, &[ids[0]]));
    sim.run_until(secs(60), |sim| all_see(sim, count)).expect("all see all");
    sim.run_for(secs(5));
    ids.iter().for_each(|&id| drop(sim.take_events(id)));
    (sim, ids)
}

fn all_see(sim: &Sim, count: usize) -> bool {
    let sees_all = |id| sim.endpoint(id).is_some_and(|it| it.stats().members_alive == count);
    sim.running().all(sees_all)
}

/// After how long the members had heard of it, the first one first.
fn heard(
    sim: &mut Sim,
    ids: &[NodeId],
    since: Duration,
    is_it: fn(&Event) -> bool,
) -> Vec<Duration> {
    let mut times = Vec::new();
    for &id in ids {
        let events = sim.take_events(id);
        times.extend(events.iter().filter(|it| is_it(&it.event)).map(|it| it.at - since));
    }
    times.sort_unstable();
    times
}

#[test]
fn an_event_is_everywhere_in_milliseconds_with_hardly_more_datagrams_than_in_go() {
    with_seeds(|seed| {
        let mut sent = [0; 2];
        for (at, is_prompt) in [false, true].into_iter().enumerate() {
            let config = |name| if is_prompt { lan(name) } else { lan(name).prompt_gossip(None) };
            let (mut sim, ids) = cluster(seed, config, 100);
            let before = sum(&sim, &ids, |stats| stats.datagrams_sent);
            for round in 0..3 {
                let since = sim.elapsed();
                sim.user_event(ids[7 * round], "deploy", b"v2");
                sim.run_for(secs(3));
                let times = heard(&mut sim, &ids, since, |it| matches!(it, Event::User(_)));
                if is_prompt {
                    assert_eq!(times.len(), 100);
                    assert!(times[50] <= ms(10) && times[99] <= ms(40), "{times:?}");
                }
            }
            sent[at] = sum(&sim, &ids, |stats| stats.datagrams_sent) - before;
        }
        assert!(sent[1] * 10 <= sent[0] * 11, "{sent:?} datagrams: Go's timing, and ours");
    });
}

#[test]
fn all_of_a_small_cluster_answer_a_query_at_once() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, lan, 3);
        for &id in &ids {
            sim.app(id, |endpoint, now, event| {
                if let Event::Query(query) = event {
                    endpoint.respond(now, query, b"fine").expect("it is expected");
                }
            });
        }
        let since = sim.elapsed();
        sim.query(ids[0], "health", b"");
        sim.run_for(ms(15));
        let replies = heard(&mut sim, &ids[..1], since, |it| matches!(it, Event::Reply(_)));
        assert!(replies.len() >= 3, "{replies:?}");
    });
}

#[test]
fn no_member_is_missed_although_a_message_is_sent_only_four_times() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, Config::local, 50);
        for round in 0..20 {
            let since = sim.elapsed();
            sim.query(ids[round % 50], "who", b"");
            sim.run_for(secs(1));
            let times = heard(&mut sim, &ids, since, |it| matches!(it, Event::Query(_)));
            assert_eq!(times.len(), 50, "round {round}");
        }
    });
}

#[test]
fn newcomers_that_come_all_at_once_know_each_other_within_a_second() {
    with_seeds(|seed| {
        for (config, joins) in [(Config::local as fn(String) -> Config, 8), (lan, 50)] {
            let (mut sim, ids) = cluster(seed, config, 50);
            for n in 0..joins {
                let id = sim.node(config(format!("x{n}")));
                sim.join(id, &[ids[0]]);
            }
            let known = sim.run_until(secs(1), |sim| all_see(sim, 50 + joins));
            assert!(known.is_some(), "{joins} joins");
        }
    });
}

#[test]
fn a_thousand_events_a_second_arrive_and_what_is_too_much_is_refused() {
    let (mut sim, ids) = cluster(1, lan, 10);
    let send = |sim: &mut Sim, count: u64, pause: Duration| {
        let mut refused = 0;
        for n in 0..count {
            let payload = format!("{count}-{n:060}");
            let sent =
                sim.at(ids[0], |it, now| it.user_event(now, "e", payload.as_bytes(), Coalesce::No));
            match sent {
                Ok(()) => {}
                Err(EventError::QueueFull { waiting, max }) => {
                    assert_eq!((waiting, max), (256, 256));
                    refused += 1;
                }
                Err(error) => panic!("{error}"),
            }
            sim.run_for(pause);
        }
        sim.run_for(secs(2));
        let told = |sim: &mut Sim, id| {
            let events = sim.take_events(id);
            events.iter().filter(|it| matches!(it.event, Event::User(_))).count() as u64
        };
        let told: Vec<u64> = ids[1..].iter().map(|&id| told(sim, id)).collect();
        (refused, told)
    };
    let (refused, told) = send(&mut sim, 3000, ms(1));
    assert_eq!(refused, 0);
    assert!(told.iter().all(|&told| told >= 2970), "{told:?}");

    let (refused, told) = send(&mut sim, 1000, Duration::ZERO);
    assert_eq!(refused, 744);
    assert!(told.iter().all(|&told| told == 256), "{told:?}");
    let refused = |stats: &Stats| stats.sends_refused;
    assert_eq!(sum(&sim, &ids, refused), 744);
}

#[test]
fn nodes_with_go_s_timing_and_ours_hear_of_everything() {
    with_seeds(|seed| {
        let config = |name: String| match name.ends_with(['1', '3', '5', '7', '9']) {
            true => lan(name),
            false => lan(name).prompt_gossip(None),
        };
        let (mut sim, ids) = cluster(seed, config, 20);
        for round in 0..10 {
            let since = sim.elapsed();
            sim.user_event(ids[round], "deploy", b"v2");
            sim.run_for(secs(2));
            let times = heard(&mut sim, &ids, since, |it| matches!(it, Event::User(_)));
            assert_eq!(times.len(), 20, "round {round}");
        }
    });
}
