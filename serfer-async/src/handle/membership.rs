//! The list of members as a stream: all of them, and then what changes.
//!
//! The endpoint notes which members change. What it has noted is handed to all readers whenever the
//! driver has nothing left to do, and before anybody is given a snapshot. All of that happens under
//! the node's lock, so a snapshot and the changes behind it fit together exactly, whatever the driver
//! or the coalescing of events hold back. A reader has a bounded buffer; when it overflows, all of it
//! is dropped, and the reader starts afresh when it comes to read.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_lite::{Stream, StreamExt};
use serfer_proto::{Endpoint, Member, MemberDelta};

use crate::node::shared::Shared;

/// What a reader of the [`Membership`] has to know next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MembershipUpdate {
    /// All members of any status, ourselves included: whatever was known before is void.
    Snapshot(Vec<Member>),
    /// A member is new, or its status, tags, address or versions have changed: this is what it is
    /// now.
    Changed(Member),
    /// A member is forgotten: this is what it was.
    Removed(Member),
    /// The reader was too slow, and so many changes were dropped. A fresh
    /// [`Snapshot`](Self::Snapshot) is next.
    Lagged(u64),
}

/// The members of the cluster, as a stream: a snapshot, and then each change.
///
/// A map to which all of it is applied, as below, has just what [`members`](crate::Serfer::members)
/// returns or, as long as something is still unread, what it returned before. Unlike
/// [`Events`](crate::Events), it is exact: there is no gap between the snapshot and the changes, and no
/// change that the snapshot already has; it is also a change that a member is about to leave; and nothing
/// is held back to be coalesced. If a member changes several times in a row, only its last state need
/// come.
///
/// ```no_run
/// # async fn example(serf: &serfer_async::Serfer) {
/// use std::collections::BTreeMap;
/// use serfer_async::{Member, MembershipUpdate};
///
/// let mut members: BTreeMap<String, Member> = BTreeMap::new();
/// let mut membership = serf.subscribe();
/// while let Some(update) = membership.next().await {
///     match update {
///         MembershipUpdate::Snapshot(all) => {
///             members = all.into_iter().map(|it| (it.name().to_owned(), it)).collect();
///         }
///         MembershipUpdate::Changed(member) => {
///             members.insert(member.name().to_owned(), member);
///         }
///         MembershipUpdate::Removed(member) => {
///             members.remove(member.name());
///         }
///         MembershipUpdate::Lagged(missed) => println!("too slow: {missed} changes missed"),
///     }
/// }
/// # }
/// ```
///
/// The node never waits for a reader. One that falls behind by more changes than the node's
/// [event buffer](crate::Builder::event_buffer) holds is told so, once, and then gets another snapshot;
/// it need not do anything about it. A snapshot, the first one too, is as of the moment when it is read.
/// The stream ends when the node is shut down and everything has been read.
pub struct Membership {
    shared: Arc<Shared>,
    reader: ReaderId,
}

impl Membership {
    pub(crate) fn new(shared: Arc<Shared>, buffer: usize) -> Self {
        // Of a node that is broken there is nothing to read, whoever asks.
        let reader = shared.with(|state| state.watchers.add(buffer)).unwrap_or_default();
        Self { shared, reader }
    }

    /// What comes next; `None` once the node is shut down.
    pub async fn next(&mut self) -> Option<MembershipUpdate> {
        StreamExt::next(self).await
    }
}

impl Stream for Membership {
    type Item = MembershipUpdate;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<MembershipUpdate>> {
        let mut waker = Some(cx.waker().clone());
        let polled = self
            .shared
            .with(|state| state.watchers.poll(&mut state.endpoint, self.reader, &mut waker));
        // What a waker drops may come here again, so the one of before not under the lock either.
        drop(waker);
        let Ok((update, others)) = polled else {
            return Poll::Ready(None);
        };
        others.wake();
        update
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let removed =
            self.shared.with(|state| state.watchers.remove(&mut state.endpoint, self.reader));
        // Not under the lock, as above.
        drop(removed);
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("reader", &self.reader.0).finish_non_exhaustive()
    }
}

/// Which reader. The default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ReaderId(u64);

/// Who is to be woken, once the lock is released: what is woken may want it.
#[derive(Debug, Default)]
#[must_use]
pub(crate) struct Wakers(Vec<Waker>);

impl Wakers {
    pub(crate) fn wake(self) {
        self.0.into_iter().for_each(Waker::wake);
    }
}

/// All readers there are.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    readers: BTreeMap<ReaderId, Reader>,
    last: ReaderId,
    is_closed: bool,
}

#[derive(Debug)]
struct Reader {
    standing: Standing,
    /// Changes behind what was read last.
    waiting: VecDeque<MembershipUpdate>,
    waiting_max: usize,
    waker: Option<Waker>,
}

/// What a reader is to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// All there is.
    Newcomer,
    /// What has changed.
    UpToDate,
    /// The news that so many changes were dropped.
    Lagging(u64),
}

