//! How events come to the handlers of a router.
//!
//! A router is two readers of a node's events, each with a task of its own. One reads the queries, and
//! answers each in one more task, side by side. The other reads everything else, and calls handlers one after
//! another, in the order of the events. However long a handler takes, the node goes on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_lite::future;
use serfer_proto::{Event, Query};

use super::Router;
use super::handler::{Handler, HandlerCall};
use super::request::Request;
use super::table::{RouteHandlers, RouteTable};
use crate::node::notable::is_notable;
use crate::node::shared::Shared;
use crate::node::state::events::{EventFilter, EventReader, Lagged, OverflowWatcher};

impl Router {
    /// Handles all events from now on, until the node is shut down. `buffer` of each sort may wait.
    pub(crate) fn start(self, buffer: usize, shared: &Arc<Shared>) {
        let in_order: EventFilter =
            if self.every.is_empty() { |event| !is_query(event) } else { |_| true };
        let readers = shared.with(|state| {
            [is_query, in_order].map(|filter| state.events.subscribe(buffer, filter))
        });
        // If the node is broken, nothing happens.
        let Ok([queries, in_order]) = readers else { return };
        let (router, tasks) = (Arc::new(self), &shared.tasks);
        let overflow = in_order.watch_overflow();
        let dispatching =
            router.clone().dispatch_queries(queries, overflow, buffer, shared.clone());
        tasks.spawn_handler(dispatching);
        tasks.spawn_handler(router.handle_in_order(in_order, shared.clone()));
    }

    /// Starts a task for each query. Also warns when the other reader loses events, because that one may be
    /// stuck in a handler.
    async fn dispatch_queries(
        self: Arc<Self>,
        queries: EventReader,
        overflow: OverflowWatcher,
        buffer: usize,
        shared: Arc<Shared>,
    ) {
        let (mut lags, mut losses) = (0, 0);
        loop {
            let lost = async { Next::Lost(overflow.next().await) };
            let read = async { Next::Read(queries.next().await) };
            match future::or(lost, read).await {
                Next::Read(Some(Ok(Event::Query(query)))) => {
                    let answering = self.clone().answer(query, shared.clone());
                    shared.tasks.spawn_handler(answering);
                }
                Next::Read(Some(Ok(_no_query))) => {}
                Next::Read(Some(Err(lagged))) => {
                    lags += 1;
                    report_lag("the router is too slow", lagged, lags);
                }
                Next::Read(None) => return,
                Next::Lost(event) => {
                    losses += 1;
                    report_loss(&event, buffer, losses);
                }
            }
        }
    }

    async fn handle_in_order(self: Arc<Self>, events: EventReader, shared: Arc<Shared>) {
        let mut lags = 0;
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    self.handle(event, &shared).await;
                    // A flood of events to handlers that never wait must leave other tasks their turn.
                    future::yield_now().await;
                }
                Err(lagged) => {
                    lags += 1;
                    report_lag("handlers are too slow", lagged, lags);
                }
            }
        }
    }

    async fn handle(&self, event: Event, shared: &Shared) {
        let name = name_of(&event);
        let call = HandlerCall { name: &name, deadline: None, timeout: self.timeout, shared };
        run_all(&self.every, &event, &call).await;
        match &event {
            // It is answered in a task of its own.
            Event::Query(_) => {}
            Event::Member(own) => self.route(&self.members, own, &event, &call).await,
            Event::User(own) => self.route(&self.user_events, own, &event, &call).await,
            _ => run_all(&self.fallback, &event, &call).await,
        }
    }

    async fn route<T: Clone>(
        &self,
        table: &RouteTable<T, ()>,
        own: &T,
        event: &Event,
        call: &HandlerCall<'_>,
    ) {
        match find(table, &self.named, call.name) {
            Match::Own(entry) => run_all(&entry.handlers, own, call).await,
            Match::Named(entry) => run_all(&entry.handlers, event, call).await,
            Match::Nothing => run_all(&self.fallback, event, call).await,
        }
    }

    async fn answer(self: Arc<Self>, query: Query, shared: Arc<Shared>) {
        let (name, deadline) = (query.name.clone(), Some(query.deadline));
        let call = HandlerCall { name: &name, deadline, timeout: self.timeout, shared: &shared };
        let entry = match find(&self.queries, &self.named, &name) {
            Match::Own(entry) => entry,
            Match::Named(entry) => {
                return run_all(&entry.handlers, &Event::Query(query), &call).await;
            }
            Match::Nothing => {
                self.note_unhandled(&query);
                return run_all(&self.fallback, &Event::Query(query), &call).await;
            }
        };
        let request = Request::new(query, shared.clone());
        for handler in &entry.handlers {
            let Some(answer) = handler.handle(request.clone(), &call).await.flatten() else {
                continue;
            };
            if let Err(error) = request.respond(answer) {
                tracing::debug!(target: "serfer::router", event = &*name, %error, "answer not sent");
            }
        }
    }
}

