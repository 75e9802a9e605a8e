//! One question to one name server, and its answer.
//!
//! The system's own resolver only looks up addresses, so services have to be asked for here: by a datagram,
//! and by a stream if the answer does not fit into one. If that is refused, a larger datagram may do (EDNS).
//! A library encodes and decodes the messages.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use simple_dns::rdata::{OPT, RData};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

use crate::node::sockets;
use crate::node::sockets::datagrams::{recv_from, send_to};
use crate::runtime::Runtime;

/// The largest datagram that we ask for, which nothing on the way takes apart.
const EDNS_LEN: u16 = 1232;

/// What is asked: a name, and the type of its records.
#[derive(Clone, Debug)]
pub(crate) struct DnsQuestion {
    pub(crate) name: String,
    pub(crate) kind: TYPE,
}

/// What a name server knows.
#[derive(Debug)]
pub(crate) enum DnsAnswer {
    NoSuchName,
    /// The records of the answer, and those that the server adds to it.
    Records(Vec<DnsRecord>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsRecord {
    /// In small letters.
    pub(crate) name: String,
    pub(crate) data: RecordData,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RecordData {
    Service {
        priority: u16,
        weight: u16,
        target: String,
        port: u16,
    },
    Ip(IpAddr),
    /// The name has another name.
    Alias(String),
}

/// Asks a server once. The error says in words why that is no answer; then another server may know.
pub(crate) async fn ask<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    question: &DnsQuestion,
    by_stream: bool,
) -> Result<DnsAnswer, String> {
    let mut id = [0; 2];
    getrandom::fill(&mut id).map_err(|error| error.to_string())?;
    let id = u16::from_be_bytes(id);
    let plain = encode(id, question, false)?;
    if by_stream {
        return read(&over_stream(runtime, server, &plain).await?, id, question);
    }
    let answer = over_datagram(runtime, server, &plain, id).await?;
    if !is_cut(&answer) {
        return read(&answer, id, question);
    }
    let refusal = match over_stream(runtime, server, &plain).await {
        Ok(answer) => return read(&answer, id, question),
        Err(refusal) => refusal,
    };
    let larger = over_datagram(runtime, server, &encode(id, question, true)?, id).await?;
    if is_cut(&larger) { Err(refusal) } else { read(&larger, id, question) }
}

fn encode(id: u16, question: &DnsQuestion, edns: bool) -> Result<Vec<u8>, String> {
    let encoded = || {
        let mut query = Packet::new_query(id);
        query.set_flags(PacketFlag::RECURSION_DESIRED);
        let (kind, class) = (QTYPE::TYPE(question.kind), QCLASS::CLASS(CLASS::IN));
        query.questions.push(Question::new(Name::new(&question.name)?, kind, class, false));
        if edns {
            let opt = OPT { opt_codes: Vec::new(), udp_packet_size: EDNS_LEN, version: 0 };
            *query.opt_mut() = Some(opt);
        }
        query.build_bytes_vec()
    };
    encoded().map_err(|error: simple_dns::SimpleDnsError| error.to_string())
}

/// Whether an answer says that it was cut off. The flag is in the third byte.
fn is_cut(answer: &[u8]) -> bool {
    answer.get(2).is_some_and(|flags| flags & 0x02 != 0)
}

/// Takes only an answer that comes from the server and has the id of our query.
async fn over_datagram<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    query: &[u8],
    id: u16,
) -> Result<Vec<u8>, String> {
    let exchange = async {
        let udp = runtime.udp(sockets::client(server)?)?;
        send_to(runtime, &udp, query, server).await?;
        let mut buf = Vec::new();
        loop {
            buf.clear();
            let from = recv_from(runtime, &udp, &mut buf).await?;
            if from == server && buf.starts_with(&id.to_be_bytes()) {
                return Ok(buf);
            }
        }
    };
    exchange.await.map_err(|error: io::Error| error.to_string())
}

async fn over_stream<R: Runtime>(
    runtime: &R,
    server: SocketAddr,
    query: &[u8],
) -> Result<Vec<u8>, String> {
    let exchange = async {
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
    };
    exchange.await.map_err(|error: io::Error| format!("by a stream: {error}"))
}

/// Reads an answer. A server that fails, refuses, or does not know and asks nobody else gives none.
fn read(answer: &[u8], id: u16, asked: &DnsQuestion) -> Result<DnsAnswer, String> {
    let answer = Packet::parse(answer).map_err(|error| format!("it makes no sense: {error}"))?;
    let is_ours = answer.id() == id
        && answer.has_flags(PacketFlag::RESPONSE)
        && answer.questions.iter().all(|it| is_same(&it.qname.to_string(), &asked.name));
    if !is_ours {
        return Err("it answers another question".to_owned());
    }
    match answer.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(DnsAnswer::NoSuchName),
        code => return Err(format!("it says {}", mnemonic(code))),
    }
    let asks_others = PacketFlag::RECURSION_AVAILABLE;
    let knows = [PacketFlag::AUTHORITATIVE_ANSWER, asks_others];
    if answer.answers.is_empty() && !knows.into_iter().any(|flag| answer.has_flags(flag)) {
        return Err("it does not know, and asks nobody else".to_owned());
    }
    let records = answer.answers.iter().chain(&answer.additional_records);
    let records = records.filter_map(|record| {
        let name = record.name.to_string().to_ascii_lowercase();
        Some(DnsRecord { name, data: data(&record.rdata)? })
    });
    Ok(DnsAnswer::Records(records.collect()))
}

fn is_same(name: &str, other: &str) -> bool {
    name.trim_end_matches('.').eq_ignore_ascii_case(other.trim_end_matches('.'))
}

fn data(data: &RData<'_>) -> Option<RecordData> {
    Some(match data {
        RData::SRV(srv) => RecordData::Service {
            priority: srv.priority,
            weight: srv.weight,
            target: srv.target.to_string().to_ascii_lowercase(),
            port: srv.port,
        },
        RData::A(a) => RecordData::Ip(Ipv4Addr::from(a.address).into()),
        RData::AAAA(aaaa) => RecordData::Ip(Ipv6Addr::from(aaaa.address).into()),
        RData::CNAME(name) => RecordData::Alias(name.0.to_string().to_ascii_lowercase()),
        _ => return None,
    })
}

/// The name that operators know.
fn mnemonic(code: RCODE) -> String {
    match code {
        RCODE::FormatError => "FORMERR".to_owned(),
        RCODE::ServerFailure => "SERVFAIL".to_owned(),
        RCODE::NotImplemented => "NOTIMP".to_owned(),
        RCODE::Refused => "REFUSED".to_owned(),
        other => format!("{other:?}"),
    }
}