impl Watchers {
    fn add(&mut self, buffer: usize) -> ReaderId {
        self.last.0 += 1;
        let reader = Reader {
            standing: Standing::Newcomer,
            waiting: VecDeque::new(),
            waiting_max: buffer.max(1),
            waker: None,
        };
        self.readers.insert(self.last, reader);
        self.last
    }

    fn remove(&mut self, endpoint: &mut Endpoint, reader: ReaderId) -> Option<Reader> {
        let removed = self.readers.remove(&reader);
        if self.readers.is_empty() {
            endpoint.unwatch_members();
        }
        removed
    }

    /// Hands what has changed to all who know what it was before.
    pub(crate) fn publish(&mut self, endpoint: &mut Endpoint) -> Wakers {
        let mut wakers = Vec::new();
        let deltas = if self.readers.is_empty() { Vec::new() } else { endpoint.take_deltas() };
        if !deltas.is_empty() {
            for reader in self.readers.values_mut() {
                deltas.iter().for_each(|delta| reader.push(delta));
                wakers.extend(reader.waker.take());
            }
        }
        Wakers(wakers)
    }

    /// Nothing changes any more: `wakers` are to be woken, and all others who wait.
    pub(crate) fn close(&mut self, mut wakers: Wakers) -> Wakers {
        self.is_closed = true;
        wakers.0.extend(self.readers.values_mut().filter_map(|reader| reader.waker.take()));
        wakers
    }

    /// What a reader is given next. If it has to wait, `waker` is exchanged for the one of before.
    fn poll(
        &mut self,
        endpoint: &mut Endpoint,
        id: ReaderId,
        waker: &mut Option<Waker>,
    ) -> (Poll<Option<MembershipUpdate>>, Wakers) {
        let others = match self.readers.get(&id).map(|reader| reader.standing) {
            None => return (Poll::Ready(None), Wakers::default()),
            // What others have yet to be told is in the snapshot.
            Some(Standing::Newcomer) => self.publish(endpoint),
            Some(_) => Wakers::default(),
        };
        let is_closed = self.is_closed;
        let update = self.readers.get_mut(&id).and_then(|reader| match reader.standing {
            Standing::Newcomer => {
                reader.standing = Standing::UpToDate;
                endpoint.watch_members();
                Some(MembershipUpdate::Snapshot(endpoint.members().cloned().collect()))
            }
            Standing::Lagging(missed) => {
                reader.standing = Standing::Newcomer;
                Some(MembershipUpdate::Lagged(missed))
            }
            Standing::UpToDate => reader.waiting.pop_front().or_else(|| {
                std::mem::swap(&mut reader.waker, waker);
                None
            }),
        });
        let polled = match update {
            None if !is_closed => Poll::Pending,
            update => Poll::Ready(update),
        };
        (polled, others)
    }
}

