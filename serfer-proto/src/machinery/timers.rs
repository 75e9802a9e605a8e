//! The deadlines, by name.
//!
//! There is one table for the whole endpoint. A timer has a name, so setting it again replaces it,
//! and a cleared timer never fires. A timer exists only while it has work to do. Timers due at the same
//! time fire in the order of the enum, so every run is the same.
//!
//! The table is an indexed heap over a `Vec`: O(log n), without allocation once it has reached its
//! largest size. A timer of which there is only one has its own place in an array, and the others are found
//! by a hash table.

use std::hash::{Hash, Hasher};
use std::time::Instant;

use hashbrown::HashTable;

use crate::api::{QueryId, StreamId};
use crate::machinery::table::Key;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Timer {
    /// When to give up a stream.
    Stream(StreamId),
    /// When to tell a member that its indirect ping went unanswered.
    Relay(u32),
    /// When to suspect the probed member.
    ProbeEnd,
    /// When to stop waiting for a direct ack and ask others.
    ProbeIndirect,
    /// When to give a claimed name to the claimant, because the holder has not answered.
    AddressClaim(Key),
    /// When to take the next step about another node that is said to have our name.
    OwnName,
    /// When to stop waiting for an answer of a member that left or died, and that others say is back.
    ReturnClaim(u32),
    /// When to declare a suspect dead.
    Suspicion(Key),
    /// When to start the next probe.
    Probe,
    /// When to send news.
    News,
    /// When to send what is queued.
    Gossip,
    /// When to start a push/pull with a random member.
    PushPull,
    /// When to forget a member that died or left.
    Forget,
    /// When to take the next step of moving to another address.
    Relocation,
    /// When to take the next step of leaving.
    Leave,
    /// When to close a query.
    Query(QueryId),
    /// When to close a query that all have acked and that has gone quiet.
    QuerySettle(QueryId),
    /// When to ask again those that have not answered a query.
    QueryAgain(QueryId),
    /// When to drop the answers that are held because the asker is unknown.
    HeldAnswers,
    /// When to take the next step of a rotation of keys.
    Rotation,
    /// When to ask members that mean to leave whether they really do.
    AskLeaving,
    /// When to answer that a change of keys is not stored yet.
    KeyChange,
    /// When to look for members that failed or left too long ago.
    Reap,
    /// When to try a failed member again.
    Reconnect,
    /// When to ask more members of the snapshot.
    Rejoin,
    /// When to try a seed or a lost member again.
    SeedRetry,
    /// When to emit the coalesced member events.
    CoalesceMembers,
    /// When to emit the coalesced user events.
    CoalesceEvents,
    /// When to store the lines that wait for the snapshot.
    Snapshot,
    /// When to go on with a push/pull that is too long for one call.
    Portion,
}

impl Timer {
    /// Whether it passes a verdict on somebody who may have answered in time.
    pub(crate) fn is_verdict(self) -> bool {
        match self {
            Self::Stream(_)
            | Self::Relay(_)
            | Self::ProbeEnd
            | Self::ProbeIndirect
            | Self::AddressClaim(_)
            | Self::OwnName
            | Self::ReturnClaim(_)
            | Self::Suspicion(_)
            | Self::Leave
            | Self::Query(_)
            | Self::QuerySettle(_)
            | Self::QueryAgain(_) => true,
            Self::Probe
            | Self::News
            | Self::Gossip
            | Self::PushPull
            | Self::Forget
            | Self::Relocation
            | Self::HeldAnswers
            | Self::Rotation
            | Self::AskLeaving
            | Self::KeyChange
            | Self::Reap
            | Self::Reconnect
            | Self::Rejoin
            | Self::SeedRetry
            | Self::CoalesceMembers
            | Self::CoalesceEvents
            | Self::Snapshot
            | Self::Portion => false,
        }
    }

