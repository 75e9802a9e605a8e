//! News on its way to everybody: the transmit-limited queue.
//!
//! Each message is sent a number of times that grows with the logarithm of the cluster's size; then
//! enough others have it to carry it on. What was sent least goes first; among equals the longest
//! that still fits; among those the newest or, if they were sent before, the one that waits longest.
//! Messages that are equal so far form a list, linked through a slab: to send one costs the same,
//! and takes no memory, whether ten wait or a hundred thousand. Counterpart of Go's
//! `TransmitLimitedQueue`.
//!
//! Unlike Go: a queue never exceeds its bounds (Go's serf prunes its queues every 30 s, memberlist
//! never); messages that were sent before take turns, where Go sends the newest again; and there are
//! no ids that could repeat (Go's restart when the queue is empty in the midst of a packet, and a
//! message can then replace another).

use std::collections::BTreeMap;

use crate::config::Gossip;
use crate::machinery::table::Key;
use crate::wire::compound::{Compound, PART_OVERHEAD};

/// An emptied queue keeps the memory of at most this many messages.
const KEEP_ITEMS: usize = 4096;

/// How many buffers of messages that are done are kept for others.
const SPARE_MAX: usize = 64;

#[derive(Debug)]
pub(crate) struct BroadcastQueue {
    items: Vec<Item>,
    free: Vec<u32>,
    /// What waits, by how often it was sent.
    tiers: Vec<Tier>,
    /// The message about each member.
    about: BTreeMap<Key, u32>,
    /// Messages taken for the packet being filled, to be queued again behind the others.
    again: Vec<u32>,
    spare: Vec<Vec<u8>>,
    /// How many bytes of packets it was entitled to and has not used.
    owed: usize,
    len: usize,
    bytes: usize,
    bytes_max: usize,
    farewell_taken: bool,
    farewell_sent: bool,
}

#[derive(Debug)]
struct Item {
    message: Vec<u8>,
    about: Option<Key>,
    farewell: bool,
    transmits: u32,
    /// Its neighbours in its list, or [`NONE`].
    before: u32,
    behind: u32,
}

const NONE: u32 = u32::MAX;

/// Lists of the messages of each length, the shortest first.
type Tier = Vec<List>;

#[derive(Debug)]
struct List {
    len: usize,
    first: u32,
    last: u32,
}

/// Where in its list a message is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// What a message is to the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Stands by itself.
    Plain,
    /// Replaces any other message about the same member.
    About(Key),
    /// Ours, and [`BroadcastQueue::take_farewell_sent`] tells when it has been sent often enough.
    Farewell,
    /// Both of the former.
    FarewellAbout(Key),
}

impl BroadcastQueue {
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            items: Vec::new(),
            free: Vec::new(),
            tiers: Vec::new(),
            about: BTreeMap::new(),
            again: Vec::new(),
            spare: Vec::new(),
            owed: 0,
            len: 0,
            bytes: 0,
            bytes_max,
            farewell_taken: false,
            farewell_sent: false,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there is a message about this member.
    pub(crate) fn has_about(&self, key: Key) -> bool {
        self.about.contains_key(&key)
    }

    /// Queues a message and returns how many others had to go so that there are at most `len_max`.
    pub(crate) fn push(&mut self, message: &[u8], kind: Kind, len_max: usize) -> u64 {
        let (about, farewell) = match kind {
            Kind::Plain => (None, false),
            Kind::About(key) => (Some(key), false),
            Kind::Farewell => (None, true),
            Kind::FarewellAbout(key) => (Some(key), true),
        };
        if let Some(replaced) = about.and_then(|key| self.about.get(&key).copied()) {
            self.finish(replaced);
        }
        self.len += 1;
        self.bytes += message.len();
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.extend_from_slice(message);
        let new =
            Item { message: buffer, about, farewell, transmits: 0, before: NONE, behind: NONE };
        let item = if let Some(item) = self.free.pop() {
            self.items[item as usize] = new;
            item
        } else {
            self.items.push(new);
            (self.items.len() - 1) as u32
        };
        self.link(item, End::First);
        if let Some(key) = about {
            self.about.insert(key, item);
        }
        self.prune(len_max)
    }

    /// How long all messages are together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds as many messages as fit to a packet, each behind `frame`, and counts the transmission of
    /// each: at `transmit_limit` it is done. [`requeue`](Self::requeue) when the packet is complete.
    pub(crate) fn fill(&mut self, transmit_limit: u32, frame: &[u8], packet: &mut Compound) {
        let tiers = if self.is_empty() { 0 } else { self.tiers.len() };
        for tier in 0..tiers {
            while let Some(room) = packet.room().checked_sub(frame.len())
                && let Some(item) = self.first_within(tier, room)
                && packet.push(&[frame, &self.items[item as usize].message])
            {
                self.count_transmit(item, transmit_limit);
            }
        }
    }

