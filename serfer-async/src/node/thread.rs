//! The thread that a node has to itself.
//!
//! All that a node does it does there, on a runtime that nothing else uses
//! ([`Runtime::run_apart`]): an application may block every thread of its own runtime, and still each probe
//! is acked in time. Handlers, which are the application's, run on the application's.

use std::thread::Builder;

use async_channel::Receiver;
use futures_lite::future;
use tracing::{Instrument as _, Span};

use crate::error::{Closed, Error};
use crate::handle::serfer::Serfer;
use crate::node::tasks::{Never, Tasks, closed};
use crate::runtime::Runtime;

/// How a node ends: first what it does, and then, when its handlers have, too, its thread.
#[derive(Clone)]
pub(crate) struct Over {
    node: Receiver<Never>,
    thread: Receiver<Never>,
}

impl Over {
    /// Of no thread.
    #[cfg(test)]
    pub(crate) fn already() -> Self {
        let [node, thread] = [(); 2].map(|()| async_channel::bounded(1).1);
        Self { node, thread }
    }

    /// Waits until the node does nothing more: its sockets are closed, and all is written.
    pub(crate) async fn node(&self) {
        closed(self.node.clone()).await;
    }

    /// Waits until its handlers have ended as well, and nothing of it is left.
    pub(crate) async fn thread(&self) {
        closed(self.thread.clone()).await;
    }
}

/// Starts a node on a new thread, where `start` gets a runtime and whatever else a node needs. The thread
/// goes on until all tasks of the node have ended.
///
/// # Errors
/// Those of `start`, once the node is over; or if there can be no thread, or no runtime on it.
pub(crate) async fn start<R, F>(
    application: R,
    span: Span,
    start: impl FnOnce(R, Tasks, Over) -> F + Send + 'static,
) -> Result<Serfer, Error>
where
    R: Runtime,
    F: Future<Output = Result<Serfer, Error>>,
{
    let (node_lives, node) = async_channel::bounded(1);
    let (thread_lives, thread) = async_channel::bounded(1);
    let over = Over { node, thread };
    let (starter, started) = async_channel::bounded(1);
    let (refuser, refused) = async_channel::bounded(1);
    let (_waiting, given_up) = async_channel::bounded::<Never>(1);
    let (runtime, its_end) = (application.clone(), over.clone());
    let life = async move |own: R| {
        let tasks = Tasks::new(own.clone(), application, span.clone());
        let (ended, handlers_ended) = (tasks.ended(), tasks.handlers_ended());
        let given_up = async {
            closed(given_up).await;
            Err(Closed.into())
        };
        let starting = start(own, tasks, its_end).instrument(span);
        // A node that nobody waits for any more is dropped here, and with that shut down.
        let _ = starter.try_send(future::or(given_up, starting).await);
        drop(starter);
        ended.await;
        drop(node_lives);
        handlers_ended.await;
    };
    let thread = move || {
        if let Err(source) = runtime.run_apart(life) {
            let _ = refuser.try_send(source);
        }
        drop(thread_lives);
    };
    let thread = Builder::new().name("serfer".to_owned()).spawn(thread);
    thread.map_err(|source| Error::System { what: "a thread", source })?;
    let Ok(outcome) = started.recv().await else {
        let source = refused.recv().await.map_err(|_| Closed)?;
        return Err(Error::System { what: "a runtime", source });
    };
    if outcome.is_err() {
        // Not for handlers: perhaps nobody runs the runtime that they are on.
        over.node().await;
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::testing::ByHand;

    /// What a start comes to that cannot succeed, on a thread that is over by then.
    fn failed(runtime: ByHand, why: impl FnOnce() -> Error + Send + 'static) -> String {
        let (sender, over) = async_channel::bounded(1);
        let starting = start(runtime, Span::none(), move |_, _, its_end| async move {
            let _ = sender.try_send(its_end);
            Err(why())
        });
        let error = future::block_on(starting).expect_err("it cannot").to_string();
        if let Ok(over) = over.try_recv() {
            future::block_on(over.thread());
        }
        error
    }

    #[test]
    fn a_start_that_cannot_succeed_says_why() {
        let closed = || Closed.into();
        let [one, other, mut last] = [(); 3].map(|()| ByHand::new());
        last.is_last = true;
        assert_eq!(failed(one, closed), "the node is shut down");
        assert_eq!(failed(other, || panic!("a bug")), "the node is shut down");
        assert_eq!(failed(last, closed), "a runtime: out of memory");
    }

    #[test]
    fn a_start_that_nobody_waits_for_ends() {
        let (sender, over) = async_channel::bounded(1);
        let starting = start(ByHand::new(), Span::none(), move |_, _, its_end| async move {
            let _ = sender.try_send(its_end);
            future::pending().await
        });
        let mut starting = Box::pin(starting);
        future::block_on(async {
            assert!(future::poll_once(&mut starting).await.is_none());
            let over = over.recv().await.expect("it has begun");
            drop(starting);
            over.thread().await;
        });
    }
}
