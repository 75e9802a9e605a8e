//! What another node's serf added to a push/pull, merged in portions.

use std::cmp::Reverse;

use hashbrown::HashTable;

use crate::api::Status;
use crate::machinery::{Cx, Portion, cost};
use crate::serf::Serf;
use crate::wire::long::serf_state::{PastSlot, StateScan};
use crate::wire::msgpack::{DecodeError, Text, offset_in};
use crate::wire::serf_message::{Join, Leave, PastEvent, UserEvent};
use crate::wire::stream::NODES_MAX;

/// How far it has been handled.
#[derive(Debug, Default)]
pub(crate) struct TheirState {
    pub(crate) scan: StateScan,
    pub(crate) stage: TheirStage,
    left: LeftNames,
    /// Their user events that have not been handled, the next ones last.
    slots: Vec<PastSlot>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TheirStage {
    #[default]
    Check,
    Clocks,
    Left,
    Intents,
    /// Decide which user events are from before a join.
    Replay,
    Events,
    Done,
}

impl TheirStage {
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Check => Self::Clocks,
            Self::Clocks => Self::Left,
            Self::Left => Self::Intents,
            Self::Intents => Self::Replay,
            Self::Replay => Self::Events,
            Self::Events | Self::Done => Self::Done,
        }
    }
}

impl TheirState {
    /// Returns whether all of it has been checked.
    ///
    /// # Errors
    /// If it is broken.
    pub(crate) fn check(
        &mut self,
        state: &[u8],
        slots_max: usize,
        portion: &mut Portion,
    ) -> Result<bool, DecodeError> {
        while !portion.is_used_up() {
            let start = self.scan.at();
            if self.scan.step(state, slots_max)? {
                let slots = std::mem::take(&mut self.scan.slots);
                self.slots = slots.into_iter().map(|Reverse(slot)| slot).collect();
                // In the order in which they stand there.
                self.slots.sort_unstable_by_key(|slot| Reverse(slot.events));
                return Ok(true);
            }
            portion.spend(cost::LOOK + cost::bytes(self.scan.at() - start));
        }
        Ok(false)
    }

    /// Notes who has left. Returns whether all are noted.
    pub(crate) fn note_left(&mut self, serf: &Serf, state: &[u8], portion: &mut Portion) -> bool {
        self.left.reserve(self.scan.left_members.left());
        while !portion.is_used_up() {
            let Ok(Some(Text(name))) = self.scan.left_members.next(state) else {
                return true;
            };
            portion.spend(cost::LOOK + cost::bytes(name.len()));
            self.left.insert(serf, state, name);
        }
        false
    }
}

/// The names of those that left.
#[derive(Debug, Default)]
struct LeftNames {
    /// Where each is in the state, and how long it is.
    places: HashTable<(u32, u32)>,
}

impl LeftNames {
    /// Makes room for all, at first, so that the table is never moved.
    fn reserve(&mut self, count: usize) {
        if self.places.capacity() == 0 {
            self.places = HashTable::with_capacity(count.min(NODES_MAX as usize));
        }
    }

    fn insert(&mut self, serf: &Serf, state: &[u8], name: &[u8]) {
        // Each once: many of one name would form a long chain.
        if self.places.len() < self.places.capacity() && !self.has(serf, state, name) {
            let place = (offset_in(name, state) as u32, name.len() as u32);
            let hash = |place: &(u32, u32)| serf.members.hash_of(at(state, *place));
            self.places.insert_unique(hash(&place), place, hash);
        }
    }

    fn has(&self, serf: &Serf, state: &[u8], name: &[u8]) -> bool {
        let is_it = |place: &(u32, u32)| *at(state, *place) == *name;
        !self.places.is_empty() && self.places.find(serf.members.hash_of(name), is_it).is_some()
    }
}

fn at(state: &[u8], (at, len): (u32, u32)) -> &[u8] {
    &state[at as usize..][..len as usize]
}

impl Serf {
    /// Returns whether all are merged.
    pub(crate) fn merge_intents(
        &mut self,
        cx: &mut Cx<'_>,
        theirs: &mut TheirState,
        state: &[u8],
        portion: &mut Portion,
    ) -> bool {
        let leaving_before = self.departures.leaving.len();
        let is_done = self.merge_some_intents(cx, theirs, state, portion);
        if self.departures.leaving.len() > leaving_before {
            // Nobody has told the member.
            self.ask_leaving_soon(cx);
        }
        is_done
    }

    fn merge_some_intents(
        &mut self,
        cx: &mut Cx<'_>,
        theirs: &mut TheirState,
        state: &[u8],
        portion: &mut Portion,
    ) -> bool {
        while !portion.is_used_up() {
            let next = theirs.scan.status_ltimes.next::<(Text<'_>, u64)>(state);
            let Ok(Some((node, ltime))) = next else {
                return true;
            };
            portion.spend(cost::INTENT + cost::bytes(node.0.len()));
            if !theirs.left.has(self, state, node.0) {
                self.on_join_intent(cx, &Join { ltime, node });
                continue;
            }
            // The member left after the intent of this time, hence one more. Unlike Go, not if we
            // agree that it left: two nodes that agree would drive the time and their clocks up with
            // every push/pull.
            let known = node.to_str().and_then(|name| self.member(name));
            let agreed = known.is_some_and(|member| member.status() == Status::Left);
            let ltime = ltime.saturating_add(u64::from(!agreed));
            self.on_leave_intent(cx, &Leave { ltime, node, prune: false });
        }
        false
    }

    /// Returns whether all are merged.
    pub(crate) fn merge_events(
        &mut self,
        cx: &mut Cx<'_>,
        theirs: &mut TheirState,
        state: &[u8],
        portion: &mut Portion,
    ) -> bool {
        while !portion.is_used_up() {
            portion.spend(cost::MERGE);
            let Some(PastSlot { ltime, events }) = theirs.slots.last_mut() else {
                return true;
            };
            let start = events.at();
            let Ok(Some(PastEvent { name, payload })) = events.next(state) else {
                theirs.slots.pop();
                continue;
            };
            portion.spend(cost::bytes(events.at() - start));
            let event = UserEvent { coalesce: false, ltime: *ltime, name, payload };
            self.on_user_event(cx, &event);
        }
        false
    }
}
