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
