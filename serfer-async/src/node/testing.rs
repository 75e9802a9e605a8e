//! A node without sockets and a clock that only tests move.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures_lite::future;
use serfer_proto::{Config, Endpoint, ShutdownReason};
use smol::Executor;

use crate::discovery::seeds::Finder;
use crate::handle::events::Subscribers;
use crate::handle::serfer::Serfer;
use crate::node::shared::{Shared, Todo, Vital};
use crate::node::tasks::{self, Tasks};
use crate::node::thread::Over;
use crate::router::Router;
use crate::runtime::Runtime;

pub(crate) const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7946);

/// A runtime whose tasks run when a test says so, at a time that a test says.
#[derive(Clone)]
pub(crate) struct ByHand {
    executor: Arc<Executor<'static>>,
    clock: Arc<Mutex<Clock>>,
    /// Calls that may block; they are made when a test says so.
    calls: Arc<Mutex<Vec<Call>>>,
    incoming: Arc<Mutex<Incoming>>,
    /// Whether there cannot be another one.
    pub(crate) is_last: bool,
}

type Call = Box<dyn FnOnce() + Send>;

struct Clock {
    now: Instant,
    sleepers: Vec<(Instant, Waker)>,
}

/// What the network has for a node, all of it at once.
#[derive(Default)]
pub(crate) struct Incoming {
    /// Whether each stream that somebody opens can be accepted.
    pub(crate) streams: VecDeque<bool>,
    pub(crate) datagrams: usize,
    /// How much can be read from streams, at 1,000 bytes a time; then they end.
    pub(crate) reads: usize,
}

impl ByHand {
    pub(crate) fn new() -> Self {
        let clock = Clock { now: Instant::now(), sleepers: Vec::new() };
        Self {
            executor: Arc::default(),
            clock: Arc::new(Mutex::new(clock)),
            calls: Arc::default(),
            incoming: Arc::default(),
            is_last: false,
        }
    }

    pub(crate) fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap()
    }

    /// Lets one task go on that can: whether there was one.
    pub(crate) fn step(&self) -> bool {
        self.executor.try_tick()
    }

    /// How long it is until the first of those who sleep wakes up.
    pub(crate) fn next_pause(&self) -> Option<Duration> {
        let clock = self.clock.lock().unwrap();
        clock.sleepers.iter().map(|(at, _)| *at - clock.now).min()
    }
}

impl Runtime for ByHand {
    type Udp = ();
    type Listener = ();
    type Stream = ();

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

