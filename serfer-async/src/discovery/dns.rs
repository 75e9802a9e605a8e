//! SRV records: at which hosts and ports a service is offered.
//!
//! The system's own resolver only looks up addresses. So this asks the name servers of `/etc/resolv.conf`
//! itself, by a datagram, and by a stream if the answer does not fit into one. A library encodes and decodes
//! the messages.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures_lite::future;
use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use crate::node::sockets;
use crate::runtime::Runtime;

/// How long one server has to answer once.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How often each server is asked.
const TRIES: usize = 2;

const DNS_PORT: u16 = 53;

/// Where a service is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SrvTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// The name servers that this machine uses.
pub(crate) fn system_servers() -> io::Result<Vec<SocketAddr>> {
    let text = std::fs::read("/etc/resolv.conf")?;
    let (config, _faults) = resolv_conf::Config::parse_with_errors(&text);
    let servers = config.nameservers.iter();
    Ok(servers.map(|server| SocketAddr::new(server.into(), DNS_PORT)).collect())
}

/// Looks up the targets of a service such as `_serf._tcp.example.com`: the best priority first, and the
/// greatest weight first among equals. The error says in words why there are none.
pub(crate) async fn lookup_srv<R: Runtime>(
    runtime: &R,
    servers: &[SocketAddr],
    service: &str,
) -> Result<Vec<SrvTarget>, String> {
    let name = Name::new(service).map_err(|error| error.to_string())?;
    let mut failure = "there is no name server to ask".to_owned();
    for server in (0..TRIES).flat_map(|_| servers) {
        let late = async {
            runtime.sleep_until(runtime.now() + ANSWER_TIMEOUT).await;
            Err(format!("{server} does not answer"))
        };
        match future::or(ask(runtime, *server, &name), late).await {
            Ok(answer) => return parse(&answer, &name),
            Err(reason) => failure = reason,
        }
    }
    Err(failure)
}

/// Asks one server. If the answer is cut off, asks again by a stream.
async fn ask<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    name: &Name<'_>,
) -> Result<Vec<u8>, String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| error.to_string())?;
    let id = u16::from_be_bytes(id);
    let query = query(id, name).map_err(|error| error.to_string())?;
    let failed = |error: io::Error| format!("{server}: {error}");
    let answer = by_datagram(runtime, server, &query, id).await.map_err(failed)?;
    let is_cut = Packet::parse(&answer).map_or(true, |it| it.has_flags(PacketFlag::TRUNCATION));
    if is_cut { by_stream(runtime, server, &query).await.map_err(failed) } else { Ok(answer) }
}

fn query(id: u16, name: &Name<'_>) -> simple_dns::Result<Vec<u8>> {
    let mut query = Packet::new_query(id);
    query.set_flags(PacketFlag::RECURSION_DESIRED);
    let (kind, class) = (QTYPE::TYPE(TYPE::SRV), QCLASS::CLASS(CLASS::IN));
    query.questions.push(Question::new(name.clone(), kind, class, false));
    query.build_bytes_vec()
}

/// Takes only an answer that comes from the server and has the id of our query.
async fn by_datagram<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    query: &[u8],
    id: u16,
) -> io::Result<Vec<u8>> {
    let udp = runtime.udp(sockets::client(server)?)?;
    runtime.send_to(&udp, query, server).await?;
    let mut buf = vec![0; 4096];
    loop {
        let (len, from) = runtime.recv_from(&udp, &mut buf).await?;
        if from == server && buf[..len].starts_with(&id.to_be_bytes()) {
            buf.truncate(len);
            return Ok(buf);
        }
    }
}

async fn by_stream<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    query: &[u8],
) -> io::Result<Vec<u8>> {
    let mut stream = runtime.connect(server).await?;
    let mut framed = (query.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(query);
    runtime.write_all(&mut stream, &framed).await?;
    let mut answer = Vec::new();
    let mut buf = vec![0; 4096];
    loop {
        if let Some((len, message)) = answer.split_first_chunk::<2>()
            && let Some(message) = message.get(..u16::from_be_bytes(*len).into())
        {
            return Ok(message.to_vec());
        }
        match runtime.read(&mut stream, &mut buf).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            len => answer.extend_from_slice(&buf[..len]),
        }
    }
}

fn parse(answer: &[u8], asked: &Name<'_>) -> Result<Vec<SrvTarget>, String> {
    let answer = Packet::parse(answer).map_err(|error| error.to_string())?;
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Err("there is no such name".to_owned()),
        code => return Err(format!("the name server says {code:?}")),
    }
    let records = answer.answers.iter().filter_map(|record| match &record.rdata {
        RData::SRV(srv) => Some(srv),
        _ => None,
    });
    let mut records: Vec<_> = records.collect();
    records.sort_by_key(|srv| (srv.priority, std::cmp::Reverse(srv.weight)));
    // A target of `.` means that the service is not offered.
    let targets = records.iter().map(|srv| (srv.target.to_string(), srv.port));
    let targets: Vec<SrvTarget> = targets
        .filter(|(host, _)| !host.is_empty())
        .map(|(host, port)| SrvTarget { host, port })
        .collect();
    if targets.is_empty() { Err(format!("{asked} has no SRV record")) } else { Ok(targets) }
}