    /// As [`fill`](Self::fill), but no further than what is [owed](Self::owe) to this queue, each
    /// message at no less than `cost_min`, and nothing before its turn: what would go first in a
    /// packet with `room` must not be kept back for ever by what is shorter.
    pub(crate) fn fill_what_is_owed(
        &mut self,
        transmit_limit: u32,
        frame: &[u8],
        packet: &mut Compound,
        room: usize,
        cost_min: usize,
    ) {
        let room = room.saturating_sub(frame.len());
        while let Some(item) = self.first_choice(room) {
            let message = &self.items[item as usize].message;
            let cost = (frame.len() + message.len() + PART_OVERHEAD).max(cost_min);
            if cost > self.owed || !packet.push(&[frame, message]) {
                return;
            }
            self.owed -= cost;
            self.count_transmit(item, transmit_limit);
        }
    }

    /// How many bytes of packets this queue was entitled to and has not used.
    pub(crate) fn owed(&self) -> usize {
        self.owed
    }

    pub(crate) fn owe(&mut self, bytes: usize, max: usize) {
        self.owed = (self.owed + bytes).min(max);
    }

    /// The packet is complete: what it took may go into the next. Nothing is owed to a queue that
    /// could say everything.
    pub(crate) fn requeue(&mut self) {
        if self.again.len() == self.len {
            self.owed = 0;
        }
        for at in 0..self.again.len() {
            self.link(self.again[at], End::Last);
        }
        self.again.clear();
    }

    /// Whether our farewell has, since the last call, been taken for a packet.
    pub(crate) fn take_farewell_taken(&mut self) -> bool {
        std::mem::take(&mut self.farewell_taken)
    }

    /// Whether our farewell has, since the last call, been sent as often as it ever will be.
    pub(crate) fn take_farewell_sent(&mut self) -> bool {
        std::mem::take(&mut self.farewell_sent)
    }

    /// Drops what was sent most until the bounds hold.
    fn prune(&mut self, len_max: usize) -> u64 {
        let mut dropped = 0;
        while (self.len > len_max || self.bytes > self.bytes_max)
            && let Some(list) = self.tiers.iter().rev().find_map(|tier| tier.first())
        {
            self.finish(list.last);
            dropped += 1;
        }
        dropped
    }

    fn count_transmit(&mut self, item: u32, transmit_limit: u32) {
        self.farewell_taken |= self.items[item as usize].farewell;
        if self.items[item as usize].transmits + 1 >= transmit_limit {
            self.finish(item);
        } else {
            self.unlink(item);
            self.items[item as usize].transmits += 1;
            self.again.push(item);
        }
    }

    fn finish(&mut self, item: u32) {
        self.unlink(item);
        let Item { message, about, farewell, .. } = &mut self.items[item as usize];
        self.bytes -= message.len();
        let mut buffer = std::mem::take(message);
        if self.spare.len() < SPARE_MAX {
            buffer.clear();
            self.spare.push(buffer);
        }
        self.farewell_sent |= *farewell;
        if let Some(key) = about {
            self.about.remove(key);
        }
        self.free.push(item);
        self.len -= 1;
        if self.len == 0 && self.items.len() > KEEP_ITEMS {
            (self.items, self.free) = (Vec::new(), Vec::new());
        }
    }

    /// The first of the longest messages of a tier that are no longer than `room`.
    fn first_within(&self, tier: usize, room: usize) -> Option<u32> {
        let lists = &self.tiers[tier];
        let fitting = lists.partition_point(|list| list.len <= room);
        Some(lists[fitting.checked_sub(1)?].first)
    }

    /// What goes first into a packet with so much room.
    fn first_choice(&self, room: usize) -> Option<u32> {
        (0..self.tiers.len()).find_map(|tier| self.first_within(tier, room))
    }

    /// Enters an item in the list where it belongs.
    fn link(&mut self, item: u32, end: End) {
        let Item { transmits, ref message, .. } = self.items[item as usize];
        let (tier, len) = (transmits as usize, message.len());
        if tier >= self.tiers.len() {
            self.tiers.resize_with(tier + 1, Tier::new);
        }
        let lists = &mut self.tiers[tier];
        let place = lists.partition_point(|list| list.len < len);
        match lists.get_mut(place).filter(|list| list.len == len) {
            None => {
                (self.items[item as usize].before, self.items[item as usize].behind) = (NONE, NONE);
                lists.insert(place, List { len, first: item, last: item });
            }
            Some(list) if end == End::First => {
                (self.items[item as usize].before, self.items[item as usize].behind) =
                    (NONE, list.first);
                self.items[list.first as usize].before = item;
                list.first = item;
            }
            Some(list) => {
                (self.items[item as usize].before, self.items[item as usize].behind) =
                    (list.last, NONE);
                self.items[list.last as usize].behind = item;
                list.last = item;
            }
        }
    }

    /// The reverse of [`link`](Self::link).
    fn unlink(&mut self, item: u32) {
        let Item { transmits, ref message, before, behind, .. } = self.items[item as usize];
        let (lists, len) = (&mut self.tiers[transmits as usize], message.len());
        let place = lists.partition_point(|list| list.len < len);
        match (before, behind) {
            (NONE, NONE) => {
                lists.remove(place);
            }
            (NONE, _) => lists[place].first = behind,
            (_, NONE) => lists[place].last = before,
            (_, _) => {}
        }
        if before != NONE {
            self.items[before as usize].behind = behind;
        }
        if behind != NONE {
            self.items[behind as usize].before = before;
        }
    }
}

