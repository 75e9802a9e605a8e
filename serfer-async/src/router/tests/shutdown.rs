//! How handlers end with their node.

use futures_lite::future::{block_on, poll_once};

use super::*;
use crate::node::end_cause::EndCause;

/// A handler that notes that its future is dropped, and waits for a gate.
fn handler_that_waits(
    notes: &Notes,
    gate: &TestGate,
) -> impl Fn(UserEvent) -> crate::node::tasks::BoxFuture<()> + Send + Sync + 'static {
    struct Dropped(Notes);
    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.add("dropped");
        }
    }
    let (notes, gate) = (notes.clone(), gate.clone());
    move |_| {
        let (dropped, gate) = (Dropped(notes.clone()), gate.clone());
        Box::pin(async move {
            gate.wait().await;
            dropped.0.add("done");
        })
    }
}

#[test]
fn a_node_that_shuts_down_by_itself_tells_its_handlers_and_waits_for_them() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let router = Router::new()
        .user_event("slow", handler_that_waits(&notes, &gate))
        .user_event("e", user(&notes, "user"))
        .fallback(any(&notes, "fallback"));
    let node = TestNode::with(router);
    let mut events = node.serf.events();
    ["slow", "e"].iter().for_each(|name| node.event(name));
    notes.take();
    node.shut_itself_down();
    assert!(node.serf.user_event("e", "").is_err(), "it is shut down at once");
    node.advance(4 * SECOND);
    assert_eq!(notes.take(), [""; 0]);
    let mut ended = Box::pin(node.shared.tasks.handlers_ended());
    assert!(block_on(poll_once(&mut ended)).is_none());
    gate.open();
    node.settle();
    assert_eq!(notes.take(), ["done", "dropped", "user: e", "fallback: shutdown-wanted"]);
    assert!(block_on(poll_once(&mut ended)).is_some());
    let mut last = None;
    while let Some(event) = block_on(events.next()) {
        last = Some(event);
    }
    assert!(matches!(last, Some(Ok(Event::ShutdownWanted(_)))), "{last:?}");
}

#[test]
fn a_node_waits_for_its_handlers_for_some_seconds_only_and_not_if_it_is_shut_down() {
    let both = |node: &TestNode| {
        node.shut_itself_down();
        node.shared.close(EndCause::Told);
    };
    for (shut_down, time) in [
        (TestNode::shut_itself_down as fn(&TestNode), 5 * SECOND),
        (|node| node.shared.close(EndCause::Told), Duration::ZERO),
        (both, Duration::ZERO),
    ] {
        let (notes, gate) = (Notes::default(), TestGate::default());
        let node = TestNode::with(Router::new().user_event("e", handler_that_waits(&notes, &gate)));
        node.event("e");
        shut_down(&node);
        if let Some(before) = time.checked_sub(Duration::from_millis(1)) {
            node.advance(before);
            assert_eq!(notes.take(), [""; 0]);
            node.advance(Duration::from_millis(1));
        }
        node.settle();
        assert_eq!(notes.take(), ["dropped"]);
        assert!(block_on(poll_once(node.shared.tasks.handlers_ended())).is_some());
    }
}
