//! The steady state allocates nothing.
//!
//! A node that knows its cluster is sent what it knows already, wakes for its regular timers, and
//! answers. Members are suspected and refute, and gossip is passed on. No such round may allocate,
//! down to the last `poll_output`, neither in the clear nor sealed.
#![expect(clippy::unwrap_used, reason = "every helper here is part of a test")]

mod memory;
mod steady;

use std::time::Duration;

use allocation_counter::{measure, opt_out};
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Ack, Dead, IndirectPing, Message, Nack, Ping, Suspect};
use serfer_proto::wire::serf_message::{self, SerfMessage};
use serfer_proto::{Coalesce, QueryParams};

use steady::{Bytes, PEERS, Steady, addr, alive};

const ROUNDS: usize = 100;

/// What all nodes know: the members, and suspicions that were refuted since.
fn known_facts() -> Vec<Vec<u8>> {
    let mut facts: Vec<Vec<u8>> = (1..=PEERS).map(alive).collect();
    let (from, node) = ("n1".into(), "n2".into());
    facts.push(Message::Suspect(Suspect { from, incarnation: 1, node }).bytes());
    facts.push(Message::Dead(Dead { from, incarnation: 1, node }).bytes());
    facts
}

/// A user event, a query, and the intents of two members, one of them unknown.
fn known_messages() -> Vec<Vec<u8>> {
    let query = serf_message::Query {
        addr: &[10, 0, 0, 1],
        flags: serf_message::FLAG_ACK,
        id: 5,
        ltime: 3,
        name: "load".into(),
        payload: b"now?",
        port: 7946,
        source_node: "n1".into(),
        timeout: 1_000_000_000,
        ..serf_message::Query::default()
    };
    let (coalesce, ltime, name, payload) = (true, 3, "deploy".into(), &b"v2"[..]);
    let join = |node: &'static str| serf_message::Join { ltime: 4, node: node.into() };
    vec![
        SerfMessage::UserEvent(serf_message::UserEvent { coalesce, ltime, name, payload }).bytes(),
        SerfMessage::Query(query).bytes(),
        SerfMessage::Join(join("n3")).bytes(),
        SerfMessage::Join(join("stranger")).bytes(),
        SerfMessage::Leave(serf_message::Leave { ltime: 2, node: "n3".into(), prune: false })
            .bytes(),
    ]
}

fn ping() -> Vec<u8> {
    Message::Ping(Ping {
        node: "me".into(),
        seq: 12,
        source_addr: Some(&[10, 0, 0, 1]),
        source_node: Some("n1".into()),
        source_port: Some(7946),
    })
    .bytes()
}

/// Runs `round` until all buffers have grown, and then counts the allocations of more rounds.
#[track_caller]
fn allocates_nothing(sealed: bool, mut round: impl FnMut(&mut Steady)) {
    let mut steady = Steady::new(sealed);
    for _ in 0..ROUNDS {
        round(&mut steady);
    }
    let counted = measure(|| (0..ROUNDS).for_each(|_| round(&mut steady)));
    assert_eq!(counted.count_total, 0, "sealed: {sealed}");
    assert_eq!(steady.node.stats().dropped.total(), 0);
}

/// The same packet arrives again and again. Each time, this many datagrams are sent.
#[track_caller]
fn comes_for_nothing(messages: &[Vec<u8>], answers: usize) {
    for sealed in [false, true] {
        let mut packet = Vec::new();
        allocates_nothing(sealed, |steady| {
            if packet.is_empty() {
                packet = steady.packet(messages);
                steady.hear(1, &packet);
                steady.rest();
            }
            steady.datagrams = 0;
            steady.hear(1, &packet);
            assert_eq!(steady.datagrams, answers);
        });
    }
}

#[test]
fn the_count_would_show_it_otherwise() {
    let mut steady = Steady::new(false);
    let news = steady.packet(&[alive(PEERS + 1)]);
    assert!(measure(|| steady.hear(1, &news)).count_total > 0);
}

#[test]
fn a_ping_is_acked() {
    comes_for_nothing(&[ping()], 1);
}

#[test]
fn gossip_of_what_is_known_arrives() {
    comes_for_nothing(&known_facts(), 0);
}

#[test]
fn gossip_of_what_is_known_arrives_compressed() {
    let mut compressed = Vec::new();
    let mut compound = vec![7, 2];
    let [one, two] = [alive(1), alive(2)];
    [&one, &two].iter().for_each(|part| compound.extend((part.len() as u16).to_be_bytes()));
    compound.extend([one, two].concat());
    Lzw::default().compress(&compound, &mut compressed);
    comes_for_nothing(&[compressed], 0);
}