    async fn bind_udp(&self, _addr: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    async fn send_to(&self, (): &(), _data: &[u8], _to: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    async fn recv_from(&self, (): &(), buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let Some(left) = self.incoming().datagrams.checked_sub(1) else {
            return future::pending().await;
        };
        self.incoming().datagrams = left;
        buf[0] = 99;
        Ok((1, HERE))
    }

    async fn listen(&self, addr: SocketAddr) -> io::Result<((), SocketAddr)> {
        Ok(((), addr))
    }

    async fn accept(&self, (): &()) -> io::Result<((), SocketAddr)> {
        let next = self.incoming().streams.pop_front();
        match next {
            Some(true) => Ok(((), HERE)),
            Some(false) => Err(io::ErrorKind::Other.into()),
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

/// A node alone, with a router; what it sends comes back to it.
pub(crate) struct Alone {
    pub(crate) serf: Serfer,
    pub(crate) runtime: ByHand,
    pub(crate) shared: Arc<Shared>,
}

impl Alone {
    pub(crate) fn with(router: Router) -> Self {
        Self::with_buffer(router, 1024)
    }

    /// Also says how many events may wait for handlers.
    pub(crate) fn with_buffer(router: Router, buffer: usize) -> Self {
        let runtime = ByHand::new();
        let config = Config::lan("alone").advertise(HERE);
        let span = tasks::span(Some("alone"));
        let start = || Endpoint::new(config, [0; 32], runtime.now()).unwrap();
        let endpoint = span.in_scope(start);
        let mut subscribers = Subscribers::default();
        let events = subscribers.subscribe(buffer);
        let clock = runtime.clone();
        let tasks = Tasks::new(runtime.clone(), runtime.clone(), span);
        let shared = Arc::new(Shared::new(endpoint, subscribers, tasks, move || clock.now()));
        router.start(events, buffer, &shared);
        let nobody =
            Box::new(|_: String, _| -> tasks::BoxFuture<_> { Box::pin(async { Ok(Vec::new()) }) });
        let finder = Arc::new(Finder::new(runtime.clone(), nobody, Vec::new()));
        let serf = Serfer::new(shared.clone(), finder, Over::already(), HERE, 16);
        Self { serf, runtime, shared }
    }

    /// Does all that there is to do without time passing.
    pub(crate) fn settle(&self) {
        loop {
            let mut buf = Vec::new();
            let polled = self.shared.with(|state| !matches!(state.poll(&mut buf), Todo::Wait(..)));
            let ticked = self.runtime.step();
            if !ticked && !polled.unwrap_or(false) {
                return;
            }
        }
    }

    /// Makes the calls that may block.
    pub(crate) fn call(&self) {
        let calls = std::mem::take(&mut *self.runtime.calls.lock().unwrap());
        calls.into_iter().for_each(|call| call());
        self.settle();
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, time: Duration) {
        self.settle();
        let mut clock = self.runtime.clock.lock().unwrap();
        clock.now += time;
        clock.sleepers.drain(..).for_each(|(_, waker)| waker.wake());
        drop(clock);
        self.shared.drive(|endpoint, now| endpoint.handle_timeout(now));
        self.settle();
    }

    /// Shuts the node down by itself.
    pub(crate) fn fall(&self) {
        let reason = ShutdownReason::NameTaken { ours: 0, responses: 1 };
        self.shared.with(|state| state.shutdown_reason = Some(reason)).unwrap();
        drop(Vital(self.shared.clone()));
        self.settle();
    }

    /// Sends a user event and lets it arrive.
    pub(crate) fn event(&self, name: &str) {
        self.serf.user_event(name, "").unwrap();
        self.settle();
    }

    /// Asks, for ten seconds, and lets the question arrive. Whoever wants replies waits for them.
    pub(crate) fn ask(&self, name: &str) -> crate::handle::query::Replies {
        let params = serfer_proto::QueryParams::new().timeout(Duration::from_secs(10));
        let replies = self.serf.query_with(name, "", &params).unwrap();
        self.settle();
        replies
    }

    /// What is answered without time passing.
    pub(crate) fn answer(&self, name: &str) -> Option<String> {
        self.reply(&mut self.ask(name))
    }

    /// The next reply that is there.
    pub(crate) fn reply(&self, replies: &mut crate::handle::query::Replies) -> Option<String> {
        self.settle();
        let reply = future::block_on(future::poll_once(replies.next()))??;
        Some(String::from_utf8_lossy(&reply.payload).into_owned())
    }
}

/// What handlers did, in order.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    pub(crate) fn add(&self, note: impl Into<String>) {
        self.0.lock().unwrap().push(note.into());
    }

    /// All notes since the last time.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// A future that ends when a test says so, and says when it is dropped.
#[derive(Clone, Default)]
pub(crate) struct Door {
    open: Arc<AtomicBool>,
    waiting: Arc<Mutex<Vec<Waker>>>,
}

impl Door {
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Relaxed);
        self.waiting.lock().unwrap().drain(..).for_each(Waker::wake);
    }

    pub(crate) async fn pass(&self) {
        future::poll_fn(|cx| {
            if self.open.load(Ordering::Relaxed) {
                return Poll::Ready(());
            }
            self.waiting.lock().unwrap().push(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// What is traced while something happens.
pub(crate) fn traced(f: impl FnOnce()) -> String {
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);
    impl io::Write for Log {
        fn write(&mut self, text: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(text);
            Ok(text.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .with_max_level(tracing::Level::DEBUG)
        .finish();
    tracing::subscriber::with_default(subscriber, f);
    let log = log.0.lock().unwrap();
    String::from_utf8_lossy(&log).into_owned()
}
