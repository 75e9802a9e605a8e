//! Services that DNS knows: at which hosts and ports they are offered.
//!
//! All servers are asked, one after another, until one answers; one that fails or refuses has not answered.
//! The addresses of the hosts stand in the answer itself, or the same servers are asked for them.

use std::cmp::Reverse;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_lite::future;
use simple_dns::TYPE;

use super::dns::{self, DnsAnswer, DnsQuestion, DnsRecord, RecordData};
use super::name_servers::NameServers;
use crate::node::tasks::BoxFuture;
use crate::runtime::Runtime;

/// How many other names a name may have, one after another.
const ALIASES_MAX: usize = 8;

/// The most targets of a service; the rest is left out.
const TARGETS_MAX: usize = 1024;

/// After this time, a service is looked up in no further domain.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a service is offered.
pub(crate) struct SrvTarget {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The addresses of the host, if the servers that know the service know them.
    pub(crate) ips: BoxFuture<Vec<IpAddr>>,
}

/// Looks up names at some servers.
pub(crate) struct DnsClient<R> {
    runtime: R,
    servers: NameServers,
    /// The server to ask first: the one that answered last.
    first: AtomicUsize,
}

/// A service as a record says it.
struct ServiceRecord {
    priority: u16,
    weight: u16,
    target: String,
    port: u16,
}

impl<R: Runtime> DnsClient<R> {
    pub(crate) fn new(runtime: R, servers: NameServers) -> Self {
        let count = servers.addrs.len().max(1);
        let first = if servers.rotate { random() as usize % count } else { 0 };
        Self { runtime, servers, first: AtomicUsize::new(first) }
    }

    /// Looks up the targets of a service such as `_serf._tcp.example.com`, the best priority first. The error
    /// says in words why there are none.
    pub(crate) async fn service(
        self: Arc<Self>,
        service: String,
    ) -> Result<Vec<SrvTarget>, String> {
        let begin = self.runtime.now();
        let (mut nothing, mut no_answer) = ("there is no such name".to_owned(), None);
        for name in self.servers.full_names(&service) {
            match self.look_up(&name, TYPE::SRV).await {
                Ok(Some(records)) => match targets(&records) {
                    Some(found) if found.is_empty() => {
                        nothing = "the service is not offered".to_owned();
                    }
                    Some(found) => return Ok(self.with_addresses(found, &records)),
                    None => nothing = format!("{name} has no SRV record"),
                },
                Ok(None) => {}
                Err(reason) => no_answer = Some(reason),
            }
            if self.runtime.now() > begin + PATIENCE {
                break;
            }
        }
        Err(no_answer.unwrap_or(nothing))
    }

    fn with_addresses(
        self: Arc<Self>,
        targets: Vec<ServiceRecord>,
        records: &[DnsRecord],
    ) -> Vec<SrvTarget> {
        let found = targets.into_iter().take(TARGETS_MAX).map(|target| {
            let ServiceRecord { target: host, port, .. } = target;
            let (mut ips, _) = addresses(&host, records);
            let (client, name) = (self.clone(), host.clone());
            let ips = async move {
                if ips.is_empty() {
                    ips = client.addresses(&name).await;
                }
                ips
            };
            SrvTarget { host, port, ips: Box::pin(ips) }
        });
        found.collect()
    }

    /// All addresses of a host that the servers know.
    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let of = async |kind| {
            let mut name = host.to_owned();
            for _ in 0..ALIASES_MAX {
                let Ok(Some(records)) = self.look_up(&name, kind).await else {
                    return Vec::new();
                };
                let (ips, last_name) = addresses(&name, &records);
                if !ips.is_empty() || last_name == name {
                    return ips;
                }
                name = last_name;
            }
            Vec::new()
        };
        let (mut ips, v6) = future::zip(of(TYPE::A), of(TYPE::AAAA)).await;
        ips.extend(v6);
        ips
    }

    /// The records of a name; `None` if there is no such name. The error names each server with its reason.
    async fn look_up(&self, name: &str, kind: TYPE) -> Result<Option<Vec<DnsRecord>>, String> {
        let NameServers { addrs, timeout, tries, by_stream, .. } = &self.servers;
        let question = DnsQuestion { name: name.to_owned(), kind };
        let mut reasons = vec![String::new(); addrs.len()];
        let first = self.first.load(Ordering::Relaxed);
        for n in (0..*tries).flat_map(|_| 0..addrs.len()) {
            let at = (first + n) % addrs.len();
            let late = async {
                self.runtime.sleep_until(self.runtime.now() + *timeout).await;
                Err("it does not answer".to_owned())
            };
            let asked = dns::ask(&self.runtime, addrs[at], &question, *by_stream);
            match future::or(asked, late).await {
                Ok(answer) => {
                    self.first.store(at, Ordering::Relaxed);
                    return Ok(match answer {
                        DnsAnswer::NoSuchName => None,
                        DnsAnswer::Records(records) => Some(records),
                    });
                }
                Err(reason) => {
                    let server = addrs[at];
                    tracing::debug!(target: "serfer::join", %server, reason, "no answer of a name server");
                    reasons[at] = reason;
                }
            }
        }
        Err(in_words(addrs, &reasons))
    }
}

/// Why none of the servers answered.
fn in_words(servers: &[SocketAddr], reasons: &[String]) -> String {
    if servers.is_empty() {
        return "there is no name server to ask".to_owned();
    }
    let each = servers.iter().zip(reasons).map(|(server, why)| format!("{server}: {why}"));
    format!("no name server answers: {}", each.collect::<Vec<_>>().join(", "))
}

/// The targets in these records, in the order in which they are to be tried: those of a better priority
/// first, and among equals in random order, a heavier one sooner. `None` without a record. A target `.` means
/// that the service is not offered.
fn targets(records: &[DnsRecord]) -> Option<Vec<ServiceRecord>> {
    let services = records.iter().filter_map(|record| match &record.data {
        RecordData::Service { priority, weight, target, port } => Some(ServiceRecord {
            priority: *priority,
            weight: *weight,
            target: target.clone(),
            port: *port,
        }),
        _ => None,
    });
    let mut found: Vec<_> = services.collect();
    if found.is_empty() {
        return None;
    }
    found.retain(|it| !it.target.is_empty() && it.target != ".");
    // Each has its turn first as often as its weight is in proportion to the sum of all.
    found.sort_by_cached_key(|it| {
        let chance = f64::from(random() | 1) / f64::from(u32::MAX);
        let turn = chance.powf(1.0 / (f64::from(it.weight) + 0.1));
        (it.priority, Reverse((turn * 1e15) as u64))
    });
    Some(found)
}

/// The addresses that records have for a host, and the last of its names.
fn addresses(host: &str, records: &[DnsRecord]) -> (Vec<IpAddr>, String) {
    let mut name = host.to_ascii_lowercase();
    for _ in 0..ALIASES_MAX {
        let alias = records.iter().find_map(|record| match &record.data {
            RecordData::Alias(alias) if record.name == name => Some(alias),
            _ => None,
        });
        let Some(alias) = alias else {
            break;
        };
        name.clone_from(alias);
    }
    let ips = records.iter().filter_map(|record| match record.data {
        RecordData::Ip(ip) if record.name == name => Some(ip),
        _ => None,
    });
    (ips.collect(), name)
}

/// A random number; without randomness, the middle will do.
fn random() -> u32 {
    let mut bytes = [0; 4];
    getrandom::fill(&mut bytes).map_or(u32::MAX / 2, |()| u32::from_le_bytes(bytes))
}
