//! Seeds as people write them, and where they lead.
//!
//! A seed is looked up each time it is used, never once for all: what a name stands for changes, and
//! files do.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::address::{Address, DEFAULT_PORT, Resolver};
use crate::dns::Target;
use crate::error::{AddressError, SeedFailure};
use crate::runtime::Runtime;
use crate::tasks::BoxFuture;
use crate::{dns, error};

/// The most bytes that a file of seeds may have.
const FILE_LEN_MAX: u64 = 1 << 20;

/// The most addresses that seeds are looked up to; the rest is left out.
const ADDRS_MAX: usize = 1024;

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
            let is_empty = service.is_empty();
            let problem = error::AddressProblem::NoHost;
            let address = text.to_owned();
            return if is_empty {
                Err(AddressError { address, problem })
            } else {
                Ok(Self::Service(service.to_owned()))
            };
        }
        Ok(Self::Address(Address::parse(text)?))
    }
}

/// What seeds came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Addresses to join, each with the seed that led there; none twice.
    pub(crate) addrs: Vec<(SocketAddr, String)>,
    pub(crate) failed: Vec<SeedFailure>,
}

impl Found {
    fn add(&mut self, seed: &str, addrs: Vec<SocketAddr>) {
        for addr in addrs {
            let is_new = self.addrs.iter().all(|(known, _)| *known != addr);
            if is_new && self.addrs.len() < ADDRS_MAX {
                self.addrs.push((addr, seed.to_owned()));
            }
        }
    }
}

type Lookup<In, Out> = Box<dyn Fn(In) -> BoxFuture<Out> + Send + Sync>;

/// Finds out where seeds lead.
pub(crate) struct Finder {
    resolver: Resolver,
    services: Lookup<String, Result<Vec<Target>, String>>,
    files: Lookup<PathBuf, io::Result<String>>,
}

impl Finder {
    /// Asks these name servers for services; the system's, if there are none.
    pub(crate) fn new<R: Runtime>(
        runtime: R,
        resolver: Resolver,
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
        Self { resolver, services: Box::new(services), files: Box::new(files) }
    }

    /// Looks all seeds up. What fails does not keep the others from being found.
    pub(crate) async fn find(&self, seeds: &[String]) -> Found {
        let mut found = Found::default();
        for seed in seeds {
            match Seed::parse(seed) {
                Ok(Seed::File(path)) => self.find_in_file(&mut found, seed, &path).await,
                Ok(parsed) => self.find_one(&mut found, seed, &parsed).await,
                Err(error) => found.failed.push(error.into()),
            }
        }
        found
    }

    async fn find_one(&self, found: &mut Found, text: &str, seed: &Seed) {
        let result = match seed {
            Seed::Address(address) => self.resolve(address).await,
            Seed::Service(service) => self.resolve_service(found, text, service).await,
            Seed::File(path) => {
                Err(file_failure(path, None, "a file of seeds cannot name another one"))
            }
        };
        match result {
            Ok(addrs) => found.add(text, addrs),
            Err(failure) => found.failed.push(failure),
        }
    }

    async fn resolve(&self, address: &Address) -> Result<Vec<SocketAddr>, SeedFailure> {
        Ok(address.resolve(&self.resolver, DEFAULT_PORT).await?)
    }

    async fn resolve_service(
        &self,
        found: &mut Found,
        text: &str,
        service: &str,
    ) -> Result<Vec<SocketAddr>, SeedFailure> {
        let targets = (self.services)(service.to_owned()).await;
        let failure = |reason| SeedFailure::Service { seed: text.to_owned(), reason };
        let mut addrs = Vec::new();
        for Target { host, port } in targets.map_err(failure)? {
            match (self.resolver)(host.clone(), port).await {
                Ok(resolved) => addrs.extend(resolved),
                Err(error) => found.failed.push(failure(format!("{host}: {error}"))),
            }
        }
        Ok(addrs)
    }

    async fn find_in_file(&self, found: &mut Found, text: &str, path: &Path) {
        let content = match (self.files)(path.to_owned()).await {
            Ok(content) => content,
            Err(error) => return found.failed.push(file_failure(path, None, &error.to_string())),
        };
        for (line, seed) in (1..).zip(content.lines()) {
            let seed = seed.split('#').next().unwrap_or_default().trim();
            if seed.is_empty() {
                continue;
            }
            match Seed::parse(seed) {
                Ok(parsed) => {
                    let failed_before = found.failed.len();
                    self.find_one(found, text, &parsed).await;
                    for failure in &mut found.failed[failed_before..] {
                        *failure = file_failure(path, Some(line), &failure.to_string());
                    }
                }
                Err(error) => found.failed.push(file_failure(path, Some(line), &error.to_string())),
            }
        }
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

    use futures_lite::future;

    use super::*;

    /// Names that resolve, services and files, all by name.
    #[derive(Clone, Default)]
    struct World {
        hosts: BTreeMap<&'static str, &'static str>,
        services: BTreeMap<&'static str, Vec<(&'static str, u16)>>,
        files: BTreeMap<&'static str, &'static str>,
    }

    impl World {
        fn finder(self) -> Finder {
            let Self { hosts, services, files } = self;
            let resolver: Resolver = Box::new(move |host, port| {
                let ip = hosts.get(&*host).and_then(|ip| ip.parse().ok());
                let addr = ip.map(|ip| SocketAddr::new(ip, port));
                Box::pin(async move {
                    addr.map(|addr| vec![addr]).ok_or_else(|| io::Error::other("who?"))
                })
            });
            let services = Box::new(move |service: String| -> BoxFuture<_> {
                let target = |&(host, port): &(&str, u16)| Target { host: host.into(), port };
                let found = services.get(&*service).map(|found| found.iter().map(target).collect());
                Box::pin(async move { found.ok_or_else(|| "there is no such name".to_owned()) })
            });
            let files = Box::new(move |path: PathBuf| -> BoxFuture<_> {
                let content = path.to_str().and_then(|path| files.get(path)).copied();
                let missing = io::Error::from(io::ErrorKind::NotFound);
                Box::pin(async move { content.map(str::to_owned).ok_or(missing) })
            });
            Finder { resolver, services, files }
        }
    }

    /// The addresses and the failures, in words.
    fn found(world: World, seeds: &[&str]) -> (Vec<String>, Vec<String>) {
        let seeds: Vec<String> = seeds.iter().map(|&seed| seed.to_owned()).collect();
        let found = future::block_on(world.finder().find(&seeds));
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
    fn what_fails_keeps_nothing_else_from_being_found() {
        let world = World { hosts: [("here", "10.0.0.1")].into(), ..World::default() };
        let (addrs, failed) = found(world, &[":80", "there", "here", "10.0.0.1:7946"]);
        assert_eq!(addrs, ["10.0.0.1:7946 by here"]);
        assert_eq!(failed.len(), 2);
    }
}
