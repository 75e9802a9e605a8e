//! What serf adds to memberlist's push/pulls.
//!
//! Counterpart of `LocalState` and `MergeRemoteState` in Go's `delegate.go`.

use crate::api::{Replay, Status};
use crate::machinery::{Cx, DropReason, Portion, cost};
use crate::memberlist::PushPullDelegate;
use crate::serf::Serf;
use crate::serf::their_state::{TheirStage, TheirState};
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{EventSlot, PastEvent, PushPull, SerfMessage};

/// What we add, as far as it is put together.
#[derive(Debug, Default)]
pub(crate) struct OwnState {
    /// How many places of the member table are in it.
    places: usize,
    left: SeqBuf,
    times: SeqBuf,
    /// How many Lamport times of the events are in it.
    slots_done: usize,
    slots: SeqBuf,
}

impl PushPullDelegate for Serf {
    type LocalState = OwnState;
    type RemoteState = TheirState;

    fn local_state(&self, own: &mut OwnState, portion: &mut Portion) -> Option<Vec<u8>> {
        self.add_members(own, portion)?;
        self.add_events(own, portion)?;
        let state = SerfMessage::PushPull(PushPull {
            event_ltime: self.event_clock.time(),
            events: own.slots.as_seq(),
            ltime: self.clock.time(),
            left_members: own.left.as_seq(),
            query_ltime: self.query_clock.time(),
            status_ltimes: own.times.as_seq(),
        });
        let mut out = Vec::new();
        state.encode(&mut out);
        Some(out)
    }

    /// Nothing in it is passed on: every node hears it in push/pulls of its own.
    fn on_remote_state(
        &mut self,
        cx: &mut Cx<'_>,
        join: Option<Replay>,
        state: &[u8],
        theirs: &mut TheirState,
        portion: &mut Portion,
    ) -> bool {
        while !portion.is_used_up() {
            let is_done = match theirs.stage {
                TheirStage::Check => match theirs.check(state, cx.params.limits.ring, portion) {
                    Ok(is_done) => is_done,
                    Err(error) => {
                        cx.dropped(error.into(), &error);
                        return true;
                    }
                },
                TheirStage::Clocks => {
                    self.merge_clocks(cx, &theirs.scan.clocks());
                    true
                }
                TheirStage::Left => theirs.note_left(self, state, portion),
                TheirStage::Intents => self.merge_intents(cx, theirs, state, portion),
                TheirStage::Replay => {
                    let ltime = theirs.scan.event_ltime;
                    if ltime > self.event_clock.time() && self.first_contact.would_skip(join) {
                        // Their clock was refused, so nobody knows which of their events are old.
                        return true;
                    }
                    self.skip_old_events(join, ltime);
                    true
                }
                TheirStage::Events => self.merge_events(cx, theirs, state, portion),
                TheirStage::Done => return true,
            };
            if !is_done {
                return false;
            }
            theirs.stage = theirs.stage.next();
        }
        false
    }
}

impl Serf {
    fn add_members(&self, own: &mut OwnState, portion: &mut Portion) -> Option<()> {
        while own.places < self.members.places() {
            if portion.is_used_up() {
                return None;
            }
            portion.spend(cost::LOOK);
            if let Some(state) = self.members.at(own.places)
                && !self.departures.recalled.contains(&self.members.key_at(own.places as u32))
            {
                let name = state.member.node.name_text();
                own.times.push(&(name, state.status_ltime));
                if state.member.status == Status::Left {
                    own.left.push(&name);
                }
            }
            own.places += 1;
        }
        Some(())
    }

    fn add_events(&self, own: &mut OwnState, portion: &mut Portion) -> Option<()> {
        for (ltime, events) in self.events.iter().skip(own.slots_done) {
            if portion.is_used_up() {
                return None;
            }
            portion.spend(cost::LOOK * events.len() as u32);
            let events = events.iter().map(|event| PastEvent {
                name: Text(event.name.as_bytes()),
                payload: &event.payload,
            });
            let events = SeqBuf::of(events);
            own.slots.push(&EventSlot { events: events.as_seq(), ltime });
            own.slots_done += 1;
        }
        Some(())
    }

    fn merge_clocks(&mut self, cx: &mut Cx<'_>, theirs: &PushPull<'_>) {
        let clocks = [
            (&mut self.clock, theirs.ltime),
            (&mut self.event_clock, theirs.event_ltime),
            (&mut self.query_clock, theirs.query_ltime),
        ];
        for (clock, time) in clocks {
            // A clock is one past the last time that it has seen.
            let seen = time.saturating_sub(1);
            if !clock.can_reach(seen) {
                cx.dropped(DropReason::OutOfReach, &"Lamport clock");
            } else if time > 0 {
                clock.witness(seen);
            }
        }
        self.record_clock(cx);
    }
}
