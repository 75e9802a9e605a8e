//! What a node stands on goes away: its runtime. Its network does in `tests/interface`.

use std::net::UdpSocket;
use std::time::Duration;

use smol::future;

use super::adapter::{Builder, Config, Error};
use super::{Adapter, addr, builder, outlive, own_ip, run, start, within};

/// For whatever must not hang.
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
            a.wait().await;
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
        let a = started.expect("it has its sockets");
        assert!(matches!(a.user_event("e", ""), Err(Error::Closed(_))));
        a.shutdown().await;
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
