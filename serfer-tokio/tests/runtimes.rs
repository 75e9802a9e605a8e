//! A node needs neither sockets nor timers of the runtime of its handlers, nor its clock.

use std::net::UdpSocket;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future;
use serfer_tokio::{Config, Error, Request, Route, Router, Runtime, Tokio, blocking};

/// Two nodes on this runtime: the reply of one to a query of the other.
async fn ask(router: Router) -> Result<Vec<u8>, Error> {
    let a = serfer_tokio::builder(Config::local("a")).bind("127.0.0.1:0").router(router);
    let a = a.start().await?;
    let b = serfer_tokio::builder(Config::local("b")).bind("127.0.0.1:0");
    let b = b.join([a.local_addr().to_string()]).start().await?;
    let answers = b.query("q", "")?.collect().await;
    b.leave().await?;
    a.shutdown().await;
    b.shutdown().await;
    Ok(answers.replies.get("a").map(|answer| answer.to_vec()).unwrap_or_default())
}

#[test]
fn a_runtime_without_sockets_and_timers_is_enough() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it is possible");
    let hour = Route::new("q").timeout(Duration::from_secs(3600));
    let router = Router::new().query(hour, |_: Request| async { "fine" });
    assert_eq!(runtime.block_on(ask(router)).expect("all goes well"), b"fine");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_paused_does_not_concern_a_node() {
    let begin = Instant::now();
    let slow = Route::new("q").timeout(Duration::from_secs(60));
    let router = Router::new().query(slow, |_: Request| async {
        tokio::time::sleep(Duration::from_secs(3600)).await;
        "an hour has passed at once"
    });
    assert_eq!(ask(router).await.expect("all goes well"), b"an hour has passed at once");
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn a_node_ends_with_a_runtime_of_many_threads_whatever_they_do() {
    const HOLD: Duration = Duration::from_millis(300);
    let (begun, begins) = mpsc::channel();
    let [waits, holds, blocks] = [(); 3].map(|()| begun.clone());
    let begin = |begun: &mpsc::Sender<()>| begun.send(()).expect("somebody counts");
    let router = Router::new()
        .query("wait", move |_: Request| {
            begin(&waits);
            future::pending::<()>()
        })
        .query("hold", move |_: Request| {
            begin(&holds);
            thread::sleep(HOLD);
        })
        .query(
            "block",
            blocking(move |_: Request| {
                begin(&blocks);
                thread::sleep(HOLD);
            }),
        );
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
    let runtime = runtime.expect("nothing hinders it");
    let serf = runtime.block_on(async {
        let node = serfer_tokio::builder(Config::local("a")).bind("127.0.0.1:0").router(router);
        node.start().await
    });
    let serf = serf.expect("a port is free");
    let _replies = ["wait", "hold", "block"].map(|name| serf.query(name, "").expect("it fits"));
    for _ in 0..3 {
        begins.recv_timeout(Duration::from_secs(10)).expect("all handlers begin");
    }
    drop(runtime);
    let end = future::block_on(serf.wait());
    assert!(matches!(end, Err(Error::RuntimeEnded)), "{end:?}");
    assert!(matches!(serf.user_event("e", ""), Err(Error::Closed(_))));
    UdpSocket::bind(serf.local_addr()).expect("its sockets are closed");
}

#[tokio::test]
async fn what_blocks_for_long_keeps_no_node_from_its_end() {
    let begin = Instant::now();
    let slow = || thread::sleep(Duration::from_secs(5));
    let life = async move |own: Tokio| {
        let begun = future::poll_once(own.unblock(slow)).await;
        assert!(begun.is_none());
    };
    let runtime = Tokio::current();
    let lived = thread::spawn(move || runtime.run_apart(life)).join().expect("nothing panics");
    lived.expect("nothing hinders it");
    assert!(begin.elapsed() < Duration::from_secs(4));
}
