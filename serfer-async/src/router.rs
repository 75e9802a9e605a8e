//! Handlers by event, like routes of a web server.
//!
//! A router is the first reader of a node's events. Handlers of members and user events run one after
//! another, in the order of the events; queries are handled side by side. However long a handler
//! takes, the node goes on.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_lite::FutureExt;
use serfer_proto::{Event, MemberChange, MemberEvent, Query, UserEvent};

use crate::error::Error;
use crate::events::Events;
use crate::shared::Shared;
use crate::tasks::BoxFuture;

type Handler<T, R = ()> = Arc<dyn Fn(T) -> BoxFuture<R> + Send + Sync>;

/// What to do about which event.
///
/// ```
/// use serfer_async::{MemberChange, Router, UserEvent};
///
/// async fn deploy(event: UserEvent) {
///     println!("deploying {:?}", event.payload);
/// }
///
/// let router = Router::new()
///     .member(MemberChange::Join, |event| async move { println!("joined: {:?}", event.members) })
///     .user_event("deploy", deploy)
///     .query("status", |_request| async { "I am OK, thanks for asking" })
///     .fallback(|event| async move { println!("nobody handles {event:?}") });
/// ```
///
/// Several handlers of one name all run, in the order in which they were added; of several that
/// answer a query, the first answer counts.
#[derive(Clone, Default)]
pub struct Router {
    members: BTreeMap<MemberChange, Vec<Handler<MemberEvent>>>,
    user_events: BTreeMap<String, Vec<Handler<UserEvent>>>,
    queries: BTreeMap<String, Vec<Handler<Request, Option<Bytes>>>>,
    fallback: Vec<Handler<Event>>,
}

impl Router {
    /// A router without handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Handles members that change in one way.
    #[must_use]
    pub fn member<F, Fut>(mut self, change: MemberChange, handler: F) -> Self
    where
        F: Fn(MemberEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.members.entry(change).or_default().push(boxed(handler));
        self
    }

    /// Handles user events of one name.
    #[must_use]
    pub fn user_event<F, Fut>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(UserEvent) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.user_events.entry(name.into()).or_default().push(boxed(handler));
        self
    }

    /// Handles queries of one name. What the handler returns is the answer, unless it is `()` or
    /// `None`.
    #[must_use]
    pub fn query<F, Fut, A>(mut self, name: impl Into<String>, handler: F) -> Self
    where
        F: Fn(Request) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = A> + Send + 'static,
        A: IntoAnswer,
    {
        let handler = move |request| {
            let answer = handler(request);
            async move { answer.await.into_answer() }
        };
        self.queries.entry(name.into()).or_default().push(boxed(handler));
        self
    }

    /// Handles whatever no other handler does.
    #[must_use]
    pub fn fallback<F, Fut>(mut self, handler: F) -> Self
    where
        F: Fn(Event) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.fallback.push(boxed(handler));
        self
    }

    /// Handles events until the node is shut down.
    pub(crate) async fn run(self, mut events: Events, shared: Arc<Shared>) {
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Query(query)) => self.on_query(query, &shared),
                Ok(event) => self.on_event(event).await,
                Err(lagged) => tracing::warn!(%lagged, "handlers are too slow"),
            }
        }
    }

    async fn on_event(&self, event: Event) {
        let handled = match &event {
            Event::Member(event) => run_all(self.members.get(&event.change), event).await,
            Event::User(event) => run_all(self.user_events.get(&*event.name), event).await,
            _ => false,
        };
        if !handled {
            run_all(Some(&self.fallback), &event).await;
        }
    }

    /// Starts a task that answers a query.
    fn on_query(&self, query: Query, shared: &Arc<Shared>) {
        let Some(handlers) = self.queries.get(&*query.name).cloned() else {
            let fallback = self.fallback.clone();
            shared.tasks.spawn(async move {
                run_all(Some(&fallback), &Event::Query(query)).await;
            });
            return;
        };
        let request = Request { query, shared: shared.clone() };
        shared.tasks.spawn(async move {
            for handler in &handlers {
                let Some(answer) = isolated(handler(request.clone())).await.flatten() else {
                    continue;
                };
                if let Err(error) = request.respond(answer) {
                    let name = &*request.name;
                    tracing::debug!(%error, query = name, "answer not sent");
                }
            }
        });
    }
}

impl std::fmt::Debug for Router {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Router")
            .field("members", &self.members.keys())
            .field("user_events", &self.user_events.keys())
            .field("queries", &self.queries.keys())
            .finish_non_exhaustive()
    }
}

fn boxed<T, R, F, Fut>(handler: F) -> Handler<T, R>
where
    F: Fn(T) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = R> + Send + 'static,
{
    Arc::new(move |event| Box::pin(handler(event)))
}

/// Runs handlers one after another; tells whether there are any.
async fn run_all<T: Clone>(handlers: Option<&Vec<Handler<T>>>, event: &T) -> bool {
    let handlers = handlers.map(Vec::as_slice).unwrap_or_default();
    for handler in handlers {
        isolated(handler(event.clone())).await;
    }
    !handlers.is_empty()
}

/// Keeps a panic in a handler from ending the others.
async fn isolated<T>(handler: BoxFuture<T>) -> Option<T> {
    let outcome = AssertUnwindSafe(handler).catch_unwind().await;
    if outcome.is_err() {
        tracing::error!("a handler panicked");
    }
    outcome.ok()
}

/// A query for a handler: the query itself, and a way to answer it before the handler returns, or
/// long after.
#[derive(Clone)]
pub struct Request {
    query: Query,
    shared: Arc<Shared>,
}

impl Request {
    /// Answers the query, once, until its deadline.
    ///
    /// # Errors
    /// If the answer is too large, too late or the second, or the node is shut down.
    pub fn respond(&self, answer: impl AsRef<[u8]>) -> Result<(), Error> {
        let answer = answer.as_ref();
        let respond = |state: &mut crate::shared::State, now| {
            state.endpoint.respond(now, &self.query, answer)
        };
        Ok(self.shared.input(respond)??)
    }
}

impl Deref for Request {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.query
    }
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.query.fmt(f)
    }
}

/// What a query handler may return.
pub trait IntoAnswer {
    /// The answer, if there is one.
    fn into_answer(self) -> Option<Bytes>;
}

impl IntoAnswer for () {
    fn into_answer(self) -> Option<Bytes> {
        None
    }
}

impl IntoAnswer for &'static str {
    fn into_answer(self) -> Option<Bytes> {
        Some(Bytes::from_static(self.as_bytes()))
    }
}

impl<T: IntoAnswer> IntoAnswer for Option<T> {
    fn into_answer(self) -> Option<Bytes> {
        self.and_then(T::into_answer)
    }
}

macro_rules! bytes_answer {
    ($($bytes:ty),*) => {$(
        impl IntoAnswer for $bytes {
            fn into_answer(self) -> Option<Bytes> {
                Some(self.into())
            }
        }
    )*};
}
bytes_answer!(String, Vec<u8>, Bytes, &'static [u8]);
