//! The thread that a node is on.
//!
//! By default it has one to itself. Everything that the node does is done there, on a runtime that nothing else
//! uses ([`Runtime::run_apart`]). So an application may block every thread of its own runtime, and each probe is
//! still acked in time. Handlers are the application's, and run on its runtime.
//!
//! Many nodes may share such a thread, which costs each of them less; or a node may be on the application's runtime.

use std::io;
use std::sync::mpsc::sync_channel;
use std::thread::Builder;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use tracing::{Instrument as _, Span};

use super::closed::Closed;
use super::signals::latch::{Never, closed};
use super::tasks::{BoxFuture, Tasks, caught};
use crate::runtime::Runtime;

/// A thread for many nodes, instead of one for each: see [`Builder::on_thread`](crate::Builder::on_thread).
///
/// The thread ends when all copies of this are dropped and its last node has ended.
pub struct NodeThread<R> {
    lives: Sender<Life<R>>,
}

/// What a node does from its start to its end, on the runtime that it is given.
type Life<R> = Box<dyn FnOnce(R) -> BoxFuture<()> + Send>;

impl<R: Runtime> NodeThread<R> {
    /// Starts a thread, with a runtime of the same kind as this one. An adapter's function `node_thread` does that
    /// with the runtime of the caller.
    ///
    /// # Errors
    /// If the operating system gives no thread, or no runtime on it.
    pub fn new(runtime: &R) -> io::Result<Self> {
        let (lives, coming) = async_channel::unbounded::<Life<R>>();
        let (begun, begins) = sync_channel(1);
        let (runtime, refused) = (runtime.clone(), begun.clone());
        let run = async move |own: R| {
            let _ = begun.send(Ok(()));
            let (lives, all_ended) = async_channel::bounded::<Never>(1);
            while let Ok(life) = coming.recv().await {
                let (life, lives) = (life(own.clone()), lives.clone());
                own.spawn(async move {
                    life.await;
                    drop(lives);
                });
            }
            drop(lives);
            closed(all_ended).await;
        };
        Builder::new().name("serfer".to_owned()).spawn(move || {
            if let Err(error) = runtime.run_apart(run) {
                let _ = refused.send(Err(error));
            }
        })?;
        begins.recv().unwrap_or_else(|_| Err(io::Error::other("it has ended already")))?;
        Ok(Self { lives })
    }
}

impl<R> Clone for NodeThread<R> {
    fn clone(&self) -> Self {
        Self { lives: self.lives.clone() }
    }
}

impl<R> std::fmt::Debug for NodeThread<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeThread(..)")
    }
}

/// Where a node is.
pub(crate) enum Place<R> {
    OwnThread,
    SharedThread(NodeThread<R>),
    /// On the application's runtime.
    Application,
}

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

/// Starts a node at a place: calls `start` there with a runtime and what else a node needs. The thread goes on
/// until all tasks of the node have ended, if it is the node's own.
///
/// # Errors
/// Those of `start`, once the node has ended; or if there can be no thread, or no runtime on it.
pub(crate) async fn start<R, T, E, F>(
    application: R,
    place: Place<R>,
    span: Span,
    start: impl FnOnce(R, Tasks, NodeEnd) -> F + Send + 'static,
) -> Result<T, E>
where
    R: Runtime,
    T: Send + 'static,
    E: From<Closed> + From<NoThread> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send,
{
    let (node_lives, node) = async_channel::bounded(1);
    let (thread_lives, thread) = async_channel::bounded(1);
    let end = NodeEnd { node, thread };
    let (send_outcome, outcome) = async_channel::bounded(1);
    let (send_refusal, refusal) = async_channel::bounded(1);
    // Dropped if nobody waits for the start any more.
    let (_waiting, given_up) = async_channel::bounded::<Never>(1);
    let (runtime, its_end) = (application.clone(), end.clone());
    let live = move |own: R| async move {
        let tasks = Tasks::new(own.clone(), application, span.clone());
        let (ended, handlers_ended) = (tasks.ended(), tasks.handlers_ended());
        let given_up = async {
            closed(given_up).await;
            Err(Closed.into())
        };
        // In a box, so that nothing of it stays on the stack of a thread.
        let starting = Box::pin(start(own, tasks, its_end).instrument(span));
        // A node that nobody waits for any more is dropped here, which shuts it down.
        let _ = send_outcome.try_send(future::or(given_up, starting).await);
        drop(send_outcome);
        ended.await;
        drop(node_lives);
        handlers_ended.await;
    };
    match place {
        Place::OwnThread => run_on_new_thread(runtime, live, send_refusal, thread_lives)?,
        Place::SharedThread(thread) => {
            let live = async move |own: R| {
                caught(live(own)).await;
                drop(thread_lives);
            };
            let _ = thread.lives.try_send(Box::new(|own| Box::pin(live(own))));
            drop(send_refusal);
        }
        Place::Application => {
            let own = runtime.clone();
            runtime.spawn(async move {
                caught(live(own)).await;
                drop(thread_lives);
            });
            drop(send_refusal);
        }
    }
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

/// Runs a node on a thread of its own. Says on a channel if there can be no runtime there, and closes another one
/// when the thread ends.
fn run_on_new_thread<R: Runtime, F: Future<Output = ()>>(
    runtime: R,
    live: impl FnOnce(R) -> F + Send + 'static,
    send_refusal: Sender<io::Error>,
    thread_lives: Sender<Never>,
) -> Result<(), NoThread> {
    let thread = move || {
        if let Err(source) = runtime.run_apart(live) {
            let _ = send_refusal.try_send(source);
        }
        drop(thread_lives);
    };
    let thread = Builder::new().name("serfer".to_owned()).spawn(thread);
    thread.map(drop).map_err(|source| NoThread { what: "a thread", source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use crate::node::testing::ManualRuntime;

    /// The error of a start that fails, once its thread has ended.
    fn error_of(runtime: ManualRuntime, why: impl FnOnce() -> Error + Send + 'static) -> String {
        let (send_end, end) = async_channel::bounded(1);
        let starting =
            start(runtime, Place::OwnThread, Span::none(), move |_, _, its_end| async move {
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
        let starting = start(
            ManualRuntime::new(),
            Place::OwnThread,
            Span::none(),
            move |_, _, its_end| async move {
                let _ = send_end.try_send(its_end);
                future::pending::<Result<(), Error>>().await
            },
        );
        let mut starting = Box::pin(starting);
        future::block_on(async {
            assert!(future::poll_once(&mut starting).await.is_none());
            let end = end.recv().await.expect("it has begun");
            drop(starting);
            end.thread().await;
        });
    }
}
