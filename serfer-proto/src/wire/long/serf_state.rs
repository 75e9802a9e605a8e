//! serf's part of a push/pull, read step by step, so that a long one need not be handled in one go.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::wire::error::DecodeError;
use crate::wire::msgpack::{Reader, Text, Value};
use crate::wire::seq::SeqCursor;
use crate::wire::serf_message::{PastEvent, PushPull, kind};
use crate::wire::stream::NODES_MAX;

/// What has been found in it so far: the clocks, and where the lists are.
#[derive(Debug, Default)]
pub(crate) struct StateScan {
    pub(crate) ltime: u64,
    pub(crate) event_ltime: u64,
    pub(crate) query_ltime: u64,
    /// The user events of the latest Lamport times.
    pub(crate) slots: BinaryHeap<Reverse<PastSlot>>,
    pub(crate) left_members: SeqCursor,
    pub(crate) status_ltimes: SeqCursor,
    at: usize,
    /// How many fields are still to come; `None` before their number is known.
    fields: Option<usize>,
    /// How many slots are still to come.
    slots_left: usize,
    /// The slot whose fields are being read, and how many are still to come.
    slot: Option<(PastSlot, usize)>,
    /// How many user events there are in all slots.
    events: usize,
    /// The list whose elements are being checked.
    open: Option<(List, SeqCursor)>,
}

/// The user events of one Lamport time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PastSlot {
    pub(crate) ltime: u64,
    pub(crate) events: SeqCursor,
}

/// How many elements of a list are checked in one step.
const AT_ONCE: usize = 8;

#[derive(Clone, Copy, Debug)]
enum List {
    Events,
    LeftMembers,
    StatusLtimes,
}

impl StateScan {
    /// Checks one more field, or some elements of a list. Says whether that was the last. Of the slots with
    /// user events, keeps the latest `slots_max`.
    ///
    /// # Errors
    /// If it is broken, or all of it is another message.
    pub(crate) fn step(&mut self, state: &[u8], slots_max: usize) -> Result<bool, DecodeError> {
        if let Some((list, cursor)) = &mut self.open {
            match list {
                List::Events => cursor.skip::<PastEvent<'_>>(state, AT_ONCE)?,
                List::LeftMembers => cursor.skip::<Text<'_>>(state, AT_ONCE)?,
                List::StatusLtimes => cursor.skip::<(Text<'_>, u64)>(state, AT_ONCE)?,
            }
            self.at = cursor.at();
            if cursor.left() == 0 {
                self.open = None;
            }
            return Ok(false);
        }
        let from = &mut Reader::new(state.get(self.at..).unwrap_or_default());
        let is_last = match (&mut self.slot, &mut self.fields) {
            (Some((slot, 0)), _) => {
                if slot.events.left() > 0 {
                    self.slots.push(Reverse(*slot));
                }
                if self.slots.len() > slots_max {
                    self.slots.pop();
                }
                self.slot = None;
                false
            }
            (Some((_, fields)), _) => {
                *fields -= 1;
                self.slot_field(state, from)?;
                false
            }
            (None, _) if self.slots_left > 0 => {
                self.slots_left -= 1;
                self.slot = Some((PastSlot::default(), from.fields_len()?));
                false
            }
            (None, Some(0)) => true,
            (None, Some(fields)) => {
                *fields -= 1;
                self.field(state, from)?;
                false
            }
            (None, fields) => {
                *fields = Some(begin(from)?);
                false
            }
        };
        self.at = state.len() - from.rest().len();
        Ok(is_last)
    }

    fn field(&mut self, state: &[u8], from: &mut Reader<'_>) -> Result<(), DecodeError> {
        match from.bytes()? {
            b"LTime" => self.ltime = Value::take(from)?,
            b"EventLTime" => self.event_ltime = Value::take(from)?,
            b"QueryLTime" => self.query_ltime = Value::take(from)?,
            b"Events" => {
                self.slots.clear();
                self.slots_left = bounded(from.array_len()?)?;
            }
            b"LeftMembers" => {
                self.left_members = cursor(state, from, Reader::array_len)?;
                self.open = Some((List::LeftMembers, self.left_members));
            }
            b"StatusLTimes" => {
                self.status_ltimes = cursor(state, from, Reader::map_len)?;
                self.open = Some((List::StatusLtimes, self.status_ltimes));
            }
            _ => from.skip()?,
        }
        Ok(())
    }

    /// A field of the slot that is being read.
    fn slot_field(&mut self, state: &[u8], from: &mut Reader<'_>) -> Result<(), DecodeError> {
        let Some((slot, _)) = &mut self.slot else {
            return Ok(());
        };
        match from.bytes()? {
            b"LTime" => slot.ltime = Value::take(from)?,
            b"Events" => {
                slot.events = cursor(state, from, Reader::array_len)?;
                self.events = bounded(self.events + slot.events.left())?;
                self.open = Some((List::Events, slot.events));
            }
            _ => from.skip()?,
        }
        Ok(())
    }

    /// How far it has been read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The clocks alone.
    pub(crate) fn clocks(&self) -> PushPull<'static> {
        PushPull {
            event_ltime: self.event_ltime,
            ltime: self.ltime,
            query_ltime: self.query_ltime,
            ..PushPull::default()
        }
    }
}

