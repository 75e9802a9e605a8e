//! The recent user events or queries, by Lamport time.
//!
//! It tells whether a message is new. It remembers the last few hundred Lamport times; an older message
//! counts as known. Counterpart of `eventBuffer` and `queryBuffer` in Go's `serf.go`.
//!
//! Unlike Go, it is bounded, in bytes and in entries of one time. All user events in it go into every
//! push/pull, and others would refuse one that is too large. If it is full, the oldest times give way to
//! newer ones, and count as known from then on.

use std::cmp::Ordering;

#[derive(Debug)]
pub(crate) struct Ring<T> {
    /// Grows up to `len_max`.
    slots: Vec<RingSlot<T>>,
    len_max: u64,
    slot_len_max: usize,
    /// The size of all entries together.
    bytes: usize,
    bytes_max: usize,
    /// Times before this had to give way.
    full_before: u64,
}

#[derive(Debug)]
struct RingSlot<T> {
    ltime: u64,
    entries: Vec<T>,
    /// The places of the entries, in the order of their keys.
    sorted: Vec<u32>,
    bytes: usize,
}

/// What [`Ring::seen`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It goes to this place in the order of the time's entries.
    Never(usize),
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
        Self { slots, len_max, slot_len_max, bytes: 0, bytes_max, full_before: 0 }
    }

    /// Whether an entry was inserted for a time, and if not, whether there is room for one of `bytes`.
    /// `order` compares an entry with it. `now` is the clock, which has seen `ltime`.
    pub(crate) fn seen(
        &mut self,
        now: u64,
        ltime: u64,
        bytes: usize,
        order: impl FnMut(&T) -> Ordering,
    ) -> Seen {
        let oldest = now.saturating_sub(self.len_max);
        if ltime < oldest {
            return Seen::TooOld;
        }
        if ltime < self.full_before {
            return Seen::Full;
        }
        let (place, count) = match self.slot(ltime) {
            None => (Err(0), 0),
            Some(slot) => (slot.find(order), slot.entries.len()),
        };
        match place {
            Ok(_) => Seen::Before,
            Err(_) if count >= self.slot_len_max => Seen::Full,
            Err(place) if self.has_room(ltime, bytes) => Seen::Never(place),
            Err(_) => Seen::Full,
        }
    }

    /// Whether there is room for so many bytes, if necessary in place of entries before `ltime`.
    fn has_room(&mut self, ltime: u64, bytes: usize) -> bool {
        while self.bytes.saturating_add(bytes) > self.bytes_max {
            let used =
                self.slots.iter_mut().filter(|it| it.ltime < ltime && !it.entries.is_empty());
            let Some(oldest) = used.min_by_key(|slot| slot.ltime) else {
                return false;
            };
            self.bytes -= oldest.clear();
            self.full_before = self.full_before.max(oldest.ltime + 1);
        }
        true
    }

    /// Inserts an entry that was [never seen](Seen::Never), at the place found. It replaces those of an
    /// older time in the same slot.
    pub(crate) fn insert(&mut self, ltime: u64, bytes: usize, place: usize, entry: T) {
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
        slot.sorted.insert(place, slot.entries.len() as u32);
        slot.entries.push(entry);
    }

    /// An entry of a time.
    pub(crate) fn find_mut(
        &mut self,
        ltime: u64,
        order: impl FnMut(&T) -> Ordering,
    ) -> Option<&mut T> {
        let index = (ltime % self.len_max) as usize;
        let slot = self.slots.get_mut(index).filter(|slot| slot.ltime == ltime)?;
        let place = slot.find(order).ok()?;
        slot.entries.get_mut(slot.sorted[place] as usize)
    }

    /// All times that have entries, not sorted by time.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &[T])> {
        let used = self.slots.iter().filter(|slot| !slot.entries.is_empty());
        used.map(|slot| (slot.ltime, &*slot.entries))
    }

    fn slot(&self, ltime: u64) -> Option<&RingSlot<T>> {
        let slot = self.slots.get((ltime % self.len_max) as usize);
        slot.filter(|slot| slot.ltime == ltime)
    }
}

impl<T> RingSlot<T> {
    /// The place of an entry in their order, or where it would be.
    fn find(&self, mut order: impl FnMut(&T) -> Ordering) -> Result<usize, usize> {
        self.sorted.binary_search_by(|&at| order(&self.entries[at as usize]))
    }

