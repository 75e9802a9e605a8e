//! Who is probed next: every member once in each round, in random order.
//!
//! Unlike Go, which shuffles the whole list after each round, this takes one step of the shuffle at a
//! time: every order is still as likely as any other, every member still has one turn in each round,
//! and no tick has to touch all members.

use crate::machinery::Rng;
use crate::memberlist::members::row_list::RowList;

#[derive(Debug, Default)]
pub(crate) struct ProbeOrder {
    list: RowList,
    /// How many, at the start of the list, have had their turn in this round.
    done: usize,
}

impl ProbeOrder {
    /// Adds a row. One that is there already keeps its turn.
    pub(crate) fn add(&mut self, row: u32) {
        if self.list.place(row).is_none() {
            self.list.push(row);
        }
    }

    /// Removes a row, if it is there. The others keep their turns.
    pub(crate) fn remove(&mut self, row: u32) {
        let Some(mut place) = self.list.place(row) else {
            return;
        };
        if place < self.done {
            self.done -= 1;
            self.list.swap(place, self.done);
            place = self.done;
        }
        self.list.swap(place, self.list.len() - 1);
        self.list.pop();
    }

    /// The row whose turn is next; `None` if there are no rows.
    pub(crate) fn next(&mut self, rng: &mut Rng) -> Option<u32> {
        if self.done >= self.list.len() {
            self.done = 0;
        }
        let left = self.list.len() - self.done;
        if left == 0 {
            return None;
        }
        self.list.swap(self.done, self.done + rng.index(left));
        self.done += 1;
        Some(self.list.row(self.done - 1))
    }
}
