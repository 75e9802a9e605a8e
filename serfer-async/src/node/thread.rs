//! The thread that a node has to itself.
//!
//! Everything that a node does is done there, on a runtime that nothing else uses ([`Runtime::run_apart`]).
//! So an application may block every thread of its own runtime, and each probe is still acked in time.
//! Handlers are the application's, and run on its runtime.

use std::io;
use std::thread::Builder;

use async_channel::Receiver;
use futures_lite::future;
use tracing::{Instrument as _, Span};

use super::closed::Closed;
use super::latch::{Never, closed};
use super::tasks::Tasks;
use crate::runtime::Runtime;

/// The operating system gave no thread, or no runtime on it.
#[derive(Debug)]
pub(crate) struct NoThread {
    /// What was asked for.
    pub(crate) what: &'static str,
    /// What the operating system says.
    pub(crate) source: io::Error,
}

/// How a node ends: first what it does, and then, when its handlers have ended, too, its thread.
#[derive(Clone)]
pub(crate) struct NodeEnd {
    node: Receiver<Never>,
    thread: Receiver<Never>,
}

impl NodeEnd {
    /// Of a node without a thread.
    #[cfg(test)]
    pub(crate) fn already() -> Self {
        let [node, thread] = [(); 2].map(|()| async_channel::bounded(1).1);
        Self { node, thread }
    }

    /// Waits until the node does nothing more: its sockets are closed, and all is written.
    pub(crate) async fn node(&self) {
        closed(self.node.clone()).await;
    }

    /// Waits until its handlers and its thread have ended as well, and nothing of it is left.
    pub(crate) async fn thread(&self) {
        closed(self.thread.clone()).await;
    }
}

/// Starts a node on a new thread: calls `start` there with a runtime and what else a node needs. The thread
/// goes on until all tasks of the node have ended.
///
/// # Errors
/// Those of `start`, once the node has ended; or if there can be no thread, or no runtime on it.
pub(crate) async fn start<R, T, E, F>(
    application: R,
    span: Span,
    start: impl FnOnce(R, Tasks, NodeEnd) -> F + Send + 'static,
) -> Result<T, E>
where
    R: Runtime,
    T: Send + 'static,
    E: From<Closed> + From<NoThread> + Send + 'static,
    F: Future<Output = Result<T, E>>,
{
    let (node_lives, node) = async_channel::bounded(1);
    let (thread_lives, thread) = async_channel::bounded(1);
    let end = NodeEnd { node, thread };
    let (send_outcome, outcome) = async_channel::bounded(1);
    let (send_refusal, refusal) = async_channel::bounded(1);
    // Dropped if nobody waits for the start any more.
    let (_waiting, given_up) = async_channel::bounded::<Never>(1);
    let (runtime, its_end) = (application.clone(), end.clone());
    let life = async move |own: R| {
        let tasks = Tasks::new(own.clone(), application, span.clone());
        let (ended, handlers_ended) = (tasks.ended(), tasks.handlers_ended());
        let given_up = async {
            closed(given_up).await;
            Err(Closed.into())
        };
        let starting = start(own, tasks, its_end).instrument(span);
        // A node that nobody waits for any more is dropped here, which shuts it down.
        let _ = send_outcome.try_send(future::or(given_up, starting).await);
        drop(send_outcome);
        ended.await;
        drop(node_lives);
        handlers_ended.await;
    };
    let thread = move || {
        if let Err(source) = runtime.run_apart(life) {
            let _ = send_refusal.try_send(source);
        }
        drop(thread_lives);
    };
    let thread = Builder::new().name("serfer".to_owned()).spawn(thread);
    thread.map_err(|source| NoThread { what: "a thread", source })?;
    let Ok(outcome) = outcome.recv().await else {
        let source = refusal.recv().await.map_err(|_| Closed)?;
        return Err(NoThread { what: "a runtime", source }.into());
    };
    if outcome.is_err() {
        // This does not wait for handlers: perhaps nobody runs the runtime that they are on.
        end.node().await;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::node::testing::ManualRuntime;

    /// The error of a start that fails, once its thread has ended.
    fn error_of(runtime: ManualRuntime, why: impl FnOnce() -> Error + Send + 'static) -> String {
        let (send_end, end) = async_channel::bounded(1);
        let starting = start(runtime, Span::none(), move |_, _, its_end| async move {
            let _ = send_end.try_send(its_end);
            Err::<(), _>(why())
        });
        let error = future::block_on(starting).expect_err("it cannot").to_string();
        if let Ok(end) = end.try_recv() {
            future::block_on(end.thread());
        }
        error
    }

    #[test]
    fn a_start_that_cannot_succeed_says_why() {
        let closed = || Closed.into();
        let [one, other, mut last] = [(); 3].map(|()| ManualRuntime::new());
        last.is_last = true;
        assert_eq!(error_of(one, closed), "the node is shut down");
        assert_eq!(error_of(other, || panic!("a bug")), "the node is shut down");
        assert_eq!(error_of(last, closed), "a runtime: out of memory");
    }

    #[test]
    fn a_start_that_nobody_waits_for_ends() {
        let (send_end, end) = async_channel::bounded(1);
        let starting = start(ManualRuntime::new(), Span::none(), move |_, _, its_end| async move {
            let _ = send_end.try_send(its_end);
            future::pending::<Result<(), Error>>().await
        });
        let mut starting = Box::pin(starting);
        future::block_on(async {
            assert!(future::poll_once(&mut starting).await.is_none());
            let end = end.recv().await.expect("it has begun");
            drop(starting);
            end.thread().await;
        });
    }
}
