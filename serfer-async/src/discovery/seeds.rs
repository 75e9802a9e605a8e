//! Seeds as people write them, and the addresses that they lead to.
//!
//! A seed is looked up each time it is used, because names and files change. Names are looked up side by
//! side, so that a server that does not answer holds up no other name. The addresses are in the order of the
//! seeds all the same.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_lock::Semaphore;

use super::address::{Address, AddressError, AddressProblem, DEFAULT_PORT, HostResolver};
use super::dns::{self, SrvTarget};
use super::failure::SeedFailure;
use super::side_by_side::side_by_side;
use crate::node::tasks::BoxFuture;
use crate::runtime::Runtime;

/// The most bytes that a file of seeds may have.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The most addresses that are taken from all seeds; the rest is left out.
const ADDRS_MAX: usize = 1024;

/// How many names are looked up at a time.
const LOOKUPS_MAX: usize = 16;

/// One place to look for members.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seed {
    /// `HOST` or `HOST:PORT`.
    Address(Address),
    /// `srv+NAME`: the hosts and ports that DNS has for a service.
    Service(String),
    /// `file:PATH`: a seed of any other kind in each line.
    File(PathBuf),
}

impl Seed {
    fn parse(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("file:") {
            return Ok(Self::File(path.into()));
        }
        if let Some(service) = text.strip_prefix("srv+") {
            if service.is_empty() {
                let (address, problem) = (text.to_owned(), AddressProblem::NoHost);
                return Err(AddressError { address, problem });
            }
            return Ok(Self::Service(service.to_owned()));
        }
        Ok(Self::Address(Address::parse(text)?))
    }
}

/// The addresses of seeds.
#[derive(Debug, Default)]
pub(crate) struct ResolvedSeeds {
    /// Addresses to join, each once and with the seed that led there.
    pub(crate) addrs: Vec<(SocketAddr, String)>,
    pub(crate) failed: Vec<SeedFailure>,
}

impl ResolvedSeeds {
    fn at(addrs: Vec<SocketAddr>, seed: &str) -> Self {
        let addrs = addrs.into_iter().map(|addr| (addr, seed.to_owned()));
        Self { addrs: addrs.collect(), failed: Vec::new() }
    }

    fn failed(failure: impl Into<SeedFailure>) -> Self {
        Self { addrs: Vec::new(), failed: vec![failure.into()] }
    }

    /// Puts the results of several seeds together, in their order.
    fn all(parts: Vec<Self>) -> Self {
        let (mut all, mut known) = (Self::default(), BTreeSet::new());
        for part in parts {
            for (addr, seed) in part.addrs {
                if all.addrs.len() < ADDRS_MAX && known.insert(addr) {
                    all.addrs.push((addr, seed));
                }
            }
            all.failed.extend(part.failed);
        }
        all
    }
}

type Lookup<In, Out> = Box<dyn Fn(In) -> BoxFuture<Out> + Send + Sync>;

/// Looks seeds up.
pub(crate) struct SeedResolver {
    resolver: HostResolver,
    services: Lookup<String, Result<Vec<SrvTarget>, String>>,
    files: Lookup<PathBuf, io::Result<String>>,
    /// Limits the lookups of names.
    turns: Semaphore,
}

impl SeedResolver {
    /// Asks these name servers for services, or those of the system if there are none here.
    pub(crate) fn new<R: Runtime>(
        runtime: R,
        resolver: HostResolver,
        servers: Vec<SocketAddr>,
    ) -> Self {
        let dns = runtime.clone();
        let services = move |service: String| -> BoxFuture<_> {
            let (runtime, servers) = (dns.clone(), servers.clone());
            Box::pin(async move {
                let servers = if servers.is_empty() {
                    let read = runtime.unblock(dns::system_servers).await;
                    read.map_err(|error| format!("/etc/resolv.conf: {error}"))?
                } else {
                    servers
                };
                dns::lookup_srv(&runtime, &servers, &service).await
            })
        };
        let files = move |path: PathBuf| -> BoxFuture<_> {
            let runtime = runtime.clone();
            Box::pin(async move { runtime.unblock(move || read_file(&path)).await })
        };
        Self::of(resolver, Box::new(services), Box::new(files))
    }

    fn of(
        resolver: HostResolver,
        services: Lookup<String, Result<Vec<SrvTarget>, String>>,
        files: Lookup<PathBuf, io::Result<String>>,
    ) -> Self {
        Self { resolver, services, files, turns: Semaphore::new(LOOKUPS_MAX) }
    }

    /// Looks all seeds up. If one fails, the others are looked up all the same.
    pub(crate) async fn resolve(self: Arc<Self>, seeds: Vec<String>) -> ResolvedSeeds {
        let each = seeds.into_iter().map(move |seed| self.clone().resolve_seed(seed));
        ResolvedSeeds::all(side_by_side(LOOKUPS_MAX, each).await)
    }

