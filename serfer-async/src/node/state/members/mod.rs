//! The list of members for any number of readers: all of it, and then what changes.
//!
//! The endpoint notes which members change. What it has noted is handed to all readers whenever the driver
//! has nothing left to do, and before any reader is given a snapshot. All of that happens under the node's
//! lock, so a snapshot and the changes after it fit together exactly, whatever the driver or the coalescing
//! of events hold back. A reader has a bounded buffer. When it overflows, all of it is dropped, and the
//! reader gets a new snapshot.

use std::collections::{BTreeMap, VecDeque};
use std::task::{Poll, Waker};

use serfer_proto::{Endpoint, Member, MemberDelta};

use crate::node::state::wakers::Wakers;

/// What a reader of the [`Membership`](crate::Membership) has to know next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipUpdate {
    /// All members of any status, ourselves included. It replaces everything that was known before.
    Snapshot(Vec<Member>),
    /// A member is new, or its status, tags, address or versions have changed: this is what it is
    /// now.
    Changed(Member),
    /// A member is forgotten: this is what it was.
    Removed(Member),
    /// The reader was too slow, and so many changes were dropped. Another
    /// [`Snapshot`](Self::Snapshot) is next.
    Lagged(u64),
}

/// The id of a reader. The default is the id of none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MemberReaderId(pub(crate) u64);

/// All readers of the list of members.
#[derive(Debug, Default)]
pub(crate) struct MemberReaders {
    readers: BTreeMap<MemberReaderId, MemberReader>,
    last: MemberReaderId,
    is_closed: bool,
}

#[derive(Debug)]
pub(crate) struct MemberReader {
    progress: ReaderProgress,
    /// Changes that are not read yet.
    unread: VecDeque<MembershipUpdate>,
    unread_max: usize,
    waker: Option<Waker>,
}

/// What a reader gets next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReaderProgress {
    /// A snapshot.
    Newcomer,
    /// What has changed.
    UpToDate,
    /// The news that so many changes were dropped.
    Lagging(u64),
}

impl MemberReaders {
    /// Adds a reader that may fall behind by `buffer` changes.
    pub(crate) fn add(&mut self, buffer: usize) -> MemberReaderId {
        self.last.0 += 1;
        let reader = MemberReader {
            progress: ReaderProgress::Newcomer,
            unread: VecDeque::new(),
            unread_max: buffer.max(1),
            waker: None,
        };
        self.readers.insert(self.last, reader);
        self.last
    }

    /// Forgets a reader. Drop what is returned once the lock is released: its waker may run any code.
    pub(crate) fn remove(
        &mut self,
        endpoint: &mut Endpoint,
        reader: MemberReaderId,
    ) -> Option<MemberReader> {
        let removed = self.readers.remove(&reader);
        if self.readers.is_empty() {
            endpoint.unwatch_members();
        }
        removed
    }

    /// Hands what has changed to all readers that have a snapshot.
    pub(crate) fn publish(&mut self, endpoint: &mut Endpoint, wakers: &mut Wakers) {
        if self.readers.is_empty() {
            return;
        }
        let deltas = endpoint.take_deltas();
        if deltas.is_empty() {
            return;
        }
        for reader in self.readers.values_mut() {
            deltas.iter().for_each(|delta| reader.push(delta));
            wakers.add(reader.waker.take());
        }
    }

    /// Nothing changes any more.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) {
        self.is_closed = true;
        for reader in self.readers.values_mut() {
            wakers.add(reader.waker.take());
        }
    }

    /// What a reader is given next. If it has to wait, `waker` is exchanged for the one of before.
    pub(crate) fn poll(
        &mut self,
        endpoint: &mut Endpoint,
        id: MemberReaderId,
        waker: &mut Option<Waker>,
        wakers: &mut Wakers,
    ) -> Poll<Option<MembershipUpdate>> {
        match self.readers.get(&id).map(|reader| reader.progress) {
            None => return Poll::Ready(None),
            // The snapshot has changes that the other readers have not been told of yet.
            Some(ReaderProgress::Newcomer) => self.publish(endpoint, wakers),
            Some(_) => {}
        }
        let update = self.readers.get_mut(&id).and_then(|reader| match reader.progress {
            ReaderProgress::Newcomer => {
                reader.progress = ReaderProgress::UpToDate;
                endpoint.watch_members();
                Some(MembershipUpdate::Snapshot(endpoint.members().cloned().collect()))
            }
            ReaderProgress::Lagging(missed) => {
                reader.progress = ReaderProgress::Newcomer;
                Some(MembershipUpdate::Lagged(missed))
            }
            ReaderProgress::UpToDate => reader.unread.pop_front().or_else(|| {
                std::mem::swap(&mut reader.waker, waker);
                None
            }),
        });
        match update {
            None if !self.is_closed => Poll::Pending,
            update => Poll::Ready(update),
        }
    }
}

impl MemberReader {
    fn push(&mut self, delta: &MemberDelta) {
        match self.progress {
            ReaderProgress::Newcomer => {}
            ReaderProgress::Lagging(ref mut missed) => *missed += 1,
            ReaderProgress::UpToDate if self.unread.len() == self.unread_max => {
                self.progress = ReaderProgress::Lagging(self.unread.len() as u64 + 1);
                self.unread = VecDeque::new();
            }
            ReaderProgress::UpToDate => self.unread.push_back(match delta.clone() {
                MemberDelta::Changed(member) => MembershipUpdate::Changed(member),
                MemberDelta::Removed(member) => MembershipUpdate::Removed(member),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
