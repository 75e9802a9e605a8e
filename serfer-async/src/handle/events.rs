//! What happens, as a stream of events.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::{Stream, StreamExt};
use serfer_proto::Event;

use crate::node::state::events::{EventReader, Lagged};

/// A stream of what happens: members, user events, queries, name conflicts.
///
/// It ends when the node is shut down. If the node shuts itself down, the last event says why. A reader that
/// falls behind by more events than the node's [event buffer](crate::Builder::event_buffer) holds loses the
/// oldest of them, and is told so by [`Lagged`]. It never holds up the node.
pub struct Events {
    reader: EventReader,
}

impl Events {
    pub(crate) fn new(reader: EventReader) -> Self {
        Self { reader }
    }

    /// The next event; `None` once the node is shut down.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        StreamExt::next(self).await
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader.poll_next(cx)
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("waiting", &self.reader.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;
    use crate::handle::serfer::Serfer;
    use crate::node::end_cause::EndCause;
    use crate::node::testing::TestNode;
    use crate::router::Router;

    /// Calls the node when it is woken and when it is dropped.
    struct CallsTheNode {
        serf: Serfer,
        woken: AtomicUsize,
    }

    impl Wake for CallsTheNode {
        fn wake(self: Arc<Self>) {
            assert_eq!(self.serf.members().len(), 1);
            self.woken.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Drop for CallsTheNode {
        fn drop(&mut self) {
            assert_eq!(self.serf.members().len(), 1);
        }
    }

    #[test]
    fn a_waker_may_call_the_node() {
        let node = TestNode::with(Router::new());
        node.settle();
        let mut events = node.serf.events();
        let wakers = [(); 2].map(|()| {
            Arc::new(CallsTheNode { serf: node.serf.clone(), woken: AtomicUsize::new(0) })
        });
        let mut poll = |waker: &Arc<CallsTheNode>| {
            let waker = Waker::from(waker.clone());
            Pin::new(&mut events).poll_next(&mut Context::from_waker(&waker))
        };
        for waker in &wakers {
            assert!(poll(waker).is_pending());
        }
        node.event("e");
        assert_eq!(wakers.each_ref().map(|waker| waker.woken.load(Ordering::Relaxed)), [0, 1]);
        assert!(matches!(poll(&wakers[1]), Poll::Ready(Some(Ok(Event::User(_))))));
        assert!(poll(&wakers[1]).is_pending());
        node.shared.close(EndCause::Told);
        assert_eq!(wakers[1].woken.load(Ordering::Relaxed), 2);
        assert!(matches!(poll(&wakers[1]), Poll::Ready(None)));
    }
}
