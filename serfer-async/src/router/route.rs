//! Which names a handler is for, and how it is run.

use std::time::Duration;

use crate::pattern::{Pattern, PatternError};

/// How many queries one handler handles at a time, unless its route says otherwise.
pub(super) const CONCURRENCY: usize = 64;

/// How many more may wait for their turn.
pub(super) const WAITING: usize = 256;

/// Which names a handler is for, and how it is run. Where the defaults will do, a string is enough, which is
/// read as a [`Pattern`].
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

    /// How many more queries may wait for their turn, each until its deadline at most. Queries that come when
    /// there is no more room are not answered, which is traced. Default 256.
    #[must_use]
    pub fn waiting(mut self, queries: usize) -> Self {
        self.waiting = Some(queries);
        self
    }

    /// How long the handler may take from when it is called; must be longer than zero. After that its future
    /// is dropped, which is traced. By default it is the [timeout of the router](crate::Router::timeout).
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
    /// The pattern, unless the route cannot work.
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

    /// The same for events that are handled in order.
    pub(super) fn checked_in_order(&self) -> Result<Pattern, RouteError> {
        let pattern = self.checked()?;
        if self.concurrency.is_some() || self.waiting.is_some() {
            return Err(RouteError::InOrder { pattern: pattern.to_string() });
        }
        Ok(pattern)
    }
}
