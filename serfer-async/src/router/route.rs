//! Which names a handler is for, and how it is run; and the table in which they are found.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::handler::Handler;
use crate::pattern::{Pattern, PatternError, Specificity};

/// How many queries one handler handles at a time, unless its route says otherwise.
pub(super) const CONCURRENCY: usize = 64;

/// How many more may wait for their turn.
pub(super) const WAITING: usize = 256;

/// Which names a handler is for, and how it is run. A string alone, which is read as a
/// [`Pattern`], is enough where the defaults will do.
///
/// ```
/// use std::time::Duration;
/// use serfer_async::{Route, Router};
///
/// let slow = Route::new("report/*").concurrency(2).timeout(Duration::from_secs(5));
/// let router = Router::new().query(slow, |request| async move { request.name.to_string() });
/// ```
#[derive(Clone, Debug)]
pub struct Route {
    pub(super) pattern: Result<Pattern, PatternError>,
    pub(super) concurrency: Option<usize>,
    pub(super) waiting: Option<usize>,
    pub(super) timeout: Option<Duration>,
}

impl Route {
    /// Names that match a pattern. If it is not a valid pattern, the node does not start.
    pub fn new(pattern: impl AsRef<str>) -> Self {
        Self { pattern: Pattern::new(pattern), concurrency: None, waiting: None, timeout: None }
    }

    /// How many queries the handler handles at a time, at least 1. Default 64. Members and user events
    /// are always handled one at a time.
    #[must_use]
    pub fn concurrency(mut self, queries: usize) -> Self {
        self.concurrency = Some(queries);
        self
    }

    /// How many more queries may wait for their turn, each until its deadline at most. Those that come
    /// when there is no more room are not answered, which is traced. Default 256.
    #[must_use]
    pub fn waiting(mut self, queries: usize) -> Self {
        self.waiting = Some(queries);
        self
    }

    /// How long the handler may take from when it is called, longer than zero. After that its future is
    /// dropped, which is traced. Default: that of
    /// [`Router::timeout`](crate::Router::timeout).
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl From<Pattern> for Route {
    fn from(pattern: Pattern) -> Self {
        Self { pattern: Ok(pattern), concurrency: None, waiting: None, timeout: None }
    }
}

impl From<&str> for Route {
    fn from(pattern: &str) -> Self {
        Self::new(pattern)
    }
}

impl From<String> for Route {
    fn from(pattern: String) -> Self {
        Self::new(pattern)
    }
}

/// A route that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Correct the pattern as it says.
    #[error("route: {0}")]
    Pattern(#[from] PatternError),
    /// Let at least one query be handled.
    #[error("route {pattern:?} handles no query at a time; the concurrency must be at least 1")]
    NoConcurrency {
        /// The pattern of the route.
        pattern: String,
    },
    /// Give handlers some time.
    #[error("a timeout of zero lets no handler do anything; it must be longer")]
    NoTime,
    /// User events come in order: use [`Route::concurrency`] and [`Route::waiting`] for queries.
    #[error(
        "route {pattern:?} is for user events, which are handled in order, one at a time; only \
         queries have a concurrency and can wait"
    )]
    InOrder {
        /// The pattern of the route.
        pattern: String,
    },
}

impl Route {
    /// The pattern, if the route can work.
    pub(super) fn checked(&self) -> Result<Pattern, RouteError> {
        let pattern = self.pattern.clone()?;
        if self.concurrency == Some(0) {
            return Err(RouteError::NoConcurrency { pattern: pattern.to_string() });
        }
        if self.timeout == Some(Duration::ZERO) {
            return Err(RouteError::NoTime);
        }
        Ok(pattern)
    }

    /// The same for what comes in order.
    pub(super) fn checked_in_order(&self) -> Result<Pattern, RouteError> {
        let pattern = self.checked()?;
        if self.concurrency.is_some() || self.waiting.is_some() {
            return Err(RouteError::InOrder { pattern: pattern.to_string() });
        }
        Ok(pattern)
    }
}

/// The handlers of one kind of event.
pub(super) struct Table<T, A> {
    names: BTreeMap<Box<str>, Entry<T, A>>,
    /// The most specific first.
    globs: Vec<Entry<T, A>>,
}

/// The handlers of one pattern, in the order in which they were added.
pub(super) struct Entry<T, A> {
    pattern: Pattern,
    pub(super) handlers: Vec<Arc<Handler<T, A>>>,
}

impl<T, A> Table<T, A> {
    pub(super) fn add(&mut self, pattern: Pattern, handler: Handler<T, A>) {
        let handler = Arc::new(handler);
        let entry = |pattern| Entry { pattern, handlers: Vec::new() };
        let entry = if let Some(name) = pattern.name() {
            self.names.entry(name.into()).or_insert_with(|| entry(pattern))
        } else if let Some(at) = self.globs.iter().position(|entry| entry.pattern == pattern) {
            &mut self.globs[at]
        } else {
            let specificity = pattern.specificity();
            let is_before = |entry: &Entry<T, A>| entry.specificity() >= specificity;
            let at = self.globs.partition_point(is_before);
            self.globs.insert(at, entry(pattern));
            &mut self.globs[at]
        };
        entry.handlers.push(handler);
    }

    /// The most specific pattern that a name matches.
    pub(super) fn find(&self, name: &str) -> Option<&Entry<T, A>> {
        let glob = || self.globs.iter().find(|entry| entry.pattern.matches(name));
        self.names.get(name).or_else(glob)
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.names.values().chain(&self.globs).map(|entry| &entry.pattern)
    }
}

impl<T, A> Clone for Table<T, A> {
    fn clone(&self) -> Self {
        Self { names: self.names.clone(), globs: self.globs.clone() }
    }
}

impl<T, A> Default for Table<T, A> {
    fn default() -> Self {
        Self { names: BTreeMap::new(), globs: Vec::new() }
    }
}

impl<T, A> Entry<T, A> {
    pub(super) fn specificity(&self) -> Specificity {
        self.pattern.specificity()
    }
}

impl<T, A> Clone for Entry<T, A> {
    fn clone(&self) -> Self {
        Self { pattern: self.pattern.clone(), handlers: self.handlers.clone() }
    }
}
