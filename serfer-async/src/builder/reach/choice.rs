//! Which address of this machine is advertised, if none is given.
//!
//! It is the one that the default route uses. Others reach us there if they reach us at all, while bridges and
//! tunnels have addresses that look just as good. Without a default route, an interface has to be guessed.

use std::fmt;
use std::net::IpAddr;

use super::local::{LocalAddress, Surroundings};
use crate::node::sockets::HeardFamilies;

/// An address that was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) ip: IpAddr,
    pub(super) interface: String,
    pub(crate) why: Why,
}

/// Why an address was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its interface has the default route.
    DefaultRoute,
    /// There is no other.
    OnlyOne,
    /// There is no default route, and there are these others.
    Guess(Vec<IpAddr>),
}

/// The address at which others reach a node that listens on all addresses of these families.
pub(crate) fn choose(around: &Surroundings, heard: HeardFamilies) -> Option<Choice> {
    let reach_us = |it: &&LocalAddress| it.is_up && heard.hear(it.ip) && is_for_others(it.ip);
    let usable: Vec<&LocalAddress> = around.addresses.iter().filter(reach_us).collect();
    let choice = |chosen: &LocalAddress, why| Choice {
        ip: chosen.ip,
        interface: chosen.interface.clone(),
        why,
    };
    for route in around.routes.into_iter().flatten() {
        if let Some(chosen) = usable.iter().find(|address| address.ip == route) {
            return Some(choice(lasting(chosen, &usable), Why::DefaultRoute));
        }
    }
    let order = |it: &&&LocalAddress| (is_internal(&it.interface), it.is_temporary, rank(it.ip));
    let chosen = *usable.iter().min_by_key(order)?;
    let others = usable.iter().filter(|other| other.interface != chosen.interface);
    let others: Vec<IpAddr> = others.map(|other| other.ip).collect();
    let why = if others.is_empty() { Why::OnlyOne } else { Why::Guess(others) };
    Some(choice(chosen, why))
}

/// In place of an address that will be replaced soon: one of the same interface and kind that will not.
fn lasting<'a>(chosen: &'a LocalAddress, usable: &[&'a LocalAddress]) -> &'a LocalAddress {
    let is_like_it = |other: &LocalAddress| {
        let same = other.interface == chosen.interface && rank(other.ip) == rank(chosen.ip);
        same && !other.is_temporary
    };
    let other = usable.iter().find(|other| chosen.is_temporary && is_like_it(other));
    other.copied().unwrap_or(chosen)
}

/// Whether an address is valid beyond this machine and this link.
pub(crate) fn is_for_others(ip: IpAddr) -> bool {
    let is_of_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !ip.is_unspecified() && !ip.is_loopback() && !is_of_link
}

/// Whether the name of an interface is one of those that engines for containers and machines, and private
/// networks, give to theirs. It is only a guess, so it only matters if there is no default route.
fn is_internal(interface: &str) -> bool {
    const PREFIXES: [&str; 14] = [
        "docker",
        "podman",
        "br-",
        "virbr",
        "lxc",
        "lxd",
        "veth",
        "cni",
        "cali",
        "flannel",
        "tun",
        "tap",
        "wg",
        "vEthernet",
    ];
    PREFIXES.iter().any(|prefix| interface.starts_with(prefix))
}

/// Without a default route, private IPv4 is best, then any other IPv4, then local IPv6, then any other IPv6.
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if ip.is_private() => 0,
        IpAddr::V4(_) => 1,
        IpAddr::V6(ip) if ip.is_unique_local() => 2,
        IpAddr::V6(_) => 3,
    }
}

