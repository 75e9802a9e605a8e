//! How a node ends: when it is told to, by itself, and when its runtime goes away. What happens
//! when its network goes away is in `tests/interface`.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use smol::future;

use super::adapter::{
    Builder, Coalescing, Config, Error, Event, JoinPolicy, MemberChange, Router, Serfer, UserEvent,
    blocking,
};
use super::{
    Adapter, KEY, addr, builder, configured, idle, outlive, own_ip, plain_builder, run, sleep,
    spawn, start, start_joined, until, within,
};

/// A limit for what must not hang.
const SOON: Duration = Duration::from_secs(10);

fn on(runtime: Adapter, name: &str) -> Builder<Adapter> {
    Builder::new(runtime, Config::local(name)).bind(format!("{}:7946", own_ip()))
}

#[test]
fn a_node_whose_runtime_is_shut_down_under_it_is_shut_down() {
    let (a, (mut events, mut membership, replies, mut leaving, mut joining)) =
        outlive(async |runtime: Adapter| {
            let a = on(runtime.clone(), "a").start().await.unwrap();
            let b = on(runtime, "b").join([addr(&a)]).start().await.unwrap();
            let replies = a.query("q", "").unwrap();
            let (one, nobody) = (a.clone(), own_ip().to_string());
            let mut leaving = Box::pin(async move { b.leave().await });
            let mut joining = Box::pin(async move { one.join([nobody]).await });
            assert!(future::poll_once(&mut leaving).await.is_none());
            assert!(future::poll_once(&mut joining).await.is_none());
            (a.clone(), (a.events(), a.subscribe(), replies, leaving, joining))
        });
    run(async {
        let ends = async {
            while events.next().await.is_some() {}
            while membership.next().await.is_some() {}
            replies.collect().await;
            assert!(matches!((&mut leaving).await, Err(Error::Closed(_))));
            assert!(matches!((&mut joining).await, Err(Error::Closed(_))));
            assert!(matches!(a.user_event("e", ""), Err(Error::Closed(_))));
            assert!(matches!(a.join(["localhost"]).await, Err(Error::Closed(_))));
            assert!(matches!(a.leave().await, Err(Error::Closed(_))));
            assert!(matches!(a.wait().await, Err(Error::RuntimeEnded)));
            a.shutdown().await;
            a.shutdown().await;
        };
        within(SOON, ends).await.expect("nothing hangs");
        assert_eq!(a.members().len(), 2);
        UdpSocket::bind(addr(&a)).expect("its sockets are closed");
    });
}

#[test]
fn a_node_cannot_be_started_on_a_runtime_that_is_gone() {
    let runtime = outlive(async |runtime: Adapter| runtime);
    run(async {
        let started = within(SOON, on(runtime, "a").start()).await.expect("nothing hangs");
        assert!(matches!(started, Err(Error::Closed(_))));
    });
}

#[test]
fn a_start_ends_at_whatever_moment_its_runtime_does() {
    for moment in (0..10).map(|n| Duration::from_micros(n * 300)) {
        let starting = outlive(async |runtime: Adapter| {
            let (first, longest) = (Duration::from_millis(1), Duration::from_millis(1));
            let starting = on(runtime, "a").join([own_ip().to_string()]);
            let starting = starting.join_policy(JoinPolicy::Retry { first, longest });
            let starting = thread::spawn(|| smol::block_on(starting.start()));
            thread::sleep(moment);
            starting
        });
        run(async {
            let started = within(SOON, smol::unblock(|| starting.join())).await;
            let started = started.expect("nothing hangs").expect("nothing panics");
            assert!(matches!(started, Err(Error::Closed(_))));
        });
    }
}

#[test]
fn a_start_that_fails_does_not_wait_for_a_runtime_that_nobody_runs() {
    let (runtime, _kept) = idle();
    run(async {
        let builder = on(runtime, "a").join([own_ip().to_string()]);
        let started = within(SOON, builder.start()).await.expect("nothing hangs");
        assert!(matches!(started, Err(Error::NobodyReached(_))));
    });
}

