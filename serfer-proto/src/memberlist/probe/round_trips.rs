//! Probe timeouts that follow the round trips of each member.
//!
//! A member that has always answered within a millisecond, and does not answer within fifty, is hardly going
//! to; there is no need to wait as long as for one on another continent. Off by default, see
//! [`RttProbing`]. Go does not have this.
//!
//! A timeout follows the longest of the last few round trips of a member. It is the whole one if there are too
//! few, and as soon as a probe of it has ended in any other way than with its own ack: on a network that loses
//! packets nothing changes. Only the wait for the direct ack is shorter. How long helpers and the stream
//! have stays the same.

use std::time::Duration;

use crate::config::RttProbing;
use crate::machinery::{Cx, Key};
use crate::memberlist::{Delegate, Memberlist};

/// How many round trips of a member are kept, the newest first.
const KEPT: usize = 8;

/// How many it takes for a shorter timeout.
const ENOUGH: usize = 3;

/// In what unit they are kept: the longest is four seconds.
const UNIT: Duration = Duration::from_micros(62);

/// The last round trips of the members, by the number of the member's row. Empty if it is turned off.
#[derive(Debug, Default)]
pub(crate) struct RoundTrips(Vec<Option<(Key, [u16; KEPT])>>);

impl RoundTrips {
    /// A member answered a ping after this time.
    fn note(&mut self, member: Key, time: Duration) {
        let index = member.index() as usize;
        if index >= self.0.len() {
            self.0.resize(index + 1, None);
        }
        let units = time.as_nanos() / UNIT.as_nanos() + 1;
        let mut times = self.of(member).unwrap_or_default();
        times.rotate_right(1);
        times[0] = u16::try_from(units).unwrap_or(u16::MAX);
        self.0[index] = Some((member, times));
    }

    /// A member did not answer a ping, or answered through others.
    fn forget(&mut self, member: Key) {
        if let Some(row) = self.0.get_mut(member.index() as usize) {
            *row = None;
        }
    }

    /// The longest of them, if there are enough.
    fn longest(&self, member: Key) -> Option<Duration> {
        let times = self.of(member)?;
        (times[ENOUGH - 1] > 0).then(|| UNIT * u32::from(times.into_iter().max().unwrap_or(0)))
    }

    fn of(&self, member: Key) -> Option<[u16; KEPT]> {
        let (key, times) = (*self.0.get(member.index() as usize)?)?;
        // The row may have been another member's.
        (key == member).then_some(times)
    }
}

impl<D: Delegate> Memberlist<D> {
    /// How much sooner than after the whole probe timeout helpers are asked about this member.
    pub(crate) fn saved_wait(&self, cx: &Cx<'_>, member: Key) -> Duration {
        let Some(settings) = &cx.params.rtt_probing else {
            return Duration::ZERO;
        };
        // A node in bad health does not trust its own impatience.
        let longest = self.round_trips.longest(member).filter(|_| self.awareness.score() == 0);
        let whole = cx.params.probe.timeout;
        let timeout = longest.map_or(whole, |longest| timeout(settings, longest));
        whole.saturating_sub(timeout)
    }

    /// A member has answered a ping of ours by itself, after this time, or it has not.
    pub(crate) fn note_round_trip(&mut self, cx: &Cx<'_>, member: Key, time: Option<Duration>) {
        match time {
            _ if cx.params.rtt_probing.is_none() => {}
            Some(time) => self.round_trips.note(member, time),
            None => self.round_trips.forget(member),
        }
    }
}

/// How long to wait for a member whose longest round trip was this.
fn timeout(settings: &RttProbing, longest: Duration) -> Duration {
    settings.floor.max(longest * settings.factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::incarnation::Incarnation;
    use crate::machinery::{Rng, Table};
    use crate::memberlist::members::swim_member::SwimMember;
    use crate::testing::node;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_longest_of_the_last_eight_counts_if_there_are_three() {
        let [a, b] = keys();
        let mut trips = RoundTrips::default();
        trips.note(a, ms(40));
        trips.note(a, ms(1));
        assert_eq!(trips.longest(a), None);
        trips.note(a, ms(2));
        let about = |found: Option<Duration>, expected: Duration| {
            found.is_some_and(|it| it >= expected && it < expected + UNIT * 2)
        };
        assert!(about(trips.longest(a), ms(40)));
        for _ in 0..6 {
            trips.note(a, ms(3));
        }
        assert!(about(trips.longest(a), ms(3)), "the one of 40 ms is forgotten");
        assert_eq!(trips.longest(b), None);
        trips.forget(a);
        trips.forget(b);
        assert_eq!(trips.longest(a), None);
    }

    #[test]
    fn any_time_can_be_noted() {
        let [a, _] = keys();
        let mut trips = RoundTrips::default();
        for time in [Duration::ZERO, Duration::MAX, ms(1)] {
            trips.note(a, time);
        }
        assert_eq!(trips.longest(a), Some(UNIT * u32::from(u16::MAX)));
        let settings = RttProbing { factor: 100, ..RttProbing::default() };
        assert!(timeout(&settings, UNIT * u32::from(u16::MAX)) > ms(300_000));
        assert_eq!(timeout(&settings, UNIT), settings.floor);
    }

    fn keys() -> [Key; 2] {
        let mut table = Table::new(&mut Rng::new([0; 32]));
        let member = |name| SwimMember::alive(node(name, "10.0.0.1:7946"), Incarnation::new(1, 0));
        ["a", "b"].map(|name| table.insert(member(name)))
    }
}
