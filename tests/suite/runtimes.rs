//! What the suite needs of each runtime: the adapter as users have it, and how to run a test.

pub(crate) mod on_tokio {
    pub(crate) use serfer_tokio as adapter;
    pub(crate) use serfer_tokio::Tokio as Adapter;

    pub(crate) fn runtime() -> Adapter {
        Adapter::current()
    }

    /// Runs a test.
    pub(crate) fn run(test: impl Future<Output = ()>) {
        outlive(async |_| test.await);
    }

    /// Runs something on a runtime that is shut down afterwards.
    pub(crate) fn outlive<T>(life: impl AsyncFnOnce(Adapter) -> T) -> T {
        new().block_on(async { life(Adapter::current()).await })
    }

    /// A runtime that does not run, and a guard that keeps it.
    pub(crate) fn idle() -> (Adapter, impl Sized) {
        let runtime = new();
        let adapter = runtime.block_on(async { Adapter::current() });
        (adapter, runtime)
    }

    fn new() -> tokio::runtime::Runtime {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("nothing hinders it")
    }
}

/// All nodes of all tests run on smol's global executor, in one thread.
pub(crate) mod on_smol {
    use std::sync::Arc;

    pub(crate) use serfer_smol as adapter;
    pub(crate) use serfer_smol::Smol as Adapter;

    pub(crate) fn runtime() -> Adapter {
        Adapter::global()
    }

    /// Runs a test.
    pub(crate) fn run(test: impl Future<Output = ()>) {
        smol::block_on(test);
    }

    /// Runs something on an executor that is dropped afterwards.
    pub(crate) fn outlive<T>(life: impl AsyncFnOnce(Adapter) -> T) -> T {
        let executor = Arc::new(smol::Executor::new());
        smol::block_on(executor.run(life(Adapter::on(executor.clone()))))
    }

    /// An executor that does not run, and a guard that keeps it.
    pub(crate) fn idle() -> (Adapter, impl Sized) {
        let executor = Arc::new(smol::Executor::new());
        (Adapter::on(executor.clone()), executor)
    }
}
