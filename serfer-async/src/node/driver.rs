//! The loop that does what the endpoint says.

use std::cell::Cell;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use futures_lite::future;

use super::closed::Closed;
use super::shared::Shared;
use super::sockets::datagrams::{DATAGRAM_MAX, send_to};
use super::sockets::mapped;
use super::sockets::pause::SocketPause;
use super::state::batch::{AfterBatch, Batch};
use super::state::wakers::Wakers;
use super::streams;
use crate::runtime::Runtime;

/// How many datagrams are taken in under one lock, and how many steps are taken before other tasks of the
/// thread have their turn.
const BATCH: usize = 32;

/// How many batches are taken in before deadlines are met.
const BATCHES_WAITING: usize = 32;

thread_local! {
    /// What datagrams are received into: a large buffer, which the nodes of a thread use in turns.
    static INBOX: Cell<Inbox> = const { Cell::new(Inbox { bytes: Vec::new(), datagrams: Vec::new() }) };
}

/// Datagrams that have come.
#[derive(Debug, Default)]
struct Inbox {
    bytes: Vec<u8>,
    /// Who sent it, and where in `bytes` it ends.
    datagrams: Vec<(SocketAddr, usize)>,
}

/// What is left in the socket after some datagrams were received.
enum Rest {
    Nothing,
    /// There may be more.
    More,
    Failed(io::Error),
}

/// Takes in what comes and performs outputs; then waits for the deadline, a datagram or another input.
pub(crate) struct Driver<R: Runtime> {
    pub(crate) runtime: R,
    udp: R::Udp,
    alarm: R::Alarm,
    /// What the alarm is set to; `None` if that is not known, or never.
    alarm_at: Option<Instant>,
    /// Where the sockets are bound.
    bound: SocketAddr,
    shared: Arc<Shared>,
    /// How long to wait when the socket fails.
    failed: SocketPause,
    /// The socket has failed, and is left alone as soon as all outputs are performed.
    is_pause_due: bool,
    /// The next deadline.
    until: Option<Instant>,
    /// How many batches were taken in since it was due.
    held_up: usize,
    /// How many steps were taken since others had their turn.
    done: usize,
}

