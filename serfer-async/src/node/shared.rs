//! What the tasks of one node and its handles share.
//!
//! The whole story of who may do what:
//!
//! 1. The endpoint sits behind a lock that is only ever held inside a closure, for microseconds,
//!    never across an `.await`.
//! 2. Anybody may push inputs: the handles, the stream tasks. Doing so wakes the driver.
//! 3. Only the driver drains outputs, performs them and hands events to whoever waits for them. When
//!    the node is shut down, the last of what is to be stored is drained by whoever does that.
//! 4. Only the writer touches files; what it is to write waits under the same lock.
//!
//! A poisoned lock means a bug in the core, or a panic in a function that the application gave it: every
//! call then says [`Closed`](crate::Error::Closed), and the node is shut down.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use serfer_proto::{
    Endpoint, Event, JoinDone, JoinId, KeyReport, LeaveReport, Output, Query, QueryId,
    ShutdownReason, StoredFile, StreamEnd, StreamId,
};

use crate::error::Error;
use crate::files::writer::{Backlog, Overflow};
use crate::handle::events::Subscribers;
use crate::handle::keys::Rotated;
use crate::handle::membership::{Wakers, Watchers};
use crate::handle::query::Answer;
use crate::node::streams::{Command, Commander, Orders};
use crate::node::tasks::{Once, Tasks};

/// The node is shut down, or broken by a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is shut down")]
pub struct Closed;

pub(crate) struct Shared {
    state: Mutex<State>,
    pub(crate) tasks: Tasks,
    clock: Box<dyn Fn() -> Instant + Send + Sync>,
    wake: Sender<()>,
    /// What the driver waits for: some input has come.
    pub(crate) woken: Receiver<()>,
    /// What the writer waits for: there is something to write. Closed when nothing more will come.
    pub(crate) stored: Receiver<()>,
}

pub(crate) struct State {
    pub(crate) endpoint: Endpoint,
    /// Where the task of each stream takes its orders.
    pub(crate) streams: BTreeMap<StreamId, Commander>,
    pub(crate) joins: BTreeMap<JoinId, Sender<JoinDone>>,
    pub(crate) queries: BTreeMap<QueryId, Sender<Answer>>,
    pub(crate) key_reports: BTreeMap<QueryId, Sender<KeyReport>>,
    pub(crate) rotation: Option<Sender<Rotated>>,
    /// How we left, if we have.
    left: Option<LeaveReport>,
    /// Why we shut ourselves down, if we have.
    pub(crate) shutdown_reason: Option<ShutdownReason>,
    is_closed: bool,
    /// That it has left, or is shut down.
    gone: Once,
    pub(crate) subscribers: Subscribers,
    pub(crate) backlog: Backlog,
    pub(crate) watchers: Watchers,
    /// What came and went, by name.
    #[cfg(feature = "metrics")]
    pub(crate) names: crate::node::metrics::Names,
}

impl Shared {
    pub(crate) fn new(
        endpoint: Endpoint,
        subscribers: Subscribers,
        tasks: Tasks,
        clock: impl Fn() -> Instant + Send + Sync + 'static,
    ) -> Self {
        let (wake, woken) = async_channel::bounded(1);
        let (store, stored) = async_channel::bounded(1);
        let state = State {
            endpoint,
            streams: BTreeMap::new(),
            joins: BTreeMap::new(),
            queries: BTreeMap::new(),
            key_reports: BTreeMap::new(),
            rotation: None,
            left: None,
            shutdown_reason: None,
            is_closed: false,
            gone: Once::new(),
            subscribers,
            backlog: Backlog::new(store),
            watchers: Watchers::default(),
            #[cfg(feature = "metrics")]
            names: crate::node::metrics::Names::default(),
        };
        Self { state: Mutex::new(state), tasks, clock: Box::new(clock), wake, woken, stored }
    }

