//! The loop that does what the endpoint says, and the one that accepts streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;

use super::mapped;
use super::shared::Shared;
use super::state::Action;
use super::state::wakers::Wakers;
use super::streams;
use super::tasks::BoxFuture;
use crate::runtime::Runtime;

/// How many datagrams are taken in before the answers to them are sent, and how many steps are taken before
/// other tasks of the node have their turn.
const BATCH: usize = 64;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_536;

/// How long to wait after a socket has failed, at first and at most.
const PAUSE: Duration = Duration::from_millis(5);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Drains outputs and performs them; then waits for the deadline, a datagram or another input.
pub(crate) struct Driver<R: Runtime> {
    pub(crate) runtime: R,
    pub(crate) udp: R::Udp,
    /// Where the sockets are bound.
    pub(crate) bound: SocketAddr,
    pub(crate) shared: Arc<Shared>,
}

/// Why the driver goes on.
enum WakeReason {
    Deadline,
    Datagram(io::Result<(usize, SocketAddr)>),
    Input,
}

impl<R: Runtime> Driver<R> {
    pub(crate) async fn run(self) {
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

    /// The order is a priority: an alarm that is due must not wait for a flood of datagrams. An input comes
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

    /// Takes in a datagram, and those that have come meanwhile. Returns how many they are.
    async fn receive(
        &self,
        mut received: io::Result<(usize, SocketAddr)>,
        incoming: &mut [u8],
    ) -> usize {
        let mut taken = 0;
        loop {
            match received {
                Ok((len, from)) => self.shared.drive(|node, now| {
                    node.handle_datagram(now, mapped::unmapped(from), &mut incoming[..len]);
                }),
                Err(error) => {
                    tracing::debug!(target: "serfer::runtime", %error, "cannot receive datagrams");
                    self.runtime.sleep_until(self.runtime.now() + PAUSE).await;
                    return taken;
                }
            }
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
    let mut pause = PAUSE;
    loop {
        match runtime.accept(&listener).await {
            Ok((stream, from)) => {
                pause = PAUSE;
                streams::serve(&runtime, &shared, stream, mapped::unmapped(from));
                // Otherwise a flood could keep other tasks from their turn for ever.
                future::yield_now().await;
            }
            Err(error) => {
                tracing::warn!(target: "serfer::runtime", %error, "cannot accept streams");
                runtime.sleep_until(runtime.now() + pause).await;
                pause = (2 * pause).min(PAUSE_MAX);
            }
        }
    }
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
    use super::*;
    use crate::node::testing::TestNode;
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
    fn a_flood_of_datagrams_is_taken_in_and_leaves_other_tasks_their_turn() {
        const FLOOD: usize = 10 * BATCH;
        let node = TestNode::with(Router::new());
        node.settle();
        node.runtime.incoming().datagrams = FLOOD;
        let (runtime, shared) = (node.runtime.clone(), node.shared.clone());
        let bound = node.serf.local_addr();
        node.shared.tasks.spawn(Driver { runtime, udp: (), bound, shared }.run());
        let mut turns = 0;
        while node.runtime.step() {
            turns += 1;
        }
        assert!(turns >= FLOOD / (2 * BATCH), "{turns} turns");
        assert_eq!(node.serf.stats().datagrams_received, FLOOD as u64, "none is lost");
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