/// How often a message is sent in a cluster of `members`.
///
/// Unlike Go, where with the local preset a message is sent twice although a gossip tick has three
/// targets, so that one member of a small cluster may never hear it: everybody who is a target of one
/// tick gets the message.
pub(crate) fn transmit_limit(gossip: &Gossip, members: usize) -> u32 {
    scaled(gossip.retransmit_mult, members).max(gossip.nodes as u32)
}

/// What grows with the digits of a cluster's size: `mult * ceil(log10(members + 1))`, which is Go's
/// `retransmitLimit`.
pub(crate) fn scaled(mult: u32, members: usize) -> u32 {
    let mut digits = 0;
    let mut power: usize = 1;
    while power <= members {
        power = power.saturating_mul(10);
        digits += 1;
    }
    mult * digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::compound::HEADER_LEN;

    const MANY: usize = 100;

    fn queue(messages: &[&'static str]) -> BroadcastQueue {
        let mut queue = BroadcastQueue::new(1 << 20);
        for message in messages {
            queue.push(message.as_bytes(), Kind::Plain, MANY);
        }
        queue
    }

    /// What one packet with room for `room` bytes of messages and their lengths takes.
    fn filled(queue: &mut BroadcastQueue, limit: u32, room: usize) -> Vec<String> {
        let mut packet = Compound::default();
        packet.reset(HEADER_LEN + room);
        queue.fill(limit, b"", &mut packet);
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
        let mut table =
            crate::machinery::table::Table::new(&mut crate::machinery::rng::Rng::new([0; 32]));
        let node = |n: usize| crate::testing::node(&n.to_string(), "127.0.0.1:7946");
        (0..=n).map(|n| table.insert(node(n))).last().unwrap()
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
            queue.push(message.as_bytes(), Kind::Plain, MANY);
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
    fn newer_news_about_a_member_replaces_older() {
        let mut queue = queue(&[]);
        let (a, b) = (key(0), key(1));
        queue.push(b"a is alive", Kind::About(a), MANY);
        queue.push(b"b is alive", Kind::About(b), MANY);
        queue.push(b"a is suspect", Kind::About(a), MANY);
        assert_eq!(filled(&mut queue, 9, 100), ["a is suspect", "b is alive"]);
        assert_eq!(queue.len(), 2);
    }

    #[test]
    fn a_full_queue_drops_what_was_sent_most() {
        let mut queue = queue(&["sent"]);
        filled(&mut queue, 9, 100);
        assert_eq!(queue.push(b"a", Kind::Plain, 2), 0);
        assert_eq!(queue.push(b"b", Kind::Plain, 2), 1);
        assert_eq!(filled(&mut queue, 9, 100), ["b", "a"]);
        let mut small = BroadcastQueue::new(10);
        assert_eq!(small.push(&[0; 6], Kind::Plain, MANY), 0);
        assert_eq!(small.push(&[0; 6], Kind::Plain, MANY), 1);
        assert_eq!(small.len(), 1);
    }

    #[test]
    fn of_equals_a_full_queue_drops_the_oldest() {
        let mut queue = queue(&["1", "2", "3"]);
        assert_eq!(queue.push(b"4", Kind::Plain, 2), 2);
        assert_eq!(filled(&mut queue, 9, 100), ["4", "3"]);
    }

    #[test]
    fn a_farewell_reports_when_it_is_done_whatever_ends_it() {
        let farewell = b"bye";
        let mut queue = queue(&[]);
        queue.push(farewell, Kind::Farewell, MANY);
        assert!(!queue.take_farewell_taken());
        filled(&mut queue, 2, 100);
        assert!(queue.take_farewell_taken() && !queue.take_farewell_taken());
        assert!(!queue.take_farewell_sent());
        filled(&mut queue, 2, 100);
        assert!(queue.take_farewell_taken());
        assert!(queue.take_farewell_sent());
        assert!(!queue.take_farewell_sent());

        queue.push(farewell, Kind::FarewellAbout(key(0)), MANY);
        queue.push(b"x", Kind::About(key(0)), MANY);
        assert!(queue.take_farewell_sent());

        queue.push(farewell, Kind::Farewell, 0);
        assert!(queue.take_farewell_sent());
    }

    #[test]
    fn limits_grow_with_the_digits_of_the_cluster() {
        let expected = [(0, 0), (1, 3), (9, 3), (10, 6), (99, 6), (100, 9), (1000, 12)];
        for (members, limit) in expected {
            assert_eq!(scaled(3, members), limit, "{members} members");
        }
    }

    #[test]
    fn whoever_is_a_target_of_one_tick_gets_the_message() {
        let config = crate::config::Config::local("a");
        assert_eq!(transmit_limit(&config.gossip, 4), 3);
        assert_eq!(transmit_limit(&config.gossip, 10), 4);
    }
}
