//! A node without sockets, with a clock that only tests move. Every test of this crate may use it.
//!
//! Read in this order: this file (the node), `runtime`, `tools`.

mod runtime;
mod tools;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future;
use serfer_proto::{Config, Endpoint, QueryParams, ShutdownReason};

pub(crate) use self::runtime::ManualRuntime;
pub(crate) use self::tools::{Bell, Notes, TestGate, traced};
use super::shared::{Shared, ShutdownOnDrop};
use super::state::Action;
use super::state::wakers::Wakers;
use super::tasks::{self, Tasks};
use super::thread::NodeEnd;
use crate::discovery::seeds::SeedResolver;
use crate::handle::query::Replies;
use crate::handle::serfer::Serfer;
use crate::router::Router;
use crate::runtime::Runtime as _;

pub(crate) const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7946);

/// A node that is alone, with a router. What it sends comes back to it.
pub(crate) struct TestNode {
    pub(crate) serf: Serfer,
    pub(crate) runtime: ManualRuntime,
    pub(crate) shared: Arc<Shared>,
}

impl TestNode {
    pub(crate) fn with(router: Router) -> Self {
        Self::with_buffer(router, 1024)
    }

    /// Also says how many events may wait for handlers.
    pub(crate) fn with_buffer(router: Router, buffer: usize) -> Self {
        let runtime = ManualRuntime::new();
        let config = Config::lan("alone").advertise(HERE);
        let span = tasks::span(Some("alone"));
        let start = || Endpoint::new(config, [0; 32], runtime.now()).unwrap();
        let endpoint = span.in_scope(start);
        let clock = runtime.clone();
        let tasks = Tasks::new(runtime.clone(), runtime.clone(), span);
        let shared = Arc::new(Shared::new(Box::new(endpoint), tasks, move || clock.now()));
        router.start(buffer, &shared);
        let nobody =
            Box::new(|_: String, _| -> tasks::BoxFuture<_> { Box::pin(async { Ok(Vec::new()) }) });
        let resolver = Arc::new(SeedResolver::new(runtime.clone(), nobody, Vec::new()));
        let serf = Serfer::new(shared.clone(), resolver, NodeEnd::already(), HERE, 16);
        shared.note_start();
        Self { serf, runtime, shared }
    }

    /// Runs everything that can run without time passing.
    pub(crate) fn settle(&self) {
        loop {
            let (mut buf, mut wakers) = (Vec::new(), Wakers::default());
            let polled = self.shared.with(|state| state.poll(&mut buf, &mut wakers));
            wakers.wake();
            let polled = polled.map(|action| !matches!(action, Action::Wait(_)));
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
    pub(crate) fn advance(&self, time: Duration) {
        self.settle();
        let mut clock = self.runtime.clock.lock().unwrap();
        clock.now += time;
        clock.sleepers.drain(..).for_each(|(_, waker)| waker.wake());
        drop(clock);
        self.shared.drive(|endpoint, now| endpoint.handle_timeout(now));
        self.settle();
    }

    /// Shuts the node down by itself.
    pub(crate) fn shut_itself_down(&self) {
        let reason = ShutdownReason::NameTaken { ours: 0, responses: 1 };
        self.shared.with(|state| state.shutdown_reason = Some(reason)).unwrap();
        drop(ShutdownOnDrop(self.shared.clone()));
        self.settle();
    }

    /// Sends a user event and lets it arrive.
    pub(crate) fn event(&self, name: &str) {
        self.serf.user_event(name, "").unwrap();
        self.settle();
    }

    /// Sends a query that is open for ten seconds, and lets it arrive.
    pub(crate) fn ask(&self, name: &str) -> Replies {
        let params = QueryParams::new().timeout(Duration::from_secs(10));
        let replies = self.serf.query_with(name, "", &params).unwrap();
        self.settle();
        replies
    }

    /// The answer to a query, if it comes without time passing.
    pub(crate) fn answer(&self, name: &str) -> Option<String> {
        self.reply(&mut self.ask(name))
    }

    /// The next reply that is there.
    pub(crate) fn reply(&self, replies: &mut Replies) -> Option<String> {
        self.settle();
        let reply = future::block_on(future::poll_once(replies.next()))??;
        Some(String::from_utf8_lossy(&reply.payload).into_owned())
    }
}
