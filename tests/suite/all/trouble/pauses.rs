//! Nodes that stand still for a while.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use serfer_proto::wire::message::{Alive, Message, Suspect, ip_bytes};

use super::super::adapter::{Config, Status};
use super::super::{addr, configured, plain_builder, run, sleep, until};
use crate::own_ip;

/// Longer than a confirmed suspicion lasts.
const STANDS_STILL: Duration = Duration::from_secs(5);

fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// Two witnesses accuse b. b refutes at once, but c stands still until the suspicion is over.
#[test]
fn a_refutation_that_waits_in_the_socket_is_read_before_the_suspect_is_declared_dead() {
    run(async {
        let a = plain_builder("a").start().await.unwrap();
        let b = plain_builder("b").join([addr(&a)]).start().await.unwrap();
        let config = Config::local("c").accept_member(|member| {
            if member.name() == "blocker" {
                thread::sleep(STANDS_STILL);
                return Err("it is made up".to_owned());
            }
            Ok(())
        });
        let c = configured(config).join([addr(&a)]).start().await.unwrap();
        until("c knows both", || c.stats().members_alive == 3).await;

        let udp = UdpSocket::bind((own_ip(), 0)).unwrap();
        let accuse = |by: &str, to: SocketAddr| {
            let accusation = Suspect { from: by.into(), incarnation: 1, node: "b".into() };
            udp.send_to(&encoded(&Message::Suspect(accusation)), to).unwrap();
        };
        let addrs = [&b, &c].map(|node| node.local_member().unwrap().addr());
        accuse("a", addrs[1]);
        accuse("w", addrs[1]);
        let blocker = Alive {
            addr: &ip_bytes(own_ip()),
            incarnation: 1,
            meta: b"",
            node: "blocker".into(),
            port: 7946,
            versions: &[1, 5, 2, 2, 5, 4],
        };
        udp.send_to(&encoded(&Message::Alive(blocker)), addrs[1]).unwrap();
        accuse("a", addrs[0]);

        sleep(STANDS_STILL + Duration::from_secs(2)).await;
        let stats = c.stats();
        assert!(stats.suspicions > 0, "it is accused");
        assert_eq!(stats.failures, 0);
        let status = c.members().into_iter().find(|it| it.name() == "b").map(|it| it.status());
        assert_eq!(status, Some(Status::Alive));
    });
}