/// Reads the type, and how many fields there are.
fn begin(from: &mut Reader<'_>) -> Result<usize, DecodeError> {
    let &kind = from.rest().first().ok_or(DecodeError::Empty)?;
    if kind != kind::PUSH_PULL {
        return Err(DecodeError::UnknownType(kind));
    }
    from.raw(1)?;
    from.fields_len()
}

/// The elements of a list, whose head is read.
fn cursor<'a>(
    state: &[u8],
    from: &mut Reader<'a>,
    head: impl FnOnce(&mut Reader<'a>) -> Result<usize, DecodeError>,
) -> Result<SeqCursor, DecodeError> {
    let len = bounded(head(from)?)?;
    Ok(SeqCursor::new(state.len() - from.rest().len(), len))
}

/// No list has more elements than there may be members.
fn bounded(len: usize) -> Result<usize, DecodeError> {
    if len as u64 > NODES_MAX {
        return Err(DecodeError::TooLarge { max: NODES_MAX });
    }
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::seq::SeqBuf;
    use crate::wire::serf_message::{EventSlot, SerfMessage};

    /// A message with so many events of each of these times.
    fn state(slots: &[(u64, usize)]) -> Vec<u8> {
        let event = PastEvent { name: Text(b"deploy"), payload: b"v1" };
        let events: Vec<_> =
            slots.iter().map(|&(_, count)| SeqBuf::of(vec![event; count])).collect();
        let slots = slots.iter().zip(&events);
        let slots = slots.map(|(&(ltime, _), events)| EventSlot { events: events.as_seq(), ltime });
        let (slots, left) = (SeqBuf::of(slots), SeqBuf::of([Text(b"a"), Text(b"b")]));
        let times = SeqBuf::of([(Text(b"a"), 1_u64)]);
        let mut bytes = Vec::new();
        SerfMessage::PushPull(PushPull {
            event_ltime: 9,
            events: slots.as_seq(),
            ltime: 8,
            left_members: left.as_seq(),
            query_ltime: 7,
            status_ltimes: times.as_seq(),
        })
        .encode(&mut bytes);
        bytes
    }

    fn scanned(state: &[u8], slots_max: usize) -> Result<(StateScan, usize), DecodeError> {
        let (mut scan, mut steps) = (StateScan::default(), 0);
        while !scan.step(state, slots_max)? {
            steps += 1;
        }
        Ok((scan, steps))
    }

    #[test]
    fn few_events_are_a_step_and_the_latest_times_are_kept() {
        let (scan, steps) = scanned(&state(&[(5, 1000), (3, 1), (0, 0), (4, 2)]), 2).unwrap();
        assert!(steps > 1003 / AT_ONCE, "{steps}");
        assert_eq!((scan.event_ltime, scan.ltime, scan.query_ltime), (9, 8, 7));
        assert_eq!((scan.left_members.left(), scan.status_ltimes.left()), (2, 1));
        let slots = scan.slots.into_sorted_vec();
        let slots: Vec<_> = slots.iter().map(|Reverse(it)| (it.ltime, it.events.left())).collect();
        assert_eq!(slots, [(5, 1000), (4, 2)]);
    }

    #[test]
    fn what_is_cut_short_is_refused() {
        let whole = state(&[(5, 2), (3, 1)]);
        for len in 1..whole.len() {
            assert_eq!(scanned(&whole[..len], 9).err(), Some(DecodeError::Truncated), "{len}");
        }
        assert_eq!(scanned(&[], 9).err(), Some(DecodeError::Empty));
        assert_eq!(scanned(&[3, 0x80], 9).err(), Some(DecodeError::UnknownType(3)));
    }

    /// Each would take as long as a member.
    #[test]
    fn lists_are_no_longer_than_there_may_be_members() {
        let too_long = (NODES_MAX + 1) as usize;
        for (field, of) in [("Events", 0x80), ("LeftMembers", 0xa0)] {
            let mut state = vec![kind::PUSH_PULL, 0x81, 0xa0 | field.len() as u8];
            state.extend_from_slice(field.as_bytes());
            state.push(0xdd);
            state.extend((too_long as u32).to_be_bytes());
            state.resize(state.len() + too_long, of);
            let too_large = DecodeError::TooLarge { max: NODES_MAX };
            assert_eq!(scanned(&state, 9).err(), Some(too_large), "{field}");
        }
    }
}
