//! Handlers may do anything: the node goes on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::adapter::{
    Builder, Config, Error, EventUri, MemberChange, QueryParams, Request, Router, Sent, Serfer,
    UserEvent, blocking,
};
use super::{Adapter, addr, builder, configured, outlive, own_ip, run, sleep, until};

#[test]
fn handlers_and_readers_that_hold_for_ten_seconds_delay_no_ack() {
    run(hold_for_ten_seconds());
}

async fn hold_for_ten_seconds() {
    const HOLD: Duration = Duration::from_secs(10);
    let held = Arc::new(AtomicUsize::new(0));
    let hold = |held: &Arc<AtomicUsize>| {
        let held = held.clone();
        move || {
            held.fetch_add(1, Ordering::Relaxed);
        }
    };
    let (slow, blocks, asked) = (hold(&held), hold(&held), hold(&held));
    let router = Router::new()
        .user_event("panic", |_| -> () { panic!("as it should") })
        .user_event(
            "block",
            blocking(move |_: UserEvent| {
                blocks();
                thread::sleep(HOLD);
            }),
        )
        .query("slow", move |_| {
            slow();
            std::future::pending::<()>()
        })
        .query(
            "block",
            blocking(move |_: Request| {
                asked();
                thread::sleep(HOLD);
                "done"
            }),
        )
        .query("status", |_| "fine");
    let peer = configured(Config::lan("peer")).start().await.expect("the address is free");
    let node = configured(Config::lan("node")).router(router).event_buffer(16).join([addr(&peer)]);
    let node = node.start().await.expect("the peer is there");
    let _never_read = [node.events(), node.events()];
    let begin = Instant::now();
    ["panic", "block"].iter().for_each(|name| peer.user_event(name, "").expect("it fits"));
    let params = QueryParams::new().timeout(2 * HOLD);
    let asked =
        ["slow", "block", "block"].map(|name| peer.query_with(name, "", &params).expect("it fits"));
    while held.load(Ordering::Relaxed) < 4 {
        assert!(begin.elapsed() < HOLD, "handlers called: {held:?}");
        sleep(Duration::from_millis(20)).await;
    }

    // More than the queues of handlers and readers can hold.
    (0..40).for_each(|_| peer.user_event("e", "").expect("it fits"));

    let acked = peer.stats().probes_acked;
    let mut status = 0;
    while begin.elapsed() < HOLD {
        let mut replies = peer.query("status", "").expect("it fits");
        status += usize::from(replies.next().await.is_some());
        sleep(Duration::from_millis(500)).await;
    }
    assert!(status >= 5, "other queries are answered meanwhile: {status}");
    assert!(peer.stats().probes_acked >= acked + 5, "there were probes to be acked");
    for (serf, name) in [(&peer, "peer"), (&node, "node")] {
        let stats = serf.stats();
        assert_eq!(stats.suspicions, 0, "{name}: {stats:?}");
    }
    let [_, mut done, _] = asked;
    let reply = done.next().await.expect("the blocking handler answers");
    assert_eq!(&*reply.payload, b"done");
    node.shutdown().await;
    peer.shutdown().await;
}

/// The handler blocks its thread, which no handler should do, and so everything else in the
/// program.
#[test]
fn a_program_whose_only_thread_is_held_for_ten_seconds_delays_no_ack() {
    const HOLD: Duration = Duration::from_secs(10);
    let [before, after] = outlive(async |runtime: Adapter| {
        let on = |name| {
            let builder = Builder::new(runtime.clone(), Config::lan(name));
            builder.bind(format!("{}:7946", own_ip()))
        };
        let peer = on("peer").start().await.expect("the address is free");
        let watched = peer.clone();
        let (done, stats) = smol::channel::bounded(1);
        let router = Router::new().user_event("hold", move |_| {
            let before = watched.stats();
            thread::sleep(HOLD);
            drop(done.try_send([before, watched.stats()]));
        });
        let node = on("node").router(router).join([addr(&peer)]).start().await;
        let node = node.expect("the peer is there");
        node.user_event("hold", "").expect("it fits");
        let stats = stats.recv().await.expect("the handler is called");
        node.shutdown().await;
        peer.shutdown().await;
        stats
    });
    let probed = after.probes_acked - before.probes_acked;
    assert!(probed >= 8, "the node acks one probe a second: {probed}");
    assert_eq!((after.probes_failed, after.suspicions), (0, 0), "{after:?}");
}

