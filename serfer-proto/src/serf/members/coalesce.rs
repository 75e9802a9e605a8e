//! Telling what came of several events instead of each of them.
//!
//! Where it is asked for, events are held for a moment. Of what happens to a member only the outcome
//! is told, together with the other members of which the same is told; of user events that may be
//! taken for one only the newest of each name. A window opens with the first event and closes when
//! nothing more has come for a while, or when it has been open for long enough. Counterpart of Go's
//! `coalesceLoop`, `memberEventCoalescer` and `userEventCoalescer`.
//!
//! Unlike Go, which tells an update again whenever a later window closes and never forgets a name: a
//! window starts empty, and a name that is reaped is forgotten. What is told is what changed for
//! somebody who knew what was told before: a member that was never told of joins, whatever happened
//! to it since, and one that was away and came back as somebody else is an update.
//!
//! What is held is bounded. A window that is full closes early, and nothing is lost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use crate::api::event::{Event, MemberChange, MemberEvent, UserEvent};
use crate::api::member::Member;
use crate::config::Coalescing;
use crate::machinery::context::Cx;
use crate::machinery::timers::Timer;
use crate::serf::Serf;

/// What is held back.
#[derive(Debug, Default)]
pub(crate) struct Held {
    members: Members,
    events: UserEvents,
    members_window: Window,
    events_window: Window,
}

/// How many user events a window holds.
const EVENTS_MAX: usize = 1024;

/// How long their names and payloads may be together.
const EVENT_BYTES_MAX: usize = 1 << 20;

impl Serf {
    /// Tells the application what happened to members, and of user events: at once or, if such are
    /// coalesced, when their window closes. Nothing else does.
    ///
    /// Who must see each of them, such as a snapshot, looks here.
    pub(crate) fn emit(&mut self, cx: &mut Cx<'_>, event: Event) {
        match (event, cx.params.coalesce_members, cx.params.coalesce_user_events) {
            (Event::Member(event), Some(settings), _) => {
                self.held.members.hold(&event);
                self.held.members_window.extend(cx, Timer::CoalesceMembers, settings);
                if self.held.members.latest.len() >= cx.params.limits.members {
                    self.flush_members(cx);
                }
            }
            (Event::User(event), _, Some(settings)) if event.coalesce => {
                self.held.events.hold(event);
                self.held.events_window.extend(cx, Timer::CoalesceEvents, settings);
                if self.held.events.is_full() {
                    self.flush_user_events(cx);
                }
            }
            (event, ..) => cx.emit(event),
        }
    }

    /// Tells all that is held back.
    pub(crate) fn flush(&mut self, cx: &mut Cx<'_>) {
        self.flush_members(cx);
        self.flush_user_events(cx);
    }

    /// The window of member events closes.
    pub(crate) fn flush_members(&mut self, cx: &mut Cx<'_>) {
        self.held.members_window.close(cx, Timer::CoalesceMembers);
        for (change, members) in self.held.members.take() {
            cx.emit(Event::Member(MemberEvent { change, members: members.into() }));
        }
    }

    /// The window of user events closes.
    pub(crate) fn flush_user_events(&mut self, cx: &mut Cx<'_>) {
        self.held.events_window.close(cx, Timer::CoalesceEvents);
        for event in self.held.events.take() {
            cx.emit(Event::User(event));
        }
    }
}

/// When the window closes at the latest, if it is open.
#[derive(Debug, Default)]
struct Window(Option<Instant>);

impl Window {
    /// Something has come: waits for more, within reason.
    fn extend(&mut self, cx: &mut Cx<'_>, timer: Timer, settings: Coalescing) {
        let end = *self.0.get_or_insert(cx.now + settings.period);
        cx.timers.set(timer, end.min(cx.now + settings.quiescent));
    }

    fn close(&mut self, cx: &mut Cx<'_>, timer: Timer) {
        self.0 = None;
        cx.timers.clear(timer);
    }
}

/// Members, and the last that happened to them.
type Changes = BTreeMap<Box<str>, (MemberChange, Member)>;

#[derive(Debug, Default)]
struct Members {
    /// Since the window opened; no more than there may be members.
    latest: Changes,
    /// When the windows before were closed, of members that are not forgotten.
    told: Changes,
}