/// A node that its handlers can call, and its address.
async fn placed(router: impl FnOnce(Arc<Mutex<Option<Serfer>>>) -> Router) -> (Serfer, String) {
    let place = Arc::default();
    let serf = builder("a").router(router(Arc::clone(&place))).start().await;
    let serf = serf.expect("a port is free");
    let bound = addr(&serf);
    *place.lock().expect("nobody panics") = Some(serf.clone());
    (serf, bound)
}

#[test]
fn a_node_can_be_shut_down_by_its_handlers() {
    run(async {
        let take =
            |place: &Mutex<Option<Serfer>>| place.lock().unwrap().take().expect("it is there");
        let survived = Arc::new(AtomicBool::new(false));
        let survives = Arc::clone(&survived);
        let waits = |place: Arc<Mutex<Option<Serfer>>>| {
            Router::new().user_event("e", move |_| {
                let serf = take(&place);
                let survives = Arc::clone(&survives);
                async move {
                    serf.shutdown().await;
                    survives.store(true, Ordering::Relaxed);
                }
            })
        };
        let drops = |place: Arc<Mutex<Option<Serfer>>>| {
            Router::new().user_event("e", move |_| drop(take(&place)))
        };
        let (done, is_done) = smol::channel::bounded(1);
        let blocks = |place: Arc<Mutex<Option<Serfer>>>| {
            let block = move |_: UserEvent| {
                let serf = take(&place);
                smol::block_on(serf.shutdown());
                let _ = done.try_send(());
            };
            Router::new().user_event("e", blocking(block))
        };
        for (serf, bound) in [placed(waits).await, placed(drops).await, placed(blocks).await] {
            serf.user_event("e", "").unwrap();
            drop(serf);
            until("the port is free", || UdpSocket::bind(&bound).is_ok()).await;
        }
        within(SOON, is_done.recv()).await.expect("nothing hangs").expect("it goes on to its end");
        assert!(!survived.load(Ordering::Relaxed), "an async handler ends where it waits");
    });
}

#[test]
fn a_node_can_be_shut_down_by_its_readers_and_by_other_threads() {
    run(async {
        let (a, b) = (start("a").await, start("b").await);
        let (mut events, mut membership) = (a.events(), a.subscribe());
        let one = a.clone();
        let reading = spawn(async move {
            while events.next().await.is_some() {
                one.shutdown().await;
            }
            while membership.next().await.is_some() {}
        });
        a.user_event("e", "").unwrap();
        within(SOON, reading.recv()).await.expect("nothing hangs").unwrap();
        let waiting = b.clone();
        let waiting = spawn(async move { waiting.wait().await });
        thread::spawn(move || smol::block_on(b.shutdown())).join().unwrap();
        within(SOON, waiting.recv())
            .await
            .expect("nothing hangs")
            .unwrap()
            .expect("it was told to");
    });
}

