//! How many events one handler handles at a time, and how many more may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use async_lock::{Semaphore, SemaphoreGuardArc};

use crate::node::tasks::Tasks;

/// Why a handler is not called.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotAdmitted {
    #[error("{0} others are being handled or wait already")]
    Full(usize),
    #[error("it was not its turn in time")]
    Late,
}

/// Lets so many events in at a time, while so many more wait.
pub(super) struct ConcurrencyLimit {
    turns: Arc<Semaphore>,
    /// How many are in or wait.
    admitted: Arc<AtomicUsize>,
    admitted_max: usize,
    /// Whether an event was refused since one was last let in at once.
    has_refused: AtomicBool,
}

/// Is held while an event is being handled.
pub(super) struct Permit {
    _turn: SemaphoreGuardArc,
    _admission: Admission,
}

/// Is held while an event is being handled or waits.
struct Admission(Arc<AtomicUsize>);

impl Drop for Admission {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ConcurrencyLimit {
    pub(super) fn new(concurrency: usize, waiting: usize) -> Self {
        Self {
            turns: Arc::new(Semaphore::new(concurrency)),
            admitted: Arc::default(),
            admitted_max: concurrency.saturating_add(waiting),
            has_refused: AtomicBool::new(false),
        }
    }

    /// Waits for a turn, until then at most.
    pub(super) async fn enter(
        &self,
        until: Option<Instant>,
        tasks: &Tasks,
    ) -> Result<Arc<Permit>, NotAdmitted> {
        let before = self.admitted.fetch_add(1, Ordering::Relaxed);
        let admission = Admission(self.admitted.clone());
        if before >= self.admitted_max {
            return Err(NotAdmitted::Full(self.admitted_max));
        }
        let turn = match self.turns.try_acquire_arc() {
            Some(turn) => {
                self.has_refused.store(false, Ordering::Relaxed);
                turn
            }
            None => {
                let turn = tasks.timeout_at(until, self.turns.acquire_arc()).await;
                turn.ok_or(NotAdmitted::Late)?
            }
        };
        Ok(Arc::new(Permit { _turn: turn, _admission: admission }))
    }

    /// Notes that an event was refused. Returns whether one was before, and none was let in at once since.
    pub(super) fn note_refusal(&self) -> bool {
        self.has_refused.swap(true, Ordering::Relaxed)
    }
}
