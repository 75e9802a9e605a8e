//! Code of the application that calls the node, panics, or leaves other tasks no turn.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_lite::Stream as _;

use super::*;
use crate::handle::query::Replies;
use crate::handle::serfer::Serfer;
use crate::node::shared::{Shared, ShutdownOnDrop};
use crate::node::state::wakers::Wakers;
use crate::node::testing::Bell;

/// An answer whose bytes are looked up in the node.
struct MyName(Serfer, String);

impl AsRef<[u8]> for MyName {
    fn as_ref(&self) -> &[u8] {
        assert_eq!(self.0.members().len(), 1);
        self.1.as_bytes()
    }
}

/// An answer that panics when it is looked at.
struct Panics;

impl AsRef<[u8]> for Panics {
    fn as_ref(&self) -> &[u8] {
        panic!("of the application")
    }
}

/// A node with an open query to itself.
fn asked() -> (TestNode, Replies, Request) {
    let kept: Arc<Mutex<Option<Request>>> = Arc::default();
    let keep = kept.clone();
    let node = TestNode::with(Router::new().query("q", move |request: Request| {
        *keep.lock().unwrap() = Some(request);
    }));
    node.settle();
    let replies = node.ask("q");
    let request = kept.lock().unwrap().take().unwrap();
    (node, replies, request)
}

#[test]
fn an_answer_may_call_the_node_handle() {
    let (node, mut replies, request) = asked();
    node.serf.respond(&request, MyName(node.serf.clone(), "alone".into())).unwrap();
    assert_eq!(node.reply(&mut replies).as_deref(), Some("alone"));
}

#[test]
fn an_answer_may_call_the_node_request() {
    let (node, mut replies, request) = asked();
    request.respond(MyName(node.serf.clone(), "alone".into())).unwrap();
    assert_eq!(node.reply(&mut replies).as_deref(), Some("alone"));
}

#[test]
fn an_answer_that_panics_in_a_handler_does_not_break_the_node() {
    let router = Router::new().query("q", |request: Request| {
        let _ = request.respond(Panics);
    });
    let node = TestNode::with(router);
    node.settle();
    let _replies = node.ask("q");
    node.serf.local_member().expect("a panic hurts only the handler it happens in");
}

/// The node's thread delivers the next event while a handler runs.
#[test]
fn a_flood_of_events_leaves_other_tasks_their_turn() {
    let handled = Arc::new(AtomicUsize::new(0));
    let shared: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
    let (count, node_of) = (handled.clone(), shared.clone());
    let answered = Arc::new(AtomicUsize::new(usize::MAX));
    let (answer, at) = (answered.clone(), handled.clone());
    let router = Router::new()
        .user_event("e", move |_| {
            let n = count.fetch_add(1, Ordering::Relaxed);
            if n < 5000 {
                let shared = node_of.lock().unwrap().clone().unwrap();
                let mut wakers = Wakers::default();
                shared
                    .with(|state| {
                        let event = Event::User(UserEvent {
                            ltime: n as u64,
                            name: "e".into(),
                            payload: Vec::new().into(),
                            coalesce: false,
                        });
                        state.events.publish(&event, &mut wakers);
                    })
                    .unwrap();
            }
        })
        .query("q", move |_| {
            answer.store(at.load(Ordering::Relaxed), Ordering::Relaxed);
            "fine"
        });
    let node = TestNode::with_buffer(router, 16);
    node.settle();
    *shared.lock().unwrap() = Some(node.shared.clone());
    node.serf.user_event("e", "").unwrap();
    let _replies = node.serf.query("q", "").unwrap();
    node.settle();
    let (answered, handled) = (answered.load(Ordering::Relaxed), handled.load(Ordering::Relaxed));
    assert!(answered < 100, "query answered after {answered} of {handled} events");
}

struct PanicsWhenWoken;

impl Wake for PanicsWhenWoken {
    fn wake(self: Arc<Self>) {
        panic!("a waker panics")
    }
}

#[test]
fn a_waker_that_panics_loses_no_wake_up_of_others() {
    let node = TestNode::with(Router::new());
    node.settle();
    let (mut bad, mut good) = (node.serf.events(), node.serf.events());
    let bell = Bell::default();
    let poll = |events: &mut crate::Events, waker: &Waker| {
        Pin::new(events).poll_next(&mut Context::from_waker(waker))
    };
    assert!(poll(&mut bad, &Waker::from(Arc::new(PanicsWhenWoken))).is_pending());
    assert!(poll(&mut good, &bell.waker()).is_pending());
    node.serf.user_event("e", "").unwrap();
    // As the driver does.
    let driver = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let (mut buf, mut wakers) = (Vec::new(), Wakers::default());
        let _ = node.shared.with(|state| state.poll(&mut buf, &mut wakers));
        wakers.wake();
    }));
    assert!(driver.is_err());
    drop(ShutdownOnDrop(node.shared.clone()));
    assert!(bell.has_rung(), "it hangs for ever");
    assert!(matches!(poll(&mut good, &bell.waker()), Poll::Ready(Some(Ok(_)))));
}
