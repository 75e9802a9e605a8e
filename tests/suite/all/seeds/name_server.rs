//! A name server that tests tell what to say.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use simple_dns::rdata::{A, AAAA, CNAME, RData, SRV};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use super::super::own_ip;

/// What a name server knows, and how it behaves.
#[derive(Clone, Default)]
pub(super) struct Zone {
    /// The service: host and port of each target.
    pub(super) targets: Vec<(String, u16)>,
    /// The addresses of hosts.
    pub(super) hosts: Vec<(String, IpAddr)>,
    /// Other names of hosts.
    pub(super) aliases: Vec<(String, String)>,
    /// Whether the addresses of targets are added to the answer about the service.
    pub(super) adds: bool,
    pub(super) manner: Manner,
    /// The name and type of each question that came.
    pub(super) asked: Vec<String>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Manner {
    /// Answers. If the service has several targets, only by a stream.
    #[default]
    Answers,
    /// Answers by datagrams, and by larger ones if it is asked for them, but not by streams.
    DatagramsOnly,
    /// Says that it cannot answer.
    Fails(RCODE),
    /// Sends something that is no answer.
    Garbage,
    /// Answers another question.
    Confused,
    /// Knows nothing and asks nobody.
    Lame,
    Silent,
}

pub(super) const SERVICE: &str = "_serf._tcp.test";

pub(super) struct NameServer {
    pub(super) addr: SocketAddr,
    zone: Arc<Mutex<Zone>>,
}

impl NameServer {
    pub(super) fn start() -> Self {
        Self::with(Zone::default())
    }

    pub(super) fn with(zone: Zone) -> Self {
        let addr = SocketAddr::new(own_ip(), 5353);
        let udp = UdpSocket::bind(addr).expect("the address is its own");
        let zone = Arc::new(Mutex::new(zone));
        let (by_udp, by_tcp) = (Arc::clone(&zone), Arc::clone(&zone));
        if zone.lock().expect("nobody panics").manner != Manner::DatagramsOnly {
            let tcp = TcpListener::bind(addr).expect("the address is its own");
            thread::spawn(move || {
                for stream in tcp.incoming().flatten() {
                    drop(serve_stream(stream, &by_tcp));
                }
            });
        }
        thread::spawn(move || serve_datagrams(&udp, &by_udp));
        Self { addr, zone }
    }

    pub(super) fn offer(&self, targets: impl IntoIterator<Item = (&'static str, u16)>) {
        let owned = |(host, port): (&str, u16)| (host.to_owned(), port);
        self.change(|zone| zone.targets = targets.into_iter().map(owned).collect());
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Zone) -> T) -> T {
        change(&mut self.zone.lock().expect("nobody panics"))
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.change(|zone| zone.asked.clone())
    }
}

fn serve_datagrams(udp: &UdpSocket, zone: &Mutex<Zone>) {
    let mut buf = [0; 512];
    while let Ok((len, from)) = udp.recv_from(&mut buf) {
        let answer = zone.lock().expect("nobody panics").answer(&buf[..len], true);
        if let Some(answer) = answer.expect("a query") {
            drop(udp.send_to(&answer, from));
        }
    }
}

fn serve_stream(mut stream: TcpStream, zone: &Mutex<Zone>) -> io::Result<()> {
    let mut len = [0; 2];
    stream.read_exact(&mut len)?;
    let mut query = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut query)?;
    let answer = zone.lock().expect("nobody panics").answer(&query, false).expect("a query");
    let answer = answer.unwrap_or_default();
    stream.write_all(&(answer.len() as u16).to_be_bytes())?;
    stream.write_all(&answer)
}

impl Zone {
    /// The answer; `None` if there is none.
    fn answer(&mut self, query: &[u8], by_udp: bool) -> simple_dns::Result<Option<Vec<u8>>> {
        let query = Packet::parse(query)?;
        let has_edns = query.opt().is_some();
        let mut answer = query.into_reply();
        let question = answer.questions[0].clone();
        let (name, kind) = (question.qname.to_string(), question.qtype);
        self.asked.push(format!("{name} {kind:?}"));
        match self.manner {
            Manner::Silent => return Ok(None),
            Manner::Garbage => {
                let [high, low] = answer.id().to_be_bytes();
                return Ok(Some(vec![high, low, 0x80, 0, 0xff, 0xff, 0xff]));
            }
            Manner::Fails(code) => {
                *answer.rcode_mut() = code;
                return answer.build_bytes_vec().map(Some);
            }
            Manner::Lame => return answer.build_bytes_vec().map(Some),
            Manner::Confused => answer.questions[0].qname = Name::new("else.test")?,
            Manner::Answers | Manner::DatagramsOnly => {}
        }
        answer.set_flags(PacketFlag::RECURSION_AVAILABLE);
        let knows_stream = self.manner != Manner::DatagramsOnly;
        if by_udp && self.targets.len() > 1 && name == SERVICE && (knows_stream || !has_edns) {
            answer.set_flags(PacketFlag::TRUNCATION);
        } else if !self.records(&mut answer, &name, kind)? {
            *answer.rcode_mut() = RCODE::NameError;
        }
        answer.build_bytes_vec().map(Some)
    }

    /// Adds the records of a name. Returns whether there is such a name.
    fn records<'a>(
        &'a self,
        answer: &mut Packet<'a>,
        name: &str,
        kind: QTYPE,
    ) -> simple_dns::Result<bool> {
        let record = |name: &'a str, data| {
            Ok::<_, simple_dns::SimpleDnsError>(ResourceRecord::new(
                Name::new(name)?,
                CLASS::IN,
                60,
                data,
            ))
        };
        if name == SERVICE {
            for (host, port) in &self.targets {
                let srv = SRV { priority: 1, weight: 1, port: *port, target: Name::new(host)? };
                answer.answers.push(record(SERVICE, RData::SRV(srv))?);
            }
            for (host, ip) in self.hosts.iter().filter(|_| self.adds) {
                answer.additional_records.push(record(host, address(*ip))?);
            }
            return Ok(true);
        }
        if let Some((host, alias)) = self.aliases.iter().find(|(host, _)| host == name) {
            answer.answers.push(record(host, RData::CNAME(CNAME(Name::new(alias)?)))?);
            return Ok(true);
        }
        let known: Vec<_> = self.hosts.iter().filter(|(host, _)| host == name).collect();
        for (host, ip) in &known {
            let is_asked = kind == QTYPE::TYPE(if ip.is_ipv4() { TYPE::A } else { TYPE::AAAA });
            if is_asked {
                answer.answers.push(record(host, address(*ip))?);
            }
        }
        Ok(!known.is_empty())
    }
}

fn address(ip: IpAddr) -> RData<'static> {
    match ip {
        IpAddr::V4(ip) => RData::A(A { address: ip.to_bits() }),
        IpAddr::V6(ip) => RData::AAAA(AAAA { address: ip.to_bits() }),
    }
}
