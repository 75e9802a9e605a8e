//! User events: a message to every member, once each.
//!
//! Counterpart of `UserEvent` and `handleUserEvent` in Go's `serf.go`.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use crate::api::error::EventError;
use crate::api::event::{Event, UserEvent};
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::memberlist::gossip::broadcast::Kind;
use crate::serf::events::ring::Seen;
use crate::serf::{Class, Serf, USER_MESSAGE};
use crate::wire::msgpack::raw_len;
use crate::wire::serf_message;
use crate::wire::serf_message::SerfMessage;

/// A user event as it is remembered.
#[derive(Debug)]
pub(crate) struct PastEvent {
    pub(crate) name: Arc<str>,
    pub(crate) payload: Bytes,
}

/// What a past event takes up besides its name and payload: about as much in memory, and less in a
/// push/pull.
const PAST_EVENT_LEN: usize = 64;

/// Whether several user events of one name may be taken for one, the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Coalesce {
    /// Each stands for itself.
    #[default]
    No,
    /// Receivers that coalesce may drop all but the newest. What `serf event` sends.
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
        if !self.phase.is_alive() {
            return Err(EventError::Left);
        }
        let event = serf_message::UserEvent {
            coalesce: coalesce == Coalesce::Yes,
            ltime: self.event_clock.time(),
            name: name.into(),
            payload,
        };
        // More than fits into a packet with other messages would wait in the queue for ever.
        let max = cx.params.user_event_len_max.min(cx.link.queued_len_max() - USER_MESSAGE.len());
        let mut message = Vec::with_capacity(64 + name.len() + payload.len().min(max));
        // What is too long already need not be copied to find that out.
        let without = serf_message::UserEvent { payload: &[], ..event };
        SerfMessage::UserEvent(without).encode(&mut message);
        let len = message.len() - raw_len(0) + raw_len(payload.len());
        if len > max {
            return Err(EventError::TooLarge { len, max });
        }
        message.clear();
        SerfMessage::UserEvent(event).encode(&mut message);
        let ourselves = cx.params.advertise;
        self.on_user_event(cx, ourselves, &event);
        self.queue(cx, Class::Event, &message, Kind::Plain);
        Ok(())
    }

    /// A user event came by gossip; tells whether it is news.
    pub(crate) fn on_user_event(
        &mut self,
        cx: &mut Cx<'_>,
        from: SocketAddr,
        event: &serf_message::UserEvent<'_>,
    ) -> bool {
        let Some(name) = event.name.to_str() else {
            cx.dropped(DropReason::Name, from, &"user event");
            return false;
        };
        if !self.event_clock.can_reach(event.ltime) {
            cx.dropped(DropReason::OutOfReach, from, &"Lamport time of user event");
            return false;
        }
        self.event_clock.witness(event.ltime);
        if event.ltime < self.event_ltime_min {
            return false;
        }
        let now = self.event_clock.time();
        let bytes = PAST_EVENT_LEN + name.len() + event.payload.len();
        let seen = self.events.seen(now, event.ltime, bytes, |known| {
            *known.name == *name && *known.payload == *event.payload
        });
        match seen {
            Seen::Never => {}
            Seen::Before | Seen::TooOld => return false,
            Seen::Full => {
                cx.dropped(DropReason::Full, from, &"user events to remember");
                return false;
            }
        }
        let name: Arc<str> = name.into();
        let payload = Bytes::copy_from_slice(event.payload);
        let past = PastEvent { name: name.clone(), payload: payload.clone() };
        self.events.insert(event.ltime, bytes, past);
        self.record_user_event(cx, event.ltime);
        let len = payload.len();
        tracing::debug!(target: "serfer::events", %name, len, ltime = event.ltime, "user event received");
        let coalesce = event.coalesce;
        self.emit(cx, Event::User(UserEvent { ltime: event.ltime, name, payload, coalesce }));
        true
    }
}
