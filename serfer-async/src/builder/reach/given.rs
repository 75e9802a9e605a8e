//! Addresses that somebody gave: those that can be bound, and those that can be advertised.

use std::net::{IpAddr, SocketAddr};

use super::local::Surroundings;
use crate::discovery::address::AddressProblem;
use crate::node::sockets::HeardFamilies;

/// The addresses to bind, the best first, out of those that were given or that a name leads to.
///
/// A name that leads to this machine only, as many machines have for their own name, is refused: nobody would
/// ever find out. `localhost` means it.
pub(crate) fn bindable(
    host: &str,
    mut addrs: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, AddressProblem> {
    if is_literal(host) || is_localhost(host) {
        return Ok(addrs);
    }
    addrs.sort_by_key(|addr| is_link_local(addr.ip()));
    let loopback = addrs.iter().find(|addr| addr.ip().is_loopback()).copied();
    addrs.retain(|addr| !addr.ip().is_loopback());
    match loopback {
        Some(addr) if addrs.is_empty() => Err(AddressProblem::Loopback(addr.ip())),
        _ => Ok(addrs),
    }
}

/// The address to advertise, out of those that were given, or that a name leads to.
pub(crate) fn advertisable(
    host: &str,
    mut addrs: Vec<SocketAddr>,
    bound: SocketAddr,
    heard: HeardFamilies,
    around: &Surroundings,
) -> Result<SocketAddr, AddressProblem> {
    addrs.retain(|addr| heard.hear(addr.ip()));
    if addrs.is_empty() {
        return Err(AddressProblem::Unheard { bound });
    }
    addrs.retain(|addr| !is_link_local(addr.ip()));
    if addrs.is_empty() {
        return Err(AddressProblem::LinkLocal);
    }
    let of_this_machine_only = addrs.iter().find(|addr| addr.ip().is_loopback()).copied();
    if !is_literal(host) && !bound.ip().is_loopback() {
        addrs.retain(|addr| !addr.ip().is_loopback());
    }
    // Of several, the one that is bound, or that is ours at all.
    let is_good = |addr: &&SocketAddr| {
        addr.ip() == bound.ip() || bound.ip().is_unspecified() && around.has(addr.ip())
    };
    match addrs.iter().find(is_good).or_else(|| addrs.first()) {
        Some(addr) => Ok(SocketAddr::new(addr.ip().to_canonical(), addr.port())),
        None => Err(of_this_machine_only
            .map_or(AddressProblem::LinkLocal, |addr| AddressProblem::Loopback(addr.ip()))),
    }
}

/// Why others may not reach a node that is bound there and advertises this, if that is likely. It is possible
/// all the same, through a proxy.
pub(crate) fn doubt(
    advertised: IpAddr,
    bound: IpAddr,
    around: &Surroundings,
) -> Option<&'static str> {
    if advertised.is_loopback() && !bound.is_loopback() {
        return Some("no other machine reaches the address that we advertise");
    }
    if bound.is_loopback() && !advertised.is_loopback() {
        return Some("no other machine reaches the address that is bound");
    }
    let is_another = !bound.is_unspecified() && bound.to_canonical() != advertised;
    (is_another && around.has(advertised)).then_some(
        "we do not listen at the address that we advertise, but at another of this machine",
    )
}

