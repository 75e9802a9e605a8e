//! One handler, and what keeps it from hurting others: its concurrency limit, its timeout, and its panics
//! being caught.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

use futures_lite::{FutureExt, future};

use super::answer::{Reaction, Work, WorkKind};
use super::concurrency::{ConcurrencyLimit, NotAdmitted};
use super::route::{CONCURRENCY, Route, WAITING};
use crate::node::shared::Shared;

/// A handler that has no timeout and takes longer than this may be stuck.
const STUCK: Duration = Duration::from_secs(30);

/// A handler with what its route says.
pub(super) struct Handler<T, A> {
    call: Box<dyn Fn(T) -> Work<A> + Send + Sync>,
    timeout: Option<Duration>,
    limit: ConcurrencyLimit,
}

/// What a handler is called for, and its limits.
pub(super) struct HandlerCall<'a> {
    /// The name of the event.
    pub(super) name: &'a str,
    /// Until when it makes sense to begin: after its deadline a query cannot be answered.
    pub(super) deadline: Option<Instant>,
    /// How long a handler may take if its route does not say.
    pub(super) timeout: Option<Duration>,
    pub(super) shared: &'a Shared,
}

/// Why a handler was not called, or did not succeed.
#[derive(Debug, thiserror::Error)]
enum HandlerFailure {
    #[error("{0}")]
    Failed(String),
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("took longer than {0:?} and was dropped")]
    TimedOut(Duration),
    #[error("not called: {0}")]
    NotAdmitted(#[from] NotAdmitted),
    #[error("not called to the end: the runtime has ended")]
    Ended,
}

impl<T, A: Send + 'static> Handler<T, A> {
    pub(super) fn new<R, Way>(
        route: &Route,
        handler: impl Fn(T) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<A, Way>,
    {
        let concurrency = route.concurrency.unwrap_or(CONCURRENCY);
        Self {
            call: Box::new(move |event| handler(event).into_work()),
            timeout: route.timeout,
            limit: ConcurrencyLimit::new(concurrency, route.waiting.unwrap_or(WAITING)),
        }
    }

    /// Handles one event. What goes wrong is traced.
    pub(super) async fn handle(&self, event: T, call: &HandlerCall<'_>) -> Option<A> {
        let failure = match self.attempt(event, call).await {
            Ok(answer) => return Some(answer),
            Err(failure) => failure,
        };
        let name = call.name;
        match failure {
            HandlerFailure::Panicked(_) => {
                tracing::error!(target: "serfer::router", event = name, %failure, "handler failed");
            }
            // A flood of queries must not flood the log.
            HandlerFailure::NotAdmitted(_) if self.limit.note_refusal() => {
                tracing::debug!(target: "serfer::router", event = name, %failure, "handler failed");
            }
            _ => tracing::warn!(target: "serfer::router", event = name, %failure, "handler failed"),
        }
        None
    }

    async fn attempt(&self, event: T, call: &HandlerCall<'_>) -> Result<A, HandlerFailure> {
        let (shared, tasks) = (call.shared, &call.shared.tasks);
        let timeout = self.timeout.or(call.timeout);
        let turn_until = call.deadline.or_else(|| shared.now().checked_add(timeout?));
        let permit = self.limit.enter(turn_until, tasks).await?;
        let work = async {
            match (self.call)(event).0 {
                WorkKind::Done(answer) => answer.map_err(HandlerFailure::Failed),
                WorkKind::Await(future) => future.await.map_err(HandlerFailure::Failed),
                WorkKind::Call(f) => {
                    let permit = permit.clone();
                    let call = move || {
                        let outcome = catch_unwind(AssertUnwindSafe(f));
                        drop(permit);
                        outcome
                    };
                    match tasks.unblock(call).await {
                        Some(Ok(answer)) => answer.map_err(HandlerFailure::Failed),
                        Some(Err(panic)) => resume_unwind(panic),
                        None => Err(HandlerFailure::Ended),
                    }
                }
            }
        };
        // When the time is up, `work` is dropped in here, because that may panic, too.
        let limited = async {
            let until = timeout.and_then(|timeout| shared.now().checked_add(timeout));
            let (Some(timeout), Some(until)) = (timeout, until) else {
                return future::or(work, warn_if_stuck(call)).await;
            };
            tasks
                .timeout_at(Some(until), work)
                .await
                .unwrap_or(Err(HandlerFailure::TimedOut(timeout)))
        };
        match AssertUnwindSafe(limited).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => Err(HandlerFailure::Panicked(message(&*panic))),
        }
    }
}

/// Warns if a handler without a timeout takes very long. Never ends.
async fn warn_if_stuck<T>(call: &HandlerCall<'_>) -> T {
    if let Some(until) = call.shared.now().checked_add(STUCK) {
        call.shared.tasks.sleep_until(until).await;
        tracing::warn!(target: "serfer::router", event = call.name, after = ?STUCK, "a handler is still running; if it may hang, give its route a timeout");
    }
    future::pending().await
}

/// The message of a panic.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
