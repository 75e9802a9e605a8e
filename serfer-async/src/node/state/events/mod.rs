//! Events for any number of readers. No reader can hold up another, or the node.
//!
//! Each reader has a queue of its own, with a lock of its own, so that reading does not need the lock of the
//! node. A thread that holds the lock of the node may take the lock of a queue, never the other way round. No
//! code of the application runs under the lock of a queue: wakers are handed out, and woken or dropped later.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_lite::future;
use serfer_proto::Event;

use crate::node::state::wakers::Wakers;

/// A reader was too slow: this many events, the oldest, were dropped before it read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were dropped because they were not read in time")]
pub struct Lagged(pub u64);

/// Which events a reader wants.
pub(crate) type EventFilter = fn(&Event) -> bool;

/// All readers of events.
#[derive(Debug, Default)]
pub(crate) struct EventReaders {
    readers: Vec<Subscription>,
    is_closed: bool,
}

#[derive(Debug)]
struct Subscription {
    filter: EventFilter,
    queue: Arc<Mutex<EventQueue>>,
}

impl EventReaders {
    /// Adds a reader that gets what passes the filter from now on, and may fall behind by `buffer` events.
    pub(crate) fn subscribe(&mut self, buffer: usize, filter: EventFilter) -> EventReader {
        if self.is_closed {
            return EventReader::closed();
        }
        let queue = EventQueue { events_max: buffer.max(1), ..Default::default() };
        let queue = Arc::new(Mutex::new(queue));
        self.readers.push(Subscription { filter, queue: queue.clone() });
        EventReader { queue }
    }

    /// Gives an event to all readers that want it, and forgets readers that are gone.
    pub(crate) fn publish(&mut self, event: &Event, wakers: &mut Wakers) {
        self.readers.retain(|reader| {
            let mut queue = lock(&reader.queue);
            if !queue.is_closed && (reader.filter)(event) {
                queue.push(event.clone(), wakers);
            }
            !queue.is_closed
        });
    }

    /// Nothing happens any more: all readers come to their end, and so will new ones.
    pub(crate) fn close(&mut self, wakers: &mut Wakers) {
        self.is_closed = true;
        for reader in self.readers.drain(..) {
            let mut queue = lock(&reader.queue);
            queue.is_closed = true;
            wakers.add(queue.reader.take());
            wakers.add(queue.overflow_watcher.take());
        }
    }
}

impl Drop for EventReaders {
    fn drop(&mut self) {
        self.close(&mut Wakers::default());
    }
}

/// The events that wait for one reader. When it overflows, the oldest are dropped.
#[derive(Debug, Default)]
struct EventQueue {
    events: VecDeque<Event>,
    events_max: usize,
    /// How many events were dropped since the reader was last told so.
    lagged: u64,
    /// The event for which the first of them was dropped, until the watcher has taken it.
    overflow: Option<Event>,
    /// Nothing more comes, or nobody reads it.
    is_closed: bool,
    /// Waits for an event.
    reader: Option<Waker>,
    /// Waits for an overflow.
    overflow_watcher: Option<Waker>,
}

impl EventQueue {
    /// A queue that is empty and stays so.
    fn closed() -> Self {
        Self { is_closed: true, ..Default::default() }
    }

    fn push(&mut self, event: Event, wakers: &mut Wakers) {
        if self.events.len() == self.events_max {
            self.events.pop_front();
            if self.lagged == 0 {
                self.overflow = Some(event.clone());
                wakers.add(self.overflow_watcher.take());
            }
            self.lagged += 1;
        }
        self.events.push_back(event);
        wakers.add(self.reader.take());
    }

    /// The next event, or how many were lost before it. If the reader has to wait, `waker` is exchanged for
    /// the one of before.
    fn poll_next(&mut self, waker: &mut Option<Waker>) -> Poll<Option<Result<Event, Lagged>>> {
        if self.lagged > 0 {
            return Poll::Ready(Some(Err(Lagged(std::mem::take(&mut self.lagged)))));
        }
        match self.events.pop_front() {
            Some(event) => Poll::Ready(Some(Ok(event))),
            None if self.is_closed => Poll::Ready(None),
            None => {
                std::mem::swap(&mut self.reader, waker);
                Poll::Pending
            }
        }
    }

    /// The same for an overflow.
    fn poll_overflow(&mut self, waker: &mut Option<Waker>) -> Poll<Event> {
        if let Some(event) = self.overflow.take() {
            return Poll::Ready(event);
        }
        std::mem::swap(&mut self.overflow_watcher, waker);
        Poll::Pending
    }
}

/// Reads the events of one queue.
#[derive(Debug)]
pub(crate) struct EventReader {
    queue: Arc<Mutex<EventQueue>>,
}

impl EventReader {
    /// A reader for which there never is anything.
    pub(crate) fn closed() -> Self {
        Self { queue: Arc::new(Mutex::new(EventQueue::closed())) }
    }

    /// How many events wait to be read.
    pub(crate) fn len(&self) -> usize {
        lock(&self.queue).events.len()
    }

    pub(crate) fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Result<Event, Lagged>>> {
        poll(&self.queue, cx, EventQueue::poll_next)
    }

    /// The next event, or how many were lost before it; `None` once there are no more.
    pub(crate) async fn next(&self) -> Option<Result<Event, Lagged>> {
        future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// Makes a watcher that notices when events are lost, even while this reader does not read.
    pub(crate) fn watch_overflow(&self) -> OverflowWatcher {
        OverflowWatcher { queue: self.queue.clone() }
    }
}

/// Notices when events of a reader are lost. There is one for a reader at most.
pub(crate) struct OverflowWatcher {
    queue: Arc<Mutex<EventQueue>>,
}

impl OverflowWatcher {
    /// Waits until events are lost, for the first time or since the reader was last told so. Returns the
    /// event for which the first of them was dropped.
    pub(crate) async fn next(&self) -> Event {
        future::poll_fn(|cx| poll(&self.queue, cx, EventQueue::poll_overflow)).await
    }
}

fn poll<T>(
    queue: &Mutex<EventQueue>,
    cx: &Context<'_>,
    poll: impl FnOnce(&mut EventQueue, &mut Option<Waker>) -> Poll<T>,
) -> Poll<T> {
    let mut waker = Some(cx.waker().clone());
    let polled = poll(&mut lock(queue), &mut waker);
    // The waker of before may run any code when it is dropped, so the lock is released first.
    drop(waker);
    polled
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let left = std::mem::replace(&mut *lock(&self.queue), EventQueue::closed());
        // As above.
        drop(left);
    }
}

/// No code of the application runs under this lock, so the queue is intact even if the lock is poisoned.
fn lock(queue: &Mutex<EventQueue>) -> MutexGuard<'_, EventQueue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
