//! Seeds that do not answer hold up nobody: a start returns when its policy is met.

use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use super::super::adapter::{Config, Error, JoinPolicy};
use super::super::{addr, configured, own_ip, plain_builder, run, sleep, spawn, within};
use super::name_server::SERVICE;

const SOON: Duration = Duration::from_secs(1);

/// A listener whose queue is full: it does not even refuse.
struct Hole {
    addr: SocketAddr,
    _listener: TcpListener,
    _filler: Vec<TcpStream>,
}

impl Hole {
    fn new() -> Self {
        let listener = TcpListener::bind((own_ip(), 7946)).expect("the address is its own");
        let addr = listener.local_addr().expect("it is bound");
        let connect = |_| TcpStream::connect_timeout(&addr, Duration::from_millis(200)).ok();
        let filler = (0..5000).map_while(connect).collect();
        Self { addr, _listener: listener, _filler: filler }
    }
}

/// A name server that never says anything.
fn silent_server() -> UdpSocket {
    UdpSocket::bind((own_ip(), 5353)).expect("the address is its own")
}

#[test]
fn one_seed_that_swallows_does_not_hold_up_the_start() {
    run(async {
        let hole = Hole::new();
        let silent = silent_server();
        let service = format!("srv+{SERVICE}");
        let a = configured(Config::lan("a")).start().await.unwrap();
        let seeds = [hole.addr.to_string(), service, addr(&a)];
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(50));
        let retry = JoinPolicy::Retry { first, longest };
        for (n, policy) in
            [JoinPolicy::Require(1), JoinPolicy::BestEffort, retry].into_iter().enumerate()
        {
            let begin = Instant::now();
            let node = configured(Config::lan(format!("b-{n}"))).join(&seeds).join_policy(policy);
            let node = node.dns_servers([silent.local_addr().unwrap()]).start().await.unwrap();
            assert!(begin.elapsed() < SOON, "{policy:?} took {:?}", begin.elapsed());
            assert!(node.members().len() >= 2);
        }
    });
}

#[test]
fn many_seeds_that_swallow_do_not_hold_up_the_one_that_answers() {
    run(async {
        let a = configured(Config::lan("a")).start().await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("seeds");
        let holes: Vec<Hole> = (0..20).map(|_| Hole::new()).collect();
        let lines = holes.iter().map(|hole| hole.addr.to_string());
        let lines: Vec<String> = lines.chain([addr(&a)]).collect();
        std::fs::write(&file, lines.join("\n")).unwrap();
        let begin = Instant::now();
        let b = configured(Config::lan("b")).join([format!("file:{}", file.display())]);
        let b = b.start().await.unwrap();
        assert!(begin.elapsed() < 3 * SOON, "it took {:?}", begin.elapsed());
        assert_eq!(b.members().len(), 2);
    });
}

#[test]
fn a_best_effort_start_waits_for_nobody_for_long() {
    run(async {
        let hole = Hole::new();
        let begin = Instant::now();
        let node = configured(Config::lan("a")).join([hole.addr.to_string()]);
        let node = node.join_policy(JoinPolicy::BestEffort).start().await.unwrap();
        assert!(begin.elapsed() < 4 * SOON, "it took {:?}", begin.elapsed());
        assert_eq!(node.members().len(), 1);
    });
}

#[test]
fn a_start_that_tries_again_notices_whoever_comes_although_another_seed_swallows() {
    run(async {
        let hole = Hole::new();
        let late = SocketAddr::new(own_ip(), 7946);
        let (first, longest) = (Duration::from_millis(50), Duration::from_millis(50));
        let b = configured(Config::lan("b")).join([hole.addr, late].map(|it| it.to_string()));
        let b = spawn(b.join_policy(JoinPolicy::Retry { first, longest }).start());
        sleep(SOON / 4).await;
        assert!(b.is_empty(), "nobody is there yet");
        let a = plain_builder("a").bind(late.to_string()).start().await.unwrap();
        let b = within(2 * SOON, b.recv()).await.expect("it is found").unwrap().unwrap();
        assert_eq!(b.members().len(), 2);
        drop(a);
    });
}

#[test]
fn a_start_that_needs_several_waits_for_these_and_no_others() {
    run(async {
        let hole = Hole::new();
        let (a, b) = (configured(Config::lan("a")), configured(Config::lan("b")));
        let (a, b) = (a.start().await.unwrap(), b.start().await.unwrap());
        let seeds = [hole.addr.to_string(), addr(&a), addr(&b)];
        let begin = Instant::now();
        let c = configured(Config::lan("c")).join(&seeds).join_policy(JoinPolicy::Require(2));
        let c = c.start().await.unwrap();
        assert!(begin.elapsed() < SOON, "it took {:?}", begin.elapsed());
        assert_eq!(c.members().len(), 3);
        let d = configured(Config::local("d").stream_timeout(SOON)).join(&seeds);
        let error = d.join_policy(JoinPolicy::Require(3)).start().await.unwrap_err();
        assert!(matches!(error, Error::TooFewReached { reached: 2, required: 3, .. }), "{error}");
    });
}