/// `10.0.0.5: interface eth0 has the default route`
impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ip, interface, why } = self;
        match why {
            Why::DefaultRoute => write!(f, "{ip}: interface {interface} has the default route"),
            Why::OnlyOne => {
                write!(f, "{ip}: only interface {interface} has an address for others")
            }
            Why::Guess(others) => {
                write!(f, "{ip} of interface {interface}: there is no default route, and ")?;
                write!(
                    f,
                    "{others:?} would do as well; if others cannot reach it, say which one "
                )?;
                f.write_str("to advertise")
            }
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    const BOTH: HeardFamilies = HeardFamilies { v4: true, v6: true };
    const V4: HeardFamilies = HeardFamilies { v4: true, v6: false };
    const V6: HeardFamilies = HeardFamilies { v4: false, v6: true };

    /// Addresses like `eth0 10.0.0.1`, with `-` before an interface that has no carrier and `~` before an
    /// address that is temporary. `>` marks the default route.
    pub(in crate::builder::reach) fn around(addresses: &[&str]) -> Surroundings {
        let mut around = Surroundings::default();
        for address in addresses {
            let (interface, ip) = address.split_once(' ').unwrap();
            let is_up = !interface.starts_with('-');
            let interface = interface.trim_start_matches('-').to_owned();
            let (is_route, ip) = (ip.starts_with('>'), ip.trim_start_matches('>'));
            let is_temporary = ip.starts_with('~');
            let ip: IpAddr = ip.trim_start_matches('~').parse().unwrap();
            if is_route {
                around.routes[usize::from(ip.is_ipv6())] = Some(ip);
            }
            around.addresses.push(LocalAddress { ip, interface, is_up, is_temporary });
        }
        around
    }

    fn chosen(addresses: &[&str], heard: HeardFamilies) -> String {
        choose(&around(addresses), heard).map_or_else(String::new, |choice| choice.to_string())
    }

    const BY_ROUTE: &str = "203.0.113.9: interface eth0 has the default route";

    #[test]
    fn a_bridge_with_a_private_address_does_not_beat_the_default_route() {
        let bridged = ["lo 127.0.0.1", "docker0 172.17.0.1", "eth0 >203.0.113.9", "tun0 10.8.0.2"];
        assert_eq!(chosen(&bridged, V4), BY_ROUTE);
        assert_eq!(chosen(&bridged, BOTH), BY_ROUTE);
        let v6 = ["docker0 172.17.0.1", "eth0 >2001:db8::9", "eth0 fe80::1"];
        assert_eq!(chosen(&v6, BOTH), "2001:db8::9: interface eth0 has the default route");
    }

    #[test]
    fn an_interface_that_is_down_or_has_no_carrier_is_never_chosen() {
        let unplugged = ["-eth0 >203.0.113.9", "-docker0 172.17.0.1", "eth1 10.0.0.5"];
        let only = "10.0.0.5: only interface eth1 has an address for others";
        assert_eq!(chosen(&unplugged, V4), only);
        assert_eq!(chosen(&["-eth0 10.0.0.5"], V4), "");
    }

    #[test]
    fn an_address_that_is_not_heard_is_never_chosen() {
        let both = ["eth0 >10.0.0.5", "eth0 >fd00::5"];
        assert_eq!(chosen(&both, V4), "10.0.0.5: interface eth0 has the default route");
        assert_eq!(chosen(&both, V6), "fd00::5: interface eth0 has the default route");
        assert_eq!(chosen(&["eth0 fd00::5", "eth0 169.254.1.1"], V4), "");
    }

    #[test]
    fn without_a_default_route_it_says_among_which_it_had_to_choose() {
        let many = ["eth0 203.0.113.9", "eth1 10.0.0.5", "eth1 fd00::5", "lo ::1"];
        let guess = "10.0.0.5 of interface eth1: there is no default route, and [203.0.113.9] would do as \
                     well; if others cannot reach it, say which one to advertise";
        assert_eq!(chosen(&many, BOTH), guess);
        let bridged = ["docker0 172.17.0.1", "eth0 203.0.113.9"];
        assert!(chosen(&bridged, V4).starts_with("203.0.113.9 of interface eth0: "));
        let local = ["lo 127.0.0.1", "lo ::1", "eth0 169.254.1.1", "eth0 fe80::1"];
        assert_eq!(chosen(&local, BOTH), "");
        let only = |ip| format!("{ip}: only interface eth0 has an address for others");
        assert_eq!(chosen(&["eth0 2001:db8::1", "eth0 fd00::1"], BOTH), only("fd00::1"));
    }

    #[test]
    fn an_address_that_is_replaced_every_day_is_not_chosen_if_another_lasts() {
        let private = ["eth0 >~2001:db8::aa", "eth0 fd00::1", "eth0 2001:db8::1"];
        assert_eq!(chosen(&private, V6), "2001:db8::1: interface eth0 has the default route");
        let alone = ["eth0 >~2001:db8::aa"];
        assert_eq!(chosen(&alone, V6), "2001:db8::aa: interface eth0 has the default route");
        let only = "2001:db8::1: only interface eth0 has an address for others";
        assert_eq!(chosen(&["eth0 ~fd00::aa", "eth0 2001:db8::1"], V6), only);
    }
}
