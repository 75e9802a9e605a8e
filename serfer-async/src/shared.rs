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
//! A poisoned lock means a bug in the core: every call then says [`Closed`](crate::Error::Closed).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use async_channel::{Receiver, Sender};
use serfer_proto::{
    Endpoint, Event, JoinDone, JoinId, KeyReport, LeaveReport, Output, QueryId, ShutdownReason,
    StoredFile, StreamEnd, StreamId,
};

use crate::events::Subscribers;
use crate::keys::Rotated;
use crate::membership::{Wakers, Watchers};
use crate::query::Answer;
use crate::store::{Backlog, Overflow};
use crate::stream::{Command, Commander, Orders};
use crate::tasks::Tasks;

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
    /// How we left, if we have, and who waits for that.
    left: Option<LeaveReport>,
    leaving: Vec<Sender<LeaveReport>>,
    /// Why we shut ourselves down, if we have.
    pub(crate) shutdown_reason: Option<ShutdownReason>,
    pub(crate) subscribers: Subscribers,
    pub(crate) backlog: Backlog,
    pub(crate) watchers: Watchers,
    /// What came and went, by name.
    #[cfg(feature = "metrics")]
    pub(crate) names: crate::metrics::Names,
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
            leaving: Vec::new(),
            shutdown_reason: None,
            subscribers,
            backlog: Backlog::new(store),
            watchers: Watchers::default(),
            #[cfg(feature = "metrics")]
            names: crate::metrics::Names::default(),
        };
        Self { state: Mutex::new(state), tasks, clock: Box::new(clock), wake, woken, stored }
    }

    /// Looks at the state, or changes it in ways that call for nothing to be done.
    pub(crate) fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> Result<T, Closed> {
        let mut state = self.state.lock().map_err(|_| Closed)?;
        Ok(f(&mut state))
    }

    /// Tells the endpoint something and wakes the driver.
    pub(crate) fn input<T>(&self, f: impl FnOnce(&mut State, Instant) -> T) -> Result<T, Closed> {
        if self.tasks.is_stopped() {
            return Err(Closed);
        }
        let _within = self.tasks.span.enter();
        let now = (self.clock)();
        let result = self.with(|state| f(state, now))?;
        // A full channel means that it will wake up anyway.
        let _ = self.wake.try_send(());
        Ok(result)
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

    /// Ends everything, for whatever reason. Handles stay readable.
    pub(crate) fn close(&self, why: &str) {
        let _within = self.tasks.span.enter();
        if self.tasks.stop() {
            let left = self.with(|state| state.left.is_some()).unwrap_or_default();
            tracing::info!(target: "serfer::runtime", why, left, "node shuts down");
        }
        let now = (self.clock)();
        let readers = self.with(|state| {
            // Events that were held back are the last ones, and so is what goes into the snapshot;
            // nothing else is done any more.
            state.endpoint.flush_events(now);
            state.endpoint.flush_snapshot(now);
            let mut unsent = Vec::new();
            let readers = loop {
                unsent.clear();
                if let Todo::Wait(_, readers) = state.poll(&mut unsent) {
                    break readers;
                }
            };
            // Whoever waits for something from the driver waits no more.
            state.streams.clear();
            state.joins.clear();
            state.queries.clear();
            state.key_reports.clear();
            state.rotation = None;
            state.leaving.clear();
            state.subscribers = Subscribers::default();
            state.watchers.close(readers)
        });
        self.stored.close();
        readers.unwrap_or_default().wake();
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
        self.0.close("it lost its name, or a runtime that it needs has ended");
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
                    self.subscribers.publish(&Event::ShutdownWanted(reason));
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

    pub(crate) fn wait_until_left(&mut self) -> Leaving {
        let (waiting, left) = async_channel::bounded(1);
        match self.left {
            Some(report) => drop(waiting.try_send(report)),
            None => self.leaving.push(waiting),
        }
        Leaving(left)
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
                for waiting in self.leaving.drain(..) {
                    let _ = waiting.try_send(report);
                }
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

/// Waits for a node to have left.
pub(crate) struct Leaving(Receiver<LeaveReport>);

impl Leaving {
    pub(crate) async fn wait(self) -> Result<LeaveReport, Closed> {
        self.0.recv().await.map_err(|_| Closed)
    }
}