impl<R: Runtime> Driver<R> {
    pub(crate) fn new(
        runtime: R,
        udp: R::Udp,
        alarm: R::Alarm,
        bound: SocketAddr,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            runtime,
            udp,
            alarm,
            alarm_at: None,
            bound,
            shared,
            failed: SocketPause::default(),
            is_pause_due: false,
            until: None,
            held_up: 0,
            done: 0,
        }
    }

    pub(crate) async fn run(mut self) {
        let (mut batch, mut wakers) = (Batch::default(), Wakers::default());
        loop {
            let turn = self.take_turn(&mut batch, &mut wakers);
            wakers.wake();
            let Ok((rest, next)) = turn else {
                return;
            };
            self.perform(&mut batch).await;
            match next {
                AfterBatch::ShutDown => return,
                AfterBatch::More => {}
                AfterBatch::Wait(until) => {
                    self.until = until;
                    if std::mem::take(&mut self.is_pause_due) {
                        self.pause().await;
                    } else if matches!(rest, Rest::Nothing) {
                        self.wait().await;
                    }
                }
            }
            // Otherwise a flood could keep other tasks from their turn for ever.
            if self.done > BATCH {
                self.done = 0;
                future::yield_now().await;
            }
        }
    }

    /// Takes in what has come, meets the deadline if it is due, and takes out what is to be done: all under
    /// one lock. Before a deadline is met, what waits in the socket is taken in, in case the process stood
    /// still; but a flood holds it up for some batches at most.
    fn take_turn(
        &mut self,
        batch: &mut Batch,
        wakers: &mut Wakers,
    ) -> Result<(Rest, AfterBatch), Closed> {
        let mut inbox = INBOX.take();
        let rest = self.receive(&mut inbox);
        self.is_pause_due |= matches!(rest, Rest::Failed(_));
        let now = self.shared.now();
        let is_due = self.until.is_some_and(|until| until <= now);
        let is_held_up = is_due && matches!(rest, Rest::More) && self.held_up < BATCHES_WAITING;
        self.held_up = if is_held_up { self.held_up + 1 } else { 0 };
        self.done += 1 + inbox.datagrams.len();
        let next = self.shared.with(|state| {
            let (mut bytes, mut start) = (&mut inbox.bytes[..], 0);
            for &(from, end) in &inbox.datagrams {
                let (datagram, others) = bytes.split_at_mut(end - start);
                state.endpoint.handle_datagram(now, from, datagram);
                (bytes, start) = (others, end);
            }
            if let Rest::Failed(error) = &rest {
                state.endpoint.handle_receive_failed(now, &error.to_string());
            }
            if is_due && !is_held_up {
                state.endpoint.handle_timeout(now);
            }
            state.take(batch, wakers)
        });
        INBOX.set(inbox);
        Ok((rest, next?))
    }

    /// Receives datagrams that wait, as many as one batch has room for.
    fn receive(&mut self, inbox: &mut Inbox) -> Rest {
        inbox.bytes.clear();
        inbox.datagrams.clear();
        inbox.bytes.reserve(2 * DATAGRAM_MAX);
        if self.is_pause_due {
            return Rest::Nothing;
        }
        for _ in 0..BATCH {
            if inbox.bytes.len() > DATAGRAM_MAX {
                break;
            }
            match self.runtime.try_recv(&self.udp, &mut inbox.bytes) {
                Ok(from) => {
                    inbox.datagrams.push((mapped::unmapped(from), inbox.bytes.len()));
                    self.failed = SocketPause::default();
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Rest::Nothing,
                    // Windows tells so that nobody is where a datagram was sent to.
                    io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted => {}
                    _ => return Rest::Failed(error),
                },
            }
        }
        Rest::More
    }

    /// Does what is to be done. If a datagram cannot be sent, the endpoint is told, and the driver goes on. It
    /// may be about to wait, so that it is woken, too: the endpoint may have more to do now.
    async fn perform(&self, batch: &mut Batch) {
        for (to, data) in batch.datagrams() {
            let through = mapped::reachable(to, self.bound);
            if let Err(error) = send_to(&self.runtime, &self.udp, data, through).await {
                tracing::debug!(target: "serfer::runtime", %error, %to, len = data.len(), "cannot send a datagram");
                self.shared.tell(|state, now| state.endpoint.handle_send_failed(now, to));
            }
        }
        batch.sent();
        for (id, to) in batch.dials.drain(..) {
            streams::dial(&self.runtime, &self.shared, id, to);
        }
        for (file, overflow) in batch.overflows.drain(..) {
            let reason = overflow.to_string();
            self.shared.tell(|state, now| state.endpoint.handle_store_failed(now, file, &reason));
        }
    }

    /// Waits until there is something to do. Who waits gives others their turn.
    async fn wait(&mut self) {
        if self.alarm_at != self.until {
            self.runtime.set_alarm(&mut self.alarm, self.until);
            self.alarm_at = self.until;
        }
        if let Err(error) = self.woken().await {
            let reason = error.to_string();
            self.shared.drive(|node, now| node.handle_receive_failed(now, &reason));
            self.pause().await;
        }
    }

    async fn woken(&mut self) -> io::Result<()> {
        let (alarm, alarm_at) = (&mut self.alarm, &mut self.alarm_at);
        let deadline = async {
            self.runtime.ring(alarm).await;
            *alarm_at = None;
            Ok(())
        };
        let datagram = self.runtime.readable(&self.udp);
        let input = async {
            self.shared.input_came.wait().await;
            Ok(())
        };
        let mut woken = pin!(future::or(deadline, future::or(datagram, input)));
        let done = &mut self.done;
        let mut is_first = true;
        std::future::poll_fn(|cx| {
            if !std::mem::take(&mut is_first) {
                *done = 0;
            }
            woken.as_mut().poll(cx)
        })
        .await
    }

    /// Leaves the socket alone for a while, because it has failed.
    async fn pause(&mut self) {
        self.runtime.sleep_until(self.runtime.now() + self.failed.next_pause()).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::node::testing::{TestNode, traced};
    use crate::router::Router;

    #[test]
    fn a_flood_of_datagrams_is_taken_in_and_leaves_other_tasks_their_turn() {
        const FLOOD: usize = 10 * BATCH;
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().datagrams = FLOOD;
        let (runtime, shared) = (node.runtime.clone(), node.shared.clone());
        let bound = node.serf.local_addr();
        node.shared.tasks.spawn(Driver::new(runtime, (), None, bound, shared).run());
        let mut turns = 0;
        while node.runtime.step() {
            turns += 1;
        }
        assert!(turns >= FLOOD / (2 * BATCH), "{turns} turns");
        assert_eq!(node.serf.stats().datagrams_received, FLOOD as u64, "none is lost");
    }

    #[test]
    fn a_socket_that_fails_again_and_again_is_a_warning_now_and_then_and_left_alone_for_longer() {
        let mut pauses = Vec::new();
        let log = traced(|| {
            let node = TestNode::with(Router::new());
            node.settle();
            node.runtime.incoming().failing_receives = 12;
            let bound = node.serf.local_addr();
            let driver = Driver::new(node.runtime.clone(), (), None, bound, node.shared.clone());
            node.shared.tasks.spawn(driver.run());
            node.settle();
            while node.runtime.incoming().failing_receives > 0 {
                let left = node.runtime.incoming().failing_receives;
                let mut pause = 0;
                while node.runtime.incoming().failing_receives == left {
                    pause += 5;
                    node.advance(Duration::from_millis(5));
                }
                pauses.push(pause);
            }
            assert_eq!(node.serf.stats().receives_failed, 12);
        });
        assert_eq!(pauses[..9], [5, 10, 20, 40, 80, 160, 320, 640, 1000]);
        let warnings = log.lines().filter(|line| line.contains("WARN"));
        let warnings: Vec<&str> =
            warnings.filter(|line| line.contains("cannot receive datagrams")).collect();
        assert_eq!(warnings.len(), 2, "the first and the tenth: {log}");
        assert!(warnings.iter().all(|line| line.contains("network is down")), "{log}");
    }

    #[test]
    fn what_a_datagram_that_cannot_be_sent_brings_is_done_before_the_driver_waits() {
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().failing_sends = 1;
        let stranger = "127.0.0.1:7947".parse().unwrap();
        let bound = node.serf.local_addr();
        let driver = Driver::new(node.runtime.clone(), (), None, bound, node.shared.clone());
        let mut batch = Batch::to(stranger, b"ping");
        node.shared.input_came.take();
        future::block_on(driver.perform(&mut batch));
        assert!(node.shared.input_came.take(), "else it sleeps on what the endpoint says to that");
        assert_eq!(node.serf.stats().sends_failed, 1);
    }
}