    async fn resolve_seed(self: Arc<Self>, seed: String) -> ResolvedSeeds {
        match Seed::parse(&seed) {
            Ok(Seed::File(path)) => self.resolve_file(seed, path).await,
            Ok(parsed) => self.resolve_one(seed, parsed).await,
            Err(error) => ResolvedSeeds::failed(error),
        }
    }

    async fn resolve_one(self: Arc<Self>, text: String, seed: Seed) -> ResolvedSeeds {
        match seed {
            Seed::Address(address) => {
                let _turn = self.turns.acquire().await;
                match address.resolve(&self.resolver, DEFAULT_PORT).await {
                    Ok(addrs) => ResolvedSeeds::at(addrs, &text),
                    Err(error) => ResolvedSeeds::failed(error),
                }
            }
            Seed::Service(service) => self.resolve_service(text, service).await,
            Seed::File(path) => {
                let reason = "a file of seeds cannot name another one";
                ResolvedSeeds::failed(file_failure(&path, None, reason))
            }
        }
    }

    async fn resolve_service(self: Arc<Self>, text: String, service: String) -> ResolvedSeeds {
        let targets = {
            let _turn = self.turns.acquire().await;
            (self.services)(service).await
        };
        match targets {
            Ok(targets) => {
                let hosts = targets
                    .into_iter()
                    .map(move |target| self.clone().resolve_target(text.clone(), target));
                ResolvedSeeds::all(side_by_side(LOOKUPS_MAX, hosts).await)
            }
            Err(reason) => ResolvedSeeds::failed(SeedFailure::Service { seed: text, reason }),
        }
    }

    async fn resolve_target(
        self: Arc<Self>,
        text: String,
        SrvTarget { host, port }: SrvTarget,
    ) -> ResolvedSeeds {
        let _turn = self.turns.acquire().await;
        match (self.resolver)(host.clone(), port).await {
            Ok(addrs) => ResolvedSeeds::at(addrs, &text),
            Err(error) => ResolvedSeeds::failed(SeedFailure::Service {
                seed: text,
                reason: format!("{host}: {error}"),
            }),
        }
    }

    async fn resolve_file(self: Arc<Self>, text: String, path: PathBuf) -> ResolvedSeeds {
        let content = match (self.files)(path.clone()).await {
            Ok(content) => content,
            Err(error) => {
                return ResolvedSeeds::failed(file_failure(&path, None, &error.to_string()));
            }
        };
        let seeds = (1..).zip(content.lines()).filter_map(|(line, seed)| {
            let seed = seed.split('#').next().unwrap_or_default().trim();
            (!seed.is_empty()).then(|| (line, seed.to_owned()))
        });
        let lines = seeds.collect::<Vec<_>>().into_iter().map(move |(line, seed)| {
            self.clone().resolve_line(text.clone(), path.clone(), line, seed)
        });
        ResolvedSeeds::all(side_by_side(LOOKUPS_MAX, lines).await)
    }

    async fn resolve_line(
        self: Arc<Self>,
        text: String,
        path: PathBuf,
        line: usize,
        seed: String,
    ) -> ResolvedSeeds {
        let mut found = match Seed::parse(&seed) {
            Ok(parsed) => self.resolve_one(text, parsed).await,
            Err(error) => ResolvedSeeds::failed(error),
        };
        for failure in &mut found.failed {
            *failure = file_failure(&path, Some(line), &failure.to_string());
        }
        found
    }
}

fn file_failure(path: &Path, line: Option<usize>, reason: &str) -> SeedFailure {
    SeedFailure::File { path: path.to_owned(), line, reason: reason.to_owned() }
}

