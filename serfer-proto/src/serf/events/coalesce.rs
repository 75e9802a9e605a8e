//! Telling the application the outcome of several events instead of each of them.
//!
//! Where the settings ask for it, events are held back. A window opens with the first event. It closes
//! when nothing more has come for a while, or when it has been open for long enough. Counterpart of
//! Go's `coalesceLoop`.
//!
//! A window is bounded. When it is full it closes early, and nothing is lost.

use std::time::Instant;

use crate::api::{Event, MemberEvent};
use crate::config::Coalescing;
use crate::machinery::{Cx, Timer};
use crate::serf::Serf;
use crate::serf::events::coalesce_members::MemberEventCoalescer;
use crate::serf::events::coalesce_user_events::UserEventCoalescer;

/// The events that are held back.
#[derive(Debug, Default)]
pub(crate) struct Coalescer {
    members: MemberEventCoalescer,
    members_window: Window,
    user_events: UserEventCoalescer,
    user_events_window: Window,
}

impl Serf {
    /// Tells the application of a change of members or of a user event: at once or, if such events are
    /// coalesced, when their window closes. All of them pass here.
    pub(crate) fn emit(&mut self, cx: &mut Cx<'_>, event: Event) {
        match (event, cx.params.coalesce_members, cx.params.coalesce_user_events) {
            (Event::Member(event), Some(settings), _) => {
                self.coalescer.members.hold(&event);
                self.coalescer.members_window.extend(cx, Timer::CoalesceMembers, settings);
                if self.coalescer.members.len() >= cx.params.limits.members {
                    self.flush_members(cx);
                }
            }
            (Event::User(event), _, Some(settings)) if event.coalesce => {
                self.coalescer.user_events.hold(event);
                self.coalescer.user_events_window.extend(cx, Timer::CoalesceEvents, settings);
                if self.coalescer.user_events.is_full() {
                    self.flush_user_events(cx);
                }
            }
            (event, ..) => cx.emit(event),
        }
    }

    /// Tells everything that is held back.
    pub(crate) fn flush(&mut self, cx: &mut Cx<'_>) {
        self.flush_members(cx);
        self.flush_user_events(cx);
    }

    /// The window of member events closes.
    pub(crate) fn flush_members(&mut self, cx: &mut Cx<'_>) {
        self.coalescer.members_window.close(cx, Timer::CoalesceMembers);
        for (change, members) in self.coalescer.members.take() {
            cx.emit(Event::Member(MemberEvent { change, members: members.into() }));
        }
    }

    /// The window of user events closes.
    pub(crate) fn flush_user_events(&mut self, cx: &mut Cx<'_>) {
        self.coalescer.user_events_window.close(cx, Timer::CoalesceEvents);
        for event in self.coalescer.user_events.take() {
            cx.emit(Event::User(event));
        }
    }
}

/// When the window closes at the latest, if it is open.
#[derive(Debug, Default)]
struct Window(Option<Instant>);

impl Window {
    /// An event has come: waits for more, but not after the window's end.
    fn extend(&mut self, cx: &mut Cx<'_>, timer: Timer, settings: Coalescing) {
        let end = *self.0.get_or_insert(cx.now + settings.period);
        cx.timers.set(timer, end.min(cx.now + settings.quiescent));
    }

    fn close(&mut self, cx: &mut Cx<'_>, timer: Timer) {
        self.0 = None;
        cx.timers.clear(timer);
    }
}