    /// Looks at the state, or changes it in ways that call for nothing to be done.
    ///
    /// # Panics
    /// If this thread does so already: it would wait for itself.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> Result<T, Closed> {
        let _inside = Inside::of(self);
        let mut state = self.state.lock().map_err(|_| Closed)?;
        Ok(f(&mut state))
    }

    /// Tells the endpoint something and wakes the driver.
    pub(crate) fn input<T>(&self, f: impl FnOnce(&mut State, Instant) -> T) -> Result<T, Closed> {
        let _within = self.tasks.span.enter();
        let now = (self.clock)();
        // Even if it panics, so that the driver finds out.
        let _wakes = Wakes(&self.wake);
        self.with(|state| if state.is_closed { Err(Closed) } else { Ok(f(state, now)) })?
    }

    /// Asks the endpoint for something and waits for what that comes to; `ask` says where the answer is sent.
    pub(crate) async fn ask<T>(
        &self,
        ask: impl FnOnce(&mut State, Instant, Sender<T>) -> Result<(), Error>,
    ) -> Result<T, Error> {
        let (waiting, answer) = async_channel::bounded(1);
        self.input(|state, now| ask(state, now, waiting))??;
        Ok(answer.recv().await.map_err(|_| Closed)?)
    }

    /// Answers a query that came.
    pub(crate) fn respond(&self, query: &Query, answer: &[u8]) -> Result<(), Error> {
        Ok(self.input(|state, now| state.endpoint.respond(now, query, answer))??)
    }

    /// What time it is.
    pub(crate) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Tells the endpoint something that it need not hear if it is shut down.
    pub(crate) fn tell(&self, f: impl FnOnce(&mut State, Instant)) {
        let _ = self.input(f);
    }

    /// Tells the endpoint something when it is the driver who does, who needs no waking and finds
    /// out by itself that it is shut down.
    pub(crate) fn drive(&self, f: impl FnOnce(&mut Endpoint, Instant)) {
        let now = (self.clock)();
        let _ = self.with(|state| f(&mut state.endpoint, now));
    }

    /// Waits until the node has left, which it tells, or is shut down.
    pub(crate) async fn gone(&self) -> Result<LeaveReport, Closed> {
        self.with(|state| state.gone.wait())?.await;
        self.with(|state| state.left)?.ok_or(Closed)
    }

    /// Ends everything, handlers included. Handles stay readable.
    pub(crate) fn close(&self, why: &str) {
        self.tasks.stop_handlers();
        self.end(why);
    }

    /// Ends everything, but gives handlers time for what they have been told of. Handles stay readable.
    fn end(&self, why: &str) {
        let _within = self.tasks.span.enter();
        if self.tasks.stop() {
            let left = self.with(|state| state.left.is_some()).unwrap_or_default();
            tracing::info!(target: "serfer::runtime", why, left, "node shuts down");
        }
        let now = (self.clock)();
        let readers = self.with(|state| state.flush(now)).unwrap_or_default();
        // Whoever waits is let go of even if the rest is broken.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let readers = state.let_go(readers);
        drop(state);
        self.stored.close();
        readers.wake();
    }
}

thread_local! {
    /// Where the node is whose lock this thread has.
    static INSIDE: Cell<usize> = const { Cell::new(0) };
}

/// Held by whoever has the lock of a node. Others may be called meanwhile.
struct Inside {
    before: usize,
}

impl Inside {
    fn of(shared: &Shared) -> Self {
        let here = std::ptr::from_ref(shared).addr();
        let before = INSIDE.replace(here);
        assert_ne!(
            before, here,
            "a node is called by what it calls itself: a function of its configuration, or a \
             subscriber to its traces"
        );
        Self { before }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.set(self.before);
    }
}

/// Wakes the driver in the end.
struct Wakes<'a>(&'a Sender<()>);

impl Drop for Wakes<'_> {
    fn drop(&mut self) {
        // A full channel means that it will wake up anyway.
        let _ = self.0.try_send(());
    }
}

