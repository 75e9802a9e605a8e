//! User events: messages that are delivered once to every member.
//!
//! Counterpart of `UserEvent` and `handleUserEvent` in Go's `serf.go`.

use std::sync::Arc;

use bytes::Bytes;

use crate::api::{Event, EventError, Replay, UserEvent};
use crate::config::params::Params;
use crate::machinery::{Cx, DropReason};
use crate::serf::Serf;
use crate::serf::broadcasts::{Class, USER_MESSAGE};
use crate::serf::events::ring::Seen;
use crate::wire::serf_message;
use crate::wire::serf_message::SerfMessage;

/// What is remembered of a user event.
#[derive(Debug)]
pub(crate) struct RecentUserEvent {
    pub(crate) name: Arc<str>,
    pub(crate) payload: Bytes,
}

impl RecentUserEvent {
    fn key(&self) -> (&str, &[u8]) {
        (&self.name, &self.payload)
    }
}

/// The size of a recent user event besides its name and payload. It is about that in memory, and less in a
/// push/pull.
const RECENT_EVENT_LEN: usize = 64;

/// Whether several user events of one name may be coalesced into the newest one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Coalesce {
    /// Each is delivered.
    #[default]
    No,
    /// Receivers that coalesce may drop all but the newest. `serf event` sends such events.
    Yes,
}

impl Serf {
    /// Sends a user event to every member, ourselves included.
    pub(crate) fn user_event(
        &mut self,
        cx: &mut Cx<'_>,
        name: &str,
        payload: &[u8],
        coalesce: Coalesce,
    ) -> Result<(), EventError> {
        if !self.is_alive() {
            return Err(EventError::Left);
        }
        self.check_room(cx.params, Class::Event).map_err(|(waiting, max)| {
            cx.stats.sends_refused += 1;
            EventError::QueueFull { waiting, max }
        })?;
        let event = serf_message::UserEvent {
            coalesce: coalesce == Coalesce::Yes,
            ltime: self.event_clock.time(),
            name: name.into(),
            payload,
        };
        // A larger one fits into no packet and would wait in the queue for ever.
        let max = cx.params.user_event_len_max.min(cx.link.queued_len_max() - USER_MESSAGE.len());
        let message = SerfMessage::UserEvent(event).encode_within(max);
        let message = message.map_err(|len| EventError::TooLarge { len, max })?;
        if !cx.as_ourselves(|cx| self.on_user_event(cx, &event)) {
            let max = cx.params.limits.ring_bytes;
            return Err(EventError::TooManyRecent { len: message.len(), max });
        }
        self.queue_own(cx, Class::Event, &message);
        Ok(())
    }

    /// Whether one more user event of ours would not be refused because too many wait.
    pub(crate) fn has_room_for_user_event(&self, params: &Params) -> bool {
        self.check_room(params, Class::Event).is_ok()
    }

    /// The application wants to join, and says whether it wants the user events from before.
    pub(crate) fn on_join_called(&mut self, replay: Replay) {
        if replay == Replay::Deliver
            && let Some(ltime_min) = self.first_contact.ask_for_replay()
        {
            self.event_ltime_min = ltime_min;
        }
    }

    /// A push/pull has come, and the user events in it are told next, except those from before we joined.
    /// `join` is set if one of us joins the other; the other node's next user event has the time `ltime`.
    pub(crate) fn skip_old_events(&mut self, join: Option<Replay>, ltime: u64) {
        if self.first_contact.skips(join, self.event_ltime_min) {
            self.event_ltime_min = self.event_ltime_min.max(ltime);
        }
    }

    /// A user event came by gossip. Returns whether it is new.
    pub(crate) fn on_user_event(
        &mut self,
        cx: &mut Cx<'_>,
        event: &serf_message::UserEvent<'_>,
    ) -> bool {
        let Some(name) = event.name.to_str() else {
            cx.dropped(DropReason::Name, &"user event");
            return false;
        };
        if !self.event_clock.can_reach(event.ltime) {
            cx.dropped(DropReason::OutOfReach, &"Lamport time of user event");
            return false;
        }
        self.event_clock.witness(event.ltime);
        if event.ltime < self.event_ltime_min {
            return false;
        }
        let now = self.event_clock.time();
        let bytes = RECENT_EVENT_LEN + name.len() + event.payload.len();
        let key = (name, event.payload);
        let seen = self.events.seen(now, event.ltime, bytes, |known| known.key().cmp(&key));
        let place = match seen {
            Seen::Never(place) => place,
            Seen::Before | Seen::TooOld => return false,
            Seen::Full => {
                cx.dropped(DropReason::Full, &"user events to remember");
                return false;
            }
        };
        let name: Arc<str> = name.into();
        let payload = Bytes::copy_from_slice(event.payload);
        let recent = RecentUserEvent { name: name.clone(), payload: payload.clone() };
        self.events.insert(event.ltime, bytes, place, recent);
        self.record_user_event(cx, event.ltime);
        let len = payload.len();
        tracing::debug!(target: "serfer::events", %name, len, ltime = event.ltime, "user event received");
        let coalesce = event.coalesce;
        self.emit(cx, Event::User(UserEvent { ltime: event.ltime, name, payload, coalesce }));
        true
    }
}
