//! The tasks of one node: how they are told to stop, and how it is known that they have.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use futures_lite::future;

use crate::runtime::Runtime;

/// A future nobody needs the type of.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Nothing is ever sent over these channels: that they close is the message.
#[derive(Debug)]
enum Never {}

pub(crate) struct Tasks {
    stop: Sender<Never>,
    stopping: Receiver<Never>,
    /// Every task holds a copy; `None` once no task may start.
    running: Mutex<Option<Sender<Never>>>,
    ended: Receiver<Never>,
    spawn: Box<dyn Fn(BoxFuture<()>) + Send + Sync>,
    sleep: Box<dyn Fn(Instant) -> BoxFuture<()> + Send + Sync>,
    unblock: Box<dyn Fn(Job) -> BoxFuture<()> + Send + Sync>,
}

/// Something that may block for long.
type Job = Box<dyn FnOnce() + Send>;

impl Tasks {
    pub(crate) fn new<R: Runtime>(runtime: R) -> Self {
        let (stop, stopping) = async_channel::bounded(1);
        let (running, ended) = async_channel::bounded(1);
        let running = Mutex::new(Some(running));
        let (sleeper, unblocker) = (runtime.clone(), runtime.clone());
        Self {
            stop,
            stopping,
            running,
            ended,
            spawn: Box::new(move |task| runtime.spawn(task)),
            sleep: Box::new(move |at| {
                let runtime = sleeper.clone();
                Box::pin(async move { runtime.sleep_until(at).await })
            }),
            unblock: Box::new(move |job| {
                let runtime = unblocker.clone();
                Box::pin(async move { runtime.unblock(job).await })
            }),
        }
    }

    /// Starts a task that ends, wherever it is, when [`stop`](Self::stop) is called.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else {
            return;
        };
        let stopping = self.stopping.clone();
        (self.spawn)(Box::pin(async move {
            let stopped = async { drop(stopping.recv().await) };
            future::or(stopped, task).await;
            drop(running);
        }));
    }

    /// Starts a task that ends by itself some time after [`stop`](Self::stop) is called.
    pub(crate) fn spawn_finishing(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else {
            return;
        };
        (self.spawn)(Box::pin(async move {
            task.await;
            drop(running);
        }));
    }

    /// Waits.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        (self.sleep)(at).await;
    }

    /// Calls something that may block for long; `None` if the runtime ends before that does.
    pub(crate) async fn unblock<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = async_channel::bounded(1);
        let job = move || drop(sender.try_send(f()));
        (self.unblock)(Box::new(job)).await;
        result.recv().await.ok()
    }

    /// Ends all tasks at their next step.
    pub(crate) fn stop(&self) {
        self.stop.close();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_closed()
    }

    /// Waits until all tasks have ended and dropped what they held.
    pub(crate) async fn ended(&self) {
        drop(self.ended.recv().await);
    }
}
