//! Services that DNS knows, whatever the name servers are like.

use std::time::{Duration, Instant};

use simple_dns::RCODE;

use super::super::adapter::{Error, SeedFailure};
use super::super::{builder, run};
use super::name_server::{Manner, NameServer, SERVICE, Zone};

const SEED: &str = "srv+_serf._tcp.test";

/// A name server that knows the service at one host, and the addresses of hosts.
fn knowing(port: u16, host: &str, hosts: &[(&str, &str)]) -> Zone {
    let address = |&(host, ip): &(&str, &str)| (host.to_owned(), ip.parse().expect("an address"));
    Zone {
        targets: vec![(host.to_owned(), port)],
        hosts: hosts.iter().map(address).collect(),
        ..Zone::default()
    }
}

#[test]
fn a_name_server_that_fails_refuses_or_talks_nonsense_is_not_the_last_word() {
    run(async {
        let a = builder("a").bind("127.0.0.1:0").start().await.unwrap();
        let port = a.local_addr().port();
        let good = NameServer::with(knowing(
            port,
            "m.cluster.internal",
            &[("m.cluster.internal", "127.0.0.1")],
        ));
        let codes =
            [RCODE::ServerFailure, RCODE::Refused, RCODE::NotImplemented, RCODE::FormatError];
        let manners = [Manner::Garbage, Manner::Confused, Manner::Lame, Manner::Silent];
        for (n, manner) in codes.map(Manner::Fails).into_iter().chain(manners).enumerate() {
            let bad = NameServer::with(Zone { manner, ..Zone::default() });
            let b = builder(&format!("b-{n}")).dns_servers([bad.addr, good.addr]).join([SEED]);
            let begin = Instant::now();
            let b = b.start().await.unwrap_or_else(|error| panic!("{n}: {error}"));
            assert!(b.members().len() >= 2);
            assert!(begin.elapsed() < Duration::from_secs(4), "{n} took {:?}", begin.elapsed());
            assert!(!bad.asked().is_empty(), "{n}");
        }
    });
}

#[test]
fn if_no_name_server_answers_each_is_named_with_its_reason() {
    run(async {
        let manners = [Manner::Fails(RCODE::Refused), Manner::Garbage];
        let servers = manners.map(|manner| NameServer::with(Zone { manner, ..Zone::default() }));
        let [one, other] = [&servers[0], &servers[1]].map(|server| server.addr);
        let error = builder("a").dns_servers([one, other]).join([SEED]).start().await.unwrap_err();
        let Error::NobodyReached(failures) = &error else { panic!("{error}") };
        let [SeedFailure::Service { reason, .. }] = &failures.0[..] else { panic!("{error}") };
        assert!(reason.contains(&format!("{one}: it says REFUSED")), "{reason}");
        assert!(reason.contains(&format!("{other}: it makes no sense")), "{reason}");
    });
}

#[test]
fn hosts_are_found_where_the_service_is_found() {
    run(async {
        let a = builder("a").bind("127.0.0.1:0").start().await.unwrap();
        let port = a.local_addr().port();
        let hosts: &[(&str, &str)] = &[("m-1.cluster.internal", "127.0.0.1")];
        let added = Zone { adds: true, ..knowing(port, "m-1.cluster.internal", hosts) };
        let asked_for = knowing(port, "m-1.cluster.internal", hosts);
        let alias = |from: &str, to: &str| {
            (format!("{from}.cluster.internal"), format!("{to}.cluster.internal"))
        };
        let aliased = Zone {
            aliases: vec![alias("m-3", "m-2"), alias("m-2", "m-1")],
            ..knowing(port, "m-3.cluster.internal", hosts)
        };
        let by_the_system = knowing(port, "localhost", &[]);
        for (n, zone) in [added, asked_for, aliased, by_the_system].into_iter().enumerate() {
            let is_added = zone.adds;
            let dns = NameServer::with(zone);
            let b = builder(&format!("b-{n}")).dns_servers([dns.addr]).join([SEED]);
            let b = b.start().await.unwrap_or_else(|error| panic!("{n}: {error}"));
            assert!(b.members().len() >= 2, "{n}");
            assert!(!is_added || dns.asked().len() == 1, "{:?}", dns.asked());
        }
    });
}

#[test]
fn a_host_of_a_service_may_have_ipv6_only() {
    run(async {
        let Ok(a) = builder("a").bind("[::1]:0").start().await else {
            return; // This machine has no IPv6.
        };
        let port = a.local_addr().port();
        let dns = NameServer::with(knowing(
            port,
            "m-6.cluster.internal",
            &[("m-6.cluster.internal", "::1")],
        ));
        let b = builder("b")
            .bind("[::1]:0")
            .dns_servers([dns.addr])
            .join([SEED])
            .start()
            .await
            .unwrap();
        assert_eq!(b.members().len(), 2);
    });
}

#[test]
fn an_answer_that_is_cut_off_comes_by_a_larger_datagram_if_streams_are_refused() {
    run(async {
        let a = builder("a").bind("127.0.0.1:0").start().await.unwrap();
        let port = a.local_addr().port();
        let mut zone =
            knowing(port, "m-1.cluster.internal", &[("m-1.cluster.internal", "127.0.0.1")]);
        zone.targets.push(("m-2.cluster.internal".to_owned(), 1));
        zone.manner = Manner::DatagramsOnly;
        let dns = NameServer::with(zone);
        let b = builder("b").dns_servers([dns.addr]).join([SEED]).start().await.unwrap();
        assert_eq!(b.members().len(), 2);
    });
}

#[test]
fn a_service_that_is_not_offered_or_not_known_yet_says_so() {
    run(async {
        let dns = NameServer::start();
        let error = async |targets: &[(&'static str, u16)], seed: &str| {
            dns.offer(targets.iter().copied());
            builder("b").dns_servers([dns.addr]).join([seed]).start().await.unwrap_err().to_string()
        };
        let said = error(&[(".", 0)], SEED).await;
        assert!(said.ends_with("the service is not offered"), "{said}");
        let said = error(&[], SEED).await;
        assert!(said.ends_with(&format!("{SERVICE} has no SRV record")), "{said}");
        let said = error(&[], "srv+_other._tcp.test").await;
        assert!(said.ends_with("there is no such name"), "{said}");
    });
}
