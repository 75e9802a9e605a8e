//! Errors of calls: each names what is wrong, the value and the limit. No call panics, at any time.

use std::time::Duration;

use super::adapter::{
    Coalesce, Config, Error, Event, EventUri, JoinPolicy, KeyOp, KeyParams, MemberFilter, Prune,
    Query, QueryParams, Replay, RotationParams, Router, SecretKey, Serfer, Tags,
};
use super::{addr, builder, configured, own_ip, run, start, start_joined, until, within};

/// A limit for what must not hang.
const SOON: Duration = Duration::from_secs(10);

fn said<T>(outcome: Result<T, impl std::fmt::Display>) -> String {
    outcome.map_or_else(|error| error.to_string(), |_| "done".to_owned())
}

fn key() -> SecretKey {
    SecretKey::from_base64("QW5vdGhlclNlY3JldDEyMw==").expect("a base64 key")
}

/// The outcomes of all calls that change something or send something.
async fn calls(serf: &Serfer, query: &Query, seed: &str) -> Vec<(&'static str, String)> {
    let (params, seeds) = (QueryParams::new(), [seed]);
    let [event, asks] = ["serf:///event/e", "serf:///query/q"]
        .map(|uri| uri.parse::<EventUri>().expect("it is one"));
    let role = Tags::from_iter([("role", "db")]);
    vec![
        ("join", said(serf.join(seeds).await)),
        ("join_with", said(serf.join_with(seeds, Replay::Deliver).await)),
        ("user_event", said(serf.user_event("e", ""))),
        ("user_event_with", said(serf.user_event_with("e", "", Coalesce::Yes))),
        ("query", said(serf.query("q", ""))),
        ("query_with", said(serf.query_with("q", "", &params))),
        ("send event", said(serf.send(&event))),
        ("send query", said(serf.send_with(&asks, params))),
        ("set_tags", said(serf.set_tags(role))),
        ("set_tag", said(serf.set_tag("role", "web"))),
        ("remove_tag", said(serf.remove_tag("zone"))),
        ("update_tags", said(serf.update_tags(|tags| drop(tags.insert("role", "x"))))),
        ("force_leave", said(serf.force_leave("b", Prune::Yes))),
        ("install_key", said(serf.install_key(key()).await)),
        ("use_key", said(serf.use_key(key()).await)),
        ("remove_key", said(serf.remove_key(key()).await)),
        ("list_keys", said(serf.list_keys().await)),
        ("manage_key", said(serf.manage_key(KeyOp::List, KeyParams::default()).await)),
        ("rotate_key", said(serf.rotate_key(key()).await)),
        ("rotate_key_with", said(serf.rotate_key_with(key(), RotationParams::default()).await)),
        ("respond", said(serf.respond(query, ""))),
    ]
}

/// Calls everything that only reads.
async fn look(serf: &Serfer) {
    assert_eq!(serf.members().len(), 2);
    assert_eq!(serf.members_where(&MemberFilter::new()).len(), 2);
    assert_eq!(serf.member("nobody"), None);
    assert_eq!(serf.local_member().expect("no bug broke it").name(), "b");
    assert_eq!(serf.local_addr().to_string(), addr(serf));
    assert!(serf.keyring().is_some() && serf.tags().len() == 1);
    serf.coordinate().expect("it has one");
    assert_eq!(serf.coordinate_of("nobody"), None);
    assert_eq!(serf.distance("b", "nobody"), None);
    assert!(serf.nearest(usize::MAX).len() <= 1 && serf.within(Duration::MAX).len() <= 1);
    assert!(serf.stats().members >= 1);
    assert!(format!("{serf:?}").contains("\"b\""));
    assert!(serf.subscribe().next().await.is_some());
    serf.wait().await.expect("it was told to end");
}

/// A query that a node received and has not answered.
async fn query_at(serf: &Serfer) -> Query {
    let mut events = serf.events();
    let params = QueryParams::new().timeout(Duration::from_secs(60));
    serf.query_with("q", "", &params).expect("it is small");
    loop {
        if let Some(Ok(Event::Query(query))) = events.next().await {
            return query;
        }
    }
}

#[test]
fn whatever_is_called_after_leaving_and_after_shutting_down_says_so() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        b.set_tag("zone", "1").unwrap();
        until("both are there", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;
        let query = query_at(&b).await;
        let seed = addr(&a);

        b.leave().await.unwrap();
        let after = within(SOON, calls(&b, &query, &seed)).await.expect("nothing hangs");
        for (call, said) in after {
            let why = if call == "respond" { "done" } else { "this node has left" };
            assert!(said.starts_with(why), "{call} after leaving: {said}");
        }
        within(SOON, look(&b)).await.expect("nothing hangs");
        b.leave().await.expect("to have left once is enough");

        b.shutdown().await;
        let after = within(SOON, calls(&b, &query, &seed)).await.expect("nothing hangs");
        for (call, said) in after {
            assert_eq!(said, "the node is shut down", "{call} after shutting down");
        }
        within(SOON, look(&b)).await.expect("nothing hangs");
        assert_eq!(said(b.leave().await), "the node is shut down");
        assert_eq!(b.events().next().await, None);
        within(SOON, b.shutdown()).await.expect("nothing hangs");
    });
}

