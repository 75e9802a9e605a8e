//! A list of table rows in which the place of each row is known.

use crate::machinery::push_tight;

const NOWHERE: u32 = u32::MAX;

/// Rows, by their numbers, in any order. All it does takes constant time.
#[derive(Debug, Default)]
pub(crate) struct RowList {
    rows: Vec<u32>,
    /// For each row of the table its place in `rows`, or [`NOWHERE`].
    places: Vec<u32>,
}

impl RowList {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The row at a place.
    pub(crate) fn row(&self, place: usize) -> u32 {
        self.rows[place]
    }

    /// The place of a row, if it is in the list.
    pub(crate) fn place(&self, row: u32) -> Option<usize> {
        let place = self.places.get(row as usize).copied();
        place.filter(|&place| place != NOWHERE).map(|place| place as usize)
    }

    /// Adds a row that is not in the list, at the end.
    pub(crate) fn push(&mut self, row: u32) {
        while self.places.len() <= row as usize {
            push_tight(&mut self.places, NOWHERE);
        }
        self.places[row as usize] = self.rows.len() as u32;
        push_tight(&mut self.rows, row);
    }

    pub(crate) fn swap(&mut self, a: usize, b: usize) {
        self.rows.swap(a, b);
        for place in [a, b] {
            self.places[self.rows[place] as usize] = place as u32;
        }
    }

    /// Removes the row at the end.
    pub(crate) fn pop(&mut self) {
        if let Some(row) = self.rows.pop() {
            self.places[row as usize] = NOWHERE;
        }
    }
}
