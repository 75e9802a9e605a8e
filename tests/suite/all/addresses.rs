//! The address that a node binds, and the address that it advertises.

use std::net::SocketAddr;

use super::adapter::Serfer;
use super::{addr, builder, own_ip, run, until};

fn addr_of(serf: &Serfer, name: &str) -> SocketAddr {
    serf.member(name).expect("it is a member").addr()
}

/// Both list each other, answer each other's queries and ack each other's pings.
async fn get_along(a: &Serfer, b: &Serfer) {
    let both = [a, b];
    until("both are there", || both.iter().all(|serf| serf.members().len() == 2)).await;
    for serf in both {
        let answers = serf.query("q", "").expect("it is small").collect().await;
        assert_eq!(answers.acks.len(), 2);
    }
    until("both have been pinged", || both.iter().all(|serf| serf.stats().probes_acked > 0)).await;
    let suspicions = both.map(|serf| serf.stats().suspicions);
    assert_eq!(suspicions, [0, 0]);
}

#[test]
fn nodes_on_ipv6_get_along() {
    run(async {
        let a = builder("a").bind("[::1]:0").start().await.unwrap();
        assert!(addr(&a).starts_with("[::1]:"));
        let b = builder("b").bind("[::1]:0").join([addr(&a)]).start().await.unwrap();
        get_along(&a, &b).await;
    });
}

#[test]
fn a_node_on_all_of_both_stacks_gets_along_with_either() {
    run(async {
        for here in [own_ip().to_string(), "[::1]".to_owned()] {
            let dual = builder("dual").bind("[::]:0").advertise(&here).start().await.unwrap();
            let there = if here.starts_with('[') { here } else { own_ip().to_string() };
            let single = builder("single").bind(format!("{there}:0")).join([addr(&dual)]);
            let single = single.start().await.unwrap();
            get_along(&dual, &single).await;
            // It does not matter which one dials.
            dual.join([addr(&single)]).await.unwrap();
        }
    });
}

#[test]
fn a_node_is_reached_where_it_advertises_itself() {
    run(async {
        let ip = own_ip();
        let a = builder("a").bind("0.0.0.0:0").advertise(ip.to_string()).start().await.unwrap();
        let b = builder("b").join([addr(&a)]).start().await.unwrap();
        assert_eq!(addr_of(&b, "a").ip(), ip);
        assert_ne!(addr_of(&b, "a").port(), 0, "that it is bound to");
        get_along(&a, &b).await;
    });
}

#[test]
fn host_names_are_as_good_as_addresses() {
    run(async {
        let a = builder("a").bind("localhost:0").advertise("localhost").start().await.unwrap();
        assert!(a.local_member().unwrap().addr().ip().is_loopback());
        let seed = format!("localhost:{}", a.local_member().unwrap().addr().port());
        let b = builder("b").bind("localhost:0").join([seed]).start().await.unwrap();
        get_along(&a, &b).await;
    });
}

#[test]
fn an_address_that_others_cannot_reach_is_refused_with_advice() {
    run(async {
        for (bind, advertise, words) in [
            (
                "0.0.0.0:0",
                "[2001:db8::1]",
                "\"[2001:db8::1]\" is not heard by a node that is bound to 0.0.0.0",
            ),
            ("127.0.0.1:0", "[2001:db8::1]", "bind [::] to hear IPv4 and IPv6"),
            ("[::1]:0", "203.0.113.9", "advertise an address of the family that is bound"),
            (
                "0.0.0.0:0",
                "localhost",
                "\"localhost\" leads to 127.0.0.1, which no other machine reaches",
            ),
            ("[::]:0", "[fe80::1]", "\"[fe80::1]\" is valid on one link only"),
            ("0.0.0.0:0", "0.0.0.0", "0.0.0.0"),
        ] {
            let refused = builder("a").bind(bind).advertise(advertise).start().await;
            let why = refused.expect_err("nobody reaches it there").to_string();
            assert!(why.contains(words), "bind {bind}, advertise {advertise}: {why}");
        }
        let refused = builder("a").bind("[fe80::1]:0").start().await;
        let why = refused.expect_err("it is of one link only").to_string();
        assert!(why.contains("is valid on one link only"), "{why}");
    });
}

#[test]
fn a_node_on_all_of_both_stacks_is_heard_on_ipv4_by_any_program() {
    run(async {
        let dual = builder("dual").bind("[::]:0").advertise("127.0.0.1").start().await.unwrap();
        let port = addr_of(&dual, "dual").port();
        assert_eq!(addr(&dual), format!("127.0.0.1:{port}"));
        std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens there");
        std::net::TcpStream::connect(("::1", port)).expect("and there");
    });
}

#[test]
fn a_node_says_how_many_bytes_of_datagrams_may_wait() {
    run(async {
        let a = builder("a").start().await.unwrap();
        // More than the system gives to those who do not ask, unless it gives no more.
        let granted = a.stats().receive_buffer;
        assert!(granted >= 200_000, "{granted}");
    });
}
