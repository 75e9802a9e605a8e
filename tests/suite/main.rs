//! Nodes on real sockets of this machine, through the adapters as their users have them.
//!
//! There is one suite, `all`, and a module for each runtime that includes it: so a test sees the
//! adapter and the node's clock through `super`, and never the name of a runtime. To add a runtime,
//! add such a module.

#![expect(clippy::duplicate_mod, reason = "each file of tests is compiled once for each runtime")]

mod logged;
mod on_smol;
mod on_tokio;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// An address of this machine that no other test uses, nor another process that runs this suite, so
/// that a port is free if it was freed.
fn own_ip() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 1 << 10, "there are not so many addresses");
    let process = std::process::id() % (1 << 14);
    Ipv4Addr::from_bits((127 << 24) | (process << 10) | number).into()
}
