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
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("nothing hinders it").block_on(test);
}
