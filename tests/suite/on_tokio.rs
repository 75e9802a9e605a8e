//! The suite on tokio.

use serfer_tokio as adapter;
use serfer_tokio::Tokio as Adapter;

#[path = "all.rs"]
mod all;

fn runtime() -> Adapter {
    Adapter::current()
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    outlive(async |_| test.await);
}

/// What something comes to on a runtime that is then shut down.
fn outlive<T>(life: impl AsyncFnOnce(Adapter) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("nothing hinders it").block_on(async { life(Adapter::current()).await })
}
