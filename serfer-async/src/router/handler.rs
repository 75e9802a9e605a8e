//! One handler, and all that keeps it from hurting others: its turn, its time, its panics.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_lock::{Semaphore, SemaphoreGuardArc};
use futures_lite::{FutureExt, future};

use super::answer::{Reaction, Todo, Work};
use super::route::{CONCURRENCY, Route, WAITING};
use crate::node::shared::Shared;
use crate::node::tasks::Tasks;

/// A handler that has no timeout and takes longer than this may have got stuck.
const LONG: Duration = Duration::from_secs(30);

/// A handler with what its route says.
pub(super) struct Handler<T, A> {
    call: Box<dyn Fn(T) -> Work<A> + Send + Sync>,
    timeout: Option<Duration>,
    gate: Gate,
}

/// What a handler is run for, and within.
pub(super) struct Call<'a> {
    /// The name of the event.
    pub(super) name: &'a str,
    /// Until when it makes sense to begin: a query is answered until its deadline or not at all.
    pub(super) deadline: Option<Instant>,
    /// How long handlers may take whose route does not say.
    pub(super) timeout: Option<Duration>,
    pub(super) shared: &'a Shared,
}

/// Why a handler has done nothing, or has not come to its end.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Failed(String),
    #[error("panicked: {0}")]
    Panicked(String),
    #[error("took longer than {0:?} and was dropped")]
    TimedOut(Duration),
    #[error("not called: {0} others are being handled or wait already")]
    Full(usize),
    #[error("not called: it was not its turn in time")]
    Late,
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
            gate: Gate::new(concurrency, route.waiting.unwrap_or(WAITING)),
        }
    }

    /// Handles one event. Whatever goes wrong is traced.
    pub(super) async fn handle(&self, event: T, call: &Call<'_>) -> Option<A> {
        let failure = match self.attempt(event, call).await {
            Ok(answer) => return Some(answer),
            Err(failure) => failure,
        };
        let name = call.name;
        match failure {
            Failure::Panicked(_) => {
                tracing::error!(target: "serfer::router", event = name, %failure, "handler failed");
            }
            // Whoever floods us with queries must not flood the log.
            Failure::Full(_) | Failure::Late if self.gate.refused.swap(true, Ordering::Relaxed) => {
                tracing::debug!(target: "serfer::router", event = name, %failure, "handler failed");
            }
            _ => tracing::warn!(target: "serfer::router", event = name, %failure, "handler failed"),
        }
        None
    }

    async fn attempt(&self, event: T, call: &Call<'_>) -> Result<A, Failure> {
        let (shared, tasks) = (call.shared, &call.shared.tasks);
        let timeout = self.timeout.or(call.timeout);
        let turn_until = call.deadline.or_else(|| shared.now().checked_add(timeout?));
        let permit = self.gate.enter(turn_until, tasks).await?;
        let work = async {
            match (self.call)(event).0 {
                Todo::Nothing(answer) => answer.map_err(Failure::Failed),
                Todo::Await(future) => future.await.map_err(Failure::Failed),
                Todo::Call(f) => {
                    let permit = permit.clone();
                    let job = move || {
                        let outcome = catch_unwind(AssertUnwindSafe(f));
                        drop(permit);
                        outcome
                    };
                    match tasks.unblock(job).await {
                        Some(Ok(answer)) => answer.map_err(Failure::Failed),
                        Some(Err(panic)) => resume_unwind(panic),
                        None => Err(Failure::Ended),
                    }
                }
            }
        };
        // What is dropped when the time is up may panic, too, and is dropped in here.
        let limited = async {
            let until = timeout.and_then(|timeout| shared.now().checked_add(timeout));
            let (Some(timeout), Some(until)) = (timeout, until) else {
                return future::or(work, watch(call)).await;
            };
            tasks.until(Some(until), work).await.unwrap_or(Err(Failure::TimedOut(timeout)))
        };
        match AssertUnwindSafe(limited).catch_unwind().await {
            Ok(outcome) => outcome,
            Err(panic) => Err(Failure::Panicked(message(&*panic))),
        }
    }
}

/// Says so if a handler that may take as long as it likes takes very long; never ends.
async fn watch<T>(call: &Call<'_>) -> T {
    if let Some(until) = call.shared.now().checked_add(LONG) {
        call.shared.tasks.sleep_until(until).await;
        tracing::warn!(target: "serfer::router", event = call.name, after = ?LONG, "a handler is still running; if it may hang, give its route a timeout");
    }
    future::pending().await
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// Lets so many in at a time, and so many more wait.
struct Gate {
    turns: Arc<Semaphore>,
    /// How many are in or wait.
    there: Arc<AtomicUsize>,
    most: usize,
    /// Whether somebody was turned away since somebody was last let in at once.
    refused: AtomicBool,
}

/// Held by whoever is in.
struct Permit {
    _turn: SemaphoreGuardArc,
    _place: Place,
}

/// Held by whoever is in or waits.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Gate {
    fn new(concurrency: usize, waiting: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(concurrency)),
            there: Arc::default(),
            most: concurrency.saturating_add(waiting),
            refused: AtomicBool::new(false),
        }
    }

    async fn enter(&self, until: Option<Instant>, tasks: &Tasks) -> Result<Arc<Permit>, Failure> {
        let there = self.there.fetch_add(1, Ordering::Relaxed);
        let place = Place(self.there.clone());
        if there >= self.most {
            return Err(Failure::Full(self.most));
        }
        if let Some(turn) = self.turns.try_acquire_arc() {
            self.refused.store(false, Ordering::Relaxed);
            return Ok(Arc::new(Permit { _turn: turn, _place: place }));
        }
        let turn = tasks.until(until, self.turns.acquire_arc()).await.ok_or(Failure::Late)?;
        Ok(Arc::new(Permit { _turn: turn, _place: place }))
    }
}
