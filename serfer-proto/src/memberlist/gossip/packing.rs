//! How the queues share the room in a packet.
//!
//! Deficit round robin: every packet is divided equally among the queues that have messages. A share
//! that a queue cannot use, because its next message is longer, is added to its deficit, which it keeps
//! until it is empty. What room is left then goes to the queues in their order, which is that of Go. So
//! neither a flood of messages about members nor one of user events holds the others up, and no message
//! is too long to get its turn.
//!
//! Unlike Go, where a queue gets what those before it leave, which under a flood is nothing (hm#299).
//! Counterpart of `getBroadcasts` and of the delegates' `GetBroadcasts`.

use std::cmp::Reverse;

use crate::memberlist::gossip::queue::BroadcastQueue;
use crate::wire::compound::{Compound, PART_OVERHEAD, PARTS_MAX};

/// How many queues there are: ours, and those of the layer above.
const LANES: usize = 4;

/// A queue, and how its messages are sent.
pub(crate) struct Lane<'a> {
    pub(crate) queue: &'a mut BroadcastQueue,
    /// What stands before each of its messages in a packet.
    pub(crate) frame: &'static [u8],
    /// How often each is sent.
    pub(crate) transmit_limit: u32,
}

impl Lane<'_> {
    /// How long the messages are that may be put into the next packet.
    pub(crate) fn waiting_len(&self) -> usize {
        self.queue.waiting_len()
    }
}

/// The queues in their order: ours, whose messages are sent so often, and those of the layer above.
pub(crate) fn lanes<'a>(
    queue: &'a mut BroadcastQueue,
    transmit_limit: u32,
    above: [Lane<'a>; 3],
) -> [Lane<'a>; LANES] {
    let [intents, queries, events] = above;
    [Lane { queue, frame: &[], transmit_limit }, intents, queries, events]
}

