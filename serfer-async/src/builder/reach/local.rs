//! The addresses of this machine, and those that it uses towards the rest of the world.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

/// Where the default routes are looked for: the addresses of a root name server, which are in no network of
/// anybody's own. Nothing is sent there.
const FAR_AWAY: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(198, 41, 0, 4)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x503, 0xba3e, 0, 0, 0, 2, 0x30)),
];

/// An address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalAddress {
    pub(crate) ip: IpAddr,
    /// The name of its interface.
    pub(crate) interface: String,
    /// Whether the interface is up and has a carrier.
    pub(crate) is_up: bool,
    /// Whether it is replaced after some hours, for privacy.
    pub(crate) is_temporary: bool,
}

/// What this machine says about its network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surroundings {
    pub(crate) addresses: Vec<LocalAddress>,
    /// The addresses of ours that the default routes of IPv4 and IPv6 use.
    pub(crate) routes: [Option<IpAddr>; 2],
}

impl Surroundings {
    /// Looks around. Takes less than a millisecond, unless there are thousands of addresses.
    pub(crate) fn look() -> io::Result<Self> {
        let temporary = temporary_addresses();
        let interfaces = if_addrs::get_if_addrs()?.into_iter();
        let addresses = interfaces.map(|interface| {
            let ip = interface.ip();
            let is_up = interface.is_oper_up();
            let is_temporary = temporary.contains(&ip);
            LocalAddress { ip, interface: interface.name, is_up, is_temporary }
        });
        Ok(Self { addresses: addresses.collect(), routes: FAR_AWAY.map(source_towards) })
    }

    /// Whether this is an address of this machine that works.
    pub(crate) fn has(&self, ip: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.ip == ip && address.is_up)
    }
}

/// The address that the system would send from. It knows all rules of routing, and says so without a packet.
fn source_towards(far_away: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match far_away {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0)).ok()?;
    socket.connect(SocketAddr::new(far_away, 53)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

/// The addresses of IPv6 that Linux marks as temporary or outdated.
#[cfg(target_os = "linux")]
fn temporary_addresses() -> Vec<IpAddr> {
    std::fs::read_to_string("/proc/net/if_inet6").map_or_else(|_| Vec::new(), |it| marked(&it))
}

/// Other systems do not say it in a way that is worth its code.
#[cfg(not(target_os = "linux"))]
fn temporary_addresses() -> Vec<IpAddr> {
    Vec::new()
}

/// Reads `/proc/net/if_inet6`: address, interface, prefix, scope, flags, name.
#[cfg(any(target_os = "linux", test))]
fn marked(table: &str) -> Vec<IpAddr> {
    const TEMPORARY_OR_DEPRECATED: u32 = 0x21;
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let ip = u128::from_str_radix(words.next()?, 16).ok()?;
        let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
        (flags & TEMPORARY_OR_DEPRECATED != 0).then(|| Ipv6Addr::from_bits(ip).into())
    };
    table.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_loopback_address() {
        let around = Surroundings::look().unwrap();
        assert!(around.has(Ipv4Addr::LOCALHOST.into()), "{around:?}");
    }

    #[test]
    fn addresses_of_privacy_extensions_are_known_by_their_flags() {
        let table = "fd000000000000000000000000000001 02 40 00 80     eth0\n\
                     20010db80000000000000000000000aa 02 40 00 01     eth0\n\
                     20010db80000000000000000000000bb 02 40 00 a0     eth0\n\
                     nonsense\n";
        let expected = ["2001:db8::aa", "2001:db8::bb"].map(|ip| ip.parse::<IpAddr>().unwrap());
        assert_eq!(marked(table), expected);
    }
}