#[test]
fn nodes_of_one_process_do_not_share_handlers() {
    run(async {
        let joined: Arc<Mutex<Vec<String>>> = Arc::default();
        let router = |name: &'static str| {
            let joined = joined.clone();
            Router::new()
                .member(MemberChange::Join, move |event| {
                    let who =
                        event.members.iter().map(|member| format!("{name}: {}", member.name()));
                    joined.lock().unwrap().extend(who);
                })
                .query("who", move |_| name)
        };
        let a = builder("a").router(router("a")).start().await.unwrap();
        let b = builder("b").router(router("b")).join([addr(&a)]).start().await.unwrap();
        let who = b.query("who", "").unwrap().collect().await;
        let who: Vec<_> = who.replies.iter().map(|(from, reply)| (&**from, &**reply)).collect();
        assert_eq!(who, [("a", &b"a"[..]), ("b", b"b")]);
        until("each saw both", || joined.lock().unwrap().len() == 4).await;
        let mut joined = joined.lock().unwrap().clone();
        joined.sort();
        assert_eq!(joined, ["a: a", "a: b", "b: a", "b: b"]);
    });
}

#[test]
fn a_node_with_a_route_that_cannot_work_does_not_start() {
    run(async {
        let router = Router::new().query("deploy/[", |_| ());
        let error = builder("a").router(router).start().await.unwrap_err();
        assert!(matches!(error, Error::Route(_)), "{error}");
    });
}

/// The members that answer a query given as a URI.
async fn answers(serf: &Serfer, uri: &str) -> String {
    let params = QueryParams::new().timeout(Duration::from_secs(5));
    let uri: EventUri = uri.parse().expect("it is one");
    let Ok(Sent::Query(replies)) = serf.send_with(&uri, params) else {
        panic!("{uri} is a query");
    };
    let answers = replies.collect().await.replies;
    answers.keys().map(|name| &**name).collect::<Vec<_>>().join(" ")
}

#[test]
fn an_event_uri_reaches_the_nodes_it_names() {
    run(async {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let node = |name: &'static str, role: &'static str| {
            let seen = seen.clone();
            let router = Router::new()
                .user_event("kubekit/*", move |event: UserEvent| {
                    let payload = String::from_utf8_lossy(&event.payload);
                    seen.lock().unwrap().push(format!("{name} {} {payload}", event.name));
                })
                .query("kubekit-*/stats", move |_| name);
            let config = Config::local(name).tag("role", role).unwrap();
            configured(config).router(router)
        };
        let web1 = node("web-1", "worker").start().await.unwrap();
        let seed = [addr(&web1)];
        let web2 = node("web-2", "master").join(seed.clone()).start().await.unwrap();
        let db1 = node("db-1", "worker").join(seed).start().await.unwrap();
        let all = [&web1, &web2, &db1];
        until("all are there", || all.iter().all(|serf| serf.members().len() == 3)).await;

        let stats = |filters: [&str; 2]| {
            format!("serf://{}/query/kubekit-1/stats{}", filters[0], filters[1])
        };
        assert_eq!(answers(&db1, &stats(["", ""])).await, "db-1 web-1 web-2");
        assert_eq!(answers(&db1, &stats(["web-?", ""])).await, "web-1 web-2");
        assert_eq!(answers(&db1, &stats(["db-1,*-2", ""])).await, "db-1 web-2");
        assert_eq!(answers(&db1, &stats(["", "?role=worker"])).await, "db-1 web-1");
        assert_eq!(answers(&db1, &stats(["web-*", "?role=~^w"])).await, "web-1");

        let deploy = "serf:///event/kubekit/deploy?payload=wave".parse().unwrap();
        assert!(matches!(db1.send(&deploy), Ok(Sent::Event)));
        until("everybody has the event", || seen.lock().unwrap().len() == 3).await;
        let mut seen = seen.lock().unwrap().clone();
        seen.sort();
        let expected = ["db-1", "web-1", "web-2"].map(|name| format!("{name} kubekit/deploy wave"));
        assert_eq!(seen, expected);

        let nobody = "serf://mail-*/query/kubekit-1/stats".parse().unwrap();
        let error = db1.send(&nobody).unwrap_err().to_string();
        assert!(error.contains("none of the 3 members alive matches host \"mail-*\""), "{error}");
    });
}
