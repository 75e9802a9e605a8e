//! The recent user events or queries, by Lamport time.
//!
//! It tells whether a message is new. It remembers the last few hundred Lamport times; an older message
//! counts as known. Counterpart of `eventBuffer` and `queryBuffer` in Go's `serf.go`.
//!
//! Unlike Go, it is bounded, in entries of one time and in bytes. All user events in it go into every
//! push/pull, and others would refuse one that is too large.

#[derive(Debug)]
pub(crate) struct Ring<T> {
    /// Grows up to `len_max`.
    slots: Vec<RingSlot<T>>,
    len_max: u64,
    slot_len_max: usize,
    /// The size of all entries together.
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct RingSlot<T> {
    ltime: u64,
    entries: Vec<T>,
    bytes: usize,
}

/// What [`Ring::seen`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Never,
    Before,
    /// It is older than what the ring remembers, so it counts as known.
    TooOld,
    /// The ring has no room for it, at this time or altogether.
    Full,
}

impl<T> Ring<T> {
    /// Remembers `len_max` times, at most `slot_len_max` entries of each time, and at most `bytes_max`
    /// bytes altogether.
    pub(crate) fn new(len_max: usize, slot_len_max: usize, bytes_max: usize) -> Self {
        let (slots, len_max) = (Vec::new(), len_max as u64);
        Self { slots, len_max, slot_len_max, bytes: 0, bytes_max }
    }

    /// Whether an entry that `is_it` was inserted for a time, and if not, whether there is room for one
    /// of `bytes`. `now` is the clock, which has seen `ltime`.
    pub(crate) fn seen(
        &mut self,
        now: u64,
        ltime: u64,
        bytes: usize,
        is_it: impl FnMut(&T) -> bool,
    ) -> Seen {
        let oldest = now.saturating_sub(self.len_max);
        if ltime < oldest {
            return Seen::TooOld;
        }
        let slot_len_max = self.slot_len_max;
        let entries = self.at_mut(ltime);
        if entries.iter().any(is_it) {
            Seen::Before
        } else if entries.len() >= slot_len_max || !self.has_room(oldest, bytes) {
            Seen::Full
        } else {
            Seen::Never
        }
    }

    /// Whether there is room for so many bytes, if necessary in place of entries before `oldest`.
    fn has_room(&mut self, oldest: u64, bytes: usize) -> bool {
        if self.bytes + bytes > self.bytes_max {
            let old = self.slots.iter_mut().filter(|slot| slot.ltime < oldest);
            self.bytes -= old.map(RingSlot::clear).sum::<usize>();
        }
        self.bytes + bytes <= self.bytes_max
    }

    /// Inserts an entry that was [never seen](Seen::Never). It replaces those of an older time in the
    /// same slot.
    pub(crate) fn insert(&mut self, ltime: u64, bytes: usize, entry: T) {
        let index = (ltime % self.len_max) as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, RingSlot::default);
        }
        let slot = &mut self.slots[index];
        if slot.ltime != ltime {
            self.bytes -= slot.clear();
            slot.ltime = ltime;
        }
        self.bytes += bytes;
        slot.bytes += bytes;
        slot.entries.push(entry);
    }

    /// The entries of a time.
    pub(crate) fn at_mut(&mut self, ltime: u64) -> &mut [T] {
        let slot = self.slots.get_mut((ltime % self.len_max) as usize);
        match slot.filter(|slot| slot.ltime == ltime) {
            Some(slot) => &mut slot.entries,
            None => &mut [],
        }
    }

    /// All times that have entries, not sorted by time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[T])> {
        let used = self.slots.iter().filter(|slot| !slot.entries.is_empty());
        used.map(|slot| (slot.ltime, &*slot.entries))
    }
}

impl<T> RingSlot<T> {
    /// Forgets its entries and returns their size.
    fn clear(&mut self) -> usize {
        self.entries.clear();
        std::mem::take(&mut self.bytes)
    }
}

impl<T> Default for RingSlot<T> {
    fn default() -> Self {
        Self { ltime: 0, entries: Vec::new(), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(ring: &mut Ring<char>, now: u64, ltime: u64, entry: char) -> Seen {
        let seen = ring.seen(now, ltime, 10, |known| *known == entry);
        if seen == Seen::Never {
            ring.insert(ltime, 10, entry);
        }
        seen
    }

    #[test]
    fn a_message_is_new_once() {
        let mut ring = Ring::new(4, 2, 1000);
        assert_eq!(insert(&mut ring, 2, 1, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 2, 1, 'a'), Seen::Before);
        assert_eq!(insert(&mut ring, 2, 1, 'b'), Seen::Never);
        assert_eq!(insert(&mut ring, 2, 1, 'c'), Seen::Full);
        assert_eq!(insert(&mut ring, 3, 2, 'a'), Seen::Never);
        assert_eq!(ring.at_mut(1), ['a', 'b']);
        assert_eq!(ring.at_mut(5), []);
    }

    #[test]
    fn a_message_older_than_the_ring_counts_as_known() {
        let mut ring = Ring::new(4, 2, 1000);
        assert_eq!(insert(&mut ring, 9, 8, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 5, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 4, 'a'), Seen::TooOld);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [(8, &['a'][..]), (5, &['a'])]);
        assert_eq!(insert(&mut ring, 10, 9, 'z'), Seen::Never);
        assert_eq!(ring.at_mut(5), []);
    }

    #[test]
    fn it_is_bounded_in_bytes_and_old_entries_give_way() {
        let mut ring = Ring::new(4, 9, 30);
        for (ltime, entry) in [(1, 'a'), (2, 'b'), (2, 'c')] {
            assert_eq!(insert(&mut ring, 3, ltime, entry), Seen::Never);
        }
        assert_eq!(insert(&mut ring, 4, 3, 'd'), Seen::Full);
        assert_eq!(insert(&mut ring, 4, 2, 'b'), Seen::Before);
        // Now the first entry is too old and gives way; the next ones do when the clock goes on.
        assert_eq!(insert(&mut ring, 6, 3, 'd'), Seen::Never);
        assert_eq!(insert(&mut ring, 6, 3, 'e'), Seen::Full);
        assert_eq!(ring.at_mut(2), ['b', 'c']);
        assert_eq!(insert(&mut ring, 1000, 999, 'f'), Seen::Never);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [(999, &['f'][..])]);
        assert_eq!(ring.bytes, 10);
    }
}