#[test]
fn a_call_with_a_wrong_value_names_it_and_the_limit() {
    run(async {
        let a = start("a").await;
        let large = "x".repeat(10_000);
        let query = query_at(&a).await;
        let tag = |expr: &str| a.query_with("q", "", &QueryParams::new().tag("role", expr));
        let none: [&str; 0] = [];
        let expected = [
            (said(a.user_event("e", &large)), "bytes exceeds 512 bytes"),
            (said(a.user_event(&large, "")), "bytes exceeds 512 bytes"),
            (said(a.query("q", &large)), "bytes exceeds 1024 bytes"),
            (said(a.query(&large, "")), "bytes exceeds 1024 bytes"),
            (
                said(a.query("_serf_x", "")),
                "query name \"_serf_x\" starts with the reserved prefix",
            ),
            (said(tag("(")), "expression \"(\" for tag \"role\" has a parenthesis without"),
            (said(a.respond(&query, &large)), "bytes exceed"),
            (said(a.set_tag("k", &large)), "encoded bytes exceed 512 bytes"),
            (said(a.force_leave(&large, Prune::No)), "of 10000 bytes is longer than 128 bytes"),
            (said(a.force_leave("", Prune::No)), "name \"\" is empty"),
            (said(a.join(none).await), "no address to join"),
            (
                said(a.join(["1.2.3.4:x"]).await),
                "port \"x\", which is not a number from 0 to 65535",
            ),
            (said(a.join(["srv+"]).await), "srv+"),
            (said(a.join(["file:/nowhere"]).await), "/nowhere: "),
            (said(MemberFilter::new().name("[")), "["),
            (said("serf://x/nothing".parse::<EventUri>()), "serf://x/nothing"),
            (
                said(SecretKey::from_base64("c2hvcnQ=")),
                "a key of 5 bytes is not 16, 24 or 32 bytes",
            ),
        ];
        for (said, part) in expected {
            assert!(said.contains(part), "{said:?} lacks {part:?}");
        }
        assert!(a.tags().is_empty());
        a.respond(&query, "once").unwrap();
        assert_eq!(said(a.respond(&query, "twice")), "the query was answered already");
    });
}

#[test]
fn a_builder_with_a_wrong_value_names_it_and_the_limit() {
    run(async {
        let a = || configured(Config::local("a"));
        let retry = |first, longest| JoinPolicy::Retry { first, longest };
        assert_eq!(
            said(Config::local("a").tag("k", "x".repeat(600))),
            "tags of 607 encoded bytes exceed 512 bytes"
        );
        let refused = [
            (a().event_buffer(0), "event_buffer of 0 is not within 1 to 65536"),
            (a().event_buffer(usize::MAX), "is not within 1 to 65536"),
            (a().bind(""), "address \"\" has no host"),
            (a().bind("[::1"), "address \"[::1\" has an unclosed bracket"),
            (a().advertise(":80"), "address \":80\" has no host"),
            (a().join(["1.2.3.4:99999"]), "port \"99999\", which is not a number from 0 to 65535"),
            (a().join_policy(JoinPolicy::Require(2)).join([own_ip().to_string()]), "cannot join"),
            (a().router(Router::new().user_event("[", |_| ())), "["),
            (a().keyring_file("/nowhere/keys"), "keyring file /nowhere/keys"),
            (a().snapshot("/nowhere/snapshot"), "/nowhere/snapshot"),
            (configured(Config::local("a/b")), "name \"a/b\" contains a slash"),
        ];
        for (builder, part) in refused {
            let said = said(builder.start().await);
            assert!(said.contains(part), "{said:?} lacks {part:?}");
        }
        let forever =
            a().join([own_ip().to_string()]).join_policy(retry(Duration::MAX, Duration::MAX));
        assert!(within(Duration::from_secs(1), forever.start()).await.is_none(), "it is patient");
    });
}

#[test]
fn no_call_panics_whatever_it_is_given() {
    run(async {
        let a = builder("a").event_buffer(65_536).start().await.unwrap();
        for time in [Duration::ZERO, Duration::MAX] {
            let params = QueryParams::new().timeout(time).settle(time).relay_factor(u8::MAX);
            drop(a.query_with("", "", &params));
            let ask = KeyParams { timeout: Some(time), relay_factor: u8::MAX };
            drop(within(Duration::from_millis(50), a.manage_key(KeyOp::List, ask)).await);
            let params = RotationParams { ask, attempts: 0, ..RotationParams::default() };
            let rotating = a.rotate_key_with(key(), params);
            drop(within(Duration::from_millis(50), rotating).await);
            a.within(time);
        }
        a.user_event("", "").unwrap();
        a.nearest(0);
        drop(a.force_leave("a", Prune::Yes));
        drop(a.set_tag("", ""));
        assert!(matches!(a.set_tag("k", &"x".repeat(1 << 20)), Err(Error::Tags(_))));
        within(SOON, a.leave()).await.expect("nothing hangs").unwrap();
    });
}