    /// Which of the [`SINGLE`] it is, if there is only one of it.
    fn single(self) -> Option<usize> {
        Some(match self {
            Self::Stream(_)
            | Self::Relay(_)
            | Self::AddressClaim(_)
            | Self::ReturnClaim(_)
            | Self::Suspicion(_)
            | Self::Query(_)
            | Self::QuerySettle(_)
            | Self::QueryAgain(_) => return None,
            Self::ProbeEnd => 0,
            Self::ProbeIndirect => 1,
            Self::OwnName => 2,
            Self::Probe => 3,
            Self::Gossip => 4,
            Self::PushPull => 5,
            Self::Forget => 6,
            Self::Relocation => 7,
            Self::Leave => 8,
            Self::HeldAnswers => 9,
            Self::Rotation => 10,
            Self::AskLeaving => 11,
            Self::KeyChange => 12,
            Self::Reap => 13,
            Self::Reconnect => 14,
            Self::Rejoin => 15,
            Self::SeedRetry => 16,
            Self::CoalesceMembers => 17,
            Self::CoalesceEvents => 18,
            Self::Snapshot => 19,
            Self::Portion => 20,
            Self::News => 21,
        })
    }

    /// Its name in [`Stats::next_wake`](crate::Stats::next_wake).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stream(_) => "stream",
            Self::Relay(_) => "relay",
            Self::ProbeEnd => "probe-end",
            Self::ProbeIndirect => "probe-indirect",
            Self::AddressClaim(_) => "address-claim",
            Self::OwnName => "own-name",
            Self::ReturnClaim(_) => "return-claim",
            Self::Suspicion(_) => "suspicion",
            Self::Probe => "probe",
            Self::News => "news",
            Self::Gossip => "gossip",
            Self::PushPull => "push-pull",
            Self::Forget => "forget",
            Self::Relocation => "relocation",
            Self::Leave => "leave",
            Self::Query(_) => "query",
            Self::QuerySettle(_) => "query-settle",
            Self::QueryAgain(_) => "query-again",
            Self::HeldAnswers => "held-answers",
            Self::Rotation => "rotation",
            Self::AskLeaving => "ask-leaving",
            Self::KeyChange => "key-change",
            Self::Reap => "reap",
            Self::Reconnect => "reconnect",
            Self::Rejoin => "rejoin",
            Self::SeedRetry => "seed-retry",
            Self::CoalesceMembers => "coalesce-members",
            Self::CoalesceEvents => "coalesce-events",
            Self::Snapshot => "snapshot",
            Self::Portion => "portion",
        }
    }
}

/// How many timers there is only one of.
const SINGLE: usize = 22;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    slots: Vec<SetTimer>,
    /// Slots not in use.
    free: Vec<u32>,
    /// Slots in use: the parent of `heap[i]` is `heap[(i - 1) / 2]` and due no later.
    heap: Vec<u32>,
    /// The slots of those that there is only one of.
    single: [Option<u32>; SINGLE],
    /// The slots of the others.
    by_timer: HashTable<u32>,
}

/// A timer that is set.
#[derive(Debug)]
struct SetTimer {
    at: Instant,
    timer: Timer,
    /// Where in the heap its slot is.
    place: usize,
}

impl Timers {
    /// Sets a timer, or moves it if it is set.
    pub(crate) fn set(&mut self, timer: Timer, at: Instant) {
        if let Some(slot) = self.find(timer) {
            self.slots[slot as usize].at = at;
            self.restore(self.slots[slot as usize].place);
            return;
        }
        let place = self.heap.len();
        let new = SetTimer { at, timer, place };
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = new;
            slot
        } else {
            self.slots.push(new);
            (self.slots.len() - 1) as u32
        };
        self.heap.push(slot);
        let slots = &self.slots;
        let rehash = |&slot: &u32| hash(slots[slot as usize].timer);
        match timer.single() {
            Some(single) => self.single[single] = Some(slot),
            None => _ = self.by_timer.insert_unique(hash(timer), slot, rehash),
        }
        self.restore(place);
    }

    /// Sets a timer unless it is set.
    pub(crate) fn set_if_unset(&mut self, timer: Timer, at: Instant) {
        if !self.is_set(timer) {
            self.set(timer, at);
        }
    }

    pub(crate) fn is_set(&self, timer: Timer) -> bool {
        self.find(timer).is_some()
    }

    pub(crate) fn clear(&mut self, timer: Timer) {
        if let Some(slot) = self.find(timer) {
            self.remove(self.slots[slot as usize].place);
        }
    }

    /// The timer that fires next.
    pub(crate) fn next(&self) -> Option<(Instant, Timer)> {
        let first = &self.slots[*self.heap.first()? as usize];
        Some((first.at, first.timer))
    }

    /// Takes the timer that fires next, if it is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        let (at, timer) = self.next()?;
        if at > now {
            return None;
        }
        self.remove(0);
        Some((at, timer))
    }

    #[inline]
    fn find(&self, timer: Timer) -> Option<u32> {
        match timer.single() {
            Some(single) => self.single[single],
            None => self.find_among_many(timer),
        }
    }

    fn find_among_many(&self, timer: Timer) -> Option<u32> {
        self.by_timer.find(hash(timer), |&slot| self.slots[slot as usize].timer == timer).copied()
    }

    fn remove(&mut self, place: usize) {
        let slot = self.heap.swap_remove(place);
        if place < self.heap.len() {
            self.note_place(place);
            self.restore(place);
        }
        let timer = self.slots[slot as usize].timer;
        if let Some(single) = timer.single() {
            self.single[single] = None;
        } else {
            let entry = self.by_timer.find_entry(hash(timer), |&other| other == slot);
            entry.expect("every slot in use is indexed").remove();
        }
        self.free.push(slot);
    }

    /// Moves the timer at `place` up or down to where it belongs.
    fn restore(&mut self, mut place: usize) {
        while place > 0 && self.is_before(place, (place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let mut first = place;
            if left < self.heap.len() && self.is_before(left, first) {
                first = left;
            }
            if right < self.heap.len() && self.is_before(right, first) {
                first = right;
            }
            if first == place {
                break;
            }
            self.swap(place, first);
            place = first;
        }
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        let key = |place: usize| {
            let slot = &self.slots[self.heap[place] as usize];
            (slot.at, slot.timer)
        };
        key(a) < key(b)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        self.note_place(a);
        self.note_place(b);
    }

    fn note_place(&mut self, place: usize) {
        self.slots[self.heap[place] as usize].place = place;
    }
}

