//! The addresses that seeds lead to.
//!
//! A seed is looked up each time it is used, because names and files change. Names are looked up side by
//! side, and what is found is handed on as it is found. So a server that does not answer holds up no other
//! name.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use async_lock::Semaphore;
use futures_lite::future;

use super::address::{DEFAULT_PORT, HostResolver};
use super::failure::{SeedFailure, SeedFailures};
use super::name_servers::NameServers;
use super::seed_book::SeedBook;
use super::seed_text::Seed;
use super::services::{DnsClient, SrvTarget};
use super::side_by_side::side_by_side;
use crate::node::signals::latch::{Never, closed};
use crate::node::tasks::BoxFuture;
use crate::runtime::Runtime;

/// The most bytes that a file of seeds may have.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The most seeds that are taken from a file; the rest is left out.
const LINES_MAX: usize = 1024;

/// How many names are looked up at a time.
const LOOKUPS_MAX: usize = 16;

/// How long the system may take to look up one name or to read one file.
const LOOKUP_TIME: Duration = Duration::from_secs(30);

/// How long all lookups of one try may take together: names wait for their turn, and each may take its time.
const ALL_LOOKUPS_TIME: Duration = Duration::from_secs(60);

/// What is wrong with the texts of seeds, however the network is.
pub(crate) fn faults(seeds: &[String]) -> Vec<SeedFailure> {
    seeds.iter().filter_map(|seed| Some(Seed::parse(seed).err()?.into())).collect()
}

/// The seeds whose text is right.
pub(crate) fn usable(seeds: &[String]) -> impl Iterator<Item = &String> {
    seeds.iter().filter(|seed| Seed::parse(seed).is_ok())
}

/// An error if no seed can ever lead anywhere.
pub(crate) fn check(seeds: &[String]) -> Result<(), SeedFailures> {
    let faults = faults(seeds);
    if faults.is_empty() || faults.len() < seeds.len() { Ok(()) } else { Err(SeedFailures(faults)) }
}

/// Where a seed, or a part of it, leads.
#[derive(Debug)]
pub(crate) struct SeedFinding {
    /// Its place among the seeds.
    pub(crate) seed: usize,
    /// The addresses, at least one.
    pub(crate) result: Result<Vec<SocketAddr>, SeedFailure>,
}

/// From a seed to what is found.
#[derive(Clone)]
struct Trail {
    seed: usize,
    text: Arc<str>,
    /// The file of seeds and the line in it.
    line: Option<(Arc<Path>, usize)>,
    findings: Sender<SeedFinding>,
}

impl Trail {
    fn found(&self, addrs: Vec<SocketAddr>) {
        self.send(Ok(addrs));
    }

    fn failed(&self, failure: impl Into<SeedFailure>) {
        let failure = failure.into();
        self.send(Err(match &self.line {
            Some((path, line)) => file_failure(path, Some(*line), &failure.to_string()),
            None => failure,
        }));
    }

    fn send(&self, result: Result<Vec<SocketAddr>, SeedFailure>) {
        // Nobody may care any more.
        drop(self.findings.try_send(SeedFinding { seed: self.seed, result }));
    }

    /// Reads the text. What needs no lookup is found at once.
    fn begin(&self) -> Option<Seed> {
        match Seed::parse(&self.text) {
            Ok(Seed::Literal(addr)) => {
                self.found(vec![addr]);
                None
            }
            Ok(seed) => Some(seed),
            Err(error) => {
                self.failed(error);
                None
            }
        }
    }
}

type Lookup<In, Out> = Box<dyn Fn(In) -> BoxFuture<Out> + Send + Sync>;

/// Looks seeds up.
pub(crate) struct SeedResolver {
    resolver: HostResolver,
    services: Lookup<String, Result<Vec<SrvTarget>, String>>,
    files: Lookup<PathBuf, io::Result<String>>,
    sleep: Lookup<Duration, ()>,
    /// Limits the lookups of names.
    turns: Semaphore,
    /// The seeds that the node is to look for others with.
    pub(crate) book: SeedBook,
}

