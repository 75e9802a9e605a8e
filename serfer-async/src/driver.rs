//! The loop that does what the endpoint says, and the one that accepts streams.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;

use crate::address;
use crate::runtime::Runtime;
use crate::shared::{Shared, Todo};
use crate::stream;
use crate::tasks::BoxFuture;

/// How many datagrams are taken in before what follows from them is sent.
const BATCH: usize = 64;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_536;

/// How long to leave a socket alone that fails, at first and at most.
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
enum Wake {
    Deadline,
    Datagram(io::Result<(usize, SocketAddr)>),
    Input,
}

impl<R: Runtime> Driver<R> {
    pub(crate) async fn run(self) {
        let mut outgoing = Vec::with_capacity(2048);
        let mut incoming = vec![0; DATAGRAM_MAX];
        let mut alarm = Alarm::new(self.runtime.clone());
        loop {
            outgoing.clear();
            match self.shared.with(|state| state.poll(&mut outgoing)) {
                Ok(Todo::Datagram(to)) => self.send(&outgoing, to).await,
                Ok(Todo::Connect(id, to)) => stream::dial(&self.runtime, &self.shared, id, to),
                Ok(Todo::TellOfOverflow(file, overflow)) => {
                    let reason = overflow.to_string();
                    self.shared.drive(|node, now| node.handle_store_failed(now, file, &reason));
                }
                Ok(Todo::Wait(until, readers)) => {
                    readers.wake();
                    alarm.set(until);
                    match self.wake(&mut alarm, &mut incoming).await {
                        Wake::Deadline => self.shared.drive(|node, now| node.handle_timeout(now)),
                        Wake::Datagram(received) => self.receive(received, &mut incoming).await,
                        Wake::Input => {}
                    }
                }
                Ok(Todo::Close) | Err(_) => return,
            }
        }
    }

    /// The order is a priority. An alarm that is due must not wait for a flood of datagrams; an
    /// input needs nothing but another turn of the loop, whatever else caused it.
    async fn wake(&self, alarm: &mut Alarm<R>, incoming: &mut [u8]) -> Wake {
        let deadline = async {
            alarm.rings().await;
            Wake::Deadline
        };
        let datagram = async {
            let received = self.runtime.recv_from(&self.udp, incoming).await;
            Wake::Datagram(received)
        };
        let input = async {
            let _ = self.shared.woken.recv().await;
            Wake::Input
        };
        future::or(deadline, future::or(datagram, input)).await
    }

    /// Takes in a datagram, and those that have come meanwhile.
    async fn receive(&self, mut received: io::Result<(usize, SocketAddr)>, incoming: &mut [u8]) {
        for _ in 0..BATCH {
            match received {
                Ok((len, from)) => self.shared.drive(|node, now| {
                    node.handle_datagram(now, address::unmapped(from), &mut incoming[..len]);
                }),
                Err(error) => {
                    tracing::debug!(target: "serfer::runtime", %error, "cannot receive datagrams");
                    return self.runtime.sleep_until(self.runtime.now() + PAUSE).await;
                }
            }
            let more = self.runtime.recv_from(&self.udp, incoming);
            let Some(more) = future::poll_once(more).await else {
                return;
            };
            received = more;
        }
    }

    /// Sends one datagram. That it cannot be sent is for the endpoint to know, and no reason to stop.
    async fn send(&self, data: &[u8], to: SocketAddr) {
        let through = address::reachable(to, self.bound);
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
                stream::serve(&runtime, &shared, stream, address::unmapped(from));
            }
            Err(error) => {
                tracing::warn!(target: "serfer::runtime", %error, "cannot accept streams");
                runtime.sleep_until(runtime.now() + pause).await;
                pause = (2 * pause).min(PAUSE_MAX);
            }
        }
    }
}

/// One deadline at a time. As long as it is the same, it is slept for only once.
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

    async fn rings(&mut self) {
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
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use serfer_proto::{Config, Endpoint};

    use super::*;
    use crate::events::Subscribers;
    use crate::tasks::Tasks;

    const HERE: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    /// A runtime whose sleeps are noted and cost no time, and whose listener does as it is told.
    #[derive(Clone)]
    struct Scripted {
        start: Instant,
        /// Whether each stream is accepted; then nothing more happens.
        accepts: Arc<Mutex<VecDeque<bool>>>,
        sleeps: Arc<Mutex<Vec<Duration>>>,
    }

    impl Runtime for Scripted {
        type Udp = ();
        type Listener = ();
        type Stream = ();

        fn run_apart<F: Future<Output = ()>>(
            &self,
            life: impl FnOnce(Self) -> F,
        ) -> io::Result<()> {
            future::block_on(life(self.clone()));
            Ok(())
        }

        fn now(&self) -> Instant {
            self.start
        }

        async fn sleep_until(&self, at: Instant) {
            self.sleeps.lock().unwrap().push(at - self.start);
        }

        fn spawn(&self, _task: impl Future<Output = ()> + Send + 'static) {}

        async fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
            f()
        }

        async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
            Ok(Vec::new())
        }

        async fn bind_udp(&self, _addr: SocketAddr) -> io::Result<()> {
            Ok(())
        }

        async fn send_to(&self, (): &(), _data: &[u8], _to: SocketAddr) -> io::Result<()> {
            Ok(())
        }

        async fn recv_from(&self, (): &(), _buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
            future::pending().await
        }

        async fn listen(&self, addr: SocketAddr) -> io::Result<((), SocketAddr)> {
            Ok(((), addr))
        }

        async fn accept(&self, (): &()) -> io::Result<((), SocketAddr)> {
            let next = self.accepts.lock().unwrap().pop_front();
            match next {
                Some(true) => Ok(((), HERE)),
                Some(false) => Err(io::ErrorKind::Other.into()),
                None => future::pending().await,
            }
        }

        async fn connect(&self, _addr: SocketAddr) -> io::Result<()> {
            Ok(())
        }

        async fn read(&self, (): &mut (), _buf: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }

        async fn write_all(&self, (): &mut (), _data: &[u8]) -> io::Result<()> {
            Ok(())
        }

        async fn finish(&self, (): &mut ()) -> io::Result<()> {
            Ok(())
        }
    }

    /// How long, in milliseconds, the listener is left alone after each stream that it cannot accept.
    fn pauses(accepts: impl IntoIterator<Item = bool>) -> Vec<u128> {
        let start = Instant::now();
        let accepts = Arc::new(Mutex::new(accepts.into_iter().collect()));
        let runtime = Scripted { start, accepts, sleeps: Arc::default() };
        let endpoint = Endpoint::new(Config::lan("a").advertise(HERE), [0; 32], start).unwrap();
        let tasks = Tasks::new(runtime.clone(), runtime.clone(), tracing::Span::none());
        let shared = Shared::new(endpoint, Subscribers::default(), tasks, move || start);
        let accepting = accept(runtime.clone(), (), Arc::new(shared));
        assert!(future::block_on(future::poll_once(accepting)).is_none(), "it never gives up");
        let sleeps = runtime.sleeps.lock().unwrap();
        sleeps.iter().map(Duration::as_millis).collect()
    }

    #[test]
    fn a_listener_that_fails_is_left_alone_for_longer_and_longer() {
        assert_eq!(pauses([false; 10]), [5, 10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
        assert_eq!(pauses([false, false, true, false]), [5, 10, 5]);
    }
}