/// What a node cannot live without: it is shut down when this is dropped, for whatever reason. Mostly that is
/// the end of a runtime.
pub(crate) struct Vital(pub(crate) Arc<Shared>);

impl Vital {
    /// Does something that the node cannot live without.
    pub(crate) async fn during(self, task: impl Future<Output = ()>) {
        task.await;
    }
}

impl Drop for Vital {
    fn drop(&mut self) {
        self.0.end("it lost its name, a runtime that it needs has ended, or it panicked");
    }
}

impl State {
    /// The next output; what concerns only this crate's own waiting parties is done on the way.
    pub(crate) fn poll(&mut self, buf: &mut Vec<u8>) -> Todo {
        loop {
            match self.endpoint.poll_output(buf) {
                Output::Datagram { to, .. } => return Todo::Datagram(to),
                Output::Connect { stream, to } => return Todo::Connect(stream, to),
                Output::Wait { until } => {
                    return Todo::Wait(until, self.watchers.publish(&mut self.endpoint));
                }
                Output::Write { stream, .. } => {
                    let data = std::mem::take(buf);
                    self.command(stream, Command::Write(data));
                }
                Output::Close { stream } => self.command(stream, Command::Close),
                Output::Abort { stream } => drop(self.streams.remove(&stream)),
                Output::Store { file, write, durability, .. } => {
                    let pushed = self.backlog.push(file, write, durability, buf);
                    buf.clear();
                    if let Err(overflow) = pushed {
                        return Todo::TellOfOverflow(file, overflow);
                    }
                }
                Output::Event(Event::ShutdownWanted(reason)) => {
                    self.shutdown_reason = Some(reason);
                    return Todo::Close;
                }
                Output::Event(event) => self.dispatch(event),
            }
        }
    }

    /// Makes a stream known, so that the endpoint's orders reach its task.
    pub(crate) fn open_stream(&mut self, stream: StreamId) -> Orders {
        let (commander, orders) = Commander::new();
        self.streams.insert(stream, commander);
        orders
    }

    /// A stream is gone, or its other side sends no more.
    pub(crate) fn end_stream(&mut self, now: Instant, stream: StreamId, end: StreamEnd) {
        if end == StreamEnd::Closed {
            self.streams.remove(&stream);
        }
        self.endpoint.handle_stream_end(now, stream, end);
    }

    /// Hands out what was held back, as the last there is, and what goes into the snapshot; nothing else
    /// is done any more.
    fn flush(&mut self, now: Instant) -> Wakers {
        if std::mem::replace(&mut self.is_closed, true) {
            return Wakers::default();
        }
        self.endpoint.flush_events(now);
        self.endpoint.flush_snapshot(now);
        let mut unsent = Vec::new();
        let readers = loop {
            unsent.clear();
            if let Todo::Wait(_, readers) = self.poll(&mut unsent) {
                break readers;
            }
        };
        if let Some(reason) = self.shutdown_reason {
            self.subscribers.publish(&Event::ShutdownWanted(reason));
        }
        readers
    }

    /// Whoever waits for something from the driver waits no more; `readers` are to be woken, and others.
    fn let_go(&mut self, readers: Wakers) -> Wakers {
        self.streams.clear();
        self.joins.clear();
        self.queries.clear();
        self.key_reports.clear();
        self.rotation = None;
        self.subscribers.close();
        self.gone.happen();
        self.watchers.close(readers)
    }

    fn command(&self, stream: StreamId, command: Command) {
        if let Some(commander) = self.streams.get(&stream) {
            drop(commander.commands.try_send(command));
        }
    }