#[test]
fn serf_messages_that_are_known_arrive() {
    comes_for_nothing(&known_messages(), 0);
    for message in known_messages() {
        comes_for_nothing(&[message], 0);
    }
}

#[test]
fn an_idle_node_probes_and_is_answered() {
    for sealed in [false, true] {
        let mut acked = 0;
        allocates_nothing(sealed, |steady| {
            steady.wake();
            assert_eq!(steady.datagrams, 1, "a ping, and nothing else is due");
            let now = steady.node.stats().probes_acked;
            assert!(now > acked);
            acked = now;
            assert!(steady.node.stats().coordinates > 0, "each ack brings one");
        });
    }
}

/// Queues an event, and waits until the next deadline is the gossip tick.
fn something_to_say(steady: &mut Steady) {
    steady.rest();
    let now = steady.now;
    steady.node.user_event(now, "deploy", b"v2", Coalesce::No).unwrap();
    steady.drain();
    while steady.node.stats().next_wake != Some("gossip") {
        steady.wake();
    }
}

#[test]
fn a_gossip_tick_with_nothing_left_to_say() {
    for sealed in [false, true] {
        let mut steady = Steady::new(sealed);
        let packet = steady.packet(&[ping()]);
        for round in 0..20 {
            something_to_say(&mut steady);
            while steady.node.stats().queued > 0 {
                steady.hear(1, &packet);
            }
            let counted = measure(|| steady.wake());
            assert_eq!(steady.datagrams, 0);
            assert!(round < 10 || counted.count_total == 0, "{counted:?}");
        }
    }
}

#[test]
fn a_gossip_tick_with_something_to_say() {
    for sealed in [false, true] {
        let mut steady = Steady::new(sealed);
        for round in 0..20 {
            something_to_say(&mut steady);
            let counted = measure(|| {
                steady.now = steady.until.unwrap();
                steady.node.handle_timeout(steady.now);
                steady.drain();
            });
            assert!(steady.last.1.len() > 20, "it was said");
            assert!(round < 10 || counted.count_total == 0, "{counted:?}");
        }
    }
}

#[test]
fn a_wake_up_with_nothing_due_costs_nothing_either() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            let early = steady.until.unwrap() - Duration::from_millis(1);
            steady.node.handle_timeout(early);
            steady.drain();
            steady.now = steady.now.max(early);
        });
    }
}

/// The numbers of more rounds, all of which are encoded in the same number of bytes.
fn numbers() -> impl Iterator<Item = u32> {
    1000..
}

fn accuse(steady: &mut Steady, node: &str, incarnation: u32) {
    let (from, node) = ("n1".into(), node.into());
    steady.say(1, &Message::Suspect(Suspect { from, incarnation, node }));
}

#[test]
fn a_member_is_suspected_and_objects() {
    for sealed in [false, true] {
        let mut numbers = numbers();
        allocates_nothing(sealed, |steady| {
            let (number, suspicions) = (numbers.next().unwrap(), steady.node.stats().suspicions);
            accuse(steady, "n2", number - 1);
            assert_eq!(steady.node.stats().suspicions, suspicions + 1);
            steady.objects(2, number);
            steady.rest();
        });
    }
}

#[test]
fn we_are_suspected_and_object() {
    for sealed in [false, true] {
        let mut numbers = numbers();
        allocates_nothing(sealed, |steady| {
            let refutations = steady.node.stats().refutations;
            accuse(steady, "me", numbers.next().unwrap());
            assert_eq!(steady.node.stats().refutations, refutations + 1);
            steady.rest();
        });
    }
}

/// A peer asks us to ping another peer. Returns the number of our ping.
fn ask_for_a_ping(steady: &mut Steady) -> u32 {
    steady.wait_for("probe");
    steady.say(
        1,
        &Message::IndirectPing(IndirectPing {
            nack: true,
            node: "n2".into(),
            port: 7946,
            seq: 12,
            target: &[10, 0, 0, 2],
            ..IndirectPing::default()
        }),
    );
    let (pinged, seq) = steady.pinged().unwrap();
    assert_eq!(pinged, 2);
    seq
}

#[test]
fn a_helper_passes_an_ack_on() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            let seq = ask_for_a_ping(steady);
            steady.datagrams = 0;
            steady.say(2, &Message::Ack(Ack { payload: &[], seq }));
            assert_eq!((steady.datagrams, steady.last.0), (1, addr(1)));
            steady.wake();
        });
    }
}

