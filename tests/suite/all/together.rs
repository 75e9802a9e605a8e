//! Several nodes: members, events, queries and conflicts.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::adapter::{
    Error, Event, MemberChange, QueryEnd, QueryParams, Router, Serfer, Status, Tags, UserEvent,
};
use super::{addr, builder, plain_builder, run, spawn, start, start_joined, until};

fn status_of(serf: &Serfer, name: &str) -> Option<Status> {
    serf.member(name).map(|member| member.status())
}

#[test]
fn members_agree_on_who_is_there_and_on_their_tags() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        let c = start_joined("c", &b).await;
        for serf in [&a, &b, &c] {
            until("three members", || serf.members().len() == 3).await;
        }
        c.set_tags(Tags::from_iter([("role", "web")])).unwrap();
        let tag = || a.member("c").and_then(|c| c.tags().get("role").map(str::to_owned));
        until("the tag is known", || tag().as_deref() == Some("web")).await;
    });
}

#[test]
fn a_user_event_reaches_every_handler_once_and_in_order() {
    run(async {
        let seen: Arc<Mutex<Vec<UserEvent>>> = Arc::default();
        let record = seen.clone();
        let router = Router::new().user_event("deploy", move |event: UserEvent| {
            let record = record.clone();
            async move { record.lock().unwrap().push(event) }
        });
        let a = start("a").await;
        let b = builder("b").router(router).join([addr(&a)]).start().await.unwrap();
        for version in ["v1", "v2", "v3"] {
            a.user_event("deploy", version).unwrap();
            a.user_event("other", version).unwrap();
            let len = seen.lock().unwrap().len();
            until("the event has come", || seen.lock().unwrap().len() > len).await;
        }
        drop(b);
        let seen = seen.lock().unwrap();
        let payloads: Vec<_> = seen.iter().map(|event| &*event.payload).collect();
        assert_eq!(payloads, [b"v1", b"v2", b"v3"]);
        assert!(seen.windows(2).all(|two| two[0].ltime < two[1].ltime));
    });
}

#[test]
fn more_user_events_than_may_wait_arrive_if_the_sender_waits_for_room() {
    run(async {
        let seen: Arc<Mutex<usize>> = Arc::default();
        let count = seen.clone();
        let router = Router::new().user_event("log", move |_: UserEvent| {
            let count = count.clone();
            async move { *count.lock().unwrap() += 1 }
        });
        let a = start("a").await;
        let b =
            builder("b").event_buffer(4096).router(router).join([addr(&a)]).start().await.unwrap();
        while a.user_event("burst", "").is_ok() {}
        let lines = 1000;
        for n in 0..lines {
            a.user_event_when_possible("log", format!("line {n}")).await.unwrap();
        }
        until("all have come", || *seen.lock().unwrap() == lines).await;
        assert_eq!(a.stats().own_events_dropped, 0);
        assert_eq!(a.stats().sends_refused, 1);
        drop(b);
    });
}

#[test]
fn who_waits_for_room_hears_that_the_node_is_shut_down() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        until("both see each other", || a.members().len() == 2).await;
        while a.user_event("burst", "").is_ok() {}
        let waits = a.user_event_when_possible("log", "");
        let ends = async {
            drop(b);
            a.shutdown().await;
        };
        let (sent, ()) = smol::future::zip(waits, ends).await;
        // There may have been room in the last moment.
        assert!(matches!(sent, Ok(()) | Err(Error::Closed(_))), "{sent:?}");
        assert!(a.user_event_when_possible("log", "").await.is_err());
    });
}

#[test]
fn a_query_collects_acks_and_replies_until_its_time_is_up() {
    run(async {
        let router =
            |reply: &'static str| Router::new().query("status", move |_| async move { reply });
        let a = builder("a").router(router("fine")).start().await.unwrap();
        let b = builder("b").router(router("tired")).join([addr(&a)]).start().await.unwrap();
        let c = start_joined("c", &a).await;
        until("all are there", || [&a, &b, &c].iter().all(|serf| serf.members().len() == 3)).await;

        let params = QueryParams::new().timeout(Duration::from_secs(1));
        let begin = Instant::now();
        let mut answers = c.query_with("status", "", &params).unwrap().collect().await;
        assert!(begin.elapsed() >= Duration::from_secs(1));
        answers.acks.sort();
        assert_eq!(answers.acks, ["a", "b", "c"].map(Into::into));
        let replies: Vec<_> =
            answers.replies.iter().map(|(from, reply)| (&**from, &**reply)).collect();
        assert_eq!(replies, [("a", &b"fine"[..]), ("b", b"tired")]);
        assert_eq!(answers.end, Some(QueryEnd::TimedOut), "c might have answered");
        assert!(answers.silent().is_empty(), "c has acked");

        // Without acks, nobody knows that c has it.
        let mut replies = c.query_with("status", "", &params.without_acks()).unwrap();
        while replies.next().await.is_some() {}
        assert_eq!(replies.silent(), ["c".into()]);
    });
}

