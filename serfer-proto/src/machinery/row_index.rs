//! A hash table of row numbers that grows without a pause.
//!
//! An ordinary one moves all its entries when it is full. With 100,000 members that takes longer than a ping
//! may wait. This one moves some of them with each insertion, and meanwhile looks in two places.

use hashbrown::HashTable;

/// Below so many entries all are moved at once: it takes less than a tenth of a millisecond.
const GRADUAL_FROM: usize = 1024;

/// How many rows are moved with an insertion, at least. That takes less than a microsecond.
const STEP_MIN: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct RowIndex {
    rows: HashTable<u32>,
    /// What has not been moved yet; empty most of the time.
    old: HashTable<u32>,
    /// Rows below this one have been moved.
    moved: usize,
    /// How many are moved at once.
    step: usize,
}

impl RowIndex {
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.rows.len() + self.old.len()
    }

    /// The row of this hash that `is_it`.
    #[inline(always)]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.rows.find(hash, |&row| is_it(row)).copied();
        if found.is_some() || self.old.is_empty() {
            return found;
        }
        self.old.find(hash, |&row| is_it(row)).copied()
    }

    /// Adds a row that is not there. Rows are numbered up to `places`, and `hash_of` has the hash of each
    /// that may be in here.
    pub(crate) fn insert(&mut self, row: u32, places: usize, hash_of: impl Fn(u32) -> Option<u64>) {
        let must_grow = self.rows.len() == self.rows.capacity();
        if must_grow && self.old.is_empty() && self.rows.len() >= GRADUAL_FROM {
            let larger = HashTable::with_capacity(2 * self.rows.len());
            self.old = std::mem::replace(&mut self.rows, larger);
            self.moved = 0;
            // There is room for as many insertions as there are entries; but two tables take more memory.
            self.step = STEP_MIN.max(2 * places / self.old.len() + 2);
        }
        self.move_some(places, &hash_of);
        self.insert_now(row, &hash_of);
    }

    /// Removes a row. Returns whether it was there.
    pub(crate) fn remove(&mut self, hash: u64, row: u32) -> bool {
        take(&mut self.rows, hash, row) || take(&mut self.old, hash, row)
    }

    fn move_some(&mut self, places: usize, hash_of: &impl Fn(u32) -> Option<u64>) {
        if self.old.is_empty() {
            return;
        }
        let end = places.min(self.moved + self.step);
        for row in self.moved as u32..end as u32 {
            if let Some(hash) = hash_of(row)
                && take(&mut self.old, hash, row)
            {
                self.insert_now(row, hash_of);
            }
        }
        self.moved = end;
        if self.old.is_empty() {
            self.old = HashTable::new();
        }
    }

    fn insert_now(&mut self, row: u32, hash_of: &impl Fn(u32) -> Option<u64>) {
        let hash = |&row: &u32| hash_of(row).expect("the hash of a row that is in here is known");
        self.rows.insert_unique(hash(&row), row, hash);
    }
}

fn take(rows: &mut HashTable<u32>, hash: u64, row: u32) -> bool {
    let entry = rows.find_entry(hash, |&other| other == row);
    entry.map(|entry| entry.remove()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(row: u32) -> u64 {
        u64::from(row).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn rows_are_found_while_they_are_moved_and_hardly_any_move_at_once() {
        let mut index = RowIndex::default();
        let mut most = 0;
        for row in 0..50_000 {
            let hashed = std::cell::Cell::new(0);
            index.insert(row, row as usize + 1, |row| {
                hashed.set(hashed.get() + 1);
                Some(hash(row))
            });
            if index.len() > 2 * GRADUAL_FROM {
                most = most.max(hashed.get());
            }
            for probe in [0, row / 3, row / 2, row] {
                assert_eq!(index.find(hash(probe), |it| it == probe), Some(probe));
            }
            assert_eq!(index.find(hash(row + 1), |it| it == row + 1), None);
        }
        assert!(most <= 6 * STEP_MIN, "{most} at once");
        assert_eq!(index.len(), 50_000);
        for row in 0..50_000 {
            assert!(index.remove(hash(row), row));
            assert!(!index.remove(hash(row), row));
        }
        assert_eq!(index.len(), 0);
    }

    #[test]
    fn rows_come_and_go_while_others_are_moved() {
        let mut index = RowIndex::default();
        let mut there = std::collections::BTreeSet::new();
        let mut x: u32 = 1;
        for _ in 0..200_000 {
            x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let row = (x >> 8) % 20_000;
            if there.remove(&row) {
                assert!(index.remove(hash(row), row));
            } else {
                there.insert(row);
                index.insert(row, 20_000, |row| there.contains(&row).then(|| hash(row)));
            }
            assert_eq!(index.len(), there.len());
        }
        for row in 0..20_000 {
            let found = index.find(hash(row), |it| it == row).is_some();
            assert_eq!(found, there.contains(&row));
        }
    }
}
