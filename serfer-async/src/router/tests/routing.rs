//! Which handlers an event goes to.

use super::*;

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