#[test]
fn a_helper_says_that_there_is_no_ack() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            ask_for_a_ping(steady);
            steady.wait_for("relay");
            steady.pass();
            assert_eq!((steady.datagrams, steady.last.0), (1, addr(1)));
        });
    }
}

/// Starts a probe that gets no ack, so indirect pings are sent. Returns the target and the number.
fn ask_for_help(steady: &mut Steady) -> (u8, u32) {
    steady.wait_for("probe");
    steady.pass();
    let probed = steady.pinged().unwrap();
    assert_eq!(steady.node.stats().next_wake, Some("probe-indirect"));
    steady.pass();
    assert_eq!(steady.datagrams, 3, "so many are asked");
    probed
}

#[test]
fn a_probe_is_answered_by_way_of_a_helper() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            let acked = steady.node.stats().probes_acked;
            let (target, seq) = ask_for_help(steady);
            let helper = 1 + target % PEERS;
            steady.say(helper, &Message::Nack(Nack { seq }));
            steady.say(helper, &Message::Ack(Ack { payload: &[], seq }));
            assert_eq!(steady.node.stats().probes_acked, acked + 1);
        });
    }
}

#[test]
fn a_probe_fails_and_the_member_objects() {
    for sealed in [false, true] {
        let mut numbers = numbers();
        allocates_nothing(sealed, |steady| {
            let suspicions = steady.node.stats().suspicions;
            let (target, seq) = ask_for_help(steady);
            let helper = 1 + target % PEERS;
            (0..3).for_each(|_| steady.say(helper, &Message::Nack(Nack { seq })));
            steady.wait_for("probe-end");
            steady.pass();
            assert_eq!(steady.node.stats().suspicions, suspicions + 1);
            steady.objects(target, numbers.next().unwrap());
            steady.answer();
            steady.rest();
        });
    }
}

/// Queues events, as many of ours as may wait and then those of another node, until the queue is full and
/// one replaces another.
fn fill_the_queue(steady: &mut Steady) {
    opt_out(|| {
        let now = steady.now;
        while steady.node.user_event(now, "deploy", b"v2", Coalesce::No).is_ok() {
            steady.drain();
        }
        let dropped = steady.node.stats().broadcasts_dropped;
        while steady.node.stats().broadcasts_dropped == dropped {
            let ltime = steady.node.stats().event_ltime;
            let (name, payload) = ("deploy".into(), &b"v2"[..]);
            let event = serf_message::UserEvent { coalesce: false, ltime, name, payload };
            let packet = steady.packet(&[SerfMessage::UserEvent(event).bytes()]);
            steady.hear(1, &packet);
        }
    });
}

/// Sends the news, and then the rest at the beat.
fn gossip(steady: &mut Steady) {
    for (timer, datagrams) in [("news", 4), ("gossip", 3)] {
        steady.wait_for(timer);
        steady.pass();
        assert!(steady.datagrams >= datagrams, "{timer}: {}", steady.datagrams);
    }
}

#[test]
fn a_full_queue_is_gossiped() {
    for sealed in [false, true] {
        allocates_nothing(sealed, |steady| {
            fill_the_queue(steady);
            gossip(steady);
        });
    }
}

#[test]
fn a_full_queue_and_news_about_members_share_the_packets() {
    for sealed in [false, true] {
        let mut numbers = numbers();
        allocates_nothing(sealed, |steady| {
            fill_the_queue(steady);
            accuse(steady, "me", numbers.next().unwrap());
            gossip(steady);
        });
    }
}

/// Their compiled expressions do not fit into the cache together.
#[test]
fn a_query_compiles_its_filters_a_few_times_and_not_for_each_member() {
    let cost = |filters: usize| {
        let mut steady = Steady::new(false);
        let expr = |n: usize| format!(".{{0,{}}}", 1000 - n);
        let params = (0..filters)
            .fold(QueryParams::new(), |params, n| params.tag(format!("tag-{n}"), expr(n)));
        let now = steady.now;
        let cost = measure(|| _ = steady.node.query(now, "load", b"", &params).unwrap());
        cost.bytes_total
    };
    let (one, five) = (cost(1), cost(5));
    assert!(five < 20 * one, "{five} bytes, {one} for one filter");
}

/// What only a burst needed is not kept for ever.
#[test]
fn the_memory_of_a_burst_is_given_back_when_all_is_quiet() {
    let mut steady = Steady::new(false);
    let burst = measure(|| {
        fill_the_queue(&mut steady);
        steady.rest();
    });
    let quiet = measure(|| (0..150).for_each(|_| steady.wake()));
    assert!(burst.bytes_current > 20_000);
    assert!(burst.bytes_current + quiet.bytes_current < 2_000);
}
