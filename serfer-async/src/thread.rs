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
use crate::runtime::Runtime;
use crate::serfer::Serfer;
use crate::tasks::{Never, Tasks};

/// Closes when the thread has come to its end, and nothing of its runtime is left.
#[derive(Clone)]
pub(crate) struct Over(Receiver<Never>);

impl Over {
    /// Of no thread.
    #[cfg(test)]
    pub(crate) fn already() -> Self {
        Self(async_channel::bounded(1).1)
    }

    /// Waits for that.
    pub(crate) async fn wait(&self) {
        drop(self.0.recv().await);
    }
}

/// Starts a node on a new thread, where `start` gets a runtime and whatever else a node needs. The thread
/// goes on until all tasks of the node have ended.
///
/// # Errors
/// Those of `start`, once the thread is over; or if there can be no thread, or no runtime on it.
pub(crate) async fn start<R, F>(
    application: R,
    span: Span,
    start: impl FnOnce(R, Tasks, Over) -> F + Send + 'static,
) -> Result<Serfer, Error>
where
    R: Runtime,
    F: Future<Output = Result<Serfer, Error>>,
{
    let (alive, over) = async_channel::bounded(1);
    let over = Over(over);
    let (starter, started) = async_channel::bounded(1);
    let (refuser, refused) = async_channel::bounded(1);
    let (_waiting, given_up) = async_channel::bounded::<Never>(1);
    let (runtime, its_end) = (application.clone(), over.clone());
    let life = async move |own: R| {
        let tasks = Tasks::new(own.clone(), application, span.clone());
        let ended = tasks.ended();
        let given_up = async {
            let _ = given_up.recv().await;
            Err(Closed.into())
        };
        let starting = start(own, tasks, its_end).instrument(span);
        // A node that nobody waits for any more is dropped here, and with that shut down.
        let _ = starter.try_send(future::or(given_up, starting).await);
        drop(starter);
        ended.await;
    };
    let thread = move || {
        if let Err(source) = runtime.run_apart(life) {
            let _ = refuser.try_send(source);
        }
        drop(alive);
    };
    let thread = Builder::new().name("serfer".to_owned()).spawn(thread);
    thread.map_err(|source| Error::System { what: "a thread", source })?;
    let outcome = started.recv().await;
    if !matches!(outcome, Ok(Ok(_))) {
        over.wait().await;
    }
    outcome.unwrap_or_else(|_| {
        let source = refused.try_recv().map_err(|_| Closed)?;
        Err(Error::System { what: "a runtime", source })
    })
}
