//! The list of members as a stream: all of it, and then what changes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_lite::{Stream, StreamExt};

use crate::node::shared::Shared;
use crate::node::state::State;
use crate::node::state::members::{MemberReaderId, MembershipUpdate};
use crate::node::state::wakers::Wakers;

/// The members of the cluster, as a stream: a snapshot, and then each change.
///
/// A map to which all updates are applied, as below, has exactly what [`members`](crate::Serfer::members)
/// returns. As long as updates are unread, it has what `members` returned before. Unlike
/// [`Events`](crate::Events), the stream is exact: between the snapshot and the changes nothing is missing,
/// and nothing comes twice; that a member is about to leave is a change, too; and nothing is held back to be
/// coalesced. If a member changes several times in a row, perhaps only its last state comes.
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
/// The node never waits for a reader. A reader that falls behind by more changes than the node's
/// [event buffer](crate::Builder::event_buffer) holds is told so, once, and then gets another snapshot. It
/// need not do anything itself. Every snapshot, even the first, shows the members at the moment when it is
/// read. The stream ends when the node is shut down and everything has been read.
pub struct Membership {
    shared: Arc<Shared>,
    reader: MemberReaderId,
}

impl Membership {
    pub(crate) fn new(shared: Arc<Shared>, buffer: usize) -> Self {
        // If the node is broken, there is nothing to read, and the default is no reader.
        let reader = shared.with(|state| state.members.add(buffer)).unwrap_or_default();
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
        let (mut waker, mut wakers) = (Some(cx.waker().clone()), Wakers::default());
        let polled = self.shared.with(|state| {
            state.members.poll(&mut state.endpoint, self.reader, &mut waker, &mut wakers)
        });
        // The waker of before may run any code when it is dropped, so the lock is released first.
        drop(waker);
        wakers.wake();
        polled.unwrap_or(Poll::Ready(None))
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let remove = |state: &mut State| state.members.remove(&mut state.endpoint, self.reader);
        let removed = self.shared.with(remove);
        // As above.
        drop(removed);
    }
}

impl std::fmt::Debug for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Membership").field("reader", &self.reader.0).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Wake, Waker};

    use super::*;
    use crate::handle::serfer::Serfer;
    use crate::node::testing::TestNode;
    use crate::router::Router;

    #[test]
    fn a_waker_may_call_the_node_when_it_is_dropped() {
        struct CallsWhenDropped(Serfer);
        impl Wake for CallsWhenDropped {
            fn wake(self: Arc<Self>) {}
        }
        impl Drop for CallsWhenDropped {
            fn drop(&mut self) {
                assert_eq!(self.0.members().len(), 1);
            }
        }
        let node = TestNode::with(Router::new());
        let mut membership = node.serf.subscribe();
        let mut poll = |waker: Waker| membership.poll_next(&mut Context::from_waker(&waker));
        assert!(poll(Waker::noop().clone()).is_ready());
        for _ in 0..2 {
            assert!(poll(Waker::from(Arc::new(CallsWhenDropped(node.serf.clone())))).is_pending());
        }
    }
}
