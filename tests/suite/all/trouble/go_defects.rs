//! Defects of the Go module serfer that no other test covers: see `docs/from-go.md`.

use std::net::{Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::super::adapter::{
    Coalesce, Config, DEFAULT_PORT, Error, Keyring, Prune, QueryError, Router, SecretKey, Serfer,
    Tags, UserEvent,
};
use super::super::{
    KEY, addr, builder, configured, own_ip, plain_builder, run, sleep, spawn, start, start_joined,
    until, within,
};

/// base64 of 24 and of 32 bytes
const OTHERS: [&str; 2] =
    ["QW5vdGhlclNlY3JldE9mMjRCeXRlcyEh", "QVRoaXJkU2VjcmV0VGhhdEhhczMyQnl0ZXNJbkl0Li4="];

fn key(base64: &str) -> SecretKey {
    SecretKey::from_base64(base64).expect("a base64 key")
}

fn keys_of(serf: &Serfer) -> Vec<String> {
    let ring = serf.keyring();
    ring.iter().flat_map(Keyring::keys).map(SecretKey::to_base64).collect()
}

#[test]
fn a_node_starts_with_many_keys_and_lists_them_all() {
    run(async {
        let keys = [KEY, OTHERS[0], OTHERS[1]];
        let keyed = |name, keys: &[&str]| {
            keys.iter().fold(plain_builder(name), |builder, key| builder.key(key).unwrap())
        };
        let a = keyed("a", &keys).start().await.unwrap();
        assert_eq!(keys_of(&a), keys);
        // Any key opens messages, but the other side needs the one we seal with.
        let b = keyed("b", &[OTHERS[1], KEY]).join([addr(&a)]).start().await.unwrap();
        assert_eq!(b.members().len(), 2);
    });
}

#[test]
fn a_node_without_keys_says_so() {
    run(async {
        let a = plain_builder("a").start().await.unwrap();
        assert!(a.keyring().is_none());
        let report = a.list_keys().await.unwrap();
        assert_eq!((report.asked(), report.keys().len()), (1, 0));
    });
}

#[test]
fn what_a_node_was_started_with_can_be_asked_of_it() {
    run(async {
        let bind = SocketAddr::new(own_ip(), DEFAULT_PORT);
        let builder = builder("a").bind(bind.to_string()).advertise("192.0.2.1:80");
        let builder = builder.configure(|config| config.named("b")).tag("role", "web").unwrap();
        let config = builder.config();
        assert_eq!((config.name(), config.tags().get("role")), ("b", Some("web")));
        let serf = builder.start().await.unwrap();
        assert_eq!(serf.local_addr(), bind);
        let member = serf.local_member().unwrap();
        assert_eq!((member.name(), member.addr().to_string().as_str()), ("b", "192.0.2.1:80"));
        assert_eq!(serf.tags(), Tags::from_iter([("role", "web")]));
        assert_eq!(keys_of(&serf), [KEY]);
    });
}

#[test]
fn a_bare_ipv6_address_can_be_bound_and_joined() {
    run(async {
        let a = builder("a").bind("::1").start().await.unwrap();
        assert_eq!(a.local_addr().ip(), Ipv6Addr::LOCALHOST);
        // Another process may have the default port.
        let seed = match a.local_addr().port() {
            DEFAULT_PORT => "::1".to_owned(),
            port => format!("[::1]:{port}"),
        };
        let b = builder("b").bind("::1").join([seed]).start().await.unwrap();
        until("both are there", || a.members().len() == 2 && b.members().len() == 2).await;
    });
}

#[test]
fn a_port_is_taken_only_if_datagrams_can_have_it_too() {
    run(async {
        let ip = own_ip();
        let other = UdpSocket::bind((ip, DEFAULT_PORT)).unwrap();
        let serf = builder("a").bind(ip.to_string()).start().await.unwrap();
        assert_eq!(serf.local_addr().port(), DEFAULT_PORT + 1);
        TcpListener::bind(other.local_addr().unwrap()).expect("the first port is let go of");
        assert!(UdpSocket::bind(serf.local_addr()).is_err(), "datagrams are the node's");
        assert!(TcpListener::bind(serf.local_addr()).is_err(), "streams are the node's");
    });
}

#[test]
fn waiting_ends_when_the_node_has_left() {
    run(async {
        let serf = start("a").await;
        let node = serf.clone();
        let waiting = spawn(async move { node.wait().await });
        sleep(Duration::from_millis(50)).await;
        assert!(waiting.is_empty(), "it runs");
        serf.leave().await.unwrap();
        let waited = within(Duration::from_secs(10), waiting.recv()).await;
        assert!(matches!(waited, Some(Ok(Ok(())))), "{waited:?}");
    });
}

#[test]
fn a_node_can_be_read_while_it_leaves() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        until("both are there", || [&a, &b].iter().all(|it| it.members().len() == 2)).await;
        let leaver = b.clone();
        let leaving = spawn(async move { leaver.leave().await.is_ok() });
        let mut reads = 0;
        while leaving.is_empty() {
            assert_eq!(b.members().len(), 2);
            reads += 1;
            sleep(Duration::from_millis(10)).await;
        }
        assert!(reads > 2, "{reads}");
        assert_eq!(leaving.recv().await, Ok(true));
    });
}

