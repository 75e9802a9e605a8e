//! A handler that goes wrong does not hurt the others.

use super::*;

#[test]
fn a_handler_that_fails_is_traced_and_answers_nothing() {
    let failing = || Err::<(), _>("out of disk");
    let router = Router::new()
        .user_event("deploy", move |_| async move { failing() })
        .query("status", move |_| failing().map(|()| "fine"));
    let node = TestNode::with(router);
    let log = traced(|| {
        node.event("deploy");
        assert_eq!(node.answer("status"), None);
    });
    assert_eq!(log.matches("WARN").count(), 2, "{log}");
    assert!(log.contains("event=\"deploy\" failure=out of disk"), "{log}");
    assert!(log.contains("event=\"status\""), "{log}");
}

#[test]
fn a_panic_hurts_only_the_handler_it_happens_in() {
    struct PanicsWhenDropped;
    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    let notes = Notes::default();
    let fail = |is_bad: bool, text: &str| assert!(!is_bad, "{text}");
    let router = Router::new()
        .user_event("e", move |_| fail(true, "at once"))
        .user_event("e", move |_| async move { fail(true, "in a future") })
        .user_event("e", blocking(move |_: UserEvent| fail(true, "on a thread")))
        .user_event(Route::new("e").timeout(SECOND), |_| async {
            let _held = PanicsWhenDropped;
            std::future::pending::<()>().await;
        })
        .user_event("e", user(&notes, "the next"))
        .query("q", move |_| fail(true, "in a query"));
    let node = TestNode::with(router);
    let log = traced(|| {
        node.event("e");
        node.call();
        node.advance(SECOND);
        node.event("other");
        node.ask("q");
    });
    assert_eq!(notes.take(), ["the next: e"]);
    for panic in ["at once", "in a future", "on a thread", "in drop"] {
        assert!(log.contains(&format!("event=\"e\" failure=panicked: {panic}")), "{panic}: {log}");
    }
    assert!(log.contains("event=\"q\" failure=panicked: in a query"), "{log}");
}

#[test]
fn a_handler_that_takes_too_long_is_dropped_and_the_next_event_has_its_turn() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let slow = {
        let (notes, gate) = (notes.clone(), gate.clone());
        move |event: UserEvent| {
            let (notes, gate) = (notes.clone(), gate.clone());
            async move {
                notes.add(format!("begin {}", event.name));
                gate.wait().await;
                notes.add(format!("end {}", event.name));
            }
        }
    };
    let router = Router::new()
        .timeout(3 * SECOND)
        .user_event(Route::new("own").timeout(SECOND), slow.clone())
        .user_events(slow);
    let node = TestNode::with(router);
    let log = traced(|| {
        ["own", "default", "third"].iter().for_each(|name| node.event(name));
        assert_eq!(notes.take(), ["begin own"]);
        node.advance(SECOND);
        assert_eq!(notes.take(), ["begin default"]);
        node.advance(2 * SECOND);
        assert_eq!(notes.take(), [""; 0]);
        node.advance(SECOND);
        assert_eq!(notes.take(), ["begin third"]);
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["end third"]);
    assert!(log.contains("event=\"own\" failure=took longer than 1s and was dropped"), "{log}");
    assert!(log.contains("event=\"default\" failure=took longer than 3s and was dropped"), "{log}");
}

#[test]
fn a_blocking_handler_that_hangs_keeps_its_place_until_it_is_done() {
    let notes = Notes::default();
    let route = Route::new("e").timeout(SECOND);
    let router = Router::new()
        .user_event("x", user(&notes, "x"))
        .query(Route::new("e").concurrency(1).timeout(SECOND), blocking(|_: Request| "in time"))
        .user_event(route, blocking(user(&notes, "called")));
    let node = TestNode::with(router);
    let log = traced(|| {
        node.event("e");
        node.event("x");
        node.advance(SECOND);
        assert_eq!(notes.take(), ["x: x"], "the next event has its turn");
        node.ask("e");
        node.advance(SECOND);
        let mut second = node.ask("e");
        node.advance(SECOND);
        assert_eq!(node.reply(&mut second), None);
        node.call();
        assert_eq!(notes.take(), ["called: e"]);
        node.call();
        let reply = node.reply(&mut second);
        assert_eq!(reply.as_deref(), Some("in time"), "its time began when it was its turn");
    });
    assert_eq!(log.matches("took longer than 1s").count(), 2, "{log}");
}

#[test]
fn a_handler_that_never_ends_is_traced() {
    let never = |_| std::future::pending::<()>();
    let router = Router::new()
        .user_event("stuck", never)
        .query(Route::new("q").concurrency(1), |_| std::future::pending::<()>());
    let node = TestNode::with_buffer(router, 2);
    let log = traced(|| {
        node.event("stuck");
        node.advance(29 * SECOND);
    });
    assert!(!log.contains("WARN"), "{log}");
    let log = traced(|| {
        node.advance(SECOND);
        node.advance(SECOND);
    });
    assert_eq!(log.matches("still running").count(), 1, "{log}");
    let log = traced(|| ["1", "2", "3", "4", "5"].iter().for_each(|name| node.event(name)));
    assert_eq!(log.matches("WARN").count(), 1, "that events are lost, once: {log}");
    let log = traced(|| {
        let _asked = [(); 5].map(|()| node.ask("q"));
        node.advance(11 * SECOND);
    });
    assert_eq!(log.matches("not its turn").count(), 4, "{log}");
    assert_eq!(log.matches("WARN").count(), 1, "four late queries are no four warnings: {log}");
}