impl SeedResolver {
    /// Asks these name servers for services, or those of the system if there are none here.
    pub(crate) fn new<R: Runtime>(
        runtime: R,
        resolver: HostResolver,
        servers: Vec<SocketAddr>,
    ) -> Self {
        let [dns, clock, sleeper] = [(); 3].map(|()| runtime.clone());
        let services = move |service: String| -> BoxFuture<_> {
            let (runtime, servers) = (dns.clone(), servers.clone());
            Box::pin(async move {
                let servers = if servers.is_empty() {
                    let read = runtime.unblock(NameServers::of_system).await;
                    read.map_err(|error| format!("/etc/resolv.conf: {error}"))?
                } else {
                    NameServers::given(servers)
                };
                Arc::new(DnsClient::new(runtime, servers)).service(service).await
            })
        };
        let files = move |path: PathBuf| -> BoxFuture<_> {
            let runtime = runtime.clone();
            Box::pin(async move {
                let reading = runtime.unblock(move || read_file(&path));
                in_time(&runtime, reading).await
            })
        };
        let hosts = move |host, port| -> BoxFuture<_> {
            let (looking_up, runtime) = (resolver(host, port), clock.clone());
            Box::pin(async move { in_time(&runtime, looking_up).await })
        };
        let sleep = move |time| -> BoxFuture<()> {
            let runtime = sleeper.clone();
            Box::pin(async move { runtime.sleep_until(runtime.now() + time).await })
        };
        Self::of(Box::new(hosts), Box::new(services), Box::new(files), Box::new(sleep))
    }

    fn of(
        resolver: HostResolver,
        services: Lookup<String, Result<Vec<SrvTarget>, String>>,
        files: Lookup<PathBuf, io::Result<String>>,
        sleep: Lookup<Duration, ()>,
    ) -> Self {
        Self {
            resolver,
            services,
            files,
            sleep,
            turns: Semaphore::new(LOOKUPS_MAX),
            book: SeedBook::default(),
        }
    }

    /// Looks all seeds up, and sends what is found as it is found. If one fails, the others are looked up all
    /// the same. What takes too long is given up.
    pub(crate) async fn resolve(
        self: Arc<Self>,
        seeds: Vec<String>,
        findings: Sender<SeedFinding>,
    ) {
        let trails = seeds.iter().enumerate().map(|(seed, text)| {
            let (text, findings) = (text.as_str().into(), findings.clone());
            Trail { seed, text, line: None, findings }
        });
        let begun = begun(trails);
        if begun.is_empty() {
            return;
        }
        let (late, is_late) = async_channel::bounded::<Never>(1);
        let late = async {
            (self.sleep)(ALL_LOOKUPS_TIME).await;
            drop(late);
            future::pending::<()>().await;
        };
        let each = begun.into_iter().map(|(trail, seed)| {
            let given_up = given_up(is_late.clone(), trail.clone());
            future::or(self.clone().resolve_seed(trail, seed), given_up)
        });
        let all = async { drop(side_by_side(LOOKUPS_MAX, each).await) };
        future::or(all, late).await;
    }

    async fn resolve_seed(self: Arc<Self>, trail: Trail, seed: Seed) {
        match seed {
            Seed::File(path) => self.resolve_file(trail, path.into()).await,
            seed => self.resolve_one(trail, seed).await,
        }
    }

    async fn resolve_one(self: Arc<Self>, trail: Trail, seed: Seed) {
        match seed {
            Seed::Literal(addr) => trail.found(vec![addr]),
            Seed::Name(address) => {
                let _turn = self.turns.acquire().await;
                match address.resolve(&self.resolver, DEFAULT_PORT).await {
                    Ok(addrs) => trail.found(addrs),
                    Err(error) => trail.failed(error),
                }
            }
            Seed::Service(service) => self.resolve_service(trail, service).await,
            Seed::File(path) => {
                trail.failed(file_failure(&path, None, "a file of seeds cannot name another one"));
            }
        }
    }

    async fn resolve_service(self: Arc<Self>, trail: Trail, service: String) {
        let targets = {
            let _turn = self.turns.acquire().await;
            (self.services)(service).await
        };
        match targets {
            Ok(targets) => {
                let hosts = targets.into_iter();
                let hosts =
                    hosts.map(move |target| self.clone().resolve_target(trail.clone(), target));
                side_by_side(LOOKUPS_MAX, hosts).await;
            }
            Err(reason) => trail.failed(service_failure(&trail.text, reason)),
        }
    }

