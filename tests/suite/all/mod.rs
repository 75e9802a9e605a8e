//! All tests of the suite, and what they share.

mod addresses;
mod calls;
mod ends;
mod files;
mod handlers;
mod keys;
mod lifecycle;
mod many;
mod membership;
mod seeds;
mod snapshots;
mod tags;
mod together;
mod trouble;

use std::time::{Duration, Instant};

use smol::channel::{Receiver, bounded};
use smol::future;

use super::adapter::{Builder, Config, Runtime, Serfer};
use super::{Adapter, adapter, idle, outlive, run, runtime};
use crate::own_ip;

/// base64 of `SuperSecureToken`
const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

/// A node of a configuration, at an address of its own.
fn configured(config: Config) -> Builder<Adapter> {
    adapter::builder(config).bind(format!("{}:7946", own_ip()))
}

/// A node at an address of its own, without encryption.
fn plain_builder(name: &str) -> Builder<Adapter> {
    configured(Config::local(name))
}

/// An encrypted node at an address of its own.
fn builder(name: &str) -> Builder<Adapter> {
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

/// Waits until a condition holds, for at most 20 s.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < Duration::from_secs(20), "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

async fn sleep(time: Duration) {
    runtime().sleep_until(runtime().now() + time).await;
}

/// The outcome of a future, or `None` if it takes longer.
async fn within<T>(time: Duration, what: impl Future<Output = T>) -> Option<T> {
    let late = async {
        sleep(time).await;
        None
    };
    future::or(async { Some(what.await) }, late).await
}

/// Runs a future beside the test. Its outcome is received from the channel.
fn spawn<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> Receiver<T> {
    let (done, receiver) = bounded(1);
    runtime().spawn(async move { drop(done.try_send(task.await)) });
    receiver
}