    /// Forgets its entries and returns their size.
    fn clear(&mut self) -> usize {
        self.entries.clear();
        self.sorted.clear();
        std::mem::take(&mut self.bytes)
    }
}

impl<T> Default for RingSlot<T> {
    fn default() -> Self {
        Self { ltime: 0, entries: Vec::new(), sorted: Vec::new(), bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(ring: &mut Ring<char>, now: u64, ltime: u64, entry: char) -> Seen {
        let seen = ring.seen(now, ltime, 10, |known| known.cmp(&entry));
        if let Seen::Never(place) = seen {
            ring.insert(ltime, 10, place, entry);
        }
        seen
    }

    #[track_caller]
    fn is_new(ring: &mut Ring<char>, now: u64, ltime: u64, entry: char) {
        let seen = insert(ring, now, ltime, entry);
        assert!(matches!(seen, Seen::Never(_)), "{entry}: {seen:?}");
    }

    fn times(ring: &Ring<char>) -> Vec<(u64, &[char])> {
        ring.iter().collect()
    }

    #[test]
    fn a_message_is_new_once() {
        let mut ring = Ring::new(4, 2, 1000);
        is_new(&mut ring, 2, 1, 'b');
        assert_eq!(insert(&mut ring, 2, 1, 'b'), Seen::Before);
        is_new(&mut ring, 2, 1, 'a');
        assert_eq!(insert(&mut ring, 2, 1, 'b'), Seen::Before);
        assert_eq!(insert(&mut ring, 2, 1, 'c'), Seen::Full);
        is_new(&mut ring, 3, 2, 'a');
        assert_eq!(times(&ring), [(1, &['b', 'a'][..]), (2, &['a'])], "in the order they came");
        assert_eq!(ring.find_mut(1, |known| known.cmp(&'a')), Some(&mut 'a'));
        assert_eq!(ring.find_mut(5, |known| known.cmp(&'a')), None);
    }

    #[test]
    fn thousands_of_one_time_are_told_apart() {
        let mut ring = Ring::new(4, usize::MAX, usize::MAX);
        let shuffled = (0..5000_u32).map(|n| n * 1777 % 5000);
        for n in shuffled.clone() {
            let Seen::Never(place) = ring.seen(2, 1, 10, |known: &u32| known.cmp(&n)) else {
                panic!("{n} is new");
            };
            ring.insert(1, 10, place, n);
        }
        assert!(
            shuffled.clone().all(|n| ring.seen(2, 1, 10, |known| known.cmp(&n)) == Seen::Before)
        );
        assert!(ring.iter().next().unwrap().1.iter().copied().eq(shuffled));
    }

    #[test]
    fn a_message_older_than_the_ring_counts_as_known() {
        let mut ring = Ring::new(4, 2, 1000);
        is_new(&mut ring, 9, 8, 'a');
        is_new(&mut ring, 9, 5, 'a');
        assert_eq!(insert(&mut ring, 9, 4, 'a'), Seen::TooOld);
        assert_eq!(times(&ring), [(8, &['a'][..]), (5, &['a'])]);
        is_new(&mut ring, 10, 9, 'z');
        assert_eq!(times(&ring), [(8, &['a'][..]), (9, &['z'])]);
    }

    #[test]
    fn it_is_bounded_in_bytes_and_the_oldest_give_way() {
        let mut ring = Ring::new(9, 9, 30);
        for (ltime, entry) in [(1, 'a'), (2, 'b'), (2, 'c')] {
            is_new(&mut ring, 3, ltime, entry);
        }
        assert_eq!(insert(&mut ring, 3, 1, 'd'), Seen::Full, "nothing is older");
        assert_eq!(insert(&mut ring, 3, 2, 'b'), Seen::Before);
        is_new(&mut ring, 4, 3, 'd');
        assert_eq!(times(&ring), [(2, &['b', 'c'][..]), (3, &['d'])]);
        assert_eq!(insert(&mut ring, 4, 1, 'a'), Seen::Full, "it is not told twice");
        is_new(&mut ring, 1000, 999, 'f');
        assert_eq!((ring.bytes, times(&ring)), (20, vec![(999, &['f'][..]), (3, &['d'])]));
        assert_eq!(insert(&mut ring, 1000, 1, 'a'), Seen::TooOld);
        assert_eq!(ring.seen(1000, 999, 31, |known| known.cmp(&'g')), Seen::Full);
    }
}
