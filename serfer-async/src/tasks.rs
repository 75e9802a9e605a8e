//! The tasks of one node: how they are told to stop, and how it is known that they have.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use futures_lite::future;
use tracing::Instrument as _;
use tracing::{Span, field};

use crate::runtime::Runtime;

/// A future nobody needs the type of.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Nothing is ever sent over these channels: that they close is the message.
#[derive(Debug)]
pub(crate) enum Never {}

pub(crate) struct Tasks {
    stop: Sender<Never>,
    stopping: Receiver<Never>,
    /// Every task holds a copy; `None` once no task may start.
    running: Mutex<Option<Sender<Never>>>,
    ended: Receiver<Never>,
    spawn: Spawn,
    spawn_handler: Spawn,
    sleep: Box<dyn Fn(Instant) -> BoxFuture<()> + Send + Sync>,
    unblock: Box<dyn Fn(Job) -> BoxFuture<()> + Send + Sync>,
    /// The node's, in which everything happens.
    pub(crate) span: Span,
}

type Spawn = Box<dyn Fn(BoxFuture<()>) + Send + Sync>;

/// Something that may block for long.
type Job = Box<dyn FnOnce() + Send>;

/// What all that a node traces is within: `serfer{node=web-1}`. A name that is not known yet can be
/// recorded.
///
/// It is an error's span so that whoever listens to errors only is told whose they are, and nobody's
/// child: a node outlives whoever starts it.
pub(crate) fn span(name: Option<&str>) -> Span {
    let span = tracing::error_span!(target: "serfer", parent: None, "serfer", node = field::Empty);
    if let Some(name) = name {
        span.record("node", field::display(name));
    }
    span
}

impl Tasks {
    /// `own` is the node's own runtime; on the `application`'s are handlers.
    pub(crate) fn new<R: Runtime>(own: R, application: R, span: Span) -> Self {
        let (stop, stopping) = async_channel::bounded(1);
        let (running, ended) = async_channel::bounded(1);
        let running = Mutex::new(Some(running));
        let (sleeper, unblocker) = (own.clone(), application.clone());
        Self {
            stop,
            stopping,
            running,
            ended,
            spawn: Box::new(move |task| own.spawn(task)),
            spawn_handler: Box::new(move |task| application.spawn(task)),
            sleep: Box::new(move |at| {
                let runtime = sleeper.clone();
                Box::pin(async move { runtime.sleep_until(at).await })
            }),
            unblock: Box::new(move |job| {
                let runtime = unblocker.clone();
                Box::pin(async move { runtime.unblock(job).await })
            }),
            span,
        }
    }

    /// Starts a task that ends, wherever it is, when [`stop`](Self::stop) is called.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.spawn_on(&self.spawn, future::or(stopped, task));
    }

    /// Starts a task where it may do as it likes; it ends when [`stop`](Self::stop) is called.
    pub(crate) fn spawn_handler(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stopped = self.stopped();
        self.spawn_on(&self.spawn_handler, future::or(stopped, task));
    }

    /// Starts a task that ends by itself some time after [`stop`](Self::stop) is called.
    pub(crate) fn spawn_finishing(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_on(&self.spawn, task);
    }

    /// What a task of the node comes to; `None` if [`stop`](Self::stop) is called before.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = async_channel::bounded(1);
        self.spawn(async move { drop(sender.try_send(task.await)) });
        result.recv().await.ok()
    }

    fn spawn_on(&self, spawn: &Spawn, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else {
            return;
        };
        let task = async move {
            task.await;
            drop(running);
        };
        spawn(Box::pin(task.instrument(self.span.clone())));
    }

    /// Waits, in any task.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        (self.sleep)(at).await;
    }

    /// Calls something of the application that may block for long; `None` if its runtime ends before
    /// that does.
    pub(crate) async fn unblock<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = async_channel::bounded(1);
        let span = self.span.clone();
        let job = move || span.in_scope(|| drop(sender.try_send(f())));
        (self.unblock)(Box::new(job)).await;
        result.recv().await.ok()
    }

    /// Ends all tasks at their next step; says whether nobody has done so before.
    pub(crate) fn stop(&self) -> bool {
        let is_first = self.stop.close();
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        is_first
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.is_closed()
    }

    /// Waits until tasks are told to end.
    fn stopped(&self) -> impl Future<Output = ()> + use<> {
        let stopping = self.stopping.clone();
        async move { drop(stopping.recv().await) }
    }

    /// Waits until all tasks have ended and dropped what they held, or none can start any more.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        let ended = self.ended.clone();
        async move { drop(ended.recv().await) }
    }
}

#[cfg(test)]
mod tests {
    use crate::router::{Router, blocking};
    use crate::testing::{Alone, traced};
    use std::net::SocketAddr;

    #[test]
    fn whatever_a_node_traces_is_in_its_span() {
        let log = traced(|| {
            let router = Router::new()
                .user_event("task", |_| async { Err::<(), _>("failed in a task") })
                .user_event(
                    "thread",
                    blocking(|_| tracing::warn!(target: "program", "on a thread")),
                );
            let node = Alone::with(router);
            node.event("task");
            node.event("thread");
            node.call();
            node.serf.set_tag("role", "web").unwrap();
            node.settle();
        });
        for part in ["user event received", "failed in a task", "on a thread", "member changed"] {
            assert!(log.contains(part), "{part}: {log}");
        }
        for line in log.lines() {
            assert!(line.contains(" serfer{node=alone}: "), "{line}");
        }
    }

    #[test]
    fn that_others_have_other_settings_is_a_warning_now_and_then() {
        let node = Alone::with(Router::new());
        let from = SocketAddr::from(([127, 0, 0, 1], 7947));
        let log = traced(|| {
            for _ in 0..20 {
                let mut labelled = *b"\xf4\x04blue\x00";
                node.shared.drive(|node, now| node.handle_datagram(now, from, &mut labelled));
            }
        });
        let warnings: Vec<&str> = log.lines().filter(|line| line.contains("WARN")).collect();
        assert_eq!(warnings.len(), 2, "the first and the tenth: {log}");
        for part in ["has another label", "from=127.0.0.1:7947"] {
            assert!(warnings.iter().all(|line| line.contains(part)), "{part}: {log}");
        }
    }
}
