//! Nodes on real sockets of this machine, through the adapters that users have.
//!
//! There is one suite, `all`. [`suite!`] compiles it once for each runtime, so a test finds the
//! adapter and the runtime through `super` and never names a runtime. To add a runtime, say in
//! `runtimes.rs` how tests run on it, and name it below.

#![expect(clippy::duplicate_mod, reason = "each file of tests is compiled once for each runtime")]

mod logged;
mod runtimes;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};

/// The suite on each of these modules of `runtimes`: `suite! { on_tokio }` makes tests whose names
/// begin with `on_tokio::all`.
macro_rules! suite {
    ($($runtime:ident),+) => {$(
        // The path of submodules starts at the folder of this file.
        #[path = "."]
        mod $runtime {
            use crate::runtimes::$runtime::{Adapter, adapter, idle, outlive, run, runtime};

            #[path = "all/mod.rs"]
            mod all;
        }
    )+};
}

suite! { on_tokio, on_smol }

// Never compiled. It makes rustfmt find the files of the suite, since it does not look into macros.
#[cfg(rustfmt)]
mod all;

/// An address of this machine that no other test and no other process of this suite uses. So a port
/// that a test has closed is free.
fn own_ip() -> IpAddr {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 1 << 12, "there are not so many addresses");
    let process = std::process::id() % (1 << 12);
    Ipv4Addr::from_bits((127 << 24) | (process << 12) | number).into()
}
