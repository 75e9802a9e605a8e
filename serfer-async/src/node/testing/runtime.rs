//! A runtime without sockets, and with a clock that only tests move.

use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures_lite::future;
use smol::Executor;

use super::HERE;
use crate::runtime::Runtime;

/// A runtime whose tasks run when a test says so, at a time that a test says.
#[derive(Clone)]
pub(crate) struct ManualRuntime {
    executor: Arc<Executor<'static>>,
    pub(super) clock: Arc<Mutex<ManualClock>>,
    /// Calls that may block; they are made when a test says so.
    pub(super) calls: Arc<Mutex<Vec<TestCall>>>,
    incoming: Arc<Mutex<Incoming>>,
    /// Whether no other one can be made from this.
    pub(crate) is_last: bool,
}

pub(super) type TestCall = Box<dyn FnOnce() + Send>;

pub(super) struct ManualClock {
    pub(super) now: Instant,
    pub(super) sleepers: Vec<(Instant, Waker)>,
}

/// What comes from the network, all of it at once.
pub(crate) struct Incoming {
    /// One entry for each stream that another node opens: whether it can be accepted.
    pub(crate) streams: VecDeque<bool>,
    /// Why those cannot that cannot.
    pub(crate) accept_error: io::ErrorKind,
    pub(crate) datagrams: usize,
    /// How often receiving one fails, before any comes.
    pub(crate) failing_receives: usize,
    /// How often sending one fails.
    pub(crate) failing_sends: usize,
    /// How much can be read from streams, at 1,000 bytes a time; then they end.
    pub(crate) reads: usize,
}

impl ManualRuntime {
    pub(crate) fn new() -> Self {
        let clock = ManualClock { now: Instant::now(), sleepers: Vec::new() };
        Self {
            executor: Arc::default(),
            clock: Arc::new(Mutex::new(clock)),
            calls: Arc::default(),
            incoming: Arc::new(Mutex::new(Incoming {
                streams: VecDeque::new(),
                accept_error: io::ErrorKind::Other,
                datagrams: 0,
                failing_receives: 0,
                failing_sends: 0,
                reads: 0,
            })),
            is_last: false,
        }
    }

    pub(crate) fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap()
    }

    /// Lets one task go on. Returns whether one could.
    pub(crate) fn step(&self) -> bool {
        self.executor.try_tick()
    }

    /// How long it is until the first of the sleeping tasks wakes up.
    pub(crate) fn next_pause(&self) -> Option<Duration> {
        let clock = self.clock.lock().unwrap();
        clock.sleepers.iter().map(|(at, _)| *at - clock.now).min()
    }
}

impl Runtime for ManualRuntime {
    type Udp = ();
    type Listener = ();
    type Stream = ();
    type Alarm = Option<Instant>;

    fn run_apart<F: Future<Output = ()>>(&self, life: impl FnOnce(Self) -> F) -> io::Result<()> {
        if self.is_last {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        future::block_on(life(self.clone()));
        Ok(())
    }

    fn now(&self) -> Instant {
        self.clock.lock().unwrap().now
    }

    async fn sleep_until(&self, at: Instant) {
        future::poll_fn(|cx| {
            let mut clock = self.clock.lock().unwrap();
            if clock.now >= at {
                return Poll::Ready(());
            }
            clock.sleepers.push((at, cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn alarm(&self) -> io::Result<Option<Instant>> {
        Ok(None)
    }

    fn set_alarm(&self, alarm: &mut Option<Instant>, at: Option<Instant>) {
        *alarm = at;
    }

    async fn ring(&self, alarm: &mut Option<Instant>) {
        match alarm {
            Some(at) => self.sleep_until(*at).await,
            None => future::pending().await,
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.executor.spawn(task).detach();
    }

    async fn unblock<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, result) = async_channel::bounded(1);
        self.calls.lock().unwrap().push(Box::new(move || drop(sender.try_send(f()))));
        result.recv().await.expect("calls are made before the node is dropped")
    }

    async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(Vec::new())
    }

    fn udp(&self, _socket: UdpSocket) -> io::Result<()> {
        Ok(())
    }

    fn try_send(&self, (): &(), _data: &[u8], _to: SocketAddr) -> io::Result<()> {
        let mut incoming = self.incoming();
        let Some(left) = incoming.failing_sends.checked_sub(1) else {
            return Ok(());
        };
        incoming.failing_sends = left;
        Err(io::Error::other("no route"))
    }

    async fn writable(&self, (): &()) -> io::Result<()> {
        Ok(())
    }

    fn try_recv(&self, (): &(), buf: &mut Vec<u8>) -> io::Result<SocketAddr> {
        let failing = self.incoming().failing_receives;
        if failing > 0 {
            self.incoming().failing_receives = failing - 1;
            return Err(io::Error::other("network is down"));
        }
        let left = self.incoming().datagrams.checked_sub(1);
        self.incoming().datagrams = left.ok_or(io::ErrorKind::WouldBlock)?;
        buf.push(99);
        Ok(HERE)
    }

    async fn readable(&self, (): &()) -> io::Result<()> {
        let is_quiet = {
            let incoming = self.incoming();
            incoming.datagrams == 0 && incoming.failing_receives == 0
        };
        if is_quiet { future::pending().await } else { Ok(()) }
    }

    fn listener(&self, _socket: TcpListener) -> io::Result<()> {
        Ok(())
    }

    async fn accept(&self, (): &()) -> io::Result<((), SocketAddr)> {
        let (next, error) = {
            let mut incoming = self.incoming();
            (incoming.streams.pop_front(), incoming.accept_error)
        };
        match next {
            Some(true) => Ok(((), HERE)),
            Some(false) => Err(error.into()),
            None => future::pending().await,
        }
    }

    async fn connect(&self, _addr: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    async fn read(&self, (): &mut (), buf: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.incoming().reads.checked_sub(1) else {
            return Ok(0);
        };
        self.incoming().reads = left;
        Ok(buf.len().min(1000))
    }

    async fn write_all(&self, (): &mut (), _data: &[u8]) -> io::Result<()> {
        Ok(())
    }

    async fn finish(&self, (): &mut ()) -> io::Result<()> {
        Ok(())
    }
}
