//! What serf adds to memberlist's push/pulls.
//!
//! Counterpart of `LocalState` and `MergeRemoteState` in Go's `delegate.go`.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::api::{Replay, Status};
use crate::machinery::{Cx, DropReason};
use crate::memberlist::PushPullDelegate;
use crate::serf::Serf;
use crate::wire::msgpack::Text;
use crate::wire::seq::SeqBuf;
use crate::wire::serf_message::{
    EventSlot, Join, Leave, PastEvent, PushPull, SerfMessage, UserEvent,
};

impl PushPullDelegate for Serf {
    fn local_state(&self, out: &mut Vec<u8>) {
        let (mut left, mut times) = (SeqBuf::default(), SeqBuf::default());
        let is_recalled = |key| self.departures.recalled.contains(&key);
        for (_, state) in self.members.iter().filter(|&(key, _)| !is_recalled(key)) {
            let name = Text(state.member.node.name.as_bytes());
            times.push(&(name, state.status_ltime));
            if state.member.status == Status::Left {
                left.push(&name);
            }
        }
        let mut slots = SeqBuf::default();
        for (ltime, events) in self.events.iter() {
            let events = events.iter().map(|event| PastEvent {
                name: Text(event.name.as_bytes()),
                payload: &event.payload,
            });
            let events = SeqBuf::of(events);
            slots.push(&EventSlot { events: events.as_seq(), ltime });
        }
        let state = SerfMessage::PushPull(PushPull {
            event_ltime: self.event_clock.time(),
            events: slots.as_seq(),
            ltime: self.clock.time(),
            left_members: left.as_seq(),
            query_ltime: self.query_clock.time(),
            status_ltimes: times.as_seq(),
        });
        state.encode(out);
    }

    /// Nothing in it is passed on: every node hears it in push/pulls of its own.
    fn on_remote_state(&mut self, cx: &mut Cx<'_>, join: Option<Replay>, state: &[u8]) {
        let theirs = match SerfMessage::decode(state) {
            Ok(SerfMessage::PushPull(theirs)) => theirs,
            Ok(_) => return cx.dropped(DropReason::UnknownType, &"not a push/pull"),
            Err(error) => return cx.dropped(error.into(), &error),
        };
        self.merge_clocks(cx, &theirs);
        self.merge_intents(cx, &theirs);
        if theirs.event_ltime > self.event_clock.time() && self.first_contact.would_skip(join) {
            // Their clock was refused, so nobody knows which of their events are old.
            return;
        }
        self.skip_old_events(join, theirs.event_ltime);
        self.merge_events(cx, &theirs);
    }
}

impl Serf {
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

    fn merge_intents(&mut self, cx: &mut Cx<'_>, theirs: &PushPull<'_>) {
        let mut left: Vec<&[u8]> = theirs.left_members.iter().map(|name| name.0).collect();
        left.sort_unstable();
        let leaving_before = self.departures.leaving.len();
        for (node, ltime) in theirs.status_ltimes.iter() {
            if left.binary_search(&node.0).is_err() {
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
        if self.departures.leaving.len() > leaving_before {
            // Nobody has told the member.
            self.ask_leaving_soon(cx);
        }
    }

    fn merge_events(&mut self, cx: &mut Cx<'_>, theirs: &PushPull<'_>) {
        let used = || theirs.events.iter().filter(|slot| !slot.events.is_empty());
        let oldest = newest(used().map(|slot| slot.ltime), cx.params.limits.ring);
        for slot in used().filter(|slot| slot.ltime >= oldest) {
            for PastEvent { name, payload } in slot.events.iter() {
                let event = UserEvent { coalesce: false, ltime: slot.ltime, name, payload };
                self.on_user_event(cx, &event);
            }
        }
    }
}

/// The earliest of the `count` latest times.
fn newest(times: impl Iterator<Item = u64>, count: usize) -> u64 {
    let mut latest = BinaryHeap::new();
    for time in times {
        latest.push(Reverse(time));
        if latest.len() > count {
            latest.pop();
        }
    }
    latest.peek().map_or(0, |earliest| earliest.0)
}
