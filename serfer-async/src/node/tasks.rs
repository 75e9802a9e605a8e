//! The tasks of one node: how they are told to stop, and how it is known that they have.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// Waits until a channel is closed.
pub(crate) async fn closed(channel: Receiver<Never>) {
    drop(channel.recv().await);
}

/// Something that happens once, when this is dropped at the latest, and that anybody can wait for.
#[derive(Debug)]
pub(crate) struct Once {
    happens: Sender<Never>,
    happened: Receiver<Never>,
}

impl Once {
    pub(crate) fn new() -> Self {
        let (happens, happened) = async_channel::bounded(1);
        Self { happens, happened }
    }

    /// Says whether it had not happened before.
    pub(crate) fn happen(&self) -> bool {
        self.happens.close()
    }

    /// Waits for it.
    pub(crate) fn wait(&self) -> impl Future<Output = ()> + use<> {
        closed(self.happened.clone())
    }
}

/// How long handlers have for what they have been told, when a node shuts down by itself.
const LAST_WORDS: Duration = Duration::from_secs(5);

pub(crate) struct Tasks {
    /// The node's own runtime.
    node: Place,
    /// The runtime of the application.
    application: Place,
    /// Ends what the node does.
    stop: Once,
    /// Ends handlers.
    stop_handlers: Once,
    sleep: Box<dyn Fn(Instant) -> BoxFuture<()> + Send + Sync>,
    last_words: Box<dyn Fn() -> BoxFuture<()> + Send + Sync>,
    unblock: Box<dyn Fn(Job) -> BoxFuture<()> + Send + Sync>,
    /// The node's, in which everything happens.
    pub(crate) span: Span,
}

/// Where tasks run.
struct Place {
    spawn: Box<dyn Fn(BoxFuture<()>) + Send + Sync>,
    /// Every task holds a copy; `None` once no task may start.
    running: Mutex<Option<Sender<Never>>>,
    ended: Receiver<Never>,
}

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
        let (sleeper, timer, unblocker) = (own.clone(), own.clone(), application.clone());
        Self {
            node: Place::new(own),
            application: Place::new(application),
            stop: Once::new(),
            stop_handlers: Once::new(),
            sleep: Box::new(move |at| {
                let runtime = sleeper.clone();
                Box::pin(async move { runtime.sleep_until(at).await })
            }),
            last_words: Box::new(move || {
                let runtime = timer.clone();
                Box::pin(async move { runtime.sleep_until(runtime.now() + LAST_WORDS).await })
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
        self.spawn_finishing(future::or(self.stop.wait(), task));
    }

    /// Starts a task that ends by itself some time after [`stop`](Self::stop) is called.
    pub(crate) fn spawn_finishing(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.node.spawn(task.instrument(self.span.clone()));
    }

    /// Starts a task where it may do as the application likes; it ends, wherever it is, when
    /// [`stop`](Self::stop) is called. Nobody waits for that: perhaps the application holds it up.
    pub(crate) fn spawn_outside(&self, task: impl Future<Output = ()> + Send + 'static) {
        let task = future::or(self.stop.wait(), task).instrument(self.span.clone());
        (self.application.spawn)(Box::pin(task));
    }

    /// Starts a task where it may do as the application likes. It ends by itself some time after
    /// [`stop`](Self::stop) is called, and before long, or when
    /// [`stop_handlers`](Self::stop_handlers) is.
    pub(crate) fn spawn_handler(&self, task: impl Future<Output = ()> + Send + 'static) {
        let (stopped, last_words) = (self.stop.wait(), (self.last_words)());
        let late = async {
            stopped.await;
            last_words.await;
        };
        let ended = future::or(self.stop_handlers.wait(), late);
        self.application.spawn(future::or(ended, task).instrument(self.span.clone()));
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

    /// Waits, in any task.
    pub(crate) async fn sleep_until(&self, at: Instant) {
        (self.sleep)(at).await;
    }

    /// What a task comes to, unless it takes longer than that.
    pub(crate) async fn until<T>(
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

    /// Ends all tasks, but for handlers, at their next step; says whether nobody has done so before.
    pub(crate) fn stop(&self) -> bool {
        let is_first = self.stop.happen();
        self.node.close();
        self.application.close();
        is_first
    }

    /// Ends handlers at their next step.
    pub(crate) fn stop_handlers(&self) {
        self.stop_handlers.happen();
    }

    /// Waits until all tasks of the node have ended and dropped what they held, or none can start any
    /// more.
    pub(crate) fn ended(&self) -> impl Future<Output = ()> + use<> {
        closed(self.node.ended.clone())
    }

    /// The same for those on the runtime of the application.
    pub(crate) fn handlers_ended(&self) -> impl Future<Output = ()> + use<> {
        closed(self.application.ended.clone())
    }
}

impl Place {
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
        (self.spawn)(Box::pin(async move {
            task.await;
            drop(running);
        }));
    }

    /// No task starts any more.
    fn close(&self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

#[cfg(test)]
mod tests {
    use crate::node::testing::{Alone, traced};
    use crate::router::{Router, blocking};
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
