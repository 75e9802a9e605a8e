//! serf's part of a push/pull, read step by step, so that a long one need not be handled in one go.

use crate::wire::error::DecodeError;
use crate::wire::msgpack::{Reader, Text, Value};
use crate::wire::seq::SeqCursor;
use crate::wire::serf_message::{EventSlot, PushPull, kind};

/// What has been found in it so far: the clocks, and where the lists are.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StateScan {
    pub(crate) ltime: u64,
    pub(crate) event_ltime: u64,
    pub(crate) query_ltime: u64,
    pub(crate) events: SeqCursor,
    pub(crate) left_members: SeqCursor,
    pub(crate) status_ltimes: SeqCursor,
    at: usize,
    /// How many fields are still to come; `None` before their number is known.
    fields: Option<usize>,
    /// The list whose elements are being checked.
    open: Option<(List, SeqCursor)>,
}

#[derive(Clone, Copy, Debug)]
enum List {
    Events,
    LeftMembers,
    StatusLtimes,
}

impl StateScan {
    /// Checks one more field, or one element of a list. Says whether that was the last.
    ///
    /// # Errors
    /// If it is broken, or all of it is another message.
    pub(crate) fn step(&mut self, state: &[u8]) -> Result<bool, DecodeError> {
        if let Some((list, cursor)) = &mut self.open {
            let is_over = match list {
                List::Events => cursor.next::<EventSlot<'_>>(state)?.is_none(),
                List::LeftMembers => cursor.next::<Text<'_>>(state)?.is_none(),
                List::StatusLtimes => cursor.next::<(Text<'_>, u64)>(state)?.is_none(),
            };
            if is_over {
                self.at = state.len() - cursor.rest(state).len();
                self.open = None;
            }
            return Ok(false);
        }
        let Some(fields) = self.fields else {
            let (&kind, body) = state.split_first().ok_or(DecodeError::Empty)?;
            if kind != kind::PUSH_PULL {
                return Err(DecodeError::UnknownType(kind));
            }
            let from = &mut Reader::new(body);
            self.fields = Some(from.map_len()?);
            self.at = state.len() - from.rest().len();
            return Ok(false);
        };
        if fields == 0 {
            return Ok(true);
        }
        self.fields = Some(fields - 1);
        self.field(state)?;
        Ok(false)
    }

    fn field(&mut self, state: &[u8]) -> Result<(), DecodeError> {
        let from = &mut Reader::new(&state[self.at..]);
        let list = match from.bytes()? {
            b"LTime" => return self.number(state, from, |scan| &mut scan.ltime),
            b"EventLTime" => return self.number(state, from, |scan| &mut scan.event_ltime),
            b"QueryLTime" => return self.number(state, from, |scan| &mut scan.query_ltime),
            b"Events" => List::Events,
            b"LeftMembers" => List::LeftMembers,
            b"StatusLTimes" => List::StatusLtimes,
            _ => {
                from.skip()?;
                self.at = state.len() - from.rest().len();
                return Ok(());
            }
        };
        let len = match list {
            List::StatusLtimes => from.map_len()?,
            List::Events | List::LeftMembers => from.array_len()?,
        };
        let cursor = SeqCursor::new(state.len() - from.rest().len(), len);
        match list {
            List::Events => self.events = cursor,
            List::LeftMembers => self.left_members = cursor,
            List::StatusLtimes => self.status_ltimes = cursor,
        }
        self.open = Some((list, cursor));
        Ok(())
    }

    fn number(
        &mut self,
        state: &[u8],
        from: &mut Reader<'_>,
        of: fn(&mut Self) -> &mut u64,
    ) -> Result<(), DecodeError> {
        *of(self) = Value::take(from)?;
        self.at = state.len() - from.rest().len();
        Ok(())
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
