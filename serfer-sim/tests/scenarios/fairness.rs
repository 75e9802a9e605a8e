//! A flood of one kind of broadcast does not hold up the others.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serfer_proto::wire::compound::Compound;
use serfer_proto::wire::message::{Alive, Message, ip_bytes};
use serfer_proto::wire::msgpack::Text;
use serfer_sim::{Config, Event, NodeId, Sim};

use crate::support::{cluster, lan, ms, sum, with_seeds};

const NODES: usize = 1000;

/// How many nodes crash and restart: one every half second, each down for two seconds.
const UNSTEADY: usize = 20;

/// How often the first node sends an event, and how many in all.
const EVERY: Duration = ms(100);
const EVENTS: usize = 30;

/// How many members change their tags in each tick. A packet has room for twelve messages, a node
/// gossips 15 packets in a second, and each message is sent twelve times. So a node can pass on at most
/// 15 changes in a second. This is four times as many, besides the news of all members that is queued
/// at the start.
const CHANGES: usize = 6;

/// The time from sending to delivery, in half of all cases: it is 0.8 s. These are four ticks, in which
/// one node can reach 4⁴ others, so no event waits.
const MOSTLY_WITHIN: Duration = ms(1000);

/// The same in all cases: it is 1.6 s.
const WITHIN: Duration = ms(2500);

/// How many of 29,400 deliveries gossip may miss until the next push/pull. Here it misses none.
const MISSED_MAX: usize = 3;

/// With Go's timing a node can pass on so little that a flood fills all packets.
fn gos_timing(name: String) -> Config {
    lan(name).prompt_gossip(None)
}

/// All nodes have just heard of all others, and have this queued for gossip.
fn acquainted(seed: u64) -> (Sim, Vec<NodeId>) {
    let mut sim = Sim::new(seed);
    sim.discard_events();
    sim.network().latency(ms(1)..ms(5));
    let ids = sim.many(gos_timing, NODES);
    for some in ids.chunks(100) {
        let mut packet = Compound::default();
        packet.reset(usize::from(u16::MAX));
        for &id in some {
            let addr = sim.addr(id);
            let alive = Alive {
                addr: &ip_bytes(addr.ip()),
                incarnation: 1,
                meta: &[],
                node: Text(sim.name(id).as_bytes()),
                port: addr.port(),
                versions: &[1, 5, 2, 2, 5, 5],
            };
            let mut message = Vec::new();
            Message::Alive(alive).encode(&mut message);
            assert!(packet.push(&[&message]), "a hundred fit");
        }
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        ids.iter().for_each(|&id| sim.inject(sim.addr(some[0]), id, &bytes));
    }
    assert!(ids.iter().all(|&id| sim.endpoint(id).is_some_and(|it| it.members().count() == NODES)));
    (sim, ids)
}

/// When each event was delivered. Its name is its index.
type Deliveries = Rc<RefCell<Vec<Vec<Instant>>>>;

fn record(sim: &mut Sim, id: NodeId, deliveries: &Deliveries) {
    let deliveries = deliveries.clone();
    sim.app(id, move |_, now, event| {
        if let Event::User(event) = event {
            let number: usize = event.name.parse().expect("the name is a number");
            deliveries.borrow_mut()[number].push(now);
        }
    });
}

fn churn(sim: &mut Sim, ids: &[NodeId], tick: usize) {
    let (steady, unsteady) = ids.split_at(NODES - UNSTEADY);
    for n in 0..CHANGES {
        let id = steady[(tick * CHANGES + n) * 37 % steady.len()];
        let tags = [("time", tick.to_string())].into_iter().collect();
        sim.at(id, |endpoint, now| endpoint.set_tags(now, tags)).expect("it is short");
    }
    if tick.is_multiple_of(5) {
        sim.crash(unsteady[tick / 5]);
        if let Some(back) = (tick / 5).checked_sub(4) {
            sim.restart(unsteady[back]);
            sim.join(unsteady[back], &[ids[0]]);
        }
    }
}

/// hm#299, hc#9927: in a cluster of a thousand members that change all the time, user events come
/// minutes late or not at all, since they get only the room that the news about members leaves. Without
/// shares this is none: no node gets any of these events in that time.
#[test]
fn events_get_through_a_flood_of_news_about_members() {
    let (mut sim, ids) = acquainted(1);
    let steady = &ids[..NODES - UNSTEADY];
    let deliveries: Deliveries = Rc::new(RefCell::new(vec![Vec::new(); EVENTS]));
    steady.iter().for_each(|&id| record(&mut sim, id, &deliveries));
    let mut sent = Vec::new();
    for tick in 0..EVENTS + ticks(WITHIN) {
        churn(&mut sim, &ids, tick);
        if tick < EVENTS {
            sent.push(sim.now());
            sim.user_event(ids[0], &tick.to_string(), b"what happened, in a few words");
        }
        sim.run_for(EVERY);
    }
    let deliveries = deliveries.borrow();
    let delays = |(at, &sent): (&Vec<Instant>, &Instant)| {
        at.iter().map(|&at| at - sent).collect::<Vec<Duration>>()
    };
    let mut delays: Vec<Duration> = deliveries.iter().zip(&sent).flat_map(delays).collect();
    delays.sort_unstable();
    let missed = EVENTS * steady.len() - delays.len();
    let (median, worst) = (delays.get(delays.len() / 2), delays.last());
    assert!(missed <= MISSED_MAX, "{missed} missed; median {median:?}, worst {worst:?}");
    assert!(median.is_some_and(|&it| it <= MOSTLY_WITHIN), "median {median:?}");
    assert!(worst.is_some_and(|&it| it <= WITHIN), "worst {worst:?}");
}

/// How many events each node sends in each tick, and how many nodes there are.
const FLOOD: usize = 2;
const FLOODERS: usize = 50;

/// Five ticks. Without a flood it takes four.
const SPREADS_WITHIN: Duration = ms(1000);

/// The reverse: all nodes send as many events as they can, and a change of tags spreads all the same.
#[test]
fn news_about_members_gets_through_a_flood_of_events() {
    with_seeds(|seed| {
        let (mut sim, ids) = cluster(seed, gos_timing, FLOODERS);
        let flood = |sim: &mut Sim, tick: usize| {
            for &id in &ids {
                for n in 0..FLOOD {
                    sim.user_event(id, &format!("{tick} {n}"), &[b'x'; 200]);
                }
            }
            sim.run_for(EVERY);
        };
        (0..20).for_each(|tick| flood(&mut sim, tick));
        let tags = [("role", "web")].into_iter().collect();
        sim.at(ids[7], |endpoint, now| endpoint.set_tags(now, tags)).expect("it is short");
        (20..20 + ticks(SPREADS_WITHIN)).for_each(|tick| flood(&mut sim, tick));
        let knows = |&&id: &&NodeId| {
            let member = sim.endpoint(id).and_then(|it| it.member("n8"));
            member.is_some_and(|it| it.tags().get("role") == Some("web"))
        };
        assert_eq!(ids.iter().filter(knows).count(), FLOODERS);
        let queued = sum(&sim, &ids, |stats| stats.queued as u64);
        assert!(
            queued > 30 * FLOODERS as u64,
            "at each node, more than five packets wait: {queued}"
        );
    });
}

fn ticks(time: Duration) -> usize {
    (time.as_millis() / EVERY.as_millis()) as usize
}
