//! The loop that does what the endpoint says, and the one that accepts streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;

use super::notable::is_notable;
use super::shared::Shared;
use super::sockets::mapped;
use super::state::Action;
use super::state::wakers::Wakers;
use super::streams;
use super::tasks::BoxFuture;
use crate::runtime::Runtime;

/// How many datagrams are taken in before the answers to them are sent, and how many steps are taken before
/// other tasks of the node have their turn.
const BATCH: usize = 64;

/// How many batches are taken in before deadlines are met.
const BATCHES_WAITING: usize = 16;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_536;

/// How long to wait after a socket has failed: longer and longer.
struct Pause(Duration);

impl Pause {
    const MAX: Duration = Duration::from_secs(1);

    /// How long to wait now.
    fn pause(&mut self) -> Duration {
        let pause = self.0;
        self.0 = (2 * pause).min(Self::MAX);
        pause
    }
}

impl Default for Pause {
    fn default() -> Self {
        Self(Duration::from_millis(5))
    }
}

/// Drains outputs and performs them; then waits for the deadline, a datagram or another input.
pub(crate) struct Driver<R: Runtime> {
    pub(crate) runtime: R,
    udp: R::Udp,
    /// Where the sockets are bound.
    bound: SocketAddr,
    shared: Arc<Shared>,
    /// How long to wait when the socket fails.
    failed: Pause,
}

/// Why the driver goes on.
enum WakeReason {
    Deadline,
    Datagram(io::Result<(usize, SocketAddr)>),
    Input,
}

impl<R: Runtime> Driver<R> {
    pub(crate) fn new(runtime: R, udp: R::Udp, bound: SocketAddr, shared: Arc<Shared>) -> Self {
        Self { runtime, udp, bound, shared, failed: Pause::default() }
    }

    pub(crate) async fn run(mut self) {
        let mut outgoing = Vec::with_capacity(2048);
        let mut incoming = vec![0; DATAGRAM_MAX];
        let mut wakers = Wakers::default();
        let mut alarm = Alarm::new(self.runtime.clone());
        let mut done = 0;
        loop {
            outgoing.clear();
            let action = self.shared.with(|state| state.poll(&mut outgoing, &mut wakers));
            wakers.wake();
            match action {
                Ok(Action::Send(to)) => self.send(&outgoing, to).await,
                Ok(Action::Connect(id, to)) => streams::dial(&self.runtime, &self.shared, id, to),
                Ok(Action::ReportOverflow(file, overflow)) => {
                    let reason = overflow.to_string();
                    self.shared.drive(|node, now| node.handle_store_failed(now, file, &reason));
                }
                Ok(Action::Wait(until)) => {
                    alarm.set(until);
                    done += 1;
                    match self.wait(&mut alarm, &mut incoming).await {
                        WakeReason::Deadline => {
                            done += self.receive_waiting(&mut incoming).await;
                            self.shared.drive(|node, now| node.handle_timeout(now));
                            // The next deadline may be past already. Nobody is to wait for that, too.
                            let waiting = self.runtime.recv_from(&self.udp, &mut incoming);
                            if let Some(received) = future::poll_once(waiting).await {
                                self.receive(received, &mut incoming).await;
                            }
                            done += BATCH;
                        }
                        WakeReason::Datagram(received) => {
                            done += self.receive(received, &mut incoming).await;
                        }
                        WakeReason::Input => {}
                    }
                    // Otherwise a flood could keep other tasks from their turn for ever.
                    if done > BATCH {
                        done = 0;
                        future::yield_now().await;
                    }
                }
                Ok(Action::ShutDown) | Err(_) => return,
            }
        }
    }

    /// The order is a priority: an alarm that is due must not wait for a flood of datagrams, but for some
    /// batches at most. An input comes
    /// last, because it only needs another turn of the loop, which any other reason to wake up brings as
    /// well.
    async fn wait(&self, alarm: &mut Alarm<R>, incoming: &mut [u8]) -> WakeReason {
        let deadline = async {
            alarm.ring().await;
            WakeReason::Deadline
        };
        let datagram = async {
            let received = self.runtime.recv_from(&self.udp, incoming).await;
            WakeReason::Datagram(received)
        };
        let input = async {
            let _ = self.shared.input_came.recv().await;
            WakeReason::Input
        };
        future::or(deadline, future::or(datagram, input)).await
    }

