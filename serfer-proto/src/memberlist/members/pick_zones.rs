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
