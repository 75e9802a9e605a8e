//! What the tasks of one node and its handles share.
//!
//! This is who may do what:
//!
//! 1. The endpoint is behind a lock. The lock is held only inside a closure, for microseconds, and never
//!    across an `.await`.
//! 2. Anybody may push inputs: the handles, and the tasks of streams. That wakes the driver.
//! 3. Only the driver takes outputs, performs them and hands events to the calls and readers that wait for
//!    them. The call that shuts the node down takes the last outputs itself, hands out the events among them
//!    and queues what is to be stored. It performs nothing else.
//! 4. Only the writer touches files. What it is to write waits under the same lock.
//! 5. Readers of events and of the list of members are woken after the lock is released.
//!
//! A poisoned lock means that there was a bug in the core, or a panic in a function that the application gave
//! it. Every call then fails with [`Closed`], and the node is shut down.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use serfer_proto::{Endpoint, LeaveReport};

use super::closed::Closed;
use super::end_cause::EndCause;
use super::reentrancy::ReentrancyGuard;
use super::signals::doorbell::Doorbell;
use super::state::State;
use super::state::wakers::Wakers;
use super::tasks::Tasks;

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) tasks: Tasks,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    /// Whether somebody has got a handle.
    has_started: AtomicBool,
    end_cause: OnceLock<EndCause>,
    /// What the driver waits for: there was an input.
    pub(crate) input_came: Doorbell,
    /// What the writer waits for: there is something to write. Closed when nothing more will come.
    pub(crate) store_came: Receiver<()>,
}

impl Shared {
    pub(crate) fn new(
        endpoint: Box<Endpoint>,
        tasks: Tasks,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        let (wake_writer, store_came) = async_channel::bounded(1);
        let state = Mutex::new(State::new(endpoint, wake_writer));
        let (has_started, end_cause) = (AtomicBool::new(false), OnceLock::new());
        let (clock, input_came) = (Box::new(clock), Doorbell::default());
        Self { state, tasks, clock, has_started, end_cause, input_came, store_came }
    }

    /// Looks at the state, or changes it in ways that give the driver nothing to do.
    ///
    /// # Panics
    /// If this thread is doing so already: it would wait for itself.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> Result<T, Closed> {
        let _guard = ReentrancyGuard::enter(self);
        let mut state = self.state.lock().map_err(|_| Closed)?;
        Ok(f(&mut state))
    }

    /// Tells the endpoint something and wakes the driver.
    pub(crate) fn input<T>(&self, f: impl FnOnce(&mut State, Instant) -> T) -> Result<T, Closed> {
        let _within = self.tasks.span.enter();
        let now = (self.clock)();
        // Even if it panics, so that the driver finds out.
        let _wakes = RingOnDrop(&self.input_came);
        self.with(|state| if state.is_closed { Err(Closed) } else { Ok(f(state, now)) })?
    }

    /// The same for an input that can be refused.
    pub(crate) fn call<T, R, E: From<Closed> + From<R>>(
        &self,
        call: impl FnOnce(&mut State, Instant) -> Result<T, R>,
    ) -> Result<T, E> {
        Ok(self.input(call)??)
    }

    /// Asks the endpoint for something and waits for the answer. `ask` gets what the answer is to be sent
    /// with.
    pub(crate) async fn ask<T, R, E: From<Closed> + From<R>>(
        &self,
        ask: impl FnOnce(&mut State, Instant, Sender<T>) -> Result<(), R>,
    ) -> Result<T, E> {
        let (sender, answer) = async_channel::bounded(1);
        self.call::<_, R, E>(|state, now| ask(state, now, sender))?;
        Ok(answer.recv().await.map_err(|_| Closed)?)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Tells the endpoint something that it need not hear if it is shut down.
    pub(crate) fn tell(&self, f: impl FnOnce(&mut State, Instant)) {
        let _ = self.input(f);
    }

    /// Tells the endpoint something from the driver, which needs no waking and finds out by itself that the
    /// node is shut down.
    pub(crate) fn drive(&self, f: impl FnOnce(&mut Endpoint, Instant)) {
        let now = (self.clock)();
        let _ = self.with(|state| f(&mut state.endpoint, now));
    }

    /// Waits until the node has left, and returns how that went, or is shut down.
    pub(crate) async fn gone(&self) -> Result<LeaveReport, Closed> {
        self.with(|state| state.gone.wait())?.await;
        self.with(|state| state.left)?.ok_or(Closed)
    }

    /// Somebody gets a handle.
    pub(crate) fn note_start(&self) {
        self.has_started.store(true, Ordering::Relaxed);
    }

    /// Why it has ended, if it has.
    pub(crate) fn end_cause(&self) -> Option<EndCause> {
        self.end_cause.get().copied()
    }

    /// Ends everything, handlers included. Handles stay readable.
    pub(crate) fn close(&self, cause: EndCause) {
        self.tasks.stop_handlers();
        self.end(cause);
    }

    /// Ends everything, but gives handlers time for what they have been told of. Handles stay readable.
    fn end(&self, cause: EndCause) {
        let _within = self.tasks.span.enter();
        let is_given_up = !self.has_started.load(Ordering::Relaxed)
            && matches!(cause, EndCause::HandleDropped | EndCause::RuntimeEnded);
        let cause = if is_given_up { EndCause::GivenUp } else { cause };
        let left = self.with(|state| state.left.is_some()).unwrap_or_default();
        let cause = match cause {
            EndCause::HandleDropped if left => EndCause::DroppedAfterLeaving,
            cause => cause,
        };
        // Whoever sees that it has ended sees why.
        if self.end_cause.set(cause).is_ok() {
            tracing::info!(target: "serfer::runtime", why = %cause, left, "node shuts down");
        }
        self.tasks.stop();
        let now = (self.clock)();
        let mut wakers = Wakers::default();
        let _ = self.with(|state| state.flush(now, &mut wakers));
        // This happens even if the lock is poisoned, so that nobody waits for a broken node.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.release_all(&mut wakers);
        drop(state);
        self.store_came.close();
        wakers.wake();
    }
}

