//! Handlers by the name of an event, like the routes of a web server.
//!
//! Programs make a router, and the builder starts it. Read in this order: this file (what handlers there
//! are), [`route`] (which names a handler is for), [`answer`] (what a handler may be and return), [`request`]
//! (a query, as its handler sees it), [`table`] (how handlers are found), `run` (how events come to them),
//! [`handler`] and [`concurrency`] (what keeps one handler from hurting others).
//!
//! Go serfer: `Handler`, `EventHandle` and their relatives.

mod answer;
mod concurrency;
mod handler;
mod request;
mod route;
mod run;
mod table;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use serfer_proto::{Event, MemberChange, MemberEvent, UserEvent};

use self::handler::Handler;
use self::table::RouteTable;
use crate::pattern::Pattern;

pub use self::answer::{
    Awaited, Blocking, Called, IntoAnswer, MaybeAnswer, Reaction, Returned, Work, blocking,
};
pub use self::request::Request;
pub use self::route::{Route, RouteError};

/// What to do about which event.
///
/// ```
/// use std::time::Duration;
/// use serfer_async::{MemberChange, Request, Route, Router, UserEvent, blocking};
///
/// async fn deploy(event: UserEvent) -> Result<(), std::io::Error> {
///     println!("deploying {:?}", event.payload);
///     Ok(())
/// }
///
/// fn version(_: Request) -> &'static str {
///     "1.2"
/// }
///
/// let greeting = "I am OK, thanks for asking".to_owned();
/// let router = Router::new()
///     .member(MemberChange::Join, |event| async move { println!("joined: {:?}", event.members) })
///     .user_event("deploy", deploy)
///     .user_event("cache/*", |event| println!("{} is out of date", event.name))
///     .query("version", version)
///     .query("status", move |_request| {
///         let greeting = greeting.clone();
///         async move { greeting }
///     })
///     .query("load", blocking(|_: Request| std::fs::read_to_string("/proc/loadavg")))
///     .query(Route::new("report/**").concurrency(2).timeout(Duration::from_secs(5)), |request| {
///         async move { request.name.starts_with("report/all").then_some("nothing to report") }
///     })
///     .fallback(|event| println!("nobody handles {event:?}"));
/// ```
///
/// **A handler** is an async closure, an `async fn`, a plain function or closure, or one that blocks,
/// wrapped in [`blocking`]. It takes the event's own type, and captures what it shares with the rest of
/// the program. A query handler returns the answer. If it returns `()` or `None`, there is none, unless
/// a clone of the [`Request`] was kept to answer later. A handler may also return a `Result`: an error is
/// traced, and a query then gets no answer. [`IntoAnswer`] lists all possibilities.
///
/// **Which handlers are called?** Names are [patterns](Pattern). An event goes to the handlers of the
/// most specific pattern that matches its name, and to no others. A pattern may be for one kind of event
/// ([`user_event`](Self::user_event), [`query`](Self::query), [`member`](Self::member)) or for all of
/// them ([`named`](Self::named)); of two that are equally specific, the one for the kind is taken.
///
/// | handlers of | get |
/// |---|---|
/// | [`members`](Self::members), [`user_events`](Self::user_events), [`queries`](Self::queries) | what no more specific pattern matches |
/// | [`fallback`](Self::fallback) | what no other handler handles |
/// | [`every`](Self::every) | everything, in addition to the others |
///
/// **Several handlers** of one pattern all run, one after another, in the order in which they were
/// added. If several answer a query, the first answer counts.
///
/// **Order.** Members and user events are handled one at a time, in the order in which they came. A
/// handler that takes long makes the next ones wait; when more of them wait than the node's
/// [event buffer](crate::Builder::event_buffer) holds, the oldest are lost, which is traced. Queries
/// are handled side by side. They wait for nothing but the [limit](Route::concurrency) of their own
/// handler.
///
/// **When a handler goes wrong**, by an error, a panic or by exceeding its [timeout](Route::timeout),
/// that is traced with the event's name, and nothing else is affected. So is a handler without a timeout
/// that still runs after 30 seconds; it goes on.
///
/// **A handler that blocks its thread**, for example with `std::thread::sleep` in an `async fn`, should be
/// wrapped in [`blocking`]; then nothing waits for it. Otherwise it may hold up whatever else runs on the
/// runtime of the application, other handlers included. It cannot hold up the node, which has a thread to
/// itself.
///
/// **When the node is shut down**, handlers end at their next `.await`, and what has not been handled is
/// dropped. If the node shuts down by itself, because another has its name, its handlers first get
/// everything that has happened, [`Event::ShutdownWanted`] last, and have five seconds for that; by then the
/// node refuses calls. Shutting down does not wait for a [`blocking`] handler, which goes on to its end.
#[derive(Clone, Default)]
pub struct Router {
    members: RouteTable<MemberEvent, ()>,
    user_events: RouteTable<UserEvent, ()>,
    queries: RouteTable<Request, MaybeAnswer>,
    named: RouteTable<Event, ()>,
    every: Vec<Arc<Handler<Event, ()>>>,
    fallback: Vec<Arc<Handler<Event, ()>>>,
    timeout: Option<Duration>,
    fault: Option<RouteError>,
    /// How many queries had no handler.
    unhandled: Arc<AtomicU64>,
}

