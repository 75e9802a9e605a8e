//! Broadcasts on their way to all members: the transmit-limited queue.
//!
//! Each message is sent a number of times that grows with the logarithm of the cluster's size
//! ([`transmit`](super::transmit)); then enough others have it to carry it on. [`SendOrder`] says which
//! goes first. Counterpart of Go's `TransmitLimitedQueue`.
//!
//! Unlike Go: a queue never exceeds its bounds (Go's serf prunes its queues every 30 s, memberlist
//! never).

use crate::machinery::{Key, slack};
use crate::memberlist::gossip::send_order::{QueuedMessage, SendOrder};
use crate::wire::compound::{Compound, PART_OVERHEAD};

/// How many buffers of messages that are done are kept for later ones.
const SPARE_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct BroadcastQueue {
    order: SendOrder,
    /// Messages taken for the packet being filled, to be queued again behind the others.
    again: Vec<u32>,
    spare: Vec<Vec<u8>>,
    deficit: usize,
    bytes: usize,
    /// How long those in `again` are together.
    again_bytes: usize,
    bytes_max: usize,
    /// How many were not sent yet.
    unsent: usize,
    own_leave_sent: bool,
    own_leave_done: bool,
    /// How many probe ticks ago a message was queued.
    idle_ticks: u32,
}

/// What a message is to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BroadcastKind {
    Plain,
    /// The same, and it is our own.
    Own,
    /// Says that we leave. The queue reports how far it is.
    OwnLeave,
}

/// Where the last message about a member was put. It may have gone since, and another may be there: the
/// queue looks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct QueuePlace(u32);

/// How many messages had to go because the queue was full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Ours.
    pub(crate) own: u64,
    /// Those of others.
    pub(crate) others: u64,
}

impl Dropped {
    pub(crate) fn total(self) -> u64 {
        self.own + self.others
    }
}

