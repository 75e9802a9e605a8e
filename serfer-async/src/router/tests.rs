//! Which handlers are called, when, and that one that goes wrong does not hurt the others.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_lite::future::{block_on, poll_once};

use super::run::name_of;
use super::*;
use crate::node::testing::{Notes, TestGate, TestNode, traced};

const SECOND: Duration = Duration::from_secs(1);

/// A handler that notes the event's name.
fn noting<T: Send + 'static>(
    notes: &Notes,
    note: &'static str,
    name: impl Fn(&T) -> String + Send + Sync + 'static,
) -> impl Fn(T) + Send + Sync + 'static {
    let notes = notes.clone();
    move |event| notes.add(format!("{note}: {}", name(&event)))
}

fn user(notes: &Notes, note: &'static str) -> impl Fn(UserEvent) + Send + Sync + 'static {
    noting(notes, note, |event: &UserEvent| event.name.to_string())
}

fn any(notes: &Notes, note: &'static str) -> impl Fn(Event) + Send + Sync + 'static {
    noting(notes, note, |event: &Event| name_of(event).to_string())
}

#[test]
fn the_most_specific_pattern_gets_an_event_and_no_other_does() {
    let notes = Notes::default();
    let router = Router::new()
        .user_events(user(&notes, "**"))
        .user_event("deploy/*", user(&notes, "deploy/*"))
        .user_event("deploy/web", user(&notes, "deploy/web"))
        .user_event("deploy/**", user(&notes, "deploy/**"))
        .user_event("deploy/w*", user(&notes, "deploy/w*"));
    let node = TestNode::with(router);
    for name in ["deploy/web", "deploy/worker", "deploy/db", "deploy/db/now", "deploy", "x"] {
        node.event(name);
    }
    let expected = [
        "deploy/web: deploy/web",
        "deploy/w*: deploy/worker",
        "deploy/*: deploy/db",
        "deploy/**: deploy/db/now",
        "**: deploy",
        "**: x",
    ];
    assert_eq!(notes.take(), expected);
}

#[test]
fn handlers_by_name_by_kind_and_for_everything_are_all_reachable() {
    let notes = Notes::default();
    let router = Router::new()
        .every(any(&notes, "every"))
        .member(MemberChange::Leave, noting(&notes, "leave", |_: &MemberEvent| String::new()))
        .members(noting(&notes, "members", |event: &MemberEvent| event.change.to_string()))
        .user_event("a", user(&notes, "user a"))
        .named("foo", any(&notes, "named foo"))
        .queries(|_| ())
        .fallback(any(&notes, "fallback"));
    let node = TestNode::with(router);
    node.settle();
    assert_eq!(notes.take(), ["every: member-join", "members: member-join"]);
    node.event("a");
    assert_eq!(notes.take(), ["every: a", "user a: a"]);
    node.event("foo");
    assert_eq!(notes.take(), ["every: foo", "named foo: foo"]);
    node.ask("foo");
    assert_eq!(sorted(notes.take()), ["every: foo", "named foo: foo"]);
    node.event("b");
    assert_eq!(notes.take(), ["every: b", "fallback: b"]);
    node.ask("b");
    assert_eq!(notes.take(), ["every: b"]);
}

fn sorted(mut notes: Vec<String>) -> Vec<String> {
    notes.sort();
    notes
}

#[test]
fn of_equally_specific_patterns_the_one_for_the_kind_of_event_wins() {
    let notes = Notes::default();
    let router = Router::new()
        .named("a", any(&notes, "named a"))
        .named("b*", any(&notes, "named b*"))
        .named("member-join", any(&notes, "named join"))
        .members(noting(&notes, "members", |_: &MemberEvent| String::new()))
        .user_event("a", user(&notes, "user a"))
        .user_event("b", user(&notes, "user b"))
        .user_events(user(&notes, "user **"));
    let node = TestNode::with(router);
    node.settle();
    ["a", "b", "bc", "c"].iter().for_each(|name| node.event(name));
    let expected =
        ["named join: member-join", "user a: a", "user b: b", "named b*: bc", "user **: c"];
    assert_eq!(notes.take(), expected);
}

#[test]
fn several_handlers_of_one_name_run_in_the_order_in_which_they_were_added() {
    let notes = Notes::default();
    let router = Router::new()
        .user_event("a*", user(&notes, "first"))
        .user_event("b", user(&notes, "other"))
        .user_event("a*", user(&notes, "second"))
        .user_event("a*", user(&notes, "third"));
    TestNode::with(router).event("ab");
    assert_eq!(notes.take(), ["first: ab", "second: ab", "third: ab"]);
}

#[test]
fn what_is_added_to_a_copy_is_not_in_the_router() {
    let notes = Notes::default();
    let router = Router::new().user_event("a", user(&notes, "first"));
    let node = TestNode::with(router.clone());
    let other = TestNode::with(router.user_event("a", user(&notes, "second")));
    node.event("a");
    assert_eq!(notes.take(), ["first: a"]);
    other.event("a");
    assert_eq!(notes.take(), ["first: a", "second: a"]);
}

#[test]
fn a_query_is_answered_by_every_sort_of_handler_and_return_type() {
    async fn named(request: Request) -> String {
        format!("async fn {}", request.name)
    }
    fn plain(_: Request) -> Option<&'static str> {
        Some("plain fn")
    }
    let captured = "captured".to_owned();
    let router = Router::new()
        .query("async fn", named)
        .query("plain", plain)
        .query("closure", |request| format!("closure {}", request.name))
        .query("async closure", async |request: Request| request.name.to_string())
        .query("captured", move |_| {
            let captured = captured.clone();
            async move { Ok::<_, std::io::Error>(Some(captured)) }
        })
        .query("bytes", |_| Vec::from(*b"bytes"))
        .query("blocking", blocking(|request: Request| format!("blocking {}", request.name)))
        .query("none", |_| None::<String>)
        .query("unit", |_| ());
    let node = TestNode::with(router);
    let answers = ["async fn", "plain", "closure", "async closure", "captured", "bytes"]
        .map(|name| node.answer(name).unwrap());
    let expected =
        ["async fn async fn", "plain fn", "closure closure", "async closure", "captured", "bytes"];
    assert_eq!(answers, expected);
    assert_eq!(["none", "unit", "unknown"].map(|name| node.answer(name)), [None, None, None]);
    let mut replies = node.ask("blocking");
    assert_eq!(node.reply(&mut replies), None, "it has not been called yet");
    node.call();
    assert_eq!(node.reply(&mut replies).as_deref(), Some("blocking blocking"));
}

#[test]
fn the_first_answer_counts_and_a_handler_without_one_leaves_it_to_the_next() {
    let router = Router::new()
        .query("q", |_| None::<String>)
        .query("q", |_| "second")
        .query("q", |_| "third");
    assert_eq!(TestNode::with(router).answer("q").as_deref(), Some("second"));
}

#[test]
fn a_query_may_be_answered_long_after_its_handler_has_returned() {
    let kept: Arc<Mutex<Option<Request>>> = Arc::default();
    let keep = kept.clone();
    let node = TestNode::with(Router::new().query("later", move |request| {
        *keep.lock().unwrap() = Some(request);
    }));
    let mut replies = node.ask("later");
    assert_eq!(node.reply(&mut replies), None);
    node.pass(5 * SECOND);
    let request = kept.lock().unwrap().take().unwrap();
    request.respond("at last").unwrap();
    assert!(request.respond("again").is_err());
    assert_eq!(node.reply(&mut replies).as_deref(), Some("at last"));
}

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
        node.pass(SECOND);
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
        node.pass(SECOND);
        assert_eq!(notes.take(), ["begin default"]);
        node.pass(2 * SECOND);
        assert_eq!(notes.take(), [""; 0]);
        node.pass(SECOND);
        assert_eq!(notes.take(), ["begin third"]);
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["end third"]);
    assert!(log.contains("event=\"own\" failure=took longer than 1s and was dropped"), "{log}");
    assert!(log.contains("event=\"default\" failure=took longer than 3s and was dropped"), "{log}");
}

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
fn queries_are_handled_side_by_side() {
    let gate = TestGate::default();
    let held = gate.clone();
    let router = Router::new()
        .query("slow", move |_| {
            let held = held.clone();
            async move {
                held.wait().await;
                "slow"
            }
        })
        .query("fast", |_| "fast");
    let node = TestNode::with(router);
    let mut slow = [node.ask("slow"), node.ask("slow")];
    assert_eq!(node.answer("fast").as_deref(), Some("fast"));
    assert_eq!(node.reply(&mut slow[0]), None);
    gate.open();
    let answers = slow.each_mut().map(|replies| node.reply(replies));
    assert_eq!(answers, ["slow", "slow"].map(|answer| Some(answer.to_owned())));
}

