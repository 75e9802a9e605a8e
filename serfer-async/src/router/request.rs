//! A query, as its handler sees it.

use std::ops::Deref;
use std::sync::Arc;

use serfer_proto::Query;

use crate::error::Error;
use crate::node::shared::Shared;

/// A query for a handler: the query itself, and a way to answer it before the handler returns, or long after.
/// To answer later, keep a clone, which is cheap, and return `()`.
#[derive(Clone)]
pub struct Request {
    query: Query,
    shared: Arc<Shared>,
}

impl Request {
    pub(super) fn new(query: Query, shared: Arc<Shared>) -> Self {
        Self { query, shared }
    }

    /// Answers the query, once, until its deadline.
    ///
    /// # Errors
    /// If the answer is too large, too late or the second one, or the node is shut down.
    pub fn respond(&self, answer: impl AsRef<[u8]>) -> Result<(), Error> {
        self.shared.call(|state, now| state.endpoint.respond(now, &self.query, answer.as_ref()))
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
