//! Events for any number of readers, none of whom can hold the others up.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use async_channel::{Receiver, Sender};
use futures_lite::{Stream, StreamExt};
use serfer_proto::Event;

/// A reader was too slow: this many events, the oldest, were dropped before it came to read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} events were dropped because they were not read in time")]
pub struct Lagged(pub u64);

/// A stream of what happens: members, user events, queries, name conflicts.
///
/// It ends when the node is shut down; if that does so by itself, the last event says why. A reader
/// that falls behind by more than the node's event buffer loses the oldest events and is told so by
/// [`Lagged`]; it never holds the node up.
pub struct Events {
    // Pinned because the receiver has to be while it is polled.
    receiver: Pin<Box<Receiver<Event>>>,
    lagged: Arc<AtomicU64>,
}

impl Events {
    /// How many events were dropped since the last one was read.
    pub(crate) fn lag(&self) -> Arc<AtomicU64> {
        self.lagged.clone()
    }

    /// The next event; `None` once the node is shut down.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        StreamExt::next(self).await
    }
}

impl Stream for Events {
    type Item = Result<Event, Lagged>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let lagged = self.lagged.swap(0, Ordering::Relaxed);
        if lagged > 0 {
            return Poll::Ready(Some(Err(Lagged(lagged))));
        }
        self.receiver.as_mut().poll_next(cx).map(|event| event.map(Ok))
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Events").field("waiting", &self.receiver.len()).finish_non_exhaustive()
    }
}

/// All readers there are.
#[derive(Debug, Default)]
pub(crate) struct Subscribers {
    readers: Vec<Reader>,
    is_closed: bool,
}

#[derive(Debug)]
struct Reader {
    events: Sender<Event>,
    lagged: Arc<AtomicU64>,
}

impl Subscribers {
    /// Adds a reader that sees everything from now on and may fall behind by `buffer` events.
    pub(crate) fn subscribe(&mut self, buffer: usize) -> Events {
        let (events, receiver) = async_channel::bounded(buffer.max(1));
        let lagged = Arc::new(AtomicU64::new(0));
        if !self.is_closed {
            self.readers.push(Reader { events, lagged: lagged.clone() });
        }
        Events { receiver: Box::pin(receiver), lagged }
    }

    /// Nothing happens any more: all readers come to their end, and so will new ones.
    pub(crate) fn close(&mut self) {
        *self = Self { readers: Vec::new(), is_closed: true };
    }

    /// Gives an event to all readers, and forgets those that are gone.
    pub(crate) fn publish(&mut self, event: &Event) {
        self.readers.retain(|reader| match reader.events.force_send(event.clone()) {
            Ok(None) => true,
            Ok(Some(_oldest)) => {
                reader.lagged.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(_gone) => false,
        });
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::block_on;
    use serfer_proto::UserEvent;

    use super::*;

    fn event(ltime: u64) -> Event {
        Event::User(UserEvent {
            ltime,
            name: "e".into(),
            payload: Vec::new().into(),
            coalesce: false,
        })
    }

    #[test]
    fn a_slow_reader_loses_the_oldest_and_is_told() {
        let mut subscribers = Subscribers::default();
        let mut slow = subscribers.subscribe(2);
        let mut fast = subscribers.subscribe(10);
        (1..=5).for_each(|ltime| subscribers.publish(&event(ltime)));
        assert_eq!(block_on(slow.next()), Some(Err(Lagged(3))));
        assert_eq!(block_on(slow.next()), Some(Ok(event(4))));
        assert_eq!(block_on(slow.next()), Some(Ok(event(5))));
        assert_eq!(block_on(fast.next()), Some(Ok(event(1))));
    }

    #[test]
    fn nothing_is_left_to_read_once_it_is_closed() {
        let mut subscribers = Subscribers::default();
        let mut early = subscribers.subscribe(2);
        subscribers.publish(&event(1));
        subscribers.close();
        assert_eq!(block_on(early.next()), Some(Ok(event(1))));
        assert_eq!(block_on(early.next()), None);
        assert_eq!(block_on(subscribers.subscribe(2).next()), None);
    }

    #[test]
    fn readers_that_are_gone_are_forgotten_and_all_end_with_the_node() {
        let mut subscribers = Subscribers::default();
        let mut stays = subscribers.subscribe(2);
        drop(subscribers.subscribe(2));
        subscribers.publish(&event(1));
        assert_eq!(subscribers.readers.len(), 1);
        drop(subscribers);
        assert_eq!(block_on(stays.next()), Some(Ok(event(1))));
        assert_eq!(block_on(stays.next()), None);
    }
}
