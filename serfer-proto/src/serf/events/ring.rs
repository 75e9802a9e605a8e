//! What was seen recently, by Lamport time.
//!
//! A user event or query is new once; the ring is how we know. It remembers the last few hundred
//! Lamport times, and anything older than that is taken for known. Counterpart of the event and
//! query buffers in Go's `handleUserEvent` and `handleQuery`.
//!
//! Unlike Go: it is bounded, in entries of one time and in bytes. All of it goes into every push/pull,
//! which others would refuse if it were too large.

#[derive(Debug)]
pub(crate) struct Ring<T> {
    /// Grows up to `len_max` as times come up.
    slots: Vec<Slot<T>>,
    len_max: u64,
    slot_len_max: usize,
    /// What all entries weigh together.
    bytes: usize,
    bytes_max: usize,
}

#[derive(Debug)]
struct Slot<T> {
    ltime: u64,
    entries: Vec<T>,
    bytes: usize,
}

/// What [`Ring::seen`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Never,
    Before,
    /// Too long ago to know, so it counts as known.
    TooOld,
    /// Too much happened, at this time or altogether, to tell.
    Full,
}

impl<T> Ring<T> {
    /// Remembers `len_max` times, of each at most `slot_len_max` entries, and of all at most
    /// `bytes_max` bytes.
    pub(crate) fn new(len_max: usize, slot_len_max: usize, bytes_max: usize) -> Self {
        let (slots, len_max) = (Vec::new(), len_max as u64);
        Self { slots, len_max, slot_len_max, bytes: 0, bytes_max }
    }

    /// Whether something of `bytes` that `is_it` was entered for a time. `now` is the clock, which has
    /// seen `ltime`.
    pub(crate) fn seen(
        &mut self,
        now: u64,
        ltime: u64,
        bytes: usize,
        is_it: impl FnMut(&T) -> bool,
    ) -> Seen {
        let oldest = self.oldest(now);
        if ltime < oldest {
            return Seen::TooOld;
        }
        let entries = self.at(ltime);
        if entries.iter().any(is_it) {
            Seen::Before
        } else if entries.len() >= self.slot_len_max || !self.has_room(oldest, bytes) {
            Seen::Full
        } else {
            Seen::Never
        }
    }

    /// The oldest time that is remembered.
    fn oldest(&self, now: u64) -> u64 {
        now.saturating_sub(self.len_max)
    }

    /// Whether there is room for so much, if need be in place of what is too old to matter.
    fn has_room(&mut self, oldest: u64, bytes: usize) -> bool {
        if self.bytes + bytes > self.bytes_max {
            let old = self.slots.iter_mut().filter(|slot| slot.ltime < oldest);
            self.bytes -= old.map(Slot::clear).sum::<usize>();
        }
        self.bytes + bytes <= self.bytes_max
    }

    /// Enters something that was [never seen](Seen::Never). What was entered for an older time that
    /// shares the slot is forgotten.
    pub(crate) fn insert(&mut self, ltime: u64, bytes: usize, entry: T) {
        let index = (ltime % self.len_max) as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
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

    /// What was entered for a time.
    fn at(&self, ltime: u64) -> &[T] {
        let slot = self.slots.get((ltime % self.len_max) as usize);
        match slot.filter(|slot| slot.ltime == ltime) {
            Some(slot) => &slot.entries,
            None => &[],
        }
    }

    /// What was entered for a time.
    pub(crate) fn at_mut(&mut self, ltime: u64) -> &mut [T] {
        let slot = self.slots.get_mut((ltime % self.len_max) as usize);
        match slot.filter(|slot| slot.ltime == ltime) {
            Some(slot) => &mut slot.entries,
            None => &mut [],
        }
    }

    /// All times something was entered for, in no order of time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[T])> {
        let used = self.slots.iter().filter(|slot| !slot.entries.is_empty());
        used.map(|slot| (slot.ltime, &*slot.entries))
    }
}

impl<T> Slot<T> {
    /// Forgets its entries; returns what they weighed.
    fn clear(&mut self) -> usize {
        self.entries.clear();
        std::mem::take(&mut self.bytes)
    }
}

impl<T> Default for Slot<T> {
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
    fn everything_is_new_once() {
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
    fn what_is_too_old_to_know_counts_as_known() {
        let mut ring = Ring::new(4, 2, 1000);
        assert_eq!(insert(&mut ring, 9, 8, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 5, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 4, 'a'), Seen::TooOld);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [(8, &['a'][..]), (5, &['a'])]);
        assert_eq!(insert(&mut ring, 10, 9, 'z'), Seen::Never);
        assert_eq!(ring.at_mut(5), []);
    }

    #[test]
    fn it_holds_only_so_much_and_what_is_too_old_gives_way() {
        let mut ring = Ring::new(4, 9, 30);
        for (ltime, entry) in [(1, 'a'), (2, 'b'), (2, 'c')] {
            assert_eq!(insert(&mut ring, 3, ltime, entry), Seen::Never);
        }
        assert_eq!(insert(&mut ring, 4, 3, 'd'), Seen::Full);
        assert_eq!(insert(&mut ring, 4, 2, 'b'), Seen::Before);
        // One is too old by then, and another one more is when the clock goes on.
        assert_eq!(insert(&mut ring, 6, 3, 'd'), Seen::Never);
        assert_eq!(insert(&mut ring, 6, 3, 'e'), Seen::Full);
        assert_eq!(ring.at_mut(2), ['b', 'c']);
        assert_eq!(insert(&mut ring, 1000, 999, 'f'), Seen::Never);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [(999, &['f'][..])]);
        assert_eq!(ring.bytes, 10);
    }
}