impl Router {
    /// A query has no handler of its own.
    fn note_unhandled(&self, query: &Query) {
        if !self.fallback.is_empty() || !self.every.is_empty() {
            return;
        }
        let count = self.unhandled.fetch_add(1, Ordering::Relaxed) + 1;
        let (name, by) = (&*query.name, &*query.from);
        if is_notable(count) {
            tracing::info!(target: "serfer::router", name, by, count, "no handler for this query: unless something else answers it, whoever asked waits in vain");
        } else {
            tracing::debug!(target: "serfer::router", name, by, count, "no handler for this query");
        }
    }
}

/// What the reader of queries comes across.
enum Next {
    /// A query, or that some were lost, or the end.
    Read(Option<Result<Event, Lagged>>),
    /// The other reader loses events; this is the first that it had no room for.
    Lost(Event),
}

/// A warning now and then: others can send events in a flood.
fn report_lag(what: &str, lagged: Lagged, count: u64) {
    if is_notable(count) {
        tracing::warn!(target: "serfer::router", %lagged, count, "{what}");
    } else {
        tracing::debug!(target: "serfer::router", %lagged, count, "{what}");
    }
}

/// The same, by the watcher of the reader that loses events.
fn report_loss(event: &Event, waiting: usize, count: u64) {
    let name = &*name_of(event);
    if is_notable(count) {
        tracing::warn!(target: "serfer::router", event = name, waiting, count, "a handler takes so long that the oldest of the events behind it are lost");
    } else {
        tracing::debug!(target: "serfer::router", event = name, waiting, count, "events are lost again");
    }
}

fn is_query(event: &Event) -> bool {
    matches!(event, Event::Query(_))
}

/// The name by which an event is routed and traced.
pub(super) fn name_of(event: &Event) -> Arc<str> {
    match event {
        Event::Member(event) => event.change.to_string().into(),
        Event::User(event) => event.name.clone(),
        Event::Query(query) => query.name.clone(),
        Event::Conflict(_) => "conflict".into(),
        Event::ShutdownWanted(_) => "shutdown-wanted".into(),
        _ => "other".into(),
    }
}

/// Which handlers an event is for.
enum Match<'a, T, A> {
    Own(&'a RouteHandlers<T, A>),
    Named(&'a RouteHandlers<Event, ()>),
    Nothing,
}

fn find<'a, T, A>(
    own: &'a RouteTable<T, A>,
    named: &'a RouteTable<Event, ()>,
    name: &str,
) -> Match<'a, T, A> {
    match (own.find(name), named.find(name)) {
        (Some(own), Some(named)) if named.specificity() > own.specificity() => Match::Named(named),
        (Some(own), _) => Match::Own(own),
        (None, Some(named)) => Match::Named(named),
        (None, None) => Match::Nothing,
    }
}

/// Runs handlers one after another.
async fn run_all<T: Clone>(handlers: &[Arc<Handler<T, ()>>], event: &T, call: &HandlerCall<'_>) {
    for handler in handlers {
        handler.handle(event.clone(), call).await;
    }
}
