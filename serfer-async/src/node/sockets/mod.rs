//! The sockets of a node, made in one way for every runtime.

pub(crate) mod datagrams;
pub(crate) mod mapped;
pub(crate) mod pause;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

/// How much room for datagrams is asked for, in bytes, as Go's memberlist does. It is halved until the system
/// grants it.
const RECEIVE_BUFFER: usize = 2 << 20;

/// Less is not asked for.
const RECEIVE_BUFFER_MIN: usize = 4 << 10;

/// How many streams may wait to be accepted. The system may allow fewer.
const BACKLOG: i32 = 1024;

/// What a node hears with.
pub(crate) struct NodeSockets {
    pub(crate) udp: UdpSocket,
    pub(crate) listener: TcpListener,
    pub(crate) bound: SocketAddr,
    pub(crate) heard: HeardFamilies,
    /// How many bytes of datagrams may wait, as the system reports it. Linux reports twice what was asked for,
    /// and counts its own bookkeeping.
    pub(crate) receive_buffer: usize,
}

/// The families of addresses at which a node can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeardFamilies {
    pub(crate) v4: bool,
    pub(crate) v6: bool,
}

impl HeardFamilies {
    /// Those of sockets that are bound there. `only_v6` is what the system says of sockets of IPv6.
    pub(crate) fn at(bound: IpAddr, only_v6: bool) -> Self {
        match bound.to_canonical() {
            IpAddr::V4(_) => Self { v4: true, v6: false },
            IpAddr::V6(ip) => Self { v4: ip.is_unspecified() && !only_v6, v6: true },
        }
    }

    pub(crate) fn hear(self, ip: IpAddr) -> bool {
        if ip.to_canonical().is_ipv4() { self.v4 } else { self.v6 }
    }
}

/// Binds a listener and a datagram socket to the same port. Sockets on `[::]` hear IPv4 as well, whatever the
/// default of the system is, unless it cannot do that.
pub(crate) fn bind(addr: SocketAddr) -> io::Result<NodeSockets> {
    let stream = socket(addr, Type::STREAM, Protocol::TCP)?;
    // A node that is started again need not wait for the connections of its last life. On Windows, this would
    // let two programs have the same port.
    #[cfg(unix)]
    stream.set_reuse_address(true)?;
    stream.bind(&addr.into())?;
    stream.listen(BACKLOG)?;
    let only_v6 = addr.is_ipv6() && stream.only_v6().unwrap_or(true);
    let listener = TcpListener::from(stream);
    let bound = listener.local_addr()?;

    let datagram = socket(bound, Type::DGRAM, Protocol::UDP)?;
    let receive_buffer = enlarge(&datagram);
    datagram.bind(&bound.into())?;
    let heard = HeardFamilies::at(bound.ip(), only_v6);
    Ok(NodeSockets { udp: datagram.into(), listener, bound, heard, receive_buffer })
}

/// A datagram socket for questions to a server at `peer`.
pub(crate) fn client(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match peer {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn socket(addr: SocketAddr, kind: Type, protocol: Protocol) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), kind, Some(protocol))?;
    if addr.is_ipv6() {
        // OpenBSD refuses. What came of it is looked up afterwards.
        let _ = socket.set_only_v6(false);
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Asks for a large receive buffer, so that a node that does not run for a moment loses nothing. Returns how
/// large it is.
fn enlarge(socket: &Socket) -> usize {
    let mut size = RECEIVE_BUFFER;
    // A system with a larger default keeps it.
    if socket.recv_buffer_size().is_ok_and(|granted| granted >= RECEIVE_BUFFER) {
        size = 0;
    }
    while size >= RECEIVE_BUFFER_MIN && socket.set_recv_buffer_size(size).is_err() {
        size /= 2;
    }
    socket.recv_buffer_size().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_on_all_of_ipv6_hears_both_families() {
        let heard = |bound: &str, only_v6| {
            let heard = HeardFamilies::at(bound.parse().unwrap(), only_v6);
            (heard.v4, heard.v6)
        };
        assert_eq!(heard("0.0.0.0", false), (true, false));
        assert_eq!(heard("10.0.0.1", true), (true, false));
        assert_eq!(heard("::", false), (true, true));
        assert_eq!(heard("::", true), (false, true));
        assert_eq!(heard("fd00::1", false), (false, true));
        assert_eq!(heard("::ffff:10.0.0.1", false), (true, false));
    }

    #[test]
    fn both_sockets_have_the_same_port_and_more_room_than_one_datagram() {
        let sockets = bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        assert_eq!(sockets.udp.local_addr().unwrap(), sockets.bound);
        assert!(sockets.receive_buffer > 1 << 16, "{}", sockets.receive_buffer);
    }
}