    /// The addresses of a host that offers a service: those that DNS has, or else those that the system has.
    async fn resolve_target(self: Arc<Self>, trail: Trail, target: SrvTarget) {
        let SrvTarget { host, port, ips } = target;
        let _turn = self.turns.acquire().await;
        let ips = ips.await;
        if !ips.is_empty() {
            return trail.found(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect());
        }
        let reason = match (self.resolver)(host.clone(), port).await {
            Ok(addrs) if !addrs.is_empty() => return trail.found(addrs),
            Ok(_) => "no address".to_owned(),
            Err(error) => error.to_string(),
        };
        trail.failed(service_failure(&trail.text, format!("{host}: {reason}")));
    }

    async fn resolve_file(self: Arc<Self>, trail: Trail, path: Arc<Path>) {
        let content = match (self.files)(path.to_path_buf()).await {
            Ok(content) => content,
            Err(error) => return trail.failed(file_failure(&path, None, &error.to_string())),
        };
        let seeds = (1..).zip(content.trim_start_matches('\u{feff}').lines());
        let mut seeds = seeds.filter_map(|(line, seed)| {
            let seed = seed.split('#').next().unwrap_or_default().trim();
            (!seed.is_empty()).then_some((line, seed))
        });
        let lines: Vec<_> = seeds.by_ref().take(LINES_MAX).collect();
        if lines.is_empty() {
            trail.failed(file_failure(&path, None, "there is no seed in it yet"));
        }
        if let Some((line, _)) = seeds.next() {
            let reason = format!("a file has {LINES_MAX} seeds at most; the rest is left out");
            trail.failed(file_failure(&path, Some(line), &reason));
        }
        let trails = lines.into_iter().map(|(line, text)| {
            let line = Some((path.clone(), line));
            Trail { text: text.into(), line, ..trail.clone() }
        });
        let begun = begun(trails).into_iter();
        let each = begun.map(move |(trail, seed)| self.clone().resolve_one(trail, seed));
        side_by_side(LOOKUPS_MAX, each).await;
    }
}

/// Fails once it takes too long.
async fn given_up(is_late: Receiver<Never>, trail: Trail) {
    closed(is_late).await;
    let reason = format!("not all is looked up within {ALL_LOOKUPS_TIME:?}");
    trail.failed(service_failure(&trail.text, reason));
}

/// The seeds that are still to be looked up.
fn begun(trails: impl Iterator<Item = Trail>) -> Vec<(Trail, Seed)> {
    trails.filter_map(|trail| trail.begin().map(|seed| (trail, seed))).collect()
}

/// The result of a lookup, or an error if it takes too long.
async fn in_time<T>(
    runtime: &impl Runtime,
    lookup: impl Future<Output = io::Result<T>>,
) -> io::Result<T> {
    let late = async {
        runtime.sleep_until(runtime.now() + LOOKUP_TIME).await;
        Err(io::Error::new(io::ErrorKind::TimedOut, format!("not within {LOOKUP_TIME:?}")))
    };
    future::or(lookup, late).await
}

fn service_failure(seed: &str, reason: String) -> SeedFailure {
    SeedFailure::Service { seed: seed.to_owned(), reason }
}

fn file_failure(path: &Path, line: Option<usize>, reason: &str) -> SeedFailure {
    SeedFailure::File { path: path.to_owned(), line, reason: reason.to_owned() }
}

/// The text of a file. What is not UTF-8 is no seed, and fails as such.
fn read_file(path: &Path) -> io::Result<String> {
    use std::io::Read;

    // Opening a pipe could take for ever, and so would each look at it keep a thread.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut content = Vec::new();
    let len = std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_end(&mut content)?;
    if len as u64 > FILE_LEN_MAX {
        return Err(io::Error::other(format!("it is longer than {FILE_LEN_MAX} bytes")));
    }
    Ok(String::from_utf8_lossy(&content).into_owned())
}

#[cfg(test)]
mod tests;