    /// Takes in the datagrams that wait: they are read before a verdict is passed, in case the process
    /// stood still. Returns how many they are.
    async fn receive_waiting(&mut self, incoming: &mut [u8]) -> usize {
        let mut taken = 0;
        for _ in 0..BATCHES_WAITING {
            let received = future::poll_once(self.runtime.recv_from(&self.udp, incoming)).await;
            let Some(received) = received else {
                break;
            };
            match self.receive(received, incoming).await {
                0 => break,
                count => taken += count,
            }
        }
        taken
    }

    /// Takes in a datagram, and those that have come meanwhile. Returns how many they are.
    async fn receive(
        &mut self,
        mut received: io::Result<(usize, SocketAddr)>,
        incoming: &mut [u8],
    ) -> usize {
        let mut taken = 0;
        loop {
            match received {
                Ok((len, from)) => self.shared.drive(|node, now| {
                    node.handle_datagram(now, mapped::unmapped(from), &mut incoming[..len]);
                }),
                // Windows tells so that nobody is where a datagram was sent to.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => {
                    let reason = error.to_string();
                    self.shared.drive(|node, now| node.handle_receive_failed(now, &reason));
                    self.runtime.sleep_until(self.runtime.now() + self.failed.pause()).await;
                    return taken;
                }
            }
            self.failed = Pause::default();
            taken += 1;
            if taken == BATCH {
                return taken;
            }
            let more = self.runtime.recv_from(&self.udp, incoming);
            let Some(more) = future::poll_once(more).await else {
                return taken;
            };
            received = more;
        }
    }

    /// Sends one datagram. If it cannot be sent, the endpoint is told, and the driver goes on.
    async fn send(&self, data: &[u8], to: SocketAddr) {
        let through = mapped::reachable(to, self.bound);
        if let Err(error) = self.runtime.send_to(&self.udp, data, through).await {
            tracing::debug!(target: "serfer::runtime", %error, %to, len = data.len(), "cannot send a datagram");
            self.shared.drive(|node, now| node.handle_send_failed(now, to));
        }
    }
}

/// Accepts streams.
pub(crate) async fn accept<R: Runtime>(runtime: R, listener: R::Listener, shared: Arc<Shared>) {
    let (mut failed, mut in_a_row) = (Pause::default(), 0);
    loop {
        match runtime.accept(&listener).await {
            Ok((stream, from)) => {
                (failed, in_a_row) = (Pause::default(), 0);
                streams::serve(&runtime, &shared, stream, mapped::unmapped(from));
                // Otherwise a flood could keep other tasks from their turn for ever.
                future::yield_now().await;
            }
            Err(error) if is_gone(&error) && in_a_row < BATCH => {
                in_a_row += 1;
                tracing::debug!(target: "serfer::runtime", %error, "a stream is gone before it was accepted");
                future::yield_now().await;
            }
            Err(error) => {
                let made_room = accept_failed(&shared, &error);
                runtime.sleep_until(runtime.now() + failed.pause()).await;
                if made_room {
                    failed = Pause::default();
                }
            }
        }
    }
}

/// Whether only this stream cannot be accepted: others may wait behind it.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{
        ConnectionAborted, ConnectionReset, HostUnreachable, Interrupted, NetworkDown,
        NetworkUnreachable, TimedOut,
    };
    // Linux hands on what has happened to the stream meanwhile.
    matches!(
        error.kind(),
        ConnectionAborted
            | ConnectionReset
            | HostUnreachable
            | Interrupted
            | NetworkDown
            | NetworkUnreachable
            | TimedOut
    )
}

/// No stream can be accepted: another one makes room, if that helps. Says whether there was one.
fn accept_failed(shared: &Shared, error: &io::Error) -> bool {
    let made_room = shared.input(|state, now| {
        let made_room = state.endpoint.handle_accept_failed(now);
        (made_room, state.endpoint.stats().accepts_failed)
    });
    let (made_room, count) = made_room.unwrap_or_default();
    if is_notable(count) {
        tracing::warn!(target: "serfer::runtime", %error, count, "cannot accept streams: others cannot join or compare their state with ours; if the process has too many open files, raise its limit (`ulimit -n`)");
    } else {
        tracing::debug!(target: "serfer::runtime", %error, count, "cannot accept streams");
    }
    made_room
}