/// A node whose name another has, one that both will meet, and the address of that one.
async fn doomed(config: Config) -> (Builder<Adapter>, [Serfer; 2], String) {
    let a = start("a").await;
    let b = start_joined("b", &a).await;
    until("both are there", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;
    let (twin, meet) = (configured(config).key(KEY).expect("a base64 key"), addr(&b));
    (twin, [a, b], meet)
}

#[test]
fn a_node_that_shuts_down_by_itself_tells_its_handlers_why_and_last() {
    run(async {
        let told: Arc<Mutex<Vec<Event>>> = Arc::default();
        let tell = Arc::clone(&told);
        let router = Router::new().fallback(move |event| {
            let tell = Arc::clone(&tell);
            async move {
                sleep(Duration::from_millis(200)).await;
                tell.lock().unwrap().push(event);
            }
        });
        let hour = Duration::from_secs(3600);
        let held_back = Some(Coalescing { period: hour, quiescent: hour });
        let (twin, _others, meet) = doomed(Config::local("a").coalesce_members(held_back)).await;
        let twin = twin.router(router).start().await.unwrap();
        assert!(matches!(twin.join([meet]).await, Err(Error::NameInUse { .. })));
        let ended = within(SOON, twin.wait()).await.expect("nothing hangs");
        assert!(matches!(ended, Err(Error::ShutDown(_))), "{ended:?}");
        let told = told.lock().unwrap();
        let Some(Event::ShutdownWanted(reason)) = told.last() else {
            panic!("{told:?}");
        };
        let why = "another node has this name, and only 0 of 1 members side with this one: give each node a name of its own";
        assert_eq!(reason.to_string(), why);
        let joined =
            |event: &Event| matches!(event, Event::Member(it) if it.change == MemberChange::Join);
        assert!(told.iter().any(joined), "{told:?}");
        UdpSocket::bind(twin.local_addr()).expect("its sockets are closed");
    });
}

#[test]
fn a_node_that_is_run_ends_when_it_shuts_down_and_says_why() {
    run(async {
        let (twin, [_a, b], _) = doomed(Config::local("a")).await;
        let bound = format!("{}:7946", own_ip());
        let running = spawn(twin.bind(&bound).run());
        until("it runs", || UdpSocket::bind(&bound).is_err()).await;
        // That one finds the twin, and the twin hears of the other.
        b.join([&bound]).await.unwrap();
        let ran = within(SOON, running.recv()).await.expect("nothing hangs").unwrap();
        assert!(matches!(ran, Err(Error::ShutDown(_))), "{ran:?}");
        UdpSocket::bind(&bound).expect("its sockets are closed");
        let error = plain_builder("").run().await.unwrap_err();
        assert!(matches!(error, Error::Config(_)), "{error}");
    });
}

#[test]
fn a_node_that_is_run_ends_with_the_runtime_of_its_handlers() {
    let bound = format!("{}:7946", own_ip());
    let running = outlive(async |runtime: Adapter| {
        let running = on(runtime, "a").bind(&bound);
        let running = thread::spawn(|| smol::block_on(running.run()));
        while UdpSocket::bind(&bound).is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
        running
    });
    run(async {
        let ran = within(SOON, smol::unblock(|| running.join())).await.expect("nothing hangs");
        // It may not quite have started before.
        let ran = ran.expect("nothing panics");
        assert!(matches!(ran, Err(Error::RuntimeEnded | Error::Closed(_))), "{ran:?}");
        UdpSocket::bind(&bound).expect("its sockets are closed");
    });
}

#[test]
fn a_panic_in_a_function_of_the_configuration_ends_the_node_and_all_who_wait() {
    run(async {
        let config = Config::local("a").accept_member(|member| {
            assert_ne!(member.name(), "b", "as it should");
            Ok(())
        });
        let a = configured(config).start().await.unwrap();
        let (mut events, mut membership) = (a.events(), a.subscribe());
        let _ = plain_builder("b").join([addr(&a)]).start().await;
        let ends = async {
            while events.next().await.is_some() {}
            while membership.next().await.is_some() {}
            assert!(matches!(a.wait().await, Err(Error::Panicked)));
            a.shutdown().await;
            assert!(matches!(a.leave().await, Err(Error::Closed(_))));
            assert!(a.local_member().is_err());
        };
        within(SOON, ends).await.expect("nothing hangs");
        UdpSocket::bind(a.local_addr()).expect("its sockets are closed");
    });
}

#[test]
fn a_handle_works_where_its_runtime_does_not() {
    run(async {
        let a = start("a").await;
        let b = builder("b").bind("127.0.0.1:0").start().await.unwrap();
        let seed = format!("localhost:{}", b.local_member().unwrap().addr().port());
        let elsewhere = smol::unblock(move || {
            smol::block_on(async {
                a.join([seed]).await.unwrap();
                assert_eq!(a.query("q", "").unwrap().collect().await.acks.len(), 2);
                a.leave().await.unwrap();
                a.shutdown().await;
            });
        });
        within(SOON, elsewhere).await.expect("nothing hangs");
    });
}
