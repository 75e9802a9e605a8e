//! What is measured: the operations that a node does all the time.
//!
//! A row prepares as much as it likes and hands a [`Meter`] only what is to be counted. Each leaves
//! the crowd at rest, as it found it; only the last one, which fills the queues, does not.

use crate::crowd::Crowd;
use crate::meter::Meter;
use crate::packets::{self, compound};

/// How many operations make a round.
pub(crate) const ROUND: usize = 32;
/// What a node sends in a gossip tick is less than this.
const MESSAGES_PER_TICK: usize = 45;

pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Prepares for so many operations, and counts them.
    pub(crate) round: fn(&mut Crowd, &mut Meter),
}

pub(crate) const ROWS: [Row; 10] = [
    Row { name: "ping to ack", round: ping },
    Row { name: "8 known alives", round: known_alives },
    Row { name: "new alive", round: new_alive },
    Row { name: "newer alive", round: newer_alive },
    Row { name: "stale alive", round: stale_alive },
    Row { name: "suspect", round: suspect },
    Row { name: "ack", round: ack },
    Row { name: "probe tick", round: probe_tick },
    Row { name: "gossip tick, empty queue", round: gossip_tick_empty },
    Row { name: "gossip tick, full queue", round: gossip_tick_full },
];

fn hear(crowd: &mut Crowd, meter: &mut Meter, mut packets: Vec<Vec<u8>>) {
    meter.count(&mut || packets.iter_mut().for_each(|packet| crowd.hear(packet)));
}

fn ping(crowd: &mut Crowd, meter: &mut Meter) {
    let packets = (0..ROUND as u32).map(|at| packets::ping(123_456 + at)).collect();
    hear(crowd, meter, packets);
}

/// An operation is a packet.
fn known_alives(crowd: &mut Crowd, meter: &mut Meter) {
    let packets = (0..ROUND).map(|_| {
        let members = crowd.next(8);
        compound(&crowd.stale(&members))
    });
    let packets = packets.collect();
    hear(crowd, meter, packets);
}

/// The tables have room for them: what it costs to grow is shared by many, and not counted.
fn new_alive(crowd: &mut Crowd, meter: &mut Meter) {
    let strangers = crowd.strangers(ROUND);
    let packets = crowd.newer(&strangers);
    hear(crowd, meter, packets);
    crowd.forget(&strangers);
}

fn newer_alive(crowd: &mut Crowd, meter: &mut Meter) {
    let members = crowd.next(ROUND);
    let packets = crowd.newer(&members);
    hear(crowd, meter, packets);
    crowd.rest();
}

fn stale_alive(crowd: &mut Crowd, meter: &mut Meter) {
    let members = crowd.next(ROUND);
    let packets = crowd.stale(&members);
    hear(crowd, meter, packets);
}

fn suspect(crowd: &mut Crowd, meter: &mut Meter) {
    let members = crowd.next(ROUND);
    let packets = crowd.accused(&members);
    hear(crowd, meter, packets);
    for mut packet in crowd.newer(&members) {
        crowd.hear(&mut packet);
    }
    crowd.rest();
}

fn ack(crowd: &mut Crowd, meter: &mut Meter) {
    for _ in 0..ROUND {
        crowd.wait_for("probe");
        crowd.wake();
        let packet = crowd.ack().expect("a probe tick sends a ping");
        hear(crowd, meter, vec![packet]);
    }
}

fn probe_tick(crowd: &mut Crowd, meter: &mut Meter) {
    for _ in 0..ROUND {
        crowd.wait_for("probe");
        meter.count(&mut || crowd.wake());
        let mut packet = crowd.ack().expect("a probe tick sends a ping");
        crowd.hear(&mut packet);
    }
}

fn gossip_tick_empty(crowd: &mut Crowd, meter: &mut Meter) {
    for _ in 0..ROUND {
        crowd.say_something();
        crowd.empty_queues();
        crowd.wait_for("gossip");
        meter.count(&mut || crowd.wake());
    }
    crowd.rest();
}

fn gossip_tick_full(crowd: &mut Crowd, meter: &mut Meter) {
    if !crowd.is_full() {
        crowd.fill_queues();
    }
    for _ in 0..ROUND {
        crowd.wait_for("gossip");
        meter.count(&mut || crowd.wake());
        let members = crowd.next(MESSAGES_PER_TICK);
        for mut packet in crowd.newer(&members) {
            crowd.hear(&mut packet);
        }
    }
}
