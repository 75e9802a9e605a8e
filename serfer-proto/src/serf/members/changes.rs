//! Which members have changed since somebody last asked.
//!
//! Events say what happened: some changes are none, others may be held back and told as one. Whoever
//! keeps a copy of the list of members needs to know what it is now. So what a member was is noted
//! before it first changes, and compared with what it is when somebody asks.

use std::collections::BTreeMap;

use crate::api::event::MemberDelta;
use crate::api::member::Member;
use crate::machinery::table::Key;
use crate::serf::Serf;

/// What members were when somebody last asked, if they have been touched since; `None` for one that
/// was not there. Nothing is noted while nobody watches.
#[derive(Debug, Default)]
pub(crate) struct Watch(Option<BTreeMap<Box<str>, Option<Member>>>);

impl Serf {
    pub(crate) fn watch_members(&mut self) {
        self.watch.0.get_or_insert_default();
    }

    pub(crate) fn unwatch_members(&mut self) {
        self.watch = Watch::default();
    }

    pub(crate) fn take_deltas(&mut self) -> Vec<MemberDelta> {
        let Some(before) = &mut self.watch.0 else {
            return Vec::new();
        };
        let touched = std::mem::take(before).into_iter();
        let delta = |(name, before): (Box<str>, Option<Member>)| match self.member(&name) {
            Some(now) if before.as_ref() != Some(now) => Some(MemberDelta::Changed(now.clone())),
            Some(_unchanged) => None,
            None => before.map(MemberDelta::Removed),
        };
        touched.filter_map(delta).collect()
    }

    /// A member is about to change, or to be forgotten.
    pub(crate) fn note_member(&mut self, key: Key) {
        if let Some(before) = &mut self.watch.0 {
            let member = &self.members[key].member;
            if !before.contains_key(member.name()) {
                before.insert(member.name().into(), Some(member.clone()));
            }
        }
    }

    /// A member is about to be there.
    pub(crate) fn note_newcomer(&mut self, name: &str) {
        if let Some(before) = &mut self.watch.0
            && !before.contains_key(name)
        {
            before.insert(name.into(), None);
        }
    }
}
