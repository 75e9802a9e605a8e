//! What a node says about itself, in one piece of memory.

use std::net::{IpAddr, SocketAddr};

use triomphe::ThinArc;

use crate::api::member::Versions;
use crate::wire::message::{ip_bytes, ip_from_bytes};
use crate::wire::msgpack::Text;

/// What a node says about itself. Cheap to clone: both layers and all copies of a member share one.
///
/// There is one for each member, so it is small: everything lies together, behind one pointer.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Node(ThinArc<NodeHead, u8>);

/// What stands before the address, the name and the encoded tags, in this order.
#[derive(Clone, Copy, PartialEq, Eq)]
struct NodeHead {
    name_len: u32,
    port: u16,
    versions: Versions,
    ip_len: u8,
}

impl Node {
    /// `ip` is as received: a v4-mapped address of 16 bytes stays one, because Go compares bytes. So are the
    /// encoded tags, `meta`.
    pub(crate) fn new(name: &str, ip: IpAddr, port: u16, meta: &[u8], versions: Versions) -> Self {
        let ip = ip_bytes(ip);
        let name_len = u32::try_from(name.len()).expect("a name is shorter than 4 GiB");
        let head = NodeHead { name_len, port, versions, ip_len: ip.len() as u8 };
        Self(ThinArc::from_header_and_slice(head, &[&*ip, name.as_bytes(), meta].concat()))
    }

    #[inline]
    fn head(&self) -> &NodeHead {
        &self.0.header.header
    }

    /// Where name and tags begin.
    #[inline]
    fn bounds(&self) -> (usize, usize) {
        let name = usize::from(self.head().ip_len);
        (name, name + self.head().name_len as usize)
    }

    /// The name. It is looked through each time, so what only compares or sends takes
    /// [`name_text`](Self::name_text).
    pub(crate) fn name(&self) -> &str {
        self.name_text().to_str().expect("it was text when the node was made")
    }

    #[inline]
    pub(crate) fn name_text(&self) -> Text<'_> {
        let (start, end) = self.bounds();
        Text(&self.0.slice[start..end])
    }

    pub(crate) fn ip(&self) -> IpAddr {
        ip_from_bytes(self.ip_bytes()).expect("an address has 4 or 16 bytes")
    }

    /// The address as it is sent.
    #[inline]
    pub(crate) fn ip_bytes(&self) -> &[u8] {
        &self.0.slice[..usize::from(self.head().ip_len)]
    }

    /// Whether this is the address as it is sent. Four bytes, as most have, need no loop.
    #[inline]
    pub(crate) fn has_ip(&self, bytes: &[u8]) -> bool {
        match (<[u8; 4]>::try_from(bytes), <[u8; 4]>::try_from(self.ip_bytes())) {
            (Ok(v4), Ok(own)) => v4 == own,
            _ => *bytes == *self.ip_bytes(),
        }
    }

    #[inline]
    pub(crate) fn port(&self) -> u16 {
        self.head().port
    }

    /// The encoded tags.
    #[inline]
    pub(crate) fn meta(&self) -> &[u8] {
        &self.0.slice[self.bounds().1..]
    }

    #[inline]
    pub(crate) fn versions(&self) -> Versions {
        self.head().versions
    }

    /// Where to send datagrams and open streams.
    pub(crate) fn addr(&self) -> SocketAddr {
        SocketAddr::new(self.ip().to_canonical(), self.port())
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("name", &self.name())
            .field("ip", &self.ip())
            .field("port", &self.port())
            .field("meta", &Text(self.meta()))
            .field("versions", &self.versions())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let versions = Versions::from_bytes(&[1, 5, 2, 2, 5, 5]).unwrap();
        for ip in ["10.0.0.1", "::1", "::ffff:10.0.0.1"] {
            let ip: IpAddr = ip.parse().unwrap();
            for (name, meta) in [("a", &b""[..]), ("ünïcode", b"\xff\x81"), ("", b"x")] {
                let node = Node::new(name, ip, 7946, meta, versions);
                assert_eq!((node.name(), node.ip(), node.port()), (name, ip, 7946));
                assert_eq!((node.meta(), node.versions()), (meta, versions));
                assert_eq!(node.addr(), SocketAddr::new(ip.to_canonical(), 7946));
                assert!(node.has_ip(&ip_bytes(ip)) && !node.has_ip(&[10, 0, 0, 2]));
                assert!(!node.has_ip(&ip_bytes(ip)[1..]) && !node.has_ip(&[]));
                assert_eq!(node, Node::new(name, ip, 7946, meta, versions));
            }
        }
    }

    #[test]
    fn nodes_that_differ_in_anything_are_not_equal() {
        let [versions, others] = [[1, 5, 2, 2, 5, 5], [1, 5, 2, 2, 5, 4]]
            .map(|bytes| Versions::from_bytes(&bytes).unwrap());
        let [ip, other] = ["10.0.0.1", "10.0.0.2"].map(|ip| ip.parse().unwrap());
        let nodes = [
            Node::new("ab", ip, 1, b"c", versions),
            Node::new("a", ip, 1, b"bc", versions),
            Node::new("ab", other, 1, b"c", versions),
            Node::new("ab", ip, 2, b"c", versions),
            Node::new("ab", ip, 1, b"c", others),
            Node::new("ab", ip, 1, b"d", versions),
        ];
        for (at, node) in nodes.iter().enumerate() {
            assert!(nodes.iter().skip(at + 1).all(|other| other != node));
        }
    }
}