fn read_file(path: &Path) -> io::Result<String> {
    use std::io::Read;

    let mut content = String::new();
    let len = std::fs::File::open(path)?.take(FILE_LEN_MAX + 1).read_to_string(&mut content)?;
    if len as u64 > FILE_LEN_MAX {
        return Err(io::Error::other(format!("it is longer than {FILE_LEN_MAX} bytes")));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use futures_lite::future;

    use super::*;

    /// The hosts, services and files that can be looked up, by name.
    #[derive(Clone, Default)]
    struct World {
        hosts: BTreeMap<&'static str, &'static str>,
        services: BTreeMap<&'static str, Vec<(&'static str, u16)>>,
        files: BTreeMap<&'static str, &'static str>,
    }

    impl World {
        fn resolver(self) -> SeedResolver {
            let Self { hosts, services, files } = self;
            let resolver: HostResolver = Box::new(move |host, port| {
                let ip = hosts.get(&*host).and_then(|ip| ip.parse().ok());
                let addr = ip.map(|ip| SocketAddr::new(ip, port));
                Box::pin(async move {
                    addr.map(|addr| vec![addr]).ok_or_else(|| io::Error::other("who?"))
                })
            });
            let services = Box::new(move |service: String| -> BoxFuture<_> {
                let target = |&(host, port): &(&str, u16)| SrvTarget { host: host.into(), port };
                let found = services.get(&*service).map(|found| found.iter().map(target).collect());
                Box::pin(async move { found.ok_or_else(|| "there is no such name".to_owned()) })
            });
            let files = Box::new(move |path: PathBuf| -> BoxFuture<_> {
                let content = path.to_str().and_then(|path| files.get(path)).copied();
                let missing = io::Error::from(io::ErrorKind::NotFound);
                Box::pin(async move { content.map(str::to_owned).ok_or(missing) })
            });
            SeedResolver::of(resolver, services, files)
        }
    }

    /// The addresses and the failures, in words.
    fn found(world: World, seeds: &[&str]) -> (Vec<String>, Vec<String>) {
        let seeds: Vec<String> = seeds.iter().map(|&seed| seed.to_owned()).collect();
        let found = future::block_on(Arc::new(world.resolver()).resolve(seeds));
        let addrs = found.addrs.iter().map(|(addr, seed)| format!("{addr} by {seed}"));
        (addrs.collect(), found.failed.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_service_leads_to_its_hosts_at_their_ports() {
        let world = World {
            hosts: [("a.example", "10.0.0.1"), ("b.example", "10.0.0.2")].into(),
            services: [("_serf._tcp.example", vec![("a.example", 7001), ("b.example", 7002)])]
                .into(),
            ..World::default()
        };
        let (addrs, failed) = found(world.clone(), &["srv+_serf._tcp.example"]);
        let by = "by srv+_serf._tcp.example";
        assert_eq!(addrs, [format!("10.0.0.1:7001 {by}"), format!("10.0.0.2:7002 {by}")]);
        assert_eq!(failed, [""; 0]);
        let (_, failed) = found(world.clone(), &["srv+_consul._tcp.example"]);
        assert_eq!(failed, ["srv+_consul._tcp.example: there is no such name"]);
        let (_, failed) = found(world, &["srv+"]);
        assert_eq!(failed, ["address \"srv+\" has no host"]);
    }

    #[test]
    fn a_file_has_a_seed_in_each_line() {
        let content = "# ours\n10.0.0.1\n\n  10.0.0.2:80 # the second\nnobody\nfile:more\n10.0.0.1";
        let world = World { files: [("/etc/seeds", content)].into(), ..World::default() };
        let (addrs, failed) = found(world.clone(), &["file:/etc/seeds"]);
        let by = "by file:/etc/seeds";
        assert_eq!(addrs, [format!("10.0.0.1:7946 {by}"), format!("10.0.0.2:80 {by}")]);
        assert_eq!(
            failed,
            [
                "/etc/seeds:5: address \"nobody\" does not resolve: who?",
                "/etc/seeds:6: more: a file of seeds cannot name another one",
            ]
        );
        let (_, failed) = found(world, &["file:/etc/none"]);
        assert_eq!(failed, ["/etc/none: entity not found"]);
    }

    #[test]
    fn names_are_looked_up_side_by_side_within_a_limit_and_the_results_are_in_order() {
        let running: Arc<Mutex<[usize; 2]>> = Arc::default();
        let counted = running.clone();
        // The later a name, the sooner it is found.
        let resolver: HostResolver = Box::new(move |host, port| {
            let running = counted.clone();
            Box::pin(async move {
                let number: u8 = host.parse().expect("all names are numbers");
                let [now, most] = *running.lock().unwrap();
                *running.lock().unwrap() = [now + 1, most.max(now + 1)];
                for _ in number..100 {
                    future::yield_now().await;
                }
                running.lock().unwrap()[0] -= 1;
                if number == 21 {
                    return Err(io::Error::other("who?"));
                }
                Ok(vec![SocketAddr::from(([10, 0, 0, number], port))])
            })
        });
        let services = Box::new(|_| -> BoxFuture<_> {
            let targets = (20..60).map(|host| SrvTarget { host: host.to_string(), port: 1 });
            Box::pin(async move { Ok(targets.collect()) })
        });
        let lines = (60..100).map(|host| format!("{host}:1")).collect::<Vec<_>>().join("\n");
        let files = Box::new(move |_| -> BoxFuture<_> {
            let lines = lines.clone();
            Box::pin(async move { Ok(lines) })
        });
        let resolver = Arc::new(SeedResolver::of(resolver, services, files));
        let mut seeds: Vec<String> = (10..20).map(|host| format!("{host}:1")).collect();
        seeds.extend(["srv+x", "file:/x", "10.0.0.100:1"].map(str::to_owned));
        let found = future::block_on(resolver.resolve(seeds));
        let addrs = found.addrs.iter().map(|(addr, _)| addr.to_string());
        let expected = (10..=100).filter(|number| *number != 21);
        let expected = expected.map(|number| format!("10.0.0.{number}:1"));
        assert_eq!(addrs.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(found.failed.len(), 1);
        assert_eq!(*running.lock().unwrap(), [0, LOOKUPS_MAX]);
    }

    #[test]
    fn a_seed_that_fails_does_not_keep_others_from_being_found() {
        let world = World { hosts: [("here", "10.0.0.1")].into(), ..World::default() };
        let (addrs, failed) = found(world, &[":80", "there", "here", "10.0.0.1:7946"]);
        assert_eq!(addrs, ["10.0.0.1:7946 by here"]);
        assert_eq!(failed.len(), 2);
    }
}
