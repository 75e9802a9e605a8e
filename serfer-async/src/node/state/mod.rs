//! What is under the lock of a node: plain data, and what happens to it without any waiting.
//!
//! Only [`Shared`](super::shared::Shared) has the lock, and lends what is here to closures. Nothing here
//! knows the lock, the tasks or the handle. Read in this order: [`State`], [`calls`] (who waits for an
//! answer), [`events`] and [`members`] (who reads what happens), [`senders`] (who waits for room),
//! [`stream_orders`], [`backlog`] (what is to be written), [`batch`] (what the driver does), [`wakers`].

pub(crate) mod backlog;
pub(crate) mod batch;
pub(crate) mod calls;
pub(crate) mod events;
pub(crate) mod members;
#[cfg(feature = "metrics")]
pub(crate) mod name_counts;
pub(crate) mod senders;
pub(crate) mod stream_orders;
pub(crate) mod wakers;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use async_channel::Sender;
use serfer_proto::{
    Endpoint, Event, LeaveReport, MemberChange, MemberEvent, Output, ShutdownReason, StoredFile,
    StreamEnd, StreamId,
};

use self::backlog::{Backlog, Overflow};
use self::calls::PendingCalls;
use self::events::EventReaders;
use self::members::MemberReaders;
#[cfg(feature = "metrics")]
use self::name_counts::NameCounts;
use self::senders::WaitingSenders;
use self::stream_orders::{StreamHandle, StreamOrder, StreamOrders};
use self::wakers::Wakers;
use super::signals::doorbell::Doorbell;
use super::signals::latch::Latch;

pub(crate) struct State {
    /// In a box: it is large, and stacks are as large as what was ever moved over them.
    pub(crate) endpoint: Box<Endpoint>,
    /// How the task of each stream gets its orders.
    streams: BTreeMap<StreamId, StreamHandle>,
    pub(crate) calls: PendingCalls,
    pub(crate) events: EventReaders,
    pub(crate) members: MemberReaders,
    pub(crate) senders: WaitingSenders,
    pub(crate) backlog: Backlog,
    /// How we left, if we have.
    pub(crate) left: Option<LeaveReport>,
    /// Why we shut ourselves down, if we have.
    pub(crate) shutdown_reason: Option<ShutdownReason>,
    pub(crate) is_closed: bool,
    /// Opens when the node has left, or is shut down.
    pub(crate) gone: Latch,
    /// Rings when a member has left or failed: perhaps we are alone now.
    pub(crate) member_lost: Arc<Doorbell>,
    #[cfg(feature = "metrics")]
    pub(crate) names: NameCounts,
}

/// What the driver has to do outside the lock.
pub(crate) enum Action {
    /// Send the buffer.
    Send(SocketAddr),
    /// Dial.
    Connect(StreamId, SocketAddr),
    /// Tell the endpoint that this file's disk does not keep up.
    ReportOverflow(StoredFile, Overflow),
    /// Wait for an input, or until then.
    Wait(Option<Instant>),
    /// Shut down.
    ShutDown,
}

impl State {
    /// A message on the channel `wake_writer` wakes the writer.
    pub(crate) fn new(endpoint: Box<Endpoint>, wake_writer: Sender<()>) -> Self {
        Self {
            endpoint,
            streams: BTreeMap::new(),
            calls: PendingCalls::default(),
            events: EventReaders::default(),
            members: MemberReaders::default(),
            senders: WaitingSenders::default(),
            backlog: Backlog::new(wake_writer),
            left: None,
            shutdown_reason: None,
            is_closed: false,
            gone: Latch::new(),
            member_lost: Arc::default(),
            #[cfg(feature = "metrics")]
            names: NameCounts::default(),
        }
    }

    /// Takes outputs of the endpoint up to one that the driver has to perform. The others only concern what
    /// is under the lock. The bytes of a datagram are appended to `buf`. The wakers of readers that have
    /// something to read are added to `wakers`.
    pub(crate) fn poll(&mut self, buf: &mut Vec<u8>, wakers: &mut Wakers) -> Action {
        let start = buf.len();
        loop {
            match self.endpoint.poll_output(buf) {
                Output::Datagram { to, .. } => return Action::Send(to),
                Output::Connect { stream, to } => return Action::Connect(stream, to),
                Output::Wait { until } => {
                    self.members.publish(&mut self.endpoint, wakers);
                    self.senders.wake_if_room(&self.endpoint, wakers);
                    return Action::Wait(until);
                }
                Output::Write { stream, .. } => {
                    // A long one is not copied.
                    let data = if start == 0 { std::mem::take(buf) } else { buf.split_off(start) };
                    self.order(stream, StreamOrder::Write(data));
                }
                Output::Close { stream } => self.order(stream, StreamOrder::Close),
                Output::Abort { stream } => drop(self.streams.remove(&stream)),
                Output::Store { file, write, durability, .. } => {
                    let pushed = self.backlog.push(file, write, durability, &buf[start..]);
                    buf.truncate(start);
                    if let Err(overflow) = pushed {
                        return Action::ReportOverflow(file, overflow);
                    }
                }
                Output::Event(Event::ShutdownWanted(reason)) => {
                    self.shutdown_reason = Some(reason);
                    return Action::ShutDown;
                }
                Output::Event(event) => self.dispatch(event, wakers),
            }
        }
    }

    /// Makes a stream known, so that the endpoint's orders reach its task.
    pub(crate) fn open_stream(&mut self, stream: StreamId) -> StreamOrders {
        let (handle, orders) = StreamHandle::new();
        self.streams.insert(stream, handle);
        orders
    }

    /// A stream is gone, or its other side sends no more.
    pub(crate) fn end_stream(&mut self, now: Instant, stream: StreamId, end: StreamEnd) {
        if end == StreamEnd::Closed {
            self.streams.remove(&stream);
        }
        self.endpoint.handle_stream_end(now, stream, end);
    }

    /// Hands out the last events, what was held back included, and queues what goes into the snapshot.
    /// Nothing else is done any more.
    pub(crate) fn flush(&mut self, now: Instant, wakers: &mut Wakers) {
        if std::mem::replace(&mut self.is_closed, true) {
            return;
        }
        self.endpoint.flush_events(now);
        self.endpoint.flush_snapshot(now);
        let mut unsent = Vec::new();
        while !matches!(self.poll(&mut unsent, wakers), Action::Wait(_)) {
            unsent.clear();
        }
        if let Some(reason) = self.shutdown_reason {
            self.events.publish(&Event::ShutdownWanted(reason), wakers);
        }
    }

    /// Ends the wait of everybody who waits for something from the driver.
    pub(crate) fn release_all(&mut self, wakers: &mut Wakers) {
        self.streams.clear();
        self.calls = PendingCalls::default();
        self.events.close(wakers);
        self.gone.open();
        self.members.close(wakers);
        self.senders.wake(wakers);
    }

    fn order(&self, stream: StreamId, order: StreamOrder) {
        if let Some(handle) = self.streams.get(&stream) {
            handle.order(order);
        }
    }

    /// Gives an event to the calls and readers that wait for it. None of them can make the driver wait.
    fn dispatch(&mut self, event: Event, wakers: &mut Wakers) {
        #[cfg(feature = "metrics")]
        self.names.count_received(&event);
        if let Event::Member(MemberEvent {
            change: MemberChange::Leave | MemberChange::Failed,
            ..
        }) = &event
        {
            self.member_lost.ring();
        }
        if let Event::Left(report) = event {
            self.left = Some(report);
            self.gone.open();
        } else if let Some(event) = self.calls.answer(event) {
            self.events.publish(&event, wakers);
        }
    }
}