impl Members {
    fn hold(&mut self, event: &MemberEvent) {
        for member in &*event.members {
            self.latest.insert(member.name().into(), (event.change, member.clone()));
        }
    }

    /// What came of it, each change with its members by name.
    fn take(&mut self) -> BTreeMap<MemberChange, Vec<Member>> {
        let mut outcomes = BTreeMap::<_, Vec<Member>>::new();
        for (name, (latest, member)) in std::mem::take(&mut self.latest) {
            if let Some(change) = outcome(self.told.get(&name), latest, &member) {
                outcomes.entry(change).or_default().push(member.clone());
            }
            if latest == MemberChange::Reap {
                self.told.remove(&name);
            } else {
                self.told.insert(name, (latest, member));
            }
        }
        outcomes
    }
}

/// What is new for somebody who was told of a member before, or never was.
fn outcome(
    told: Option<&(MemberChange, Member)>,
    latest: MemberChange,
    member: &Member,
) -> Option<MemberChange> {
    use MemberChange::{Join, Reap, Update};
    match (told, latest) {
        (Some((Join | Update, before)), Join) => (before.node != member.node).then_some(Update),
        (Some((Join | Update, _)), Update) => Some(Update),
        (_, Join | Update) => Some(Join),
        (Some((before, _)), _) => (*before != latest).then_some(latest),
        (None, Reap) => None,
        (None, _) => Some(latest),
    }
}

/// Of each name the events of the greatest Lamport time.
#[derive(Debug, Default)]
struct UserEvents {
    newest: BTreeMap<Arc<str>, Vec<UserEvent>>,
    len: usize,
    bytes: usize,
}

impl UserEvents {
    fn hold(&mut self, event: UserEvent) {
        let newest = self.newest.entry(event.name.clone()).or_default();
        let known = newest.first().map_or(event.ltime, |it| it.ltime);
        if event.ltime < known {
            return;
        }
        if event.ltime > known {
            self.len -= newest.len();
            self.bytes -= newest.iter().map(size).sum::<usize>();
            newest.clear();
        }
        self.len += 1;
        self.bytes += size(&event);
        newest.push(event);
    }

    fn is_full(&self) -> bool {
        self.len >= EVENTS_MAX || self.bytes >= EVENT_BYTES_MAX
    }

    /// All of them, the oldest first.
    fn take(&mut self) -> Vec<UserEvent> {
        let held = std::mem::take(self).newest;
        let mut events: Vec<UserEvent> = held.into_values().flatten().collect();
        events.sort_by_key(|event| event.ltime);
        events
    }
}

fn size(event: &UserEvent) -> usize {
    event.name.len() + event.payload.len()
}

#[cfg(test)]
mod tests {
    use super::MemberChange::{Failed, Join, Leave, Reap, Update};
    use super::*;
    use crate::api::member::{Node, Status};
    use crate::api::tags::Tags;

    fn member(name: &str, tag: &str) -> Member {
        let meta = Tags::from_iter([("role", tag)]).encode();
        let node = Node {
            name: name.into(),
            ip: [127, 0, 0, 1].into(),
            port: 7946,
            meta: meta.into(),
            versions: crate::api::member::Versions::default(),
        };
        Member { node: Arc::new(node), status: Status::Alive }
    }

    fn hold(members: &mut Members, change: MemberChange, name: &str, tag: &str) {
        members.hold(&MemberEvent { change, members: [member(name, tag)].into() });
    }

    /// What is told, with the role that each member has.
    fn told(members: &mut Members) -> Vec<(MemberChange, Vec<String>)> {
        let described = |member: &Member| {
            let tags = member.tags();
            format!("{} {}", member.name(), tags.get("role").unwrap_or_default())
        };
        let told = members.take().into_iter();
        told.map(|(change, members)| (change, members.iter().map(described).collect())).collect()
    }

