//! Seeds that are files or services. They are resolved again at each try. Read [`dns`] for services, [`slow`]
//! for seeds that hold nobody up, [`later`] for those that are looked up again while a node runs.

mod dns;
mod later;
mod name_server;
mod slow;

use std::net::UdpSocket;
use std::time::Duration;

use self::name_server::{NameServer, SERVICE};
use super::adapter::{Error, JoinPolicy, SeedFailure};
use super::{addr, builder, own_ip, run, sleep, spawn, start, until, within};

#[test]
fn a_service_that_dns_knows_is_joined_at_all_its_hosts() {
    run(async {
        let dns = NameServer::start();
        let [a, b] = [builder("a").bind("127.0.0.1:0"), builder("b").bind("127.0.0.1:0")];
        let (a, b) = (a.start().await.unwrap(), b.start().await.unwrap());
        dns.offer([&a, &b].map(|serf| ("localhost", serf.local_member().unwrap().addr().port())));
        let c = builder("c").dns_servers([dns.addr]).join([format!("srv+{SERVICE}")]);
        let c = c.start().await.unwrap();
        assert_eq!(c.members().len(), 3);
    });
}

#[test]
fn a_seed_is_looked_up_again_at_each_try() {
    run(async {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        let seed = format!("file:{}", file.display());
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(50));
        let starting = builder("b").join([&seed]).join_policy(JoinPolicy::Retry { first, longest });
        let starting = spawn(starting.start());
        let a = start("a").await;
        sleep(Duration::from_millis(200)).await;
        assert!(starting.is_empty(), "there is no file of seeds yet");
        std::fs::write(&file, addr(&a)).unwrap();
        let b = starting.recv().await.unwrap().unwrap();
        assert_eq!(b.members().len(), 2);
    });
}

#[test]
fn a_start_whose_future_is_dropped_is_undone() {
    run(async {
        let bound = format!("{}:7946", own_ip());
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(50));
        let starting = builder("a").bind(&bound).join([format!("{}:7946", own_ip())]);
        let starting = starting.join_policy(JoinPolicy::Retry { first, longest }).start();
        assert!(within(Duration::from_millis(300), starting).await.is_none(), "nobody is there");
        until("the port is free", || UdpSocket::bind(&bound).is_ok()).await;
    });
}

#[test]
fn a_name_server_that_does_not_answer_holds_up_no_end() {
    const SOON: Duration = Duration::from_secs(1);
    run(async {
        let silent = UdpSocket::bind((own_ip(), 5353)).unwrap();
        let server = silent.local_addr().unwrap();
        let seed = format!("srv+{SERVICE}");
        let a = builder("a").dns_servers([server]).start().await.unwrap();
        let joining = {
            let (a, seed) = (a.clone(), seed.clone());
            spawn(async move { a.join([seed]).await })
        };
        let silent =
            smol::unblock(move || silent.recv(&mut [0; 512]).map(|_| silent)).await.unwrap();
        within(SOON, a.shutdown()).await.expect("it waits for nobody");
        assert!(matches!(joining.recv().await.unwrap(), Err(Error::Closed(_))));

        let bound = format!("{}:7946", own_ip());
        let starting = builder("b").bind(&bound).dns_servers([server]).join([seed]).start();
        let starting = spawn(within(SOON, starting));
        smol::unblock(move || silent.recv(&mut [0; 512])).await.unwrap();
        assert!(starting.recv().await.unwrap().is_none(), "nobody answers");
        until("the port is free", || UdpSocket::bind(&bound).is_ok()).await;
    });
}

#[test]
fn the_join_policy_says_whether_an_unreachable_seed_is_an_error() {
    run(async {
        let a = start("a").await;
        let seeds = [addr(&a), format!("{}:7946", own_ip())];
        let build = |name, policy| builder(name).join(&seeds).join_policy(policy);

        let error = build("b", JoinPolicy::Require(2)).start().await.unwrap_err();
        let Error::TooFewReached { reached: 1, required: 2, failures } = &error else {
            panic!("{error}");
        };
        assert!(matches!(&failures.0[..], [SeedFailure::Join { seed, .. }] if *seed == seeds[1]));

        let nobody = [seeds[1].clone()];
        let c =
            builder("c").join(&nobody).join_policy(JoinPolicy::BestEffort).start().await.unwrap();
        assert_eq!(c.members().len(), 1);
        let d = builder("d").bind(&seeds[1]).start().await.unwrap();
        until("c is no longer alone", || c.members().len() == 2).await;
        drop(d);
    });
}