/// No key is needed: timers are named by us, never by a peer, so nobody can aim at one bucket.
fn hash(timer: Timer) -> u64 {
    let mut hasher = NumberHasher::default();
    timer.hash(&mut hasher);
    hasher.finish()
}

/// Hashes a few numbers by multiplication.
#[derive(Default)]
struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }
    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }
    /// The upper bits are mixed best, and hash tables look at the lowest as well.
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::*;
    use crate::machinery::rng::Rng;
    use crate::testing::epoch;

    #[test]
    fn timers_that_are_due_together_fire_in_the_order_of_the_enum() {
        let now = epoch();
        let mut timers = Timers::default();
        timers.set(Timer::Gossip, now);
        timers.set(Timer::Probe, now);
        timers.set(Timer::ProbeEnd, now);
        timers.set(Timer::Leave, now + Duration::from_millis(1));
        let fired: Vec<_> = std::iter::from_fn(|| timers.pop_due(now)).collect();
        let expected = [Timer::ProbeEnd, Timer::Probe, Timer::Gossip].map(|timer| (now, timer));
        assert_eq!(fired, expected);
        assert_eq!(timers.next().map(|(_, timer)| timer), Some(Timer::Leave));
    }

    #[test]
    fn setting_again_moves_and_clearing_is_exact() {
        let now = epoch();
        let later = now + Duration::from_secs(1);
        let mut timers = Timers::default();
        timers.set(Timer::Probe, now);
        timers.set(Timer::Probe, later);
        timers.set_if_unset(Timer::Probe, now);
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.next(), Some((later, Timer::Probe)));
        timers.clear(Timer::Probe);
        timers.clear(Timer::Probe);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn it_agrees_with_a_sorted_map() {
        let epoch = epoch();
        let mut rng = Rng::new([3; 32]);
        let mut timers = Timers::default();
        let mut model = BTreeMap::new();
        for step in 0..20_000 {
            let timer = match rng.index(4) {
                0 => Timer::Gossip,
                1 => Timer::ProbeEnd,
                _ => Timer::Relay(rng.index(50) as u32),
            };
            let at = epoch + Duration::from_millis(rng.below(100) + step / 100);
            match rng.index(3) {
                0 => {
                    timers.clear(timer);
                    model.remove(&timer);
                }
                1 => {
                    let first = model.iter().map(|(&timer, &at)| (at, timer)).min();
                    let due = first.filter(|(first_at, _)| *first_at <= at);
                    assert_eq!(timers.pop_due(at), due);
                    if let Some((_, timer)) = due {
                        model.remove(&timer);
                    }
                }
                _ => {
                    timers.set(timer, at);
                    model.insert(timer, at);
                }
            }
        }
    }
}