#[test]
fn a_query_ends_when_everybody_has_replied() {
    run(async {
        let router = || Router::new().query("status", |_| async { "fine" });
        let a = builder("a").router(router()).start().await.unwrap();
        let b = builder("b").router(router()).join([addr(&a)]).start().await.unwrap();
        until("both are there", || [&a, &b].iter().all(|serf| serf.members().len() == 2)).await;

        let params = QueryParams::new().timeout(Duration::from_secs(3600));
        let answers = a.query_with("status", "", &params).unwrap().collect().await;
        assert_eq!((answers.replies.len(), answers.end), (2, Some(QueryEnd::Complete)));

        // No handler answers this query, but all receive it.
        let params = params.settle(Duration::from_millis(100));
        let mut replies = a.query_with("silence", "", &params).unwrap();
        assert_eq!(replies.next().await, None);
        assert_eq!((replies.acks().len(), replies.end()), (2, Some(QueryEnd::Settled)));
    });
}

#[test]
fn of_two_nodes_of_one_name_the_newcomer_says_so_and_shuts_down() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        until("both are there", || [&a, &b].iter().all(|serf| serf.members().len() == 2)).await;
        let twin = start("a").await;
        let mut events = twin.events();
        let in_use = format!("name \"a\" is in use at {}; give this node another name", addr(&a));
        assert_eq!(twin.join([addr(&b)]).await.unwrap_err().to_string(), in_use);

        let mut told = Vec::new();
        while let Some(event) = events.next().await {
            told.push(event.unwrap());
        }
        let Some(Event::ShutdownWanted(reason)) = told.last() else {
            panic!("{told:?}");
        };
        let why = "another node has this name, and only 0 of 1 members side with this one: give each node a name of its own";
        assert_eq!(reason.to_string(), why);
        assert!(matches!(twin.user_event("e", ""), Err(Error::Closed(_))));
        let ended = twin.wait().await.unwrap_err();
        assert_eq!(ended.to_string(), format!("the node shut itself down: {why}"));
        a.user_event("e", "").unwrap();
    });
}

#[test]
fn a_query_may_be_answered_by_whoever_reads_the_events() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        let mut events = b.events();
        let answering = spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                if let Event::Query(query) = event {
                    b.respond(&query, "by hand").unwrap();
                    assert!(b.respond(&query, "twice").is_err());
                    return b;
                }
            }
            panic!("no query came");
        });
        let mut replies = a.query("status", "").unwrap();
        let reply = replies.next().await.unwrap();
        assert_eq!((&*reply.from, &*reply.payload), ("b", &b"by hand"[..]));
        drop(answering.recv().await.unwrap());
    });
}

#[test]
fn a_node_that_leaves_has_left_and_one_that_is_cut_off_has_failed() {
    run(async {
        let a = start("a").await;
        let [b, c, d] = ["b", "c", "d"].map(|name| start_joined(name, &a));
        let (b, c, d) = (b.await, c.await, d.await);
        until("all are there", || [&a, &b, &c, &d].iter().all(|s| s.members().len() == 4)).await;
        let mut events = a.events();

        b.shutdown().await;
        until("b has failed", || status_of(&a, "b") == Some(Status::Failed)).await;
        let begin = Instant::now();
        c.leave().await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(5));
        assert_eq!(status_of(&c, "c"), Some(Status::Left));
        until("c has left", || status_of(&a, "c") == Some(Status::Left)).await;
        c.leave().await.unwrap();
        assert!(c.user_event("e", "").is_err(), "a node that left sends nothing");

        let mut changes = Vec::new();
        while changes.len() < 2 {
            if let Some(Ok(Event::Member(event))) = events.next().await {
                changes.push((event.change, event.members[0].name().to_owned()));
            }
        }
        let expected = [(MemberChange::Failed, "b"), (MemberChange::Leave, "c")];
        assert_eq!(changes, expected.map(|(change, name)| (change, name.to_owned())));
    });
}

#[test]
fn keys_that_do_not_fit_keep_nodes_apart_and_both_go_on() {
    run(async {
        let a = start("a").await;
        let plain = plain_builder("plain").start().await.unwrap();
        let other = plain_builder("other").key("b3RoZXItc2VjcmV0LWtleQ==").unwrap();
        let other = other.start().await.unwrap();
        for stranger in [&plain, &other] {
            let error = stranger.join([addr(&a)]).await.unwrap_err().to_string();
            assert!(error.starts_with("cannot join: "), "{error}");
            assert_eq!((a.members().len(), stranger.members().len()), (1, 1));
        }
        start_joined("b", &a).await.leave().await.unwrap();
    });
}