/// A timer with one deadline. As long as the deadline stays the same, it starts to sleep only once.
struct Alarm<R> {
    runtime: R,
    until: Option<Instant>,
    sleep: Option<BoxFuture<()>>,
}

impl<R: Runtime> Alarm<R> {
    fn new(runtime: R) -> Self {
        Self { runtime, until: None, sleep: None }
    }

    fn set(&mut self, until: Option<Instant>) {
        if self.until != until {
            self.until = until;
            self.sleep = until.map(|at| -> BoxFuture<()> {
                let runtime = self.runtime.clone();
                Box::pin(async move { runtime.sleep_until(at).await })
            });
        }
    }

    async fn ring(&mut self) {
        match &mut self.sleep {
            Some(sleep) => sleep.await,
            None => future::pending().await,
        }
        self.until = None;
        self.sleep = None;
    }
}

#[cfg(test)]
mod tests {
    use serfer_proto::DropReason;

    use super::*;
    use crate::node::testing::{TestNode, traced};
    use crate::router::Router;

    /// How long, in milliseconds, it waits after each stream that it cannot accept.
    fn pauses(accepts: impl IntoIterator<Item = bool>) -> Vec<u128> {
        let node = TestNode::with(Router::new());
        node.runtime.incoming().streams.extend(accepts);
        node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
        node.settle();
        let mut pauses = Vec::new();
        while let Some(pause) = node.runtime.next_pause() {
            pauses.push(pause.as_millis());
            node.advance(pause);
        }
        pauses
    }

    #[test]
    fn a_listener_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!(pauses([false; 10]), [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pauses([false, false, true, false]), [5, 10, 5]);
    }

    #[test]
    fn streams_that_are_gone_before_they_are_accepted_hold_nobody_up() {
        for error in [io::ErrorKind::ConnectionAborted, io::ErrorKind::HostUnreachable] {
            let node = TestNode::with(Router::new());
            node.runtime.incoming().streams.extend([false; 50]);
            node.runtime.incoming().accept_error = error;
            node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
            node.settle();
            assert_eq!(node.runtime.next_pause(), None, "{error}");
            let left = node.runtime.incoming().streams.len();
            assert_eq!((left, node.serf.stats().accepts_failed), (0, 0), "{error}");
        }
    }

    #[test]
    fn a_listener_that_fails_is_a_warning_now_and_then_and_a_silent_stream_makes_room() {
        let node = TestNode::with(Router::new());
        let from = SocketAddr::from(([127, 0, 0, 9], 9));
        node.shared.drive(|node, now| assert!(node.handle_accepted(now, from).is_some()));
        let log = traced(|| {
            for _ in 0..20 {
                accept_failed(&node.shared, &io::ErrorKind::Other.into());
            }
        });
        let warnings: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("WARN") && line.contains("cannot accept streams"))
            .collect();
        assert_eq!(warnings.len(), 2, "the first and the tenth: {log}");
        let stats = node.serf.stats();
        assert_eq!((stats.accepts_failed, stats.dropped[DropReason::Full]), (20, 1));
    }

    #[test]
    fn a_flood_of_datagrams_is_taken_in_and_leaves_other_tasks_their_turn() {
        const FLOOD: usize = 10 * BATCH;
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().datagrams = FLOOD;
        let (runtime, shared) = (node.runtime.clone(), node.shared.clone());
        let bound = node.serf.local_addr();
        node.shared.tasks.spawn(Driver::new(runtime, (), bound, shared).run());
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
            let driver = Driver::new(node.runtime.clone(), (), bound, node.shared.clone());
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
    fn a_flood_of_streams_or_on_one_of_them_leaves_other_tasks_their_turn() {
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().streams.extend([true; 10]);
        node.shared.tasks.spawn(accept(node.runtime.clone(), (), node.shared.clone()));
        node.runtime.step();
        assert_eq!(node.runtime.incoming().streams.len(), 9);

        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().reads = 10;
        streams::serve(&node.runtime, &node.shared, (), node.serf.local_addr());
        node.runtime.step();
        assert_eq!(node.runtime.incoming().reads, 9);
    }
}
