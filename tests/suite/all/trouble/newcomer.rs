//! What somebody trips over who tries it for the first time: two nodes of one name, a node that has ended by
//! itself, answers that do not arrive, another label.

use std::time::Duration;

use super::super::adapter::{
    Config, Error, JoinPolicy, Label, MemberFilter, Queries, QueryParams, Router, Status,
};
use super::super::{
    Adapter, Builder, KEY, addr, configured, outlive, own_ip, plain_builder, run, sleep, until,
    within,
};
use crate::logged::logged;

const SOON: Duration = Duration::from_secs(10);

#[test]
fn a_second_node_of_one_name_does_not_start_whatever_its_policy_and_the_first_lives_on() {
    run(async {
        let a = plain_builder("web-1").start().await.unwrap();
        let b = plain_builder("b").join([addr(&a)]).start().await.unwrap();
        let in_use =
            format!("name \"web-1\" is in use at {}; give this node another name", addr(&a));
        let retry =
            JoinPolicy::Retry { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
        for policy in [JoinPolicy::Require(1), JoinPolicy::BestEffort, retry] {
            // Through the namesake itself, and through another.
            for seed in [&a, &b] {
                let twin = plain_builder("web-1").join([addr(seed)]).join_policy(policy);
                let error = within(SOON, twin.start()).await.expect("at once").unwrap_err();
                assert_eq!(error.to_string(), in_use);
            }
        }
        assert_eq!((a.members().len(), b.members().len()), (2, 2));
        assert!(b.member("web-1").is_some_and(|it| it.status() == Status::Alive));
        a.user_event("e", "").unwrap();
    });
}

#[test]
fn a_node_whose_namesake_is_gone_starts_and_gets_its_name_back() {
    run(async {
        let a = plain_builder("a").start().await.unwrap();
        let old = plain_builder("web-1").join([addr(&a)]).start().await.unwrap();
        until("it is there", || a.members().len() == 2).await;
        old.shutdown().await;
        let again = plain_builder("web-1").join([addr(&a)]).start().await.unwrap();
        assert!(again.members().len() == 2, "{again:?}");
        let again_at = again.local_addr();
        // With the preset `local`, a failed member's name is free after half a minute.
        let mut waited = 0;
        while a.member("web-1").is_none_or(|it| it.addr() != again_at) {
            assert!(waited < 60, "not in a minute");
            waited += 1;
            sleep(Duration::from_secs(1)).await;
        }
        again.user_event("e", "").unwrap();
    });
}

#[test]
fn a_node_says_why_it_ended_and_each_reason_is_its_own() {
    let log = logged();
    let line = |node: &str, why: &str| {
        let is_so = |line: &str| {
            line.contains(node) && line.contains("node shuts down") && line.contains(why)
        };
        log.text().lines().any(is_so)
    };
    let unique = |what: &str| format!("{what}-{}", own_ip());

    let lost = unique("lost");
    let serf = outlive(async |runtime: Adapter| {
        let builder = Builder::new(runtime, Config::local(&lost)).bind(own_ip().to_string());
        builder.start().await.unwrap()
    });
    run(async {
        let ended = within(SOON, serf.wait()).await.expect("nothing hangs");
        assert!(matches!(ended, Err(Error::RuntimeEnded)), "{ended:?}");
        assert!(line(&lost, "the runtime of its handlers has ended"));

        let told = unique("told");
        let serf = plain_builder(&told).start().await.unwrap();
        serf.shutdown().await;
        serf.wait().await.unwrap();
        assert!(line(&told, "it was told to"));

        let dropped = unique("dropped");
        drop(plain_builder(&dropped).start().await.unwrap());
        assert!(line(&dropped, "its last handle was dropped; keep one"));

        let left = unique("left");
        let serf = plain_builder(&left).start().await.unwrap();
        serf.leave().await.unwrap();
        drop(serf);
        assert!(line(&left, "it has left, and its last handle was dropped"));

        // Somebody stops the program while it starts.
        let stopped = unique("stopped");
        let retry =
            JoinPolicy::Retry { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
        let nobody = own_ip().to_string();
        let starting = plain_builder(&stopped).join([nobody]).join_policy(retry);
        starting.run_until(sleep(Duration::from_millis(300))).await.unwrap();
        until("it has ended", || line(&stopped, "it was given up before it had started")).await;
    });
}

#[test]
fn an_answer_that_is_too_large_or_that_nobody_gives_is_told_to_operators() {
    run(async {
        let log = logged();
        let queries = Queries { response_len_max: 100, ..Queries::default() };
        let name = format!("verbose-{}", own_ip());
        let router = Router::new().query("long", |_| "x".repeat(200));
        let config = Config::local(&name).queries(queries);
        let a = configured(config).router(router).start().await.unwrap();
        let params = QueryParams::new().timeout(Duration::from_millis(300));
        for query in ["long", "unknown"] {
            let answers = a.query_with(query, "", &params).unwrap().collect().await;
            assert_eq!(answers.replies.len(), 0);
        }
        let text = log.text();
        let told = |parts: &[&str]| {
            let is_so = |line: &str| parts.iter().all(|part| line.contains(part));
            text.lines().any(|line| line.contains(&name) && is_so(line))
        };
        assert!(
            told(&["WARN", "serfer::queries", "long", "`Queries::response_len_max`"]),
            "{text}"
        );
        assert!(
            told(&["INFO", "serfer::router", "unknown", "no handler for this query"]),
            "{text}"
        );
        assert_eq!(a.stats().answers_refused, 1);
    });
}

/// A node that joins one of another label or with other keys, and what it is warned of.
async fn misfit(
    seed: Builder<Adapter>,
    joiner: impl FnOnce(Builder<Adapter>) -> Builder<Adapter>,
    advice: &str,
) {
    let log = logged();
    let seed = seed.start().await.expect("a port is free");
    let name = format!("misfit-{}", own_ip());
    let joiner = joiner(plain_builder(&name)).join([addr(&seed)]);
    let joiner =
        joiner.join_policy(JoinPolicy::BestEffort).start().await.expect("it starts in any case");
    let warned =
        |line: &str| line.contains("WARN") && line.contains(&name) && line.contains(advice);
    let text = log.text();
    assert!(text.lines().any(warned), "{advice}: {text}");
    assert_eq!(joiner.members().len(), 1);
}

#[test]
fn a_joiner_that_does_not_fit_is_warned_why() {
    run(async {
        const OTHER_KEY: &str = "MTIzNDU2Nzg5MDEyMzQ1Ng==";
        let plain = || plain_builder("a");
        let sealed = || plain_builder("a").key(KEY).unwrap();
        let labelled =
            |it: Builder<Adapter>| it.configure(|config| config.label(Label::new("blue").unwrap()));
        misfit(plain(), labelled, "it has another label").await;
        misfit(labelled(plain()), |it| it, "it has another label").await;
        misfit(sealed(), |it| it.key(OTHER_KEY).unwrap(), "none of our keys opens it").await;
        misfit(sealed(), |it| it, "it is sealed, but we have no key").await;
        misfit(plain(), |it| it.key(KEY).unwrap(), "it is not sealed, but we have a key").await;
    });
}

#[test]
fn the_nearest_members_can_be_filtered() {
    run(async {
        let a = plain_builder("a").start().await.unwrap();
        let b = plain_builder("b").tag("role", "cache").unwrap().join([addr(&a)]).start().await;
        let c = plain_builder("c").join([addr(&a)]).start().await;
        let (_b, _c) = (b.unwrap(), c.unwrap());
        until("both are measured", || a.nearest(9).len() == 2).await;
        let near = |filter: &MemberFilter| -> Vec<String> {
            let near = a.nearest_where(1, filter);
            near.iter().map(|it| it.member.name().to_owned()).collect()
        };
        assert_eq!(near(&MemberFilter::new().tag("role", "cache").unwrap()), ["b"]);
        assert_eq!(near(&MemberFilter::new().name("c*").unwrap()), ["c"]);
        assert_eq!(near(&MemberFilter::new()).len(), 1);
    });
}
