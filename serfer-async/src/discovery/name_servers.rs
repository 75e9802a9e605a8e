//! Which name servers are asked, and how: what `/etc/resolv.conf` says.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::path::Path;
use std::time::Duration;

use resolv_conf::ScopedIp;

const DNS_PORT: u16 = 53;

/// The most servers that are asked.
const SERVERS_MAX: usize = 8;

/// The most domains that a name is looked up in.
const DOMAINS_MAX: usize = 32;

/// Name servers, and how they are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NameServers {
    pub(crate) addrs: Vec<SocketAddr>,
    /// How long one of them has to answer once.
    pub(crate) timeout: Duration,
    /// How often each is asked.
    pub(crate) tries: usize,
    /// Whether the first to be asked is a random one.
    pub(crate) rotate: bool,
    /// Whether they are asked by streams only.
    pub(crate) by_stream: bool,
    /// The domains that names are looked up in.
    search: Vec<String>,
    /// A name with so many dots is first looked up as it is.
    ndots: usize,
}

impl NameServers {
    /// Those that a program gives. Names are looked up as they are.
    pub(crate) fn given(addrs: Vec<SocketAddr>) -> Self {
        Self {
            addrs,
            timeout: Duration::from_secs(2),
            tries: 2,
            rotate: false,
            by_stream: false,
            search: Vec::new(),
            ndots: 0,
        }
    }

    /// Those that this machine uses. This reads a file.
    pub(crate) fn of_system() -> io::Result<Self> {
        Self::read(Path::new("/etc/resolv.conf"))
    }

    /// A file that is not there says as little as an empty one.
    fn read(path: &Path) -> io::Result<Self> {
        let text = match std::fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            text => text?,
        };
        Ok(Self::parse(&text, interface_index))
    }

    /// Reads the text of a `resolv.conf`. What is wrong in it is left out. Without a server, it is the one on
    /// this machine. `index_of` is the number of a network interface.
    fn parse(text: &[u8], index_of: impl Fn(&str) -> Option<u32>) -> Self {
        let (config, _faults) = resolv_conf::Config::parse_with_errors(text);
        let servers = config.get_nameservers_or_local();
        let addr = |server: ScopedIp| match server {
            ScopedIp::V6(ip, Some(scope)) => {
                let scope = scope.parse().ok().or_else(|| index_of(&scope)).unwrap_or(0);
                SocketAddrV6::new(ip, DNS_PORT, 0, scope).into()
            }
            server => SocketAddr::new(IpAddr::from(server), DNS_PORT),
        };
        let domains = config.get_last_search_or_domain().map(|it| it.trim_matches('.').to_owned());
        Self {
            addrs: servers.into_iter().take(SERVERS_MAX).map(addr).collect(),
            timeout: Duration::from_secs(config.timeout.clamp(1, 30).into()),
            tries: config.attempts.clamp(1, 5) as usize,
            rotate: config.rotate,
            by_stream: config.use_vc,
            search: domains.filter(|it| !it.is_empty()).take(DOMAINS_MAX).collect(),
            ndots: config.ndots as usize,
        }
    }

    /// The full names that a name may stand for, in the order in which they are looked up. A name that ends in
    /// a dot is full.
    pub(crate) fn full_names(&self, name: &str) -> Vec<String> {
        if let Some(full) = name.strip_suffix('.') {
            return vec![full.to_owned()];
        }
        let mut names: Vec<String> =
            self.search.iter().map(|domain| format!("{name}.{domain}")).collect();
        let has_enough_dots = name.matches('.').count() >= self.ndots;
        names.insert(if has_enough_dots { 0 } else { names.len() }, name.to_owned());
        names
    }
}

fn interface_index(name: &str) -> Option<u32> {
    let interfaces = if_addrs::get_if_addrs().ok()?;
    interfaces.iter().find(|interface| interface.name == name)?.index
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> NameServers {
        NameServers::parse(text.as_bytes(), |name| (name == "eth0").then_some(7))
    }

    #[test]
    fn the_options_of_resolv_conf_are_obeyed() {
        let found = parsed(
            "# ours\nnameserver 10.0.0.2\nnameserver fe80::1%eth0\nnameserver what?\nnameserver ::1\n\
             search a.example. b.example\noptions timeout:1 attempts:3 rotate use-vc ndots:5\n",
        );
        let addrs = ["10.0.0.2:53", "[fe80::1%7]:53", "[::1]:53"].map(|it| it.parse().unwrap());
        assert_eq!(found.addrs, addrs);
        assert_eq!((found.timeout, found.tries), (Duration::from_secs(1), 3));
        assert!(found.rotate && found.by_stream);
        assert_eq!(found.full_names("x.y"), ["x.y.a.example", "x.y.b.example", "x.y"]);
        assert_eq!(found.full_names("1.2.3.4.5.6")[0], "1.2.3.4.5.6");
        assert_eq!(found.full_names("x.y."), ["x.y"]);
    }

    #[test]
    fn without_a_server_it_is_the_one_on_this_machine_and_absurd_numbers_are_bounded() {
        let found = parsed("options timeout:999999 attempts:999999 ndots:15\n");
        assert!(found.addrs.iter().all(|addr| addr.ip().is_loopback()), "{found:?}");
        assert!(!found.addrs.is_empty());
        let not_there = NameServers::read(Path::new("/not/there/resolv.conf")).unwrap();
        assert_eq!(not_there.addrs, found.addrs);
        assert!(found.timeout <= Duration::from_secs(30) && found.tries <= 5, "{found:?}");
        assert!(parsed(&"nameserver 10.0.0.2\n".repeat(1000)).addrs.len() <= SERVERS_MAX);
    }

    #[test]
    fn a_name_for_given_servers_is_full() {
        let given = NameServers::given(vec![([10, 0, 0, 2], 53).into()]);
        assert_eq!(given.full_names("db"), ["db"]);
    }
}