/// Fills a packet with messages that were sent at least `sends_min` times. A queue's deficit is at most
/// `deficit_max`: that is a packet's length. [`requeue`] when the member has all of its packets.
#[inline]
pub(crate) fn fill(
    lanes: &mut [Lane<'_>; LANES],
    packet: &mut Compound,
    deficit_max: usize,
    sends_min: usize,
) {
    if is_contended(lanes, packet) {
        share(lanes, packet, deficit_max, sends_min);
    }
    for lane in lanes {
        lane.queue.fill(lane.transmit_limit, lane.frame, packet, sends_min);
    }
}

/// What was put into packets may go to the next member.
#[inline]
pub(crate) fn requeue(lanes: &mut [Lane<'_>; LANES]) {
    for lane in lanes {
        lane.queue.requeue();
    }
}

/// Whether several queues have messages, and not all of them fit.
#[inline]
fn is_contended(lanes: &[Lane<'_>; LANES], packet: &Compound) -> bool {
    let waiting = || lanes.iter().filter(|lane| !lane.queue.is_empty());
    if waiting().count() < 2 {
        return false;
    }
    let messages: usize = waiting().map(|lane| lane.queue.len()).sum();
    let len = |lane: &Lane<'_>| {
        lane.queue.bytes() + lane.queue.len() * (lane.frame.len() + PART_OVERHEAD)
    };
    messages + packet.len() > PARTS_MAX
        || waiting().map(len).sum::<usize>() > packet.room() + PART_OVERHEAD
}

/// Gives each queue its share, the one with the largest deficit first.
fn share(
    lanes: &mut [Lane<'_>; LANES],
    packet: &mut Compound,
    deficit_max: usize,
    sends_min: usize,
) {
    let room = packet.room();
    // A packet holds only so many messages, so short ones count as longer than they are.
    let cost_min = room.div_ceil(PARTS_MAX);
    let waiting = lanes.iter().filter(|lane| !lane.queue.is_empty()).count();
    for lane in lanes.iter_mut().filter(|lane| !lane.queue.is_empty()) {
        lane.queue.add_deficit(room / waiting, deficit_max);
    }
    let mut order = [0, 1, 2, 3];
    order.sort_by_key(|&at| Reverse(lanes[at].queue.deficit()));
    for at in order {
        let lane = &mut lanes[at];
        let limit = lane.transmit_limit;
        lane.queue.fill_deficit(limit, lane.frame, packet, room, cost_min, sends_min);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memberlist::gossip::queue::BroadcastKind;

    const FRAME: &[u8] = b"\x08";
    const PACKET_LEN: usize = 1400;

    /// Messages about members, intents, queries and events: the first byte of each says what it is.
    struct Queues([BroadcastQueue; LANES]);

    const CLASSES: [u8; LANES] = *b"NIQE";

    impl Queues {
        fn new() -> Self {
            Self([(); LANES].map(|()| BroadcastQueue::new(1 << 20)))
        }

        /// Queues so many messages of one class, each so long with its frame.
        fn push(&mut self, class: u8, count: usize, len: usize) {
            let lane = CLASSES.iter().position(|&it| it == class).unwrap();
            let frame_len = if class == b'N' { 0 } else { FRAME.len() };
            for _ in 0..count {
                self.0[lane].push(&vec![class; len - frame_len], BroadcastKind::Plain, usize::MAX);
            }
        }

        /// The classes and lengths of the messages that the next packet brings.
        fn packet(&mut self, len_max: usize) -> Vec<(u8, usize)> {
            let mut packet = Compound::default();
            packet.reset(len_max);
            let [members, intents, queries, events] = &mut self.0;
            let lane = |queue, frame| Lane { queue, frame, transmit_limit: 1000 };
            let upper = [intents, queries, events].map(|queue| lane(queue, FRAME));
            let [intents, queries, events] = upper;
            let lanes = &mut [lane(members, &[]), intents, queries, events];
            fill(lanes, &mut packet, len_max, 0);
            requeue(lanes);
            let mut bytes = Vec::new();
            packet.write(&mut bytes);
            assert!(bytes.len() <= len_max);
            let part = |part: &[u8]| (part[part.len() - 1], part.len());
            match packet.len() {
                0 => Vec::new(),
                1 => vec![part(&bytes)],
                _ => crate::wire::compound::Parts::parse(&bytes[1..])
                    .unwrap()
                    .map(|it| part(it.unwrap()))
                    .collect(),
            }
        }

        /// How many messages of each class the next packets bring.
        fn count(&mut self, packets: usize, len_max: usize) -> [usize; LANES] {
            let sent: Vec<_> = (0..packets).flat_map(|_| self.packet(len_max)).collect();
            CLASSES.map(|class| sent.iter().filter(|it| it.0 == class).count())
        }
    }

    #[test]
    fn what_fits_goes_in_the_order_of_the_queues() {
        let mut queues = Queues::new();
        b"EQIN".iter().for_each(|&class| queues.push(class, 2, 150));
        let classes: Vec<u8> = queues.packet(PACKET_LEN).iter().map(|it| it.0).collect();
        assert_eq!(classes, b"NNIIQQEE");
    }

    #[test]
    fn of_two_queues_a_flood_gets_half_of_each_packet() {
        for flood in CLASSES {
            for other in CLASSES.into_iter().filter(|&it| it != flood) {
                let mut queues = Queues::new();
                queues.push(flood, 1000, 100);
                queues.push(other, 50, 100);
                let counted = queues.count(10, PACKET_LEN);
                let of = |class| counted[CLASSES.iter().position(|&it| it == class).unwrap()];
                let (flood_got, other_got) = (of(flood), of(other));
                assert_eq!(flood_got + other_got, 130, "no room is wasted");
                assert!(
                    (60..=70).contains(&flood_got),
                    "{flood_got} {flood} and {other_got} {other}"
                );
            }
        }
    }

    #[test]
    fn of_four_floods_each_gets_a_quarter() {
        let mut queues = Queues::new();
        CLASSES.iter().for_each(|&class| queues.push(class, 1000, 100));
        let counted = queues.count(100, PACKET_LEN);
        assert!(counted.iter().all(|&count| (320..=330).contains(&count)), "{counted:?}");
    }

    #[test]
    fn the_longest_message_gets_its_turn_in_the_fourth_packet() {
        let longest = PACKET_LEN - crate::wire::compound::HEADER_LEN - PART_OVERHEAD;
        for class in CLASSES {
            let mut queues = Queues::new();
            for flood in CLASSES {
                queues.push(flood, 1000, if flood == class { 20 } else { 100 });
            }
            queues.push(class, 1, longest);
            let packets: Vec<_> = (0..5).map(|_| queues.packet(PACKET_LEN)).collect();
            let turn = packets.iter().position(|it| it.contains(&(class, longest)));
            assert!(turn.is_some_and(|turn| turn <= 4), "{class:?}: {turn:?}");
        }
    }

    #[test]
    fn short_messages_do_not_use_up_all_parts_of_a_packet() {
        let mut queues = Queues::new();
        queues.push(b'N', 1000, 20);
        queues.push(b'E', 1000, 20);
        let [members, _, _, events] = queues.count(1, 65_000);
        assert_eq!((members, events), (64, 63));
    }

    #[test]
    fn a_queue_that_could_send_everything_has_no_deficit() {
        let mut queues = Queues::new();
        queues.push(b'E', 1, 1300);
        queues.push(b'N', 2, 100);
        for _ in 0..3 {
            queues.packet(PACKET_LEN);
        }
        assert!(queues.0[3].deficit() > 0);
        queues.0[3] = BroadcastQueue::new(1 << 20);
        queues.push(b'E', 1, 50);
        queues.packet(PACKET_LEN);
        assert_eq!(queues.0.each_ref().map(BroadcastQueue::deficit), [0; LANES]);
    }
}