impl BroadcastQueue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, ..Self::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How long all messages are together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// How long the messages are together that are not in a packet being filled.
    pub(crate) fn waiting_len(&self) -> usize {
        self.bytes - self.again_bytes
    }

    /// Whether a message waits that was sent so often at most, besides those in the packet.
    pub(crate) fn has_sent_at_most(&self, sends: usize) -> bool {
        !self.is_empty() && self.order.has_within(sends)
    }

    /// Whether there is a message about this member. The last one was put at `place`.
    pub(crate) fn has_about(&self, key: Key, place: QueuePlace) -> bool {
        self.order.get(place.0).is_some_and(|message| message.about == Some(key))
    }

    /// How many were not sent yet.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent
    }

    /// Queues a message and returns how many others had to go so that there are at most `len_max`.
    pub(crate) fn push(&mut self, message: &[u8], kind: BroadcastKind, len_max: usize) -> Dropped {
        self.add(message, kind, None);
        self.prune(len_max)
    }

    /// The same with a message about a member. It replaces any other, which was put at `place`.
    pub(crate) fn push_about(
        &mut self,
        key: Key,
        place: &mut QueuePlace,
        message: &[u8],
        kind: BroadcastKind,
        len_max: usize,
    ) -> Dropped {
        if self.has_about(key, *place) {
            let replaced = &self.order[place.0];
            self.own_leave_done |= replaced.own_leave;
            self.unsent += usize::from(replaced.transmits > 0);
            self.bytes = self.bytes - replaced.bytes.len() + message.len();
            self.order.replace(place.0, message, kind == BroadcastKind::OwnLeave);
        } else {
            place.0 = self.add(message, kind, Some(key));
        }
        self.prune(len_max)
    }

    fn add(&mut self, message: &[u8], kind: BroadcastKind, about: Option<Key>) -> u32 {
        self.bytes += message.len();
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(message);
        let own_leave = kind == BroadcastKind::OwnLeave;
        let is_own = kind == BroadcastKind::Own;
        self.unsent += 1;
        self.idle_ticks = 0;
        self.order.add(QueuedMessage { bytes, about, own_leave, is_own, transmits: 0 })
    }

    /// Adds as many messages as fit to a packet, each behind `frame`, and counts the transmission of
    /// each: at `transmit_limit` it is done. [`requeue`](Self::requeue) when the packet is complete.
    ///
    /// Messages that were sent less often than `sends_min` are left for later.
    pub(crate) fn fill(
        &mut self,
        transmit_limit: u32,
        frame: &[u8],
        packet: &mut Compound,
        sends_min: usize,
    ) {
        let tiers = if self.is_empty() { 0 } else { self.order.tiers() };
        for tier in sends_min..tiers {
            while let Some(room) = packet.room().checked_sub(frame.len())
                && let Some(item) = self.order.first_within(tier, room)
                && packet.push(&[frame, &self.order[item].bytes])
            {
                self.count_transmit(item, transmit_limit);
            }
        }
    }

    /// As [`fill`](Self::fill), but only as far as the [deficit](Self::deficit) goes, each message at
    /// no less than `cost_min`, and nothing before its turn: the message that would go first in a
    /// packet with `room` must not be kept back for ever by shorter ones.
    pub(crate) fn fill_deficit(
        &mut self,
        transmit_limit: u32,
        frame: &[u8],
        packet: &mut Compound,
        room: usize,
        cost_min: usize,
        sends_min: usize,
    ) {
        let room = room.saturating_sub(frame.len());
        while let Some(item) = self.order.first(room, sends_min) {
            let message = &self.order[item].bytes;
            let cost = (frame.len() + message.len() + PART_OVERHEAD).max(cost_min);
            if cost > self.deficit || !packet.push(&[frame, message]) {
                return;
            }
            self.deficit -= cost;
            self.count_transmit(item, transmit_limit);
        }
    }

    /// How many bytes of packets this queue was entitled to and has not used.
    pub(crate) fn deficit(&self) -> usize {
        self.deficit
    }

    pub(crate) fn add_deficit(&mut self, bytes: usize, max: usize) {
        self.deficit = (self.deficit + bytes).min(max);
    }

    /// The packet is complete: what it took may go into the next. A queue that could send everything
    /// has no deficit.
    pub(crate) fn requeue(&mut self) {
        if self.again.len() == self.len() {
            self.deficit = 0;
        }
        self.again_bytes = 0;
        for item in self.again.drain(..) {
            self.order.put_back(item);
        }
    }

    /// Whether our own leave message has, since the last call, been put into a packet.
    pub(crate) fn take_own_leave_sent(&mut self) -> bool {
        std::mem::take(&mut self.own_leave_sent)
    }

    /// Whether our own leave message has, since the last call, been sent as often as it ever will be.
    pub(crate) fn take_own_leave_done(&mut self) -> bool {
        std::mem::take(&mut self.own_leave_done)
    }

    /// Gives back the memory that the last messages needed, if none has come for long. Called at each probe tick.
    pub(crate) fn tidy(&mut self) {
        self.idle_ticks = self.idle_ticks.saturating_add(1);
        if self.idle_ticks == slack::TICKS && self.is_empty() {
            (self.order, self.again, self.spare) = Default::default();
        }
    }

    /// Drops what was sent most until the bounds hold.
    fn prune(&mut self, len_max: usize) -> Dropped {
        let mut dropped = Dropped::default();
        while (self.len() > len_max || self.bytes > self.bytes_max)
            && let Some(item) = self.order.last()
        {
            match self.order[item].is_own {
                true => dropped.own += 1,
                false => dropped.others += 1,
            }
            self.finish(item);
        }
        dropped
    }

    fn count_transmit(&mut self, item: u32, transmit_limit: u32) {
        self.own_leave_sent |= self.order[item].own_leave;
        if self.order[item].transmits + 1 >= transmit_limit {
            self.finish(item);
        } else {
            self.unsent -= usize::from(self.order[item].transmits == 0);
            self.again_bytes += self.order[item].bytes.len();
            self.order.take_out(item);
            self.again.push(item);
        }
    }

    fn finish(&mut self, item: u32) {
        let QueuedMessage { bytes, own_leave, transmits, .. } = self.order.remove(item);
        self.unsent -= usize::from(transmits == 0);
        self.bytes = self.bytes.saturating_sub(bytes.len());
        if self.spare.len() < SPARE_MAX {
            self.spare.push(bytes);
        }
        self.own_leave_done |= own_leave;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::incarnation::Incarnation;
    use crate::machinery::Rng;
    use crate::memberlist::gossip::transmit::scaled;
    use crate::memberlist::members::list::SwimMembers;
    use crate::testing::node;
    use crate::wire::compound::HEADER_LEN;

    const MANY: usize = 100;

    fn queue(messages: &[&'static str]) -> BroadcastQueue {
        let mut queue = BroadcastQueue::new(1 << 20);
        for message in messages {
            queue.push(message.as_bytes(), BroadcastKind::Plain, MANY);
        }
        queue
    }

    /// What one packet with room for `room` bytes of messages and their lengths takes.
    fn filled(queue: &mut BroadcastQueue, limit: u32, room: usize) -> Vec<String> {
        let mut packet = Compound::default();
        packet.reset(HEADER_LEN + room);
        queue.fill(limit, b"", &mut packet, 0);
        queue.requeue();
        let mut bytes = Vec::new();
        packet.write(&mut bytes);
        match packet.len() {
            0 => Vec::new(),
            1 => vec![String::from_utf8(bytes).unwrap()],
            _ => crate::wire::compound::Parts::parse(&bytes[1..])
                .unwrap()
                .map(|part| String::from_utf8(part.unwrap().to_vec()).unwrap())
                .collect(),
        }
    }

    fn key(n: usize) -> Key {
        let mut members = SwimMembers::new(&mut Rng::new([0; 32]));
        let mut insert = |n: usize| {
            members.insert(node(&n.to_string(), "127.0.0.1:7946"), Incarnation::new(1, 0))
        };
        (0..=n).map(&mut insert).last().unwrap()
    }

    #[test]
    fn each_message_is_sent_as_often_as_the_limit_says() {
        let mut queue = queue(&["aaa", "bbb", "ccc"]);
        assert_eq!(filled(&mut queue, 2, 100), ["ccc", "bbb", "aaa"]);
        assert_eq!(queue.len(), 3);
        assert_eq!(filled(&mut queue, 2, 100).len(), 3);
        assert!(queue.is_empty());
        assert_eq!(filled(&mut queue, 2, 100).len(), 0);
    }

    #[test]
    fn what_was_sent_least_goes_first_then_the_longest_that_fits() {
        let mut queue = queue(&["old"]);
        filled(&mut queue, 9, 100);
        for message in ["new", "newest!", "newer"] {
            queue.push(message.as_bytes(), BroadcastKind::Plain, MANY);
        }
        // "newest!" leaves no room for "newer", but for "new", which then waits behind "old".
        assert_eq!(filled(&mut queue, 9, 7 + 3 + 2 * PART_OVERHEAD), ["newest!", "new"]);
        assert_eq!(filled(&mut queue, 9, 5 + 3 + 2 * PART_OVERHEAD), ["newer", "old"]);
    }

    #[test]
    fn go_test_of_overhead_and_limit() {
        let mut queue = queue(&[
            "1 this is a test..",
            "2 this is a test..",
            "3 this is a test..",
            "4 this is a test..",
        ]);
        assert_eq!(filled(&mut queue, 9, 80).len(), 4);
        assert_eq!(filled(&mut queue, 9, 79).len(), 3);
    }

    #[test]
    fn four_messages_that_are_sent_twice_fill_three_packets() {
        let mut queue = queue(&[
            "1 this is a test..",
            "2 this is a test..",
            "3 this is a test..",
            "4 this is a test..",
        ]);
        let limit = scaled(1, 10);
        let taken = [(); 4].map(|()| filled(&mut queue, limit, 79).len());
        assert_eq!(taken, [3, 3, 2, 0]);
    }

    #[test]
    fn a_newer_message_about_a_member_replaces_an_older_one() {
        let mut queue = queue(&[]);
        let (a, b) = (key(0), key(1));
        let [mut at_a, mut at_b] = [QueuePlace::default(); 2];
        let mut about = |key, place: &mut QueuePlace, message: &str| {
            queue.push_about(key, place, message.as_bytes(), BroadcastKind::Plain, MANY)
        };
        about(a, &mut at_a, "a is alive");
        about(b, &mut at_b, "b is alive");
        about(a, &mut at_a, "a is suspect");
        assert_eq!(filled(&mut queue, 9, 100), ["a is suspect", "b is alive"]);
        assert_eq!((queue.len(), queue.bytes()), (2, "a is suspect".len() + "b is alive".len()));
    }

    #[test]
    fn a_message_that_is_done_is_not_replaced_nor_is_what_took_its_place() {
        let mut queue = queue(&[]);
        let (a, b) = (key(0), key(1));
        let [mut at_a, mut at_b] = [QueuePlace::default(); 2];
        assert!(!queue.has_about(a, at_a));
        queue.push_about(a, &mut at_a, b"a", BroadcastKind::Plain, MANY);
        assert!(queue.has_about(a, at_a) && !queue.has_about(b, at_a));
        filled(&mut queue, 1, 100);
        assert!(!queue.has_about(a, at_a) && queue.is_empty());
        queue.push_about(b, &mut at_b, b"b", BroadcastKind::Plain, MANY);
        queue.push_about(a, &mut at_a, b"a again", BroadcastKind::Plain, MANY);
        assert_eq!(filled(&mut queue, 9, 100), ["a again", "b"]);
        assert!(queue.has_about(a, at_a) && queue.has_about(b, at_b));
    }

    #[test]
    fn a_full_queue_drops_what_was_sent_most() {
        let mut queue = queue(&["sent"]);
        filled(&mut queue, 9, 100);
        let own = |own| Dropped { own, others: 0 };
        let others = |others| Dropped { own: 0, others };
        assert_eq!(queue.push(b"a", BroadcastKind::Own, 2), others(0));
        assert_eq!(queue.push(b"b", BroadcastKind::Plain, 2), others(1));
        assert_eq!(queue.unsent(), 2);
        assert_eq!(filled(&mut queue, 9, 100), ["b", "a"]);
        let mut small = BroadcastQueue::new(10);
        assert_eq!(small.push(&[0; 6], BroadcastKind::Own, MANY), own(0));
        assert_eq!(small.push(&[0; 6], BroadcastKind::Plain, MANY), own(1));
        assert_eq!(small.len(), 1);
    }

    #[test]
    fn of_equals_a_full_queue_drops_the_oldest() {
        let mut queue = queue(&["1", "2", "3"]);
        assert_eq!(queue.push(b"4", BroadcastKind::Plain, 2).total(), 2);
        assert_eq!(filled(&mut queue, 9, 100), ["4", "3"]);
    }

    #[test]
    fn our_own_leave_reports_when_it_is_done_whatever_ends_it() {
        let leave = b"bye";
        let mut queue = queue(&[]);
        queue.push(leave, BroadcastKind::OwnLeave, MANY);
        assert!(!queue.take_own_leave_sent());
        filled(&mut queue, 2, 100);
        assert!(queue.take_own_leave_sent() && !queue.take_own_leave_sent());
        assert!(!queue.take_own_leave_done());
        filled(&mut queue, 2, 100);
        assert!(queue.take_own_leave_sent());
        assert!(queue.take_own_leave_done());
        assert!(!queue.take_own_leave_done());

        let mut place = QueuePlace::default();
        queue.push_about(key(0), &mut place, leave, BroadcastKind::OwnLeave, MANY);
        queue.push_about(key(0), &mut place, b"x", BroadcastKind::Plain, MANY);
        assert!(queue.take_own_leave_done());

        queue.push(leave, BroadcastKind::OwnLeave, 0);
        assert!(queue.take_own_leave_done());
    }
}
