//! Who is picked at random: the members in zones by state. All members that are in one state or a
//! better one lie together, so any of them is as likely as another.

use crate::machinery::Rng;
use crate::memberlist::members::row_list::RowList;
use crate::memberlist::members::swim_member::SwimState;

/// The last zone. Members that left are in none.
const DEAD: usize = SwimState::Dead as usize;

#[derive(Debug, Default)]
pub(crate) struct PickZones {
    /// First the alive, then the suspects, then the dead.
    list: RowList,
    /// Where each zone ends.
    ends: [usize; DEAD + 1],
    drawn: Vec<usize>,
    /// Whose turn is next.
    turn: usize,
}

impl PickZones {
    /// How many are in `worst` state or better.
    pub(crate) fn count(&self, worst: SwimState) -> usize {
        self.ends[worst as usize]
    }

    /// Adds a row that is not there.
    pub(crate) fn add(&mut self, row: u32, state: SwimState) {
        if state == SwimState::Left {
            return;
        }
        let mut place = self.list.len();
        self.list.push(row);
        self.ends[DEAD] += 1;
        for zone in (state as usize..DEAD).rev() {
            let first = self.ends[zone];
            self.list.swap(place, first);
            self.ends[zone] += 1;
            place = first;
        }
    }

    /// Removes a row, if it is there.
    pub(crate) fn remove(&mut self, row: u32) {
        let Some(mut place) = self.list.place(row) else {
            return;
        };
        // It is the last of each zone in turn, from its own to the last zone.
        for zone in 0..=DEAD {
            if place < self.ends[zone] {
                self.ends[zone] -= 1;
                let last = self.ends[zone];
                self.list.swap(place, last);
                place = last;
            }
        }
        self.list.pop();
    }

    /// The next of the alive and the suspects, in turn: any `distinct` in a row are different rows, if there
    /// are as many, unless some came or went meanwhile. The order changes from round to round.
    pub(crate) fn next(&mut self, rng: &mut Rng, distinct: usize) -> Option<u32> {
        let end = self.count(SwimState::Suspect);
        if end == 0 {
            return None;
        }
        if self.turn >= end {
            self.turn = 0;
        }
        let place = self.turn;
        self.turn += 1;
        // As in Fisher and Yates's shuffle, but not so far ahead that one of the last round comes too soon.
        let ahead = end.saturating_sub(distinct).clamp(1, end.div_ceil(2)).min(end - place);
        let other = place + rng.index(ahead);
        let alive = self.count(SwimState::Alive);
        if (place < alive) == (other < alive) {
            self.list.swap(place, other);
        }
        Some(self.list.row(place))
    }

    /// Up to `count` rows at random, of those in `worst` state or better.
    pub(crate) fn pick(
        &mut self,
        rng: &mut Rng,
        count: usize,
        worst: SwimState,
    ) -> impl Iterator<Item = u32> {
        rng.pick(count, self.ends[worst as usize], &mut self.drawn);
        self.drawn.iter().map(|&place| self.list.row(place))
    }
}