impl Reader {
    fn push(&mut self, delta: &MemberDelta) {
        match self.standing {
            Standing::Newcomer => {}
            Standing::Lagging(ref mut missed) => *missed += 1,
            Standing::UpToDate if self.waiting.len() == self.waiting_max => {
                self.standing = Standing::Lagging(self.waiting.len() as u64 + 1);
                self.waiting = VecDeque::new();
            }
            Standing::UpToDate => self.waiting.push_back(match delta.clone() {
                MemberDelta::Changed(member) => MembershipUpdate::Changed(member),
                MemberDelta::Removed(member) => MembershipUpdate::Removed(member),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Wake;
    use std::time::Instant;

    use serfer_proto::{Config, Tags};

    use super::*;

    /// A node, alone, and what reads its list of members.
    struct Scene {
        endpoint: Endpoint,
        now: Instant,
        watchers: Watchers,
    }

    impl Scene {
        fn new() -> Self {
            let now = Instant::now();
            let config = Config::lan("a").advertise("127.0.0.1:7946".parse().unwrap());
            let endpoint = Endpoint::new(config, [0; 32], now).unwrap();
            Self { endpoint, now, watchers: Watchers::default() }
        }

        /// Changes the only member there is.
        fn change(&mut self, version: usize) {
            let tags = Tags::from_iter([("version", version.to_string())]);
            self.endpoint.set_tags(self.now, tags).unwrap();
        }

        /// The driver has nothing left to do.
        fn publish(&mut self) {
            self.watchers.publish(&mut self.endpoint).wake();
        }

        fn read(&mut self, reader: ReaderId) -> Poll<Option<String>> {
            let (update, others) = self.watchers.poll(&mut self.endpoint, reader, &mut None);
            others.wake();
            let version =
                |member: &Member| member.tags().get("version").unwrap_or("none").to_owned();
            update.map(|update| {
                update.map(|update| match update {
                    MembershipUpdate::Snapshot(all) => format!("all: {}", version(&all[0])),
                    MembershipUpdate::Changed(member) => version(&member),
                    MembershipUpdate::Removed(member) => format!("removed: {}", version(&member)),
                    MembershipUpdate::Lagged(missed) => format!("missed {missed}"),
                })
            })
        }
    }

    fn next(update: &str) -> Poll<Option<String>> {
        Poll::Ready(Some(update.to_owned()))
    }

    #[test]
    fn all_members_come_first_and_then_what_changes() {
        let mut scene = Scene::new();
        let reader = scene.watchers.add(10);
        scene.change(1);
        assert_eq!(scene.read(reader), next("all: 1"));
        assert_eq!(scene.read(reader), Poll::Pending);
        scene.publish();
        assert_eq!(scene.read(reader), Poll::Pending, "the snapshot has it");
        for version in 2..4 {
            scene.change(version);
            scene.publish();
        }
        assert_eq!(scene.read(reader), next("2"));
        assert_eq!(scene.read(reader), next("3"));
        assert_eq!(scene.read(reader), Poll::Pending);
    }

    #[test]
    fn a_snapshot_for_one_takes_nothing_from_the_others() {
        let mut scene = Scene::new();
        let early = scene.watchers.add(10);
        assert_eq!(scene.read(early), next("all: none"));
        scene.change(1);
        let late = scene.watchers.add(10);
        assert_eq!(scene.read(late), next("all: 1"));
        scene.publish();
        assert_eq!(scene.read(late), Poll::Pending);
        assert_eq!(scene.read(early), next("1"));
        assert_eq!(scene.read(early), Poll::Pending);
    }

    #[test]
    fn who_lags_is_told_once_and_starts_afresh() {
        let mut scene = Scene::new();
        let (slow, quick) = (scene.watchers.add(2), scene.watchers.add(10));
        for reader in [slow, quick] {
            assert_eq!(scene.read(reader), next("all: none"));
        }
        for version in 1..=5 {
            scene.change(version);
            scene.publish();
            assert!(scene.watchers.readers[&slow].waiting.len() <= 2, "memory is bounded");
        }
        assert_eq!(scene.read(slow), next("missed 5"));
        scene.change(6);
        scene.publish();
        assert_eq!(scene.read(slow), next("all: 6"));
        assert_eq!(scene.read(slow), Poll::Pending);
        scene.change(7);
        scene.publish();
        assert_eq!(scene.read(slow), next("7"));
        (1..=7).for_each(|version| assert_eq!(scene.read(quick), next(&version.to_string())));
    }

    #[test]
    fn at_the_end_all_that_waits_is_read_and_then_nothing_more() {
        let mut scene = Scene::new();
        let (reader, newcomer) = (scene.watchers.add(10), scene.watchers.add(10));
        assert_eq!(scene.read(reader), next("all: none"));
        scene.change(1);
        let readers = scene.watchers.publish(&mut scene.endpoint);
        scene.watchers.close(readers).wake();
        assert_eq!(scene.read(reader), next("1"));
        assert_eq!(scene.read(reader), Poll::Ready(None));
        assert_eq!(scene.read(newcomer), next("all: 1"));
        assert_eq!(scene.read(newcomer), Poll::Ready(None));
    }

    #[test]
    fn nothing_is_noted_once_nobody_reads() {
        let mut scene = Scene::new();
        let reader = scene.watchers.add(10);
        assert_eq!(scene.read(reader), next("all: none"));
        drop(scene.watchers.remove(&mut scene.endpoint, reader));
        scene.change(1);
        assert!(scene.endpoint.take_deltas().is_empty());
        assert_eq!(scene.read(reader), Poll::Ready(None));
    }

    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_woken_by_a_change_and_by_the_end() {
        let mut scene = Scene::new();
        let reader = scene.watchers.add(10);
        assert_eq!(scene.read(reader), next("all: none"));
        let woken = |scene: &mut Scene, step: fn(&mut Scene) -> Wakers| {
            let bell = Arc::new(Bell::default());
            let mut waker = Some(Waker::from(bell.clone()));
            let (update, _) = scene.watchers.poll(&mut scene.endpoint, reader, &mut waker);
            assert!(update.is_pending());
            step(scene).wake();
            bell.0.load(Ordering::Relaxed)
        };
        assert!(!woken(&mut scene, |scene| scene.watchers.publish(&mut scene.endpoint)));
        assert!(woken(&mut scene, |scene| {
            scene.change(1);
            scene.watchers.publish(&mut scene.endpoint)
        }));
        assert_eq!(scene.read(reader), next("1"));
        assert!(woken(&mut scene, |scene| scene.watchers.close(Wakers::default())));
    }

    #[test]
    fn what_a_waker_of_before_drops_may_call_the_node() {
        struct Calls(crate::handle::serfer::Serfer);
        impl Wake for Calls {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for Calls {
            fn drop(&mut self) {
                assert_eq!(self.0.members().len(), 1);
            }
        }
        let node = crate::node::testing::Alone::with(crate::router::Router::new());
        let mut membership = node.serf.subscribe();
        let mut poll = |waker: Waker| membership.poll_next(&mut Context::from_waker(&waker));
        assert!(poll(Waker::noop().clone()).is_ready());
        for _ in 0..2 {
            assert!(poll(Waker::from(Arc::new(Calls(node.serf.clone())))).is_pending());
        }
    }
}
