//! What readers of events are given, and when they are woken.

use futures_lite::future::{block_on, poll_once};
use serfer_proto::UserEvent;

use super::*;
use crate::node::testing::Bell;

fn event(ltime: u64) -> Event {
    let (name, payload) = ("e".into(), Vec::new().into());
    Event::User(UserEvent { ltime, name, payload, coalesce: false })
}

fn everything(_: &Event) -> bool {
    true
}

fn odd(event: &Event) -> bool {
    matches!(event, Event::User(event) if event.ltime % 2 == 1)
}

/// Publishes events and wakes their readers.
fn publish(readers: &mut EventReaders, ltimes: impl IntoIterator<Item = u64>) {
    let mut wakers = Wakers::default();
    ltimes.into_iter().for_each(|ltime| readers.publish(&event(ltime), &mut wakers));
}

fn close(readers: &mut EventReaders) {
    readers.close(&mut Wakers::default());
}

#[test]
fn a_slow_reader_loses_the_oldest_and_is_told() {
    let mut readers = EventReaders::default();
    let slow = readers.subscribe(2, everything);
    let fast = readers.subscribe(10, everything);
    publish(&mut readers, 1..=5);
    assert_eq!(block_on(slow.next()), Some(Err(Lagged(3))));
    assert_eq!(block_on(slow.next()), Some(Ok(event(4))));
    assert_eq!(block_on(slow.next()), Some(Ok(event(5))));
    assert_eq!(block_on(fast.next()), Some(Ok(event(1))));
}

#[test]
fn a_reader_gets_what_passes_its_filter_and_its_buffer_is_for_nothing_else() {
    let mut readers = EventReaders::default();
    let reader = readers.subscribe(2, odd);
    publish(&mut readers, 1..=4);
    assert_eq!(reader.len(), 2);
    assert_eq!(block_on(reader.next()), Some(Ok(event(1))));
    assert_eq!(block_on(reader.next()), Some(Ok(event(3))));
    assert_eq!(block_on(poll_once(reader.next())), None);
}

#[test]
fn nothing_is_left_to_read_once_it_is_closed() {
    let mut readers = EventReaders::default();
    let early = readers.subscribe(2, everything);
    publish(&mut readers, [1]);
    close(&mut readers);
    publish(&mut readers, [2]);
    assert_eq!(block_on(early.next()), Some(Ok(event(1))));
    for _ in 0..2 {
        assert_eq!(block_on(early.next()), None);
    }
    assert_eq!(block_on(readers.subscribe(2, everything).next()), None);
    assert_eq!(block_on(EventReader::closed().next()), None);
}

#[test]
fn a_reader_that_lagged_is_told_even_after_the_end() {
    let mut readers = EventReaders::default();
    let slow = readers.subscribe(1, everything);
    publish(&mut readers, 1..=3);
    close(&mut readers);
    assert_eq!(block_on(slow.next()), Some(Err(Lagged(2))));
    assert_eq!(block_on(slow.next()), Some(Ok(event(3))));
    assert_eq!(block_on(slow.next()), None);
}

#[test]
fn readers_that_are_gone_are_forgotten_and_all_end_with_the_node() {
    let mut readers = EventReaders::default();
    let stays = readers.subscribe(2, everything);
    drop(readers.subscribe(2, everything));
    publish(&mut readers, [1]);
    assert_eq!(readers.readers.len(), 1);
    drop(readers);
    assert_eq!(block_on(stays.next()), Some(Ok(event(1))));
    assert_eq!(block_on(stays.next()), None);
}

/// Whether a task is woken that waits for the next event.
fn is_woken(
    readers: &mut EventReaders,
    reader: &EventReader,
    step: impl FnOnce(&mut EventReaders, &mut Wakers),
) -> bool {
    let (bell, mut wakers) = (Bell::default(), Wakers::default());
    assert!(reader.poll_next(&Context::from_waker(&bell.waker())).is_pending());
    step(readers, &mut wakers);
    assert!(!bell.has_rung(), "not before the lock is released");
    wakers.wake();
    bell.has_rung()
}

#[test]
fn a_reader_that_waits_is_woken_by_an_event_of_its_own_and_by_the_end() {
    let mut readers = EventReaders::default();
    let reader = readers.subscribe(2, odd);
    assert!(!is_woken(&mut readers, &reader, |readers, wakers| {
        readers.publish(&event(2), wakers);
    }));
    assert!(is_woken(&mut readers, &reader, |readers, wakers| readers.publish(&event(1), wakers)));
    assert_eq!(block_on(reader.next()), Some(Ok(event(1))));
    assert!(is_woken(&mut readers, &reader, |readers, wakers| readers.close(wakers)));
    assert_eq!(block_on(reader.next()), None);
}

#[test]
fn wakers_that_nobody_comes_to_wake_are_woken_when_they_are_dropped() {
    let mut readers = EventReaders::default();
    let reader = readers.subscribe(2, everything);
    let (bell, mut wakers) = (Bell::default(), Wakers::default());
    assert!(reader.poll_next(&Context::from_waker(&bell.waker())).is_pending());
    readers.publish(&event(1), &mut wakers);
    drop(wakers);
    assert!(bell.has_rung());
}

#[test]
fn an_overflow_is_noticed_once_until_the_reader_has_been_told_of_it() {
    let mut readers = EventReaders::default();
    let reader = readers.subscribe(2, everything);
    let watcher = reader.watch_overflow();
    let bell = Bell::default();
    let waker = bell.waker();
    let cx = &mut Context::from_waker(&waker);
    let mut overflow = Box::pin(watcher.next());
    assert!(overflow.as_mut().poll(cx).is_pending());
    publish(&mut readers, 1..=2);
    assert!(!bell.has_rung(), "both fit");
    publish(&mut readers, 3..=4);
    assert!(bell.has_rung());
    assert_eq!(overflow.as_mut().poll(cx), Poll::Ready(event(3)));
    drop(overflow);
    publish(&mut readers, [5]);
    assert_eq!(block_on(poll_once(watcher.next())), None);
    assert_eq!(block_on(reader.next()), Some(Err(Lagged(3))));
    publish(&mut readers, [6]);
    assert_eq!(block_on(watcher.next()), event(6));
}

#[test]
fn many_threads_lose_no_event_and_no_wake_up() {
    const EVENTS: u64 = 10_000;
    let mut readers = EventReaders::default();
    let subscribed = [(); 4].map(|()| readers.subscribe(EVENTS as usize, everything));
    let threads = subscribed.map(|reader| {
        std::thread::spawn(move || {
            block_on(async {
                for ltime in 1..=EVENTS {
                    assert_eq!(reader.next().await, Some(Ok(event(ltime))));
                }
                assert_eq!(reader.next().await, None);
            });
        })
    });
    (1..=EVENTS).for_each(|ltime| publish(&mut readers, [ltime]));
    close(&mut readers);
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn a_waker_may_read_the_same_events_when_it_is_dropped() {
    struct ReadsWhenDropped(Arc<EventReader>);
    impl std::task::Wake for ReadsWhenDropped {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for ReadsWhenDropped {
        fn drop(&mut self) {
            assert_eq!(self.0.len(), 0);
        }
    }
    let mut readers = EventReaders::default();
    let reader = Arc::new(readers.subscribe(2, everything));
    for _ in 0..2 {
        let waker = Waker::from(Arc::new(ReadsWhenDropped(reader.clone())));
        assert!(reader.poll_next(&Context::from_waker(&waker)).is_pending());
    }
    close(&mut readers);
}