    #[test]
    fn coalesced_members_are_told_once_by_what_came_of_them() {
        let mut members = Members::default();
        for name in ["dead", "zip"] {
            hold(&mut members, Join, name, "old");
        }
        assert_eq!(told(&mut members), [(Join, vec!["dead old".into(), "zip old".into()])]);

        hold(&mut members, Join, "foo", "");
        hold(&mut members, Leave, "foo", "");
        hold(&mut members, Leave, "bar", "");
        hold(&mut members, Update, "zip", "new");
        hold(&mut members, Update, "zip", "newest");
        hold(&mut members, Reap, "dead", "");
        let expected = [
            (Leave, vec!["bar ".to_owned(), "foo ".into()]),
            (Update, vec!["zip newest".into()]),
            (Reap, vec!["dead ".into()]),
        ];
        assert_eq!(told(&mut members), expected);
        assert_eq!(told(&mut members), [], "Go tells the update again");
    }

    #[test]
    fn coalesced_updates_are_told_in_each_window() {
        let mut members = Members::default();
        hold(&mut members, Join, "foo", "1");
        told(&mut members);
        for tag in ["2", "3"] {
            hold(&mut members, Update, "foo", tag);
            assert_eq!(told(&mut members), [(Update, vec![format!("foo {tag}")])]);
        }
    }

    #[test]
    fn what_came_to_nothing_is_not_told() {
        let came_of = |before: &[MemberChange], changes: &[(MemberChange, &str)]| {
            let mut members = Members::default();
            for &change in before {
                hold(&mut members, change, "a", "old");
                told(&mut members);
            }
            for &(change, tag) in changes {
                hold(&mut members, change, "a", tag);
            }
            told(&mut members).into_iter().map(|(change, _)| change).collect::<Vec<_>>()
        };
        assert_eq!(came_of(&[Join], &[(Failed, "old"), (Join, "old")]), []);
        assert_eq!(came_of(&[Join, Failed], &[(Join, "old"), (Failed, "old")]), []);
        assert_eq!(came_of(&[Join, Failed], &[(Leave, "old"), (Reap, "old")]), [Reap]);
        assert_eq!(came_of(&[], &[(Join, "old"), (Leave, "old"), (Reap, "old")]), []);
        // Whoever was told nothing, or that it is gone, is told that it is here.
        assert_eq!(came_of(&[], &[(Join, "old"), (Update, "new")]), [Join]);
        assert_eq!(came_of(&[Join, Leave], &[(Join, "old"), (Update, "new")]), [Join]);
        // It is somebody else now.
        assert_eq!(came_of(&[Join], &[(Failed, "old"), (Join, "new")]), [Update]);
    }

    #[test]
    fn a_forgotten_name_leaves_no_trace() {
        let mut members = Members::default();
        for n in 0..100 {
            for change in [Join, Leave, Reap] {
                hold(&mut members, change, &n.to_string(), "");
                told(&mut members);
            }
        }
        assert!(members.told.is_empty() && members.latest.is_empty());
    }

    fn event(name: &str, ltime: u64, payload: &'static str) -> UserEvent {
        let payload = bytes::Bytes::from_static(payload.as_bytes());
        UserEvent { ltime, name: name.into(), payload, coalesce: true }
    }

    #[test]
    fn coalesced_user_events_are_the_newest_of_each_name() {
        let mut events = UserEvents::default();
        for event in [
            event("deploy", 2, "old"),
            event("deploy", 5, "one"),
            event("deploy", 4, "older"),
            event("build", 7, ""),
            event("deploy", 5, "another"),
        ] {
            events.hold(event);
        }
        assert_eq!((events.len, events.bytes), (3, 2 * 6 + 10 + 5));
        let expected = [event("deploy", 5, "one"), event("deploy", 5, "another")];
        assert_eq!(events.take(), [&expected[..], &[event("build", 7, "")]].concat());
        assert_eq!((events.len, events.bytes), (0, 0));
    }

    #[test]
    fn a_window_that_is_full_of_user_events_closes() {
        let mut events = UserEvents::default();
        for n in 1..EVENTS_MAX {
            events.hold(event(&n.to_string(), 1, ""));
            events.hold(event(&n.to_string(), 2, ""));
        }
        assert!(!events.is_full());
        events.hold(event("one more", 1, ""));
        assert!(events.is_full());
        assert_eq!(events.take().len(), EVENTS_MAX);
        let large = bytes::Bytes::from(vec![0; EVENT_BYTES_MAX]);
        events.hold(UserEvent { payload: large, ..event("large", 1, "") });
        assert!(events.is_full());
    }
}
