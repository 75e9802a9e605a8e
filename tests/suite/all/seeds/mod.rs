//! Seeds that are files or services. They are resolved again at each try.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use simple_dns::rdata::{RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, ResourceRecord};

use super::adapter::{Error, JoinPolicy, SeedFailure};
use super::{addr, builder, own_ip, run, sleep, spawn, start, until, within};

type Targets = Arc<Mutex<Vec<(String, u16)>>>;

/// A name server that knows one service. It gives the full answer over TCP only.
struct NameServer {
    addr: SocketAddr,
    /// Host and port of each target.
    targets: Targets,
}

const SERVICE: &str = "_serf._tcp.test";

impl NameServer {
    fn start() -> Self {
        let addr = SocketAddr::new(own_ip(), 5353);
        let udp = UdpSocket::bind(addr).expect("the address is its own");
        let tcp = TcpListener::bind(addr).expect("the address is its own");
        let targets = Targets::default();
        let (by_udp, by_tcp) = (Arc::clone(&targets), Arc::clone(&targets));
        thread::spawn(move || serve_datagrams(&udp, &by_udp));
        thread::spawn(move || {
            for stream in tcp.incoming().flatten() {
                serve_stream(stream, &by_tcp).expect("a whole query");
            }
        });
        Self { addr, targets }
    }

    fn offer(&self, targets: impl IntoIterator<Item = (&'static str, u16)>) {
        let owned = |(host, port): (&str, u16)| (host.to_owned(), port);
        *self.targets.lock().expect("nobody panics") = targets.into_iter().map(owned).collect();
    }
}

fn serve_datagrams(udp: &UdpSocket, targets: &Targets) {
    let mut buf = [0; 512];
    while let Ok((len, from)) = udp.recv_from(&mut buf) {
        let targets = targets.lock().expect("nobody panics").clone();
        let answer =
            if targets.len() > 1 { cut(&buf[..len]) } else { answer(&buf[..len], &targets) };
        drop(udp.send_to(&answer.expect("a query"), from));
    }
}

fn serve_stream(mut stream: TcpStream, targets: &Targets) -> io::Result<()> {
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut query = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut query)?;
    let targets = targets.lock().expect("nobody panics").clone();
    let answer = answer(&query, &targets).expect("a query");
    stream.write_all(&(answer.len() as u16).to_be_bytes())?;
    stream.write_all(&answer)
}

/// A truncated answer.
fn cut(query: &[u8]) -> simple_dns::Result<Vec<u8>> {
    let mut answer = Packet::parse(query)?.into_reply();
    answer.set_flags(PacketFlag::TRUNCATION);
    answer.build_bytes_vec()
}

fn answer(query: &[u8], targets: &[(String, u16)]) -> simple_dns::Result<Vec<u8>> {
    let mut answer = Packet::parse(query)?.into_reply();
    assert_eq!(answer.questions[0].qname.to_string(), SERVICE);
    for (host, port) in targets {
        let srv = SRV { priority: 1, weight: 1, port: *port, target: Name::new(host)? };
        let name = Name::new(SERVICE)?;
        answer.answers.push(ResourceRecord::new(name, CLASS::IN, 60, RData::SRV(srv)));
    }
    answer.build_bytes_vec()
}

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
