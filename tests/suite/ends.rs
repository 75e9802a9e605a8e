//! What a node stands on goes away: its runtime, its network.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use smol::future;

use super::adapter::{Builder, Config, Error, Status};
use super::{Adapter, addr, builder, outlive, own_ip, run, start, until, within};

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

/// Says that this process has a network of its own, which is of no use to anybody else.
const ALONE: &str = "SERFER_ALONE_IN_A_NETWORK";

/// A bridge stands for whatever it is that packets are sent through.
const UP: &str = "ip link add eth7 type bridge && ip addr add 10.7.0.1/24 dev eth7 \
                  && ip addr add 10.7.0.2/24 dev eth7 && ip link set eth7 up";
const DOWN: &str = "ip link del eth7";

fn shell(commands: &str) {
    let done = Command::new("sh").args(["-c", commands]).status();
    assert!(done.is_ok_and(|it| it.success()), "{commands}");
}

#[test]
fn nodes_whose_interface_goes_away_go_on_and_find_each_other_when_it_is_back() {
    if std::env::var_os(ALONE).is_some() {
        shell(&format!("ip link set lo up && {UP}"));
        return run(lose_the_interface());
    }
    let root = ["--net", "--"];
    let able = Command::new("unshare").args(root).args(["ip", "link"]).output();
    if !able.is_ok_and(|it| it.status.success()) {
        let ci = std::env::var("CI").is_ok_and(|it| it == "true");
        assert!(!ci, "this takes root, `unshare` and `ip`");
        return eprintln!("not played: it takes root, `unshare` and `ip`");
    }
    let (_, here) = module_path!().split_once("::").expect("this is a module of a program");
    let test = "nodes_whose_interface_goes_away_go_on_and_find_each_other_when_it_is_back";
    let mut again = Command::new("unshare");
    again.args(root).arg(std::env::current_exe().expect("this is a program"));
    again.args(["--exact", &format!("{here}::{test}")]).env(ALONE, "1");
    let played = again.output().expect("it was possible before");
    let said = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success() && said.contains("1 passed"), "{said}");
}

async fn lose_the_interface() {
    let status = |serf: &super::Serfer, name| serf.member(name).map(|member| member.status());
    let a = builder("a").bind("10.7.0.1:7946").start().await.expect("the address is there");
    let b = builder("b")
        .bind("10.7.0.2:7946")
        .join([addr(&a)])
        .start()
        .await
        .expect("the address is there");
    until("both are there", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;

    shell(DOWN);
    until("each misses the other", || {
        status(&a, "b") == Some(Status::Failed) && status(&b, "a") == Some(Status::Failed)
    })
    .await;
    a.user_event("e", "").expect("it is not shut down");
    assert!(a.join([addr(&b)]).await.is_err());
    let answers = a.query("q", "").expect("it is small").collect().await;
    assert_eq!(answers.acks, ["a".into()], "it still hears itself");

    shell(UP);
    a.join([addr(&b)]).await.expect("the interface is back");
    until("each has the other back", || {
        status(&a, "b") == Some(Status::Alive) && status(&b, "a") == Some(Status::Alive)
    })
    .await;
    a.leave().await.expect("it is not shut down");
    within(SOON, async {
        a.shutdown().await;
        b.shutdown().await;
    })
    .await
    .expect("nothing hangs");
}
