//! The suite on smol, whose global executor runs all nodes of all tests in one thread.

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
