//! A router at work.
//!
//! It is the first reader of a node's events, and reads them at once. Queries are answered in a task
//! each, side by side. Everything else goes through one more buffer to a second task, which calls
//! handlers one after another, in the order of the events. However long a handler takes, the node
//! goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serfer_proto::{Event, Query};

use super::handler::{Call, Handler};
use super::route::{Entry, Table};
use super::{Request, Router};
use crate::handle::events::{Events, Subscribers};
use crate::node::shared::Shared;

impl Router {
    /// Handles events until the node is shut down; `buffer` of them may wait for those before.
    pub(crate) fn start(self, events: Events, buffer: usize, shared: &Arc<Shared>) {
        let router = Arc::new(self);
        let (line, in_order) = Line::new(buffer);
        shared.tasks.spawn_handler(router.clone().run_in_order(in_order, shared.clone()));
        shared.tasks.spawn_handler(router.run(events, line, shared.clone()));
    }

    async fn run(self: Arc<Self>, mut events: Events, mut line: Line, shared: Arc<Shared>) {
        while let Some(event) = events.next().await {
            let event = match event {
                Ok(event) => event,
                Err(lagged) => {
                    tracing::warn!(target: "serfer::router", %lagged, "the router is too slow");
                    continue;
                }
            };
            if let Event::Query(query) = &event {
                let answering = self.clone().on_query(query.clone(), shared.clone());
                shared.tasks.spawn_handler(answering);
                if self.every.is_empty() {
                    continue;
                }
            }
            line.push(&event);
        }
    }

    async fn run_in_order(self: Arc<Self>, mut events: Events, shared: Arc<Shared>) {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.on_event(event, &shared).await,
                Err(lagged) => {
                    tracing::warn!(target: "serfer::router", %lagged, "handlers are too slow");
                }
            }
        }
    }

    async fn on_event(&self, event: Event, shared: &Shared) {
        let name = name_of(&event);
        let call = Call { name: &name, deadline: None, timeout: self.timeout, shared };
        run_all(&self.every, &event, &call).await;
        match &event {
            // It has a task of its own.
            Event::Query(_) => {}
            Event::Member(own) => self.route(&self.members, own, &event, &call).await,
            Event::User(own) => self.route(&self.user_events, own, &event, &call).await,
            _ => run_all(&self.fallback, &event, &call).await,
        }
    }

    async fn route<T: Clone>(&self, table: &Table<T, ()>, own: &T, event: &Event, call: &Call<'_>) {
        match find(table, &self.named, call.name) {
            Found::Own(entry) => run_all(&entry.handlers, own, call).await,
            Found::Named(entry) => run_all(&entry.handlers, event, call).await,
            Found::Nothing => run_all(&self.fallback, event, call).await,
        }
    }

    async fn on_query(self: Arc<Self>, query: Query, shared: Arc<Shared>) {
        let (name, deadline) = (query.name.clone(), Some(query.deadline));
        let call = Call { name: &name, deadline, timeout: self.timeout, shared: &shared };
        let entry = match find(&self.queries, &self.named, &name) {
            Found::Own(entry) => entry,
            Found::Named(entry) => {
                return run_all(&entry.handlers, &Event::Query(query), &call).await;
            }
            Found::Nothing => return run_all(&self.fallback, &Event::Query(query), &call).await,
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

/// Where events wait that are handled in order.
struct Line {
    events: Subscribers,
    buffer: usize,
    lag: Arc<AtomicU64>,
    was_behind: bool,
}

impl Line {
    fn new(buffer: usize) -> (Self, Events) {
        let mut events = Subscribers::default();
        let in_order = events.subscribe(buffer);
        (Self { events, buffer, lag: in_order.lag(), was_behind: false }, in_order)
    }

    fn push(&mut self, event: &Event) {
        self.events.publish(event);
        // Whoever reads them may never come to read how many are lost.
        let is_behind = self.lag.load(Ordering::Relaxed) > 0;
        if is_behind && !self.was_behind {
            tracing::warn!(target: "serfer::router", event = &*name_of(event), waiting = self.buffer, "a handler takes so long that the oldest of the events behind it are lost");
        }
        self.was_behind = is_behind;
    }
}

/// By what an event is routed, and traced.
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

/// Whose event it is.
enum Found<'a, T, A> {
    Own(&'a Entry<T, A>),
    Named(&'a Entry<Event, ()>),
    Nothing,
}

fn find<'a, T, A>(
    own: &'a Table<T, A>,
    named: &'a Table<Event, ()>,
    name: &str,
) -> Found<'a, T, A> {
    match (own.find(name), named.find(name)) {
        (Some(own), Some(named)) if named.specificity() > own.specificity() => Found::Named(named),
        (Some(own), _) => Found::Own(own),
        (None, Some(named)) => Found::Named(named),
        (None, None) => Found::Nothing,
    }
}

/// Runs handlers one after another.
async fn run_all<T: Clone>(handlers: &[Arc<Handler<T, ()>>], event: &T, call: &Call<'_>) {
    for handler in handlers {
        handler.handle(event.clone(), call).await;
    }
}
