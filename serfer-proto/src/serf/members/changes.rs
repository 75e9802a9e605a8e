//! Which members have changed since the application last asked.
//!
//! Events tell what happened: some changes have no event, others are coalesced. A reader that keeps a
//! copy of the member list needs the outcome instead. So what a member was is kept before its first
//! change, and compared with what it is when the reader asks.

use std::collections::BTreeMap;

use crate::api::{Member, MemberDelta};
use crate::machinery::Key;
use crate::serf::Serf;

/// What each changed member was when the application last asked; `None` for one that did not exist.
/// Nothing is kept while nobody watches.
#[derive(Debug, Default)]
pub(crate) struct ChangedMembers(Option<BTreeMap<Box<str>, Option<Member>>>);

impl Serf {
    pub(crate) fn watch_members(&mut self) {
        self.changed_members.0.get_or_insert_default();
    }

    pub(crate) fn unwatch_members(&mut self) {
        self.changed_members = ChangedMembers::default();
    }

    pub(crate) fn take_deltas(&mut self) -> Vec<MemberDelta> {
        let Some(changed) = &mut self.changed_members.0 else {
            return Vec::new();
        };
        let changed = std::mem::take(changed).into_iter();
        let delta = |(name, before): (Box<str>, Option<Member>)| match self.member(&name) {
            Some(now) if before.as_ref() != Some(now) => Some(MemberDelta::Changed(now.clone())),
            Some(_unchanged) => None,
            None => before.map(MemberDelta::Removed),
        };
        changed.filter_map(delta).collect()
    }

    /// A member is about to change, or to be forgotten.
    pub(crate) fn note_change(&mut self, key: Key) {
        if let Some(changed) = &mut self.changed_members.0 {
            let member = &self.members[key].member;
            if !changed.contains_key(member.name()) {
                changed.insert(member.name().into(), Some(member.clone()));
            }
        }
    }

    /// A member is about to be added.
    pub(crate) fn note_new_member(&mut self, name: &str) {
        if let Some(changed) = &mut self.changed_members.0
            && !changed.contains_key(name)
        {
            changed.insert(name.into(), None);
        }
    }
}