#[test]
fn only_so_many_queries_are_handled_at_a_time_and_only_so_many_wait() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let (noted, held) = (notes.clone(), gate.clone());
    let route = Route::new("q").concurrency(2).waiting(1);
    let node = TestNode::with(Router::new().query(route, move |_| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            noted.add("begin");
            held.wait().await;
            "done"
        }
    }));
    let log = traced(|| {
        let mut asked = [(); 5].map(|()| node.ask("q"));
        assert_eq!(notes.take().len(), 2);
        gate.open();
        let answered = asked.each_mut().map(|replies| node.reply(replies).is_some());
        assert_eq!(answered, [true, true, true, false, false]);
        assert_eq!(notes.take().len(), 1);
        assert!(node.answer("q").is_some(), "there is room again");
    });
    let full = "event=\"q\" failure=not called: 3 others are being handled or wait already";
    assert_eq!(log.matches(full).count(), 2, "{log}");
    assert_eq!(log.matches("WARN").count(), 1, "a flood of queries is no flood of warnings: {log}");
}

#[test]
fn a_query_waits_for_its_turn_until_its_deadline_and_no_longer() {
    let (notes, gate) = (Notes::default(), TestGate::default());
    let (noted, held) = (notes.clone(), gate.clone());
    let node = TestNode::with(Router::new().query(Route::new("q").concurrency(1), move |_| {
        let (noted, held) = (noted.clone(), held.clone());
        async move {
            noted.add("begin");
            held.wait().await;
        }
    }));
    let log = traced(|| {
        let _asked = [node.ask("q"), node.ask("q")];
        node.pass(11 * SECOND);
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["begin"]);
    assert!(log.contains("event=\"q\" failure=not called: it was not its turn in time"), "{log}");
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
        node.pass(SECOND);
        assert_eq!(notes.take(), ["x: x"], "the next event has its turn");
        node.ask("e");
        node.pass(SECOND);
        let mut second = node.ask("e");
        node.pass(SECOND);
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
    node.fall();
    gate.open();
    node.settle();
    let expected = ["every: before", "every: q", "every: after", "every: shutdown-wanted"];
    assert_eq!(notes.take(), expected);
}

/// A handler that notes that its future is dropped, and waits for a gate.
fn held(
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
        .user_event("slow", held(&notes, &gate))
        .user_event("e", user(&notes, "user"))
        .fallback(any(&notes, "fallback"));
    let node = TestNode::with(router);
    let mut events = node.serf.events();
    ["slow", "e"].iter().for_each(|name| node.event(name));
    notes.take();
    node.fall();
    assert!(node.serf.user_event("e", "").is_err(), "it is shut down at once");
    node.pass(4 * SECOND);
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
    let fall_and_close = |node: &TestNode| {
        node.fall();
        node.shared.close("the test says so");
    };
    for (shut_down, time) in [
        (TestNode::fall as fn(&TestNode), 5 * SECOND),
        (|node| node.shared.close("the test says so"), Duration::ZERO),
        (fall_and_close, Duration::ZERO),
    ] {
        let (notes, gate) = (Notes::default(), TestGate::default());
        let node = TestNode::with(Router::new().user_event("e", held(&notes, &gate)));
        node.event("e");
        shut_down(&node);
        if let Some(before) = time.checked_sub(Duration::from_millis(1)) {
            node.pass(before);
            assert_eq!(notes.take(), [""; 0]);
            node.pass(Duration::from_millis(1));
        }
        node.settle();
        assert_eq!(notes.take(), ["dropped"]);
        assert!(block_on(poll_once(node.shared.tasks.handlers_ended())).is_some());
    }
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
        node.pass(29 * SECOND);
    });
    assert!(!log.contains("WARN"), "{log}");
    let log = traced(|| {
        node.pass(SECOND);
        node.pass(SECOND);
    });
    assert_eq!(log.matches("still running").count(), 1, "{log}");
    let log = traced(|| ["1", "2", "3", "4", "5"].iter().for_each(|name| node.event(name)));
    assert_eq!(log.matches("WARN").count(), 1, "that events are lost, once: {log}");
    let log = traced(|| {
        let _asked = [(); 5].map(|()| node.ask("q"));
        node.pass(11 * SECOND);
    });
    assert_eq!(log.matches("not its turn").count(), 4, "{log}");
    assert_eq!(log.matches("WARN").count(), 1, "four late queries are no four warnings: {log}");
}

#[test]
fn a_route_that_cannot_work_is_an_error_before_anything_starts() {
    let fault = |router: Router| router.check().unwrap_err().to_string();
    assert_eq!(Router::new().query("a*", |_| ()).check(), Ok(()));
    let text = fault(Router::new().user_event("a[", |_| ()).query("b{", |_| ()));
    assert!(text.starts_with("route: pattern \"a[\" is not a glob: unclosed"), "{text}");
    let none = Route::new("q").concurrency(0);
    assert!(fault(Router::new().query(none, |_| ())).contains("\"q\" handles no query"));
    let no_time = Route::new("q").timeout(Duration::ZERO);
    assert!(fault(Router::new().query(no_time, |_| ())).contains("timeout of zero"));
    assert!(fault(Router::new().timeout(Duration::ZERO)).contains("timeout of zero"));
    let aside = Route::new("e").concurrency(2);
    assert!(fault(Router::new().user_event(aside, |_| ())).contains("in order, one at a time"));
}