    /// Gives an event to whoever waits for it. Nobody can make the driver wait.
    fn dispatch(&mut self, event: Event) {
        #[cfg(feature = "metrics")]
        self.names.count_received(&event);
        match event {
            Event::JoinDone(done) => {
                if let Some(waiting) = self.joins.remove(&done.join) {
                    drop(waiting.try_send(done));
                }
            }
            Event::Ack(ack) => self.answer(ack.query, Answer::Ack(ack.from)),
            Event::Reply(reply) => self.answer(reply.query, Answer::Reply(reply)),
            Event::QueryClosed(closed) => {
                self.answer(closed.query, Answer::End(closed.end));
                self.queries.remove(&closed.query);
            }
            Event::KeysDone(report) => {
                if let Some(waiting) = self.key_reports.remove(&report.query) {
                    drop(waiting.try_send(report.clone()));
                }
                self.subscribers.publish(&Event::KeysDone(report));
            }
            Event::RotationDone(report) => {
                self.end_rotation(Ok(report.clone()));
                self.subscribers.publish(&Event::RotationDone(report));
            }
            Event::RotationStopped(stopped) => {
                self.end_rotation(Err(stopped.clone()));
                self.subscribers.publish(&Event::RotationStopped(stopped));
            }
            Event::Left(report) => {
                self.left = Some(report);
                self.gone.happen();
            }
            event => self.subscribers.publish(&event),
        }
    }

    fn end_rotation(&mut self, rotated: Rotated) {
        if let Some(waiting) = self.rotation.take() {
            drop(waiting.try_send(rotated));
        }
    }

    fn answer(&self, query: QueryId, answer: Answer) {
        if let Some(replies) = self.queries.get(&query) {
            drop(replies.try_send(answer));
        }
    }
}

/// What the driver has to do outside the lock.
pub(crate) enum Todo {
    /// Send the buffer.
    Datagram(std::net::SocketAddr),
    /// Dial.
    Connect(StreamId, std::net::SocketAddr),
    /// Tell the endpoint that this file's disk does not keep up.
    TellOfOverflow(StoredFile, Overflow),
    /// Wake those who wait for news of members, and nothing else until then.
    Wait(Option<Instant>, Wakers),
    /// Shut down.
    Close,
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use futures_lite::future::block_on;
    use serfer_proto::Config;

    use super::*;
    use crate::node::testing::{Alone, HERE};
    use crate::router::Router;

    #[test]
    fn who_calls_a_node_in_the_moment_when_it_is_shut_down_is_told() {
        let Alone { runtime, .. } = Alone::with(Router::new());
        let start = Instant::now();
        let endpoint = Endpoint::new(Config::lan("a").advertise(HERE), [0; 32], start).unwrap();
        let tasks = Tasks::new(runtime.clone(), runtime, tracing::Span::none());
        // Somebody else shuts it down while the caller looks at the clock.
        let closing: Arc<Mutex<Option<Arc<Shared>>>> = Arc::default();
        let meanwhile = closing.clone();
        let shared = Arc::new(Shared::new(endpoint, Subscribers::default(), tasks, move || {
            let shared = meanwhile.lock().unwrap().take();
            shared.inspect(|shared| shared.close("the test says so"));
            start
        }));
        *closing.lock().unwrap() = Some(shared.clone());
        assert_eq!(shared.input(|_, _| ()), Err(Closed));
        assert_eq!(block_on(shared.gone()), Err(Closed));
    }

    #[test]
    fn a_panic_in_the_core_ends_all_who_wait() {
        let node = Alone::with(Router::new());
        let (mut events, mut members) = (node.serf.events(), node.serf.subscribe());
        let replies = node.serf.query("q", "").unwrap();
        let panic = || node.shared.input(|_, _| panic!("a bug"));
        assert!(catch_unwind(AssertUnwindSafe(panic)).is_err());
        assert!(node.shared.woken.try_recv().is_ok(), "the driver is to find out");
        drop(Vital(node.shared.clone()));
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
    #[should_panic(expected = "a node is called by what it calls itself")]
    fn a_function_that_calls_the_node_that_asks_it_does_not_hang() {
        let node = Alone::with(Router::new());
        let _ = node.shared.with(|_| node.serf.members());
    }
}
