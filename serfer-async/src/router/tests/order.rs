//! In which order events are handled, and what is lost if handlers do not keep up.

use super::*;

#[test]
fn members_and_user_events_keep_order_and_queries_do_not_wait_for_them() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let (held, begun) = (gate.clone(), notes.clone());
    let router = Router::new()
        .user_event("slow", move |_| {
            let (held, begun) = (held.clone(), begun.clone());
            async move {
                held.wait().await;
                begun.add("slow");
            }
        })
        .user_event("fast", user(&notes, "fast"))
        .query("status", |_| "fine");
    let node = TestNode::with(router);
    ["slow", "fast", "fast"].iter().for_each(|name| node.event(name));
    assert_eq!(node.answer("status").as_deref(), Some("fine"));
    assert_eq!(notes.take(), [""; 0]);
    gate.open();
    node.settle();
    assert_eq!(notes.take(), ["slow", "fast: fast", "fast: fast"]);
}

#[test]
fn a_handler_for_everything_gets_queries_in_their_place() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let held = gate.clone();
    let router = Router::new()
        .every(any(&notes, "every"))
        .user_event("slow", move |_| {
            let held = held.clone();
            async move { held.wait().await }
        })
        .query("q", |_| "fine");
    let node = TestNode::with(router);
    node.settle();
    notes.take();
    node.event("slow");
    node.event("before");
    assert_eq!(node.answer("q").as_deref(), Some("fine"), "it does not wait");
    node.event("after");
    assert_eq!(notes.take(), ["every: slow"]);
    node.shut_itself_down();
    gate.open();
    node.settle();
    let expected = ["every: before", "every: q", "every: after", "every: shutdown-wanted"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn handlers_that_do_not_keep_up_lose_the_oldest_events() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let (noted, held) = (notes.clone(), gate.clone());
    let router = Router::new().user_events(move |event: UserEvent| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            held.wait().await;
            noted.add(&*event.name);
        }
    });
    let node = TestNode::with_buffer(router, 2);
    let log = traced(|| {
        ["1", "2", "3", "4", "5"].iter().for_each(|name| node.event(name));
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["1", "4", "5"]);
    assert!(log.contains("handlers are too slow lagged=2 events were dropped"), "{log}");
}

#[test]
fn a_flood_of_events_does_not_flood_the_log() {
    let (permit, permits) = async_channel::unbounded::<()>();
    let router = Router::new().user_events(move |_: UserEvent| {
        let permits = permits.clone();
        async move {
            let _ = permits.recv().await;
        }
    });
    let node = TestNode::with_buffer(router, 2);
    let log = traced(|| {
        for _ in 0..50 {
            // While one is handled, too many come.
            ["1", "2", "3", "4", "5"].iter().for_each(|name| node.event(name));
            permit.try_send(()).unwrap();
            node.settle();
        }
    });
    for what in ["handlers are too slow", "a handler takes so long"] {
        let warnings = log.lines().filter(|line| line.contains("WARN") && line.contains(what));
        assert_eq!(warnings.count(), 2, "{what}: the first and the tenth time");
    }
}

#[test]
fn a_flood_of_queries_pushes_out_no_other_events() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let (noted, held) = (notes.clone(), gate.clone());
    let router = Router::new()
        .user_events(move |event: UserEvent| {
            let (noted, held) = (noted.clone(), held.clone());
            async move {
                held.wait().await;
                noted.add(&*event.name);
            }
        })
        .query("q", |_| "fine");
    let node = TestNode::with_buffer(router, 2);
    let log = traced(|| {
        ["1", "2", "3"].iter().for_each(|name| node.event(name));
        for _ in 0..10 {
            assert_eq!(node.answer("q").as_deref(), Some("fine"));
        }
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["1", "2", "3"]);
    assert!(!log.contains("WARN"), "{log}");
}
