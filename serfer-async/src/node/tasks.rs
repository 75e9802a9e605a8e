//! The tasks of one node: how they start, how they are told to stop, and how it is known that they have
//! ended.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::{FutureExt as _, future};
use tracing::Instrument as _;
use tracing::{Span, field};

use super::signals::latch::{Latch, Never, closed};
use crate::runtime::Runtime;

/// A future of any type.
pub(crate) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How long handlers have for what they have been told, when a node shuts down by itself.
const HANDLER_GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Tasks {
    /// On the node's own runtime.
    node: TaskGroup,
    /// On the runtime of the application.
    application: TaskGroup,
    /// Ends what the node does.
    stop: Latch,
    /// Ends handlers.
    stop_handlers: Latch,
    sleep: Box<dyn Fn(Instant) -> BoxFuture<()> + Send + Sync>,
    handler_grace: Box<dyn Fn() -> BoxFuture<()> + Send + Sync>,
    unblock: Box<dyn Fn(BlockingCall) -> BoxFuture<()> + Send + Sync>,
    /// The span of the node, in which everything happens.
    pub(crate) span: Span,
}

/// Runs a future to its end or to a panic, which goes no further: on some runtimes it would end whatever else is
/// on the same thread.
pub(crate) async fn caught(task: impl Future<Output = ()>) {
    // What it shares with others is behind locks, which are poisoned then.
    let _panicked = AssertUnwindSafe(task).catch_unwind().await;
}

/// Tasks on one runtime.
struct TaskGroup {
    spawn: Box<dyn Fn(BoxFuture<()>) + Send + Sync>,
    /// Every task holds a copy; `None` once no task may start.
    running: Mutex<Option<Sender<Never>>>,
    ended: Receiver<Never>,
}

/// Something that may block for long.
type BlockingCall = Box<dyn FnOnce() + Send>;

/// The span of everything that a node traces: `serfer{node=web-1}`. A name that is not known yet can be
/// recorded later.
///
/// Its level is ERROR, so that a subscriber that only wants errors still learns which node they are from. It
/// has no parent, because a node outlives the code that starts it.
pub(crate) fn span(name: Option<&str>) -> Span {
    let span = tracing::error_span!(target: "serfer", parent: None, "serfer", node = field::Empty);
    if let Some(name) = name {
        span.record("node", field::display(name));
    }
    span
}

impl Tasks {
    /// `own` is the node's own runtime; handlers run on that of the `application`.
    pub(crate) fn new<R: Runtime>(own: R, application: R, span: Span) -> Self {
        let (sleeper, timer, unblocker) = (own.clone(), own.clone(), application.clone());
        Self {
            node: TaskGroup::new(own),
            application: TaskGroup::new(application),
            stop: Latch::new(),
            stop_handlers: Latch::new(),
            sleep: Box::new(move |at| {
                let runtime = sleeper.clone();
                Box::pin(async move { runtime.sleep_until(at).await })
            }),
            handler_grace: Box::new(move || {
                let runtime = timer.clone();
                Box::pin(async move { runtime.sleep_until(runtime.now() + HANDLER_GRACE).await })
            }),
            unblock: Box::new(move |call| {
                let runtime = unblocker.clone();
                Box::pin(async move { runtime.unblock(call).await })
            }),
            span,
        }
    }

    /// Starts a task that ends at its next `.await` when [`stop`](Self::stop) is called.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.spawn_finishing(future::or(self.stop.wait(), task));
    }

    /// Starts a task that ends by itself some time after [`stop`](Self::stop) is called.
    pub(crate) fn spawn_finishing(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.node.spawn(task.instrument(self.span.clone()));
    }

    /// Starts a task that runs code of the application. It ends at its next `.await` when
    /// [`stop`](Self::stop) is called. Nobody waits for that, because the application may hold it up.
    pub(crate) fn spawn_outside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = future::or(self.stop.wait(), task).instrument(self.span.clone());
        (self.application.spawn)(Box::pin(task));
    }

    /// Starts a task that runs handlers of the application. It ends by itself after [`stop`](Self::stop) is
    /// called, [`HANDLER_GRACE`] later at most, or when [`stop_handlers`](Self::stop_handlers) is called.
    pub(crate) fn spawn_handler(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (stopped, grace) = (self.stop.wait(), (self.handler_grace)());
        let late = async {
            stopped.await;
            grace.await;
        };
        let ended = future::or(self.stop_handlers.wait(), late);
        self.application.spawn(future::or(ended, task).instrument(self.span.clone()));
    }

    /// Waits. Any task may call it.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        (self.sleep)(at).await;
    }

    /// Runs a future until then at most, and returns its result if there is one by then.
    pub(crate) async fn timeout_at<T>(
        &self,
        at: Option<Instant>,
        task: impl Future<Output = T>,
    ) -> Option<T> {
        let late = async {
            match at {
                Some(at) => self.sleep_until(at).await,
                None => future::pending().await,
            }
            None
        };
        future::or(async { Some(task.await) }, late).await
    }

    /// Calls a function of the application that may block for long; `None` if the application's runtime ends
    /// before the function does.
    pub(crate) async fn unblock<T: Send + 'static>(
        &self,
        f: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, result) = async_channel::bounded(1);
        let span = self.span.clone();
        let call = move || span.in_scope(|| drop(sender.try_send(f())));
        (self.unblock)(Box::new(call)).await;
        result.recv().await.ok()
    }

    /// Ends all tasks except handlers at their next `.await`.
    pub(crate) fn stop(&self) {
        self.stop.open();
        self.node.close();
        self.application.close();
    }

    /// Ends handlers at their next `.await`.
    pub(crate) fn stop_handlers(&self) {
        self.stop_handlers.open();
    }

    /// Waits until all tasks of the node have ended and dropped what they held, and no more can start.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        closed(self.node.ended.clone())
    }

    /// The same for tasks on the runtime of the application.
    pub(crate) fn handlers_ended(&self) -> impl Future<Output = ()> + use<> {
        closed(self.application.ended.clone())
    }
}

impl TaskGroup {
    fn new<R: Runtime>(runtime: R) -> Self {
        let (running, ended) = async_channel::bounded(1);
        let spawn = Box::new(move |task: BoxFuture<()>| runtime.spawn(task));
        Self { spawn, running: Mutex::new(Some(running)), ended }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(running) = running else {
            return;
        };
        // In a box of its own, because what wraps it would hold room for it more than once.
        let task: BoxFuture<()> = Box::pin(task);
        (self.spawn)(Box::pin(async move {
            caught(task).await;
            drop(running);
        }));
    }

    /// Starts no more tasks.
    fn close(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use crate::node::testing::{TestNode, traced};
    use crate::router::{Router, blocking};
    use std::net::SocketAddr;

    #[test]
    fn everything_that_a_node_traces_is_in_its_span() {
        let log = traced(|| {
            let router = Router::new()
                .user_event("task", |_| async { Err::<(), _>("failed in a task") })
                .user_event(
                    "thread",
                    blocking(|_| tracing::warn!(target: "program", "on a thread")),
                );
            let node = TestNode::with(router);
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
    fn different_settings_of_others_are_a_warning_now_and_then() {
        let node = TestNode::with(Router::new());
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
