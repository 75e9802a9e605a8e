//! The suite on smol, whose global executor runs all nodes of all tests in one thread.

use std::sync::Arc;

use serfer_smol as adapter;
use serfer_smol::Smol as Adapter;

#[path = "all.rs"]
mod all;

fn runtime() -> Adapter {
    Adapter::global()
}

/// Runs a test.
fn run(test: impl Future<Output = ()>) {
    smol::block_on(test);
}

/// What something comes to on an executor that is then dropped.
fn outlive<T>(life: impl AsyncFnOnce(Adapter) -> T) -> T {
    let executor = Arc::new(smol::Executor::new());
    smol::block_on(executor.run(life(Adapter::on(executor.clone()))))
}
