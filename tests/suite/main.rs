//! Nodes on real sockets of this machine, through the adapter as its users have it.

mod handlers;
mod hostile;
mod keys;
mod lifecycle;
mod membership;
mod seeds;
mod snapshots;
mod tags;
mod together;

use std::net::IpAddr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serfer_tokio::{Builder, Config, Serfer, Tokio};

/// base64 of `SuperSecureToken`
const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

/// An address of this machine that no other test uses, so that a port is free if it was freed.
fn own_ip() -> IpAddr {
    static LAST: AtomicU16 = AtomicU16::new(0);
    let [high, low] = (LAST.fetch_add(1, Ordering::Relaxed) + 1).to_be_bytes();
    [127, 79, high, low].into()
}

/// A node at an address of its own, without encryption.
fn plain_builder(name: &str) -> Builder<Tokio> {
    serfer_tokio::builder(Config::local(name)).bind(format!("{}:7946", own_ip()))
}

/// An encrypted node at an address of its own.
fn builder(name: &str) -> Builder<Tokio> {
    plain_builder(name).key(KEY).expect("the key is right")
}

async fn start(name: &str) -> Serfer {
    builder(name).start().await.expect("a port is free")
}

/// A node that has joined another.
async fn start_joined(name: &str, seed: &Serfer) -> Serfer {
    builder(name).join([addr(seed)]).start().await.expect("the seed is there")
}

fn addr(serf: &Serfer) -> String {
    serf.local_member().expect("the node runs").addr().to_string()
}

/// Waits until something holds, for as long as anything may take here.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = tokio::time::Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