/// Whether an address is of IPv6 and only valid together with a link.
pub(crate) fn is_link_local(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

fn is_literal(host: &str) -> bool {
    // What stands after a % is a link.
    host.split('%').next().is_some_and(|ip| ip.parse::<IpAddr>().is_ok())
}

fn is_localhost(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::reach::choice::tests::around;

    const PORT: u16 = 7946;

    fn addrs(ips: &str) -> Vec<SocketAddr> {
        let addr = |ip: &str| SocketAddr::new(ip.parse().unwrap(), PORT);
        ips.split_whitespace().map(addr).collect()
    }

    /// What is advertised by a node that is bound there, on a machine that has `10.0.0.5` and `fd00::5`.
    fn advertised(host: &str, found: &str, bound: &str) -> String {
        let around = around(&["eth0 10.0.0.5", "eth0 fd00::5", "lo 127.0.0.1"]);
        let bound = addrs(bound)[0];
        let heard = HeardFamilies::at(bound.ip(), false);
        match advertisable(host, addrs(found), bound, heard, &around) {
            Ok(addr) => addr.ip().to_string(),
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn each_family_is_advertised_only_by_who_hears_it() {
        let [v4, v6] = ["203.0.113.9", "2001:db8::9"];
        let hears = |given: &str, bound: &str| advertised(given, given, bound) == given;
        for (bound, hears_v4, hears_v6) in [
            ("0.0.0.0", true, false),
            ("10.0.0.5", true, false),
            ("127.0.0.1", true, false),
            ("::", true, true),
            ("fd00::5", false, true),
            ("::1", false, true),
        ] {
            assert_eq!((hears(v4, bound), hears(v6, bound)), (hears_v4, hears_v6), "{bound}");
        }
        let why = advertised(v6, v6, "0.0.0.0");
        assert!(why.contains("bound to 0.0.0.0:7946") && why.contains("[::]"), "{why}");
        assert_eq!(advertised("myhost", "2001:db8::9 203.0.113.9", "0.0.0.0"), v4);
        assert_eq!(advertised("::ffff:203.0.113.9", "::ffff:203.0.113.9", "::"), v4);
    }

    #[test]
    fn a_name_of_this_machine_that_only_it_knows_is_refused() {
        let why = advertised("myhost", "127.0.1.1", "0.0.0.0");
        assert!(why.contains("127.0.1.1") && why.contains("give an IP address"), "{why}");
        assert_eq!(advertised("myhost", "127.0.1.1 10.0.0.5", "0.0.0.0"), "10.0.0.5");
        assert_eq!(advertised("myhost", "203.0.113.9 10.0.0.5", "0.0.0.0"), "10.0.0.5");
        assert_eq!(advertised("myhost", "203.0.113.9 198.51.100.1", "0.0.0.0"), "203.0.113.9");
        assert_eq!(advertised("localhost", "::1 127.0.0.1", "127.0.0.1"), "127.0.0.1");
        assert_eq!(advertised("127.0.0.1", "127.0.0.1", "0.0.0.0"), "127.0.0.1", "as it was given");

        let bound = |host, found| bindable(host, addrs(found)).map_err(|it| it.to_string());
        assert!(bound("myhost", "127.0.1.1").is_err());
        assert_eq!(bound("myhost", "127.0.1.1 fe80::1 10.0.0.5"), Ok(addrs("10.0.0.5 fe80::1")));
        for host in ["localhost", "LOCALHOST.", "a.localhost", "127.0.1.1"] {
            assert_eq!(bound(host, "127.0.1.1"), Ok(addrs("127.0.1.1")), "{host}");
        }
    }

    #[test]
    fn an_address_of_one_link_is_never_advertised() {
        for bound in ["::", "fe80::1"] {
            let why = advertised("fe80::1%eth0", "fe80::1", bound);
            assert!(why.contains("one link only"), "{why}");
        }
        assert_eq!(advertised("fd00::9", "fd00::9", "fe80::1"), "fd00::9");
    }

    #[test]
    fn an_address_that_is_probably_not_heard_is_doubted() {
        let around = around(&["eth0 10.0.0.5", "eth1 10.1.0.5", "lo 127.0.0.1"]);
        let doubted = |advertised: &str, bound: &str| {
            doubt(advertised.parse().unwrap(), bound.parse().unwrap(), &around).is_some()
        };
        assert!(doubted("127.0.0.1", "0.0.0.0"));
        assert!(doubted("203.0.113.9", "127.0.0.1"));
        assert!(doubted("10.1.0.5", "10.0.0.5"));
        assert!(!doubted("10.1.0.5", "0.0.0.0"));
        assert!(!doubted("10.1.0.5", "::"));
        assert!(!doubted("203.0.113.9", "10.0.0.5"));
        assert!(!doubted("127.0.0.2", "127.0.0.1"));
    }
}
