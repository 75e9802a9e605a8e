//! The order in which queued broadcasts are sent.
//!
//! The message sent least goes first; among equals the longest that still fits; among those the newest
//! or, if they were sent before, the one that waits longest. Messages that are equal so far form a list,
//! linked through a slab: to send one costs the same, and takes no memory, whether ten wait or a hundred
//! thousand.
//!
//! Unlike Go: messages that were sent before take turns, where Go sends the newest again; and there are
//! no ids that could repeat (Go's restart when the queue is empty in the midst of a packet, and a
//! message can then replace another).

use std::ops::Index;

use crate::machinery::Key;

/// When all messages are gone, the memory of at most this many is kept.
const KEEP_SLOTS: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct SendOrder {
    slots: Vec<QueueSlot>,
    free: Vec<u32>,
    /// The waiting messages, by how often they were sent. In each tier there is a list for each length,
    /// the shortest first.
    tiers: Vec<Vec<EqualMessages>>,
    len: usize,
}

#[derive(Debug, Default)]
pub(crate) struct QueuedMessage {
    pub(crate) bytes: Vec<u8>,
    /// The member that it is about, if a newer message about it would replace this one.
    pub(crate) about: Option<Key>,
    /// It is our own leave message.
    pub(crate) own_leave: bool,
    /// It is ours: a user event or a query.
    pub(crate) is_own: bool,
    /// How often it has been sent.
    pub(crate) transmits: u32,
}

#[derive(Debug)]
struct QueueSlot {
    message: QueuedMessage,
    /// Its neighbours in its list, or [`NONE`].
    before: u32,
    behind: u32,
}

const NONE: u32 = u32::MAX;

/// The messages of one length that were sent equally often.
#[derive(Debug)]
struct EqualMessages {
    len: usize,
    first: u32,
    last: u32,
}

/// Where in its list a message is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListEnd {
    First,
    Last,
}

impl SendOrder {
    /// How many messages there are, those that are taken out included.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a message that was never sent, before its equals.
    #[inline]
    pub(crate) fn add(&mut self, message: QueuedMessage) -> u32 {
        let slot = QueueSlot { message, before: NONE, behind: NONE };
        let item = if let Some(item) = self.free.pop() {
            self.slots[item as usize] = slot;
            item
        } else {
            self.slots.push(slot);
            (self.slots.len() - 1) as u32
        };
        self.link(item, ListEnd::First);
        self.len += 1;
        item
    }

    /// Takes a message that is sent once more out of the order, until it is [put
    /// back](Self::put_back).
    pub(crate) fn take_out(&mut self, item: u32) {
        self.unlink(item);
        self.slots[item as usize].message.transmits += 1;
    }

    /// Puts a message that was taken out back, behind its equals.
    pub(crate) fn put_back(&mut self, item: u32) {
        self.link(item, ListEnd::Last);
    }

    /// Removes a message that is in the order.
    pub(crate) fn remove(&mut self, item: u32) -> QueuedMessage {
        self.unlink(item);
        let message = std::mem::take(&mut self.slots[item as usize].message);
        self.free.push(item);
        self.len -= 1;
        if self.len == 0 && self.slots.len() > KEEP_SLOTS {
            (self.slots, self.free) = (Vec::new(), Vec::new());
        }
        message
    }

    pub(crate) fn tiers(&self) -> usize {
        self.tiers.len()
    }

    /// The first of the longest messages of a tier that are no longer than `room`.
    pub(crate) fn first_within(&self, tier: usize, room: usize) -> Option<u32> {
        let lists = &self.tiers[tier];
        let fitting = lists.partition_point(|list| list.len <= room);
        Some(lists[fitting.checked_sub(1)?].first)
    }

    /// Whether there is a message in the tiers up to this one.
    pub(crate) fn has_within(&self, tier: usize) -> bool {
        self.tiers.iter().take(tier + 1).any(|lists| !lists.is_empty())
    }

    /// The message that goes first into a packet with so much room, in the tiers from this one on.
    pub(crate) fn first(&self, room: usize, tier: usize) -> Option<u32> {
        (tier..self.tiers.len()).find_map(|tier| self.first_within(tier, room))
    }

    /// The message that is dropped first: of those sent most, the last of the shortest.
    pub(crate) fn last(&self) -> Option<u32> {
        Some(self.tiers.iter().rev().find_map(|tier| tier.first())?.last)
    }

    /// Enters a message in the list where it belongs.
    fn link(&mut self, item: u32, end: ListEnd) {
        let message = &self[item];
        let (tier, len) = (message.transmits as usize, message.bytes.len());
        if tier >= self.tiers.len() {
            self.tiers.resize_with(tier + 1, Vec::new);
        }
        let lists = &mut self.tiers[tier];
        let place = lists.partition_point(|list| list.len < len);
        if lists.get(place).is_none_or(|list| list.len != len) {
            lists.insert(place, EqualMessages { len, first: NONE, last: NONE });
        }
        let list = &mut lists[place];
        let (before, behind) = match end {
            ListEnd::First => (NONE, list.first),
            ListEnd::Last => (list.last, NONE),
        };
        let slot = &mut self.slots[item as usize];
        (slot.before, slot.behind) = (before, behind);
        match before {
            NONE => list.first = item,
            _ => self.slots[before as usize].behind = item,
        }
        match behind {
            NONE => list.last = item,
            _ => self.slots[behind as usize].before = item,
        }
    }

    /// The reverse of [`link`](Self::link).
    fn unlink(&mut self, item: u32) {
        let QueueSlot { ref message, before, behind } = self.slots[item as usize];
        let (lists, len) = (&mut self.tiers[message.transmits as usize], message.bytes.len());
        let place = lists.partition_point(|list| list.len < len);
        if (before, behind) == (NONE, NONE) {
            lists.remove(place);
            return;
        }
        match before {
            NONE => lists[place].first = behind,
            _ => self.slots[before as usize].behind = behind,
        }
        match behind {
            NONE => lists[place].last = before,
            _ => self.slots[behind as usize].before = before,
        }
    }
}

impl Index<u32> for SendOrder {
    type Output = QueuedMessage;

    fn index(&self, item: u32) -> &QueuedMessage {
        &self.slots[item as usize].message
    }
}