/// Wakes the driver when it is dropped.
struct RingOnDrop<'a>(&'a Doorbell);

impl Drop for RingOnDrop<'_> {
    fn drop(&mut self) {
        self.0.ring();
    }
}

/// Is held by a task that the node cannot live without. When it is dropped, for whatever reason, the node is
/// shut down. Mostly the reason is the end of a runtime.
pub(crate) struct ShutdownOnDrop(pub(crate) Arc<Shared>);

impl ShutdownOnDrop {
    /// Runs a task that the node cannot live without.
    pub(crate) async fn during(self, task: impl Future<Output = ()>) {
        task.await;
    }
}

impl Drop for ShutdownOnDrop {
    fn drop(&mut self) {
        let reason = self.0.with(|state| state.shutdown_reason);
        self.0.end(match reason {
            Ok(Some(reason)) => EndCause::ByItself(reason),
            Ok(None) if std::thread::panicking() => EndCause::Panicked,
            Ok(None) => EndCause::RuntimeEnded,
            Err(Closed) => EndCause::Panicked,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::pin::pin;
    use std::time::Duration;

    use futures_lite::future::{block_on, poll_once};
    use serfer_proto::Config;

    use super::*;
    use crate::node::testing::{HERE, TestNode};
    use crate::router::Router;

    #[test]
    fn a_call_in_the_moment_of_the_shutdown_fails() {
        let TestNode { runtime, .. } = TestNode::with(Router::new());
        let start = Instant::now();
        let endpoint = Endpoint::new(Config::lan("a").advertise(HERE), [0; 32], start).unwrap();
        let tasks = Tasks::new(runtime.clone(), runtime, tracing::Span::none());
        // Somebody else shuts it down while the caller looks at the clock.
        let closing: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
        let meanwhile = closing.clone();
        let shared = Arc::new(Shared::new(Box::new(endpoint), tasks, move || {
            let shared = meanwhile.lock().unwrap().take();
            shared.inspect(|shared| shared.close(EndCause::Told));
            start
        }));
        *closing.lock().unwrap() = Some(shared.clone());
        assert_eq!(shared.input(|_, _| ()), Err(Closed));
        assert_eq!(block_on(shared.gone()), Err(Closed));
    }

    #[test]
    fn who_sees_that_the_node_has_ended_sees_why() {
        let node = TestNode::with(Router::new());
        let held = node.shared.state.lock().unwrap();
        let ending = node.shared.clone();
        let ending = std::thread::spawn(move || ending.close(EndCause::Panicked));
        let mut ended = pin!(node.shared.tasks.ended());
        for _ in 0..20 {
            let has_ended = block_on(poll_once(ended.as_mut())).is_some();
            assert!(!has_ended || node.shared.end_cause().is_some());
            std::thread::sleep(Duration::from_millis(1));
        }
        drop(held);
        ending.join().unwrap();
        assert_eq!(node.shared.end_cause(), Some(EndCause::Panicked));
    }

    #[test]
    fn a_panic_in_the_core_ends_every_wait() {
        let node = TestNode::with(Router::new());
        let (mut events, mut members) = (node.serf.events(), node.serf.subscribe());
        let replies = node.serf.query("q", "").unwrap();
        let panic = || node.shared.input(|_, _| panic!("a bug"));
        assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
        assert!(node.shared.input_came.take(), "the driver is to find out");
        drop(ShutdownOnDrop(node.shared.clone()));
        node.runtime.step();
        block_on(async {
            while events.next().await.is_some() {}
            while members.next().await.is_some() {}
            assert_eq!(replies.collect().await.end, None);
            assert_eq!(node.shared.gone().await, Err(Closed));
            assert_eq!(node.serf.events().next().await, None);
        });
        assert_eq!(node.serf.local_member(), Err(Closed));
    }

    #[test]
    #[should_panic(expected = "a function that the node calls has called the node")]
    fn a_function_that_calls_the_node_that_calls_it_does_not_hang() {
        let node = TestNode::with(Router::new());
        let _ = node.shared.with(|_| node.serf.members());
    }
}
