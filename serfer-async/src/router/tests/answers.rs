//! How queries are answered, and how many at a time.

use std::sync::Mutex;

use super::*;

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
    node.advance(5 * SECOND);
    let request = kept.lock().unwrap().take().unwrap();
    request.respond("at last").unwrap();
    assert!(request.respond("again").is_err());
    assert_eq!(node.reply(&mut replies).as_deref(), Some("at last"));
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
        node.advance(11 * SECOND);
        gate.open();
        node.settle();
    });
    assert_eq!(notes.take(), ["begin"]);
    assert!(log.contains("event=\"q\" failure=not called: it was not its turn in time"), "{log}");
}
