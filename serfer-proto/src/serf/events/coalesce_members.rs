//! Coalescing of member events.
//!
//! Of each member only the outcome is told, together with the other members that changed in the same
//! way. Counterpart of Go's `memberEventCoalescer`.
//!
//! Unlike Go, which tells an update again whenever a later window closes and never forgets a name: a
//! window starts empty, and a name that is reaped is forgotten. What is told is what changed for an
//! application that knows what was told before: a member that was never told of joins, whatever
//! happened to it since, and one that was away and came back with other tags or another address is an
//! update.

use std::collections::BTreeMap;

use crate::api::{Member, MemberChange, MemberEvent};

/// The last change of each member.
type LastChanges = BTreeMap<Box<str>, (MemberChange, Member)>;

#[derive(Debug, Default)]
pub(crate) struct MemberEventCoalescer {
    /// Since the window opened.
    latest: LastChanges,
    /// What the application was told, of members that are not forgotten.
    told: LastChanges,
}

impl MemberEventCoalescer {
    /// How many members have changed.
    pub(crate) fn len(&self) -> usize {
        self.latest.len()
    }

    pub(crate) fn hold(&mut self, event: &MemberEvent) {
        for member in &*event.members {
            self.latest.insert(member.name().into(), (event.change, member.clone()));
        }
    }

    /// The outcomes, each change with its members by name.
    pub(crate) fn take(&mut self) -> BTreeMap<MemberChange, Vec<Member>> {
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

/// What changed for an application that was told of a member before, or never was.
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

#[cfg(test)]
mod tests {

    use super::MemberChange::{Failed, Join, Leave, Reap, Update};
    use super::*;
    use crate::api::{Node, Status, Tags, Versions};

    fn member(name: &str, tag: &str) -> Member {
        let meta = Tags::from_iter([("role", tag)]).encode();
        let node = Node::new(name, [127, 0, 0, 1].into(), 7946, &meta, Versions::default());
        Member { node, status: Status::Alive }
    }

    fn hold(members: &mut MemberEventCoalescer, change: MemberChange, name: &str, tag: &str) {
        members.hold(&MemberEvent { change, members: [member(name, tag)].into() });
    }

    /// The outcomes, with each member's role.
    fn told(members: &mut MemberEventCoalescer) -> Vec<(MemberChange, Vec<String>)> {
        let described = |member: &Member| {
            let tags = member.tags();
            format!("{} {}", member.name(), tags.get("role").unwrap_or_default())
        };
        let told = members.take().into_iter();
        told.map(|(change, members)| (change, members.iter().map(described).collect())).collect()
    }

    #[test]
    fn coalesced_members_are_told_once_by_their_outcome() {
        let mut members = MemberEventCoalescer::default();
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
        let mut members = MemberEventCoalescer::default();
        hold(&mut members, Join, "foo", "1");
        told(&mut members);
        for tag in ["2", "3"] {
            hold(&mut members, Update, "foo", tag);
            assert_eq!(told(&mut members), [(Update, vec![format!("foo {tag}")])]);
        }
    }

    #[test]
    fn changes_without_an_outcome_are_not_told() {
        let outcomes_of = |before: &[MemberChange], changes: &[(MemberChange, &str)]| {
            let mut members = MemberEventCoalescer::default();
            for &change in before {
                hold(&mut members, change, "a", "old");
                told(&mut members);
            }
            for &(change, tag) in changes {
                hold(&mut members, change, "a", tag);
            }
            told(&mut members).into_iter().map(|(change, _)| change).collect::<Vec<_>>()
        };
        assert_eq!(outcomes_of(&[Join], &[(Failed, "old"), (Join, "old")]), []);
        assert_eq!(outcomes_of(&[Join, Failed], &[(Join, "old"), (Failed, "old")]), []);
        assert_eq!(outcomes_of(&[Join, Failed], &[(Leave, "old"), (Reap, "old")]), [Reap]);
        assert_eq!(outcomes_of(&[], &[(Join, "old"), (Leave, "old"), (Reap, "old")]), []);
        // An application that was told nothing, or that the member is gone, is told that it joins.
        assert_eq!(outcomes_of(&[], &[(Join, "old"), (Update, "new")]), [Join]);
        assert_eq!(outcomes_of(&[Join, Leave], &[(Join, "old"), (Update, "new")]), [Join]);
        // It has another role now.
        assert_eq!(outcomes_of(&[Join], &[(Failed, "old"), (Join, "new")]), [Update]);
    }

    #[test]
    fn a_forgotten_name_leaves_no_trace() {
        let mut members = MemberEventCoalescer::default();
        for n in 0..100 {
            for change in [Join, Leave, Reap] {
                hold(&mut members, change, &n.to_string(), "");
                told(&mut members);
            }
        }
        assert!(members.told.is_empty() && members.latest.is_empty());
    }
}
