//! What tests of several modules need.

use std::time::Instant;

use crate::api::{Node, Versions};

/// The time at which a test begins; it adds to it whatever passes.
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

/// A node without tags.
pub(crate) fn node(name: &str, addr: &str) -> Node {
    let addr: std::net::SocketAddr = addr.parse().unwrap();
    Node::new(name, addr.ip(), addr.port(), &[], Versions::default())
}
