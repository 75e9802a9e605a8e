//! IPv4 addresses on a socket that is bound to IPv6.

use std::net::{IpAddr, SocketAddr};

/// The form of an address that a socket can send to. If it is bound to IPv6, it can reach IPv4 as well. Linux
/// takes IPv4 addresses as they are, other systems only in this form.
pub(crate) fn reachable(to: SocketAddr, bound: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if bound.is_ipv6() => {
            SocketAddr::new(v4.ip().to_ipv6_mapped().into(), v4.port())
        }
        to => to,
    }
}

/// The address that is meant by one that came from such a socket.
pub(crate) fn unmapped(from: SocketAddr) -> SocketAddr {
    match from.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), from.port()),
        // As it is, with its scope.
        IpAddr::V6(_) => from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_of_ipv6_reaches_ipv4_and_both_ends_are_told_apart() {
        let [v4, mapped, v6] = ["10.0.0.1:7946", "[::ffff:10.0.0.1]:7946", "[fe80::1%3]:7946"]
            .map(|it| it.parse::<SocketAddr>().unwrap());
        for (to, bound, through) in [(v4, v4, v4), (v4, v6, mapped), (v6, v6, v6)] {
            assert_eq!(reachable(to, bound), through);
            assert_eq!(unmapped(through), to);
        }
    }
}