/// The outcome of each call that would send something.
async fn calls(serf: &Serfer, seed: &str) -> [Result<(), Error>; 7] {
    [
        serf.user_event("e", ""),
        serf.query("q", "").map(drop),
        serf.force_leave("b", Prune::No),
        serf.set_tag("role", "web"),
        serf.join([seed]).await.map(drop),
        serf.install_key(key(OTHERS[0])).await.map(drop),
        serf.list_keys().await.map(drop),
    ]
}

#[test]
fn whatever_is_called_after_the_end_is_an_error() {
    run(async {
        let a = start("a").await;
        let b = start_joined("b", &a).await;
        b.leave().await.unwrap();
        for (number, result) in calls(&b, &addr(&a)).await.into_iter().enumerate() {
            assert!(result.is_err(), "call {number} after leaving");
        }
        b.shutdown().await;
        for (number, result) in calls(&b, &addr(&a)).await.into_iter().enumerate() {
            assert!(matches!(result, Err(Error::Closed(_))), "call {number}: {result:?}");
        }
    });
}

#[test]
fn several_events_of_one_name_are_all_delivered() {
    run(async {
        let seen: Arc<Mutex<Vec<UserEvent>>> = Arc::default();
        let record = seen.clone();
        let router = Router::new().user_event("e", move |event| record.lock().unwrap().push(event));
        let a = start("a").await;
        let b = builder("b").router(router).join([addr(&a)]).start().await.unwrap();
        a.user_event("e", "1").unwrap();
        a.user_event("e", "2").unwrap();
        a.user_event_with("e", "3", Coalesce::Yes).unwrap();
        a.user_event_with("e", "4", Coalesce::Yes).unwrap();
        until("all have come", || seen.lock().unwrap().len() == 4).await;
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_by_key(|event| event.ltime);
        let seen: Vec<_> = seen.iter().map(|event| (&*event.payload, event.coalesce)).collect();
        let expected = [(&b"1"[..], false), (b"2", false), (b"3", true), (b"4", true)];
        assert_eq!(seen, expected);
        drop(b);
    });
}

#[test]
fn a_query_that_cannot_be_asked_is_an_error() {
    run(async {
        let a = start("a").await;
        let error = a.query("q", [0; 2000]).unwrap_err();
        assert!(matches!(error, Error::Query(QueryError::TooLarge { .. })), "{error}");
        let error = a.query("_serf_conflict", "").unwrap_err();
        assert!(matches!(error, Error::Query(QueryError::ReservedName { .. })), "{error}");
        assert_eq!(a.query("q", "").unwrap().collect().await.acks, ["a".into()]);
    });
}

#[test]
fn a_reply_is_the_bytes_that_were_sent() {
    run(async {
        let bytes = [0xff, 0, b'\r', b'\n', b'\n'];
        let router = Router::new().query("bytes", move |_| bytes.to_vec());
        let a = builder("a").router(router).start().await.unwrap();
        let b = start_joined("b", &a).await;
        let first = b.query("bytes", "").unwrap().next().await.unwrap();
        assert_eq!((&*first.from, &*first.payload), ("a", &bytes[..]));
    });
}

#[test]
fn seeds_that_make_no_sense_start_no_cluster() {
    run(async {
        let own = SocketAddr::new(own_ip(), DEFAULT_PORT);
        let seeds = ["", ":80", "a:b", "[::1"];
        let error = builder("a").bind(own.to_string()).join(seeds).start().await.unwrap_err();
        let Error::NobodyReached(failures) = &error else { panic!("{error}") };
        assert_eq!(failures.0.len(), seeds.len(), "{error}");
        UdpSocket::bind(own).expect("nothing is left running");
    });
}

#[test]
fn a_node_has_tags_and_keys_of_its_own() {
    run(async {
        let mut tags = Tags::from_iter([("role", "web")]);
        let mut ring = Keyring::new(key(KEY));
        let config = Config::local("a").tagged(tags.clone()).unwrap().keyring(ring.clone());
        let serf = configured(config).start().await.unwrap();
        tags.insert("role", "db");
        ring.add(key(OTHERS[0]));
        let mut copy = serf.keyring().unwrap();
        copy.add(key(OTHERS[1]));
        assert_eq!(serf.tags(), Tags::from_iter([("role", "web")]));
        assert_eq!(keys_of(&serf), [KEY]);
    });
}
