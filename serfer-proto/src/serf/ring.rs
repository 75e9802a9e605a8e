//! What was seen recently, by Lamport time.
//!
//! A user event or query is new once; the ring is how we know. It remembers the last few hundred
//! Lamport times, and anything older than that is taken for known. Counterpart of the event and
//! query buffers in Go's `handleUserEvent` and `handleQuery`.

#[derive(Debug)]
pub(crate) struct Ring<T> {
    /// Grows up to `len_max` as times come up.
    slots: Vec<Slot<T>>,
    len_max: u64,
    slot_len_max: usize,
}

#[derive(Debug)]
struct Slot<T> {
    ltime: u64,
    entries: Vec<T>,
}

/// What [`Ring::seen`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Never,
    Before,
    /// Too long ago to know, so it counts as known.
    TooOld,
    /// Too much happened at this time to tell.
    Full,
}

impl<T> Ring<T> {
    /// Remembers `len_max` times, and of each at most `slot_len_max` entries.
    pub(crate) fn new(len_max: usize, slot_len_max: usize) -> Self {
        Self { slots: Vec::new(), len_max: len_max as u64, slot_len_max }
    }

    /// Whether something that `is_it` was entered for a time. `now` is the clock, which has seen
    /// `ltime`.
    pub(crate) fn seen(&self, now: u64, ltime: u64, is_it: impl FnMut(&T) -> bool) -> Seen {
        if now > self.len_max && ltime < now - self.len_max {
            return Seen::TooOld;
        }
        let entries = self.at(ltime);
        if entries.iter().any(is_it) {
            Seen::Before
        } else if entries.len() >= self.slot_len_max {
            Seen::Full
        } else {
            Seen::Never
        }
    }

    /// Enters something that was [never seen](Seen::Never). What was entered for an older time that
    /// shares the slot is forgotten.
    pub(crate) fn insert(&mut self, ltime: u64, entry: T) {
        let index = (ltime % self.len_max) as usize;
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        let slot = &mut self.slots[index];
        if slot.ltime != ltime {
            slot.ltime = ltime;
            slot.entries.clear();
        }
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

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { ltime: 0, entries: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(ring: &mut Ring<char>, now: u64, ltime: u64, entry: char) -> Seen {
        let seen = ring.seen(now, ltime, |known| *known == entry);
        if seen == Seen::Never {
            ring.insert(ltime, entry);
        }
        seen
    }

    #[test]
    fn everything_is_new_once() {
        let mut ring = Ring::new(4, 2);
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
        let mut ring = Ring::new(4, 2);
        assert_eq!(insert(&mut ring, 9, 8, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 5, 'a'), Seen::Never);
        assert_eq!(insert(&mut ring, 9, 4, 'a'), Seen::TooOld);
        assert_eq!(ring.iter().collect::<Vec<_>>(), [(8, &['a'][..]), (5, &['a'])]);
        assert_eq!(insert(&mut ring, 10, 9, 'z'), Seen::Never);
        assert_eq!(ring.at_mut(5), []);
    }
}