impl Router {
    /// A router without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles members that change in one way.
    #[must_use]
    pub fn member<R, Way>(
        mut self,
        change: MemberChange,
        handler: impl Fn(MemberEvent) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<(), Way>,
    {
        let pattern = Pattern::exact(change.to_string());
        self.members.add(pattern.clone(), Handler::new(&pattern.into(), handler));
        self
    }

    /// Handles members that change in any way that has no handler of its own.
    #[must_use]
    pub fn members<R, Way>(
        mut self,
        handler: impl Fn(MemberEvent) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<(), Way>,
    {
        self.members.add(Pattern::any(), Handler::new(&Pattern::any().into(), handler));
        self
    }

    /// Handles user events whose name matches a pattern.
    #[must_use]
    pub fn user_event<R, Way>(
        mut self,
        route: impl Into<Route>,
        handler: impl Fn(UserEvent) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<(), Way>,
    {
        let route = route.into();
        if let Some(pattern) = self.accept(route.checked_in_order()) {
            self.user_events.add(pattern, Handler::new(&route, handler));
        }
        self
    }

    /// Handles user events that match no other pattern: `user_event("**", …)`.
    #[must_use]
    pub fn user_events<R, Way>(
        self,
        handler: impl Fn(UserEvent) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<(), Way>,
    {
        self.user_event(Pattern::any(), handler)
    }

    /// Handles queries whose name matches a pattern. What the handler returns is the answer, unless it
    /// is `()` or `None`.
    #[must_use]
    pub fn query<R, Way>(
        mut self,
        route: impl Into<Route>,
        handler: impl Fn(Request) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<MaybeAnswer, Way>,
    {
        let route = route.into();
        if let Some(pattern) = self.accept(route.checked()) {
            self.queries.add(pattern, Handler::new(&route, handler));
        }
        self
    }

    /// Handles queries that match no other pattern: `query("**", …)`.
    #[must_use]
    pub fn queries<R, Way>(self, handler: impl Fn(Request) -> R + Send + Sync + 'static) -> Self
    where
        R: Reaction<MaybeAnswer, Way>,
    {
        self.query(Pattern::any(), handler)
    }

    /// Handles events of any kind whose name matches a pattern. Changes of members are named as
    /// `serf agent` names them: `member-join`, `member-leave`, `member-failed`, `member-update`,
    /// `member-reap`. A query that comes so is answered with
    /// [`Serfer::respond`](crate::Serfer::respond).
    #[must_use]
    pub fn named<R, Way>(
        mut self,
        route: impl Into<Route>,
        handler: impl Fn(Event) -> R + Send + Sync + 'static,
    ) -> Self
    where
        R: Reaction<(), Way>,
    {
        let route = route.into();
        if let Some(pattern) = self.accept(route.checked()) {
            self.named.add(pattern, Handler::new(&route, handler));
        }
        self
    }

    /// Gets every event, in the order in which they came, and before the handlers of that event: for logs and
    /// counters. Only queries may already be answered by then.
    #[must_use]
    pub fn every<R, Way>(mut self, handler: impl Fn(Event) -> R + Send + Sync + 'static) -> Self
    where
        R: Reaction<(), Way>,
    {
        self.every.push(Arc::new(Handler::new(&Pattern::any().into(), handler)));
        self
    }

    /// Handles every event that no other handler handles, except those of [`every`](Self::every).
    #[must_use]
    pub fn fallback<R, Way>(mut self, handler: impl Fn(Event) -> R + Send + Sync + 'static) -> Self
    where
        R: Reaction<(), Way>,
    {
        self.fallback.push(Arc::new(Handler::new(&Pattern::any().into(), handler)));
        self
    }

    /// How long a handler may take if its route does not say; must be longer than zero. By default there is
    /// no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        if timeout.is_zero() {
            self.fault.get_or_insert(RouteError::NoTime);
        }
        self.timeout = Some(timeout);
        self
    }

    /// Checks that all routes can work. The builder does so before a node starts.
    ///
    /// # Errors
    /// If a route cannot work, the first of them: its pattern is not valid, or a limit is out of range.
    pub fn check(&self) -> Result<(), RouteError> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    fn accept(&mut self, checked: Result<Pattern, RouteError>) -> Option<Pattern> {
        checked.map_err(|fault| self.fault.get_or_insert(fault)).ok()
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        fn patterns<T, A>(table: &RouteTable<T, A>) -> Vec<&Pattern> {
            table.patterns().collect()
        }
        f.debug_struct("Router")
            .field("members", &patterns(&self.members))
            .field("user_events", &patterns(&self.user_events))
            .field("queries", &patterns(&self.queries))
            .field("named", &patterns(&self.named))
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
