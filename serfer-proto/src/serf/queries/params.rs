//! What the application says about a query: whom to ask, and how long to wait.
//!
//! Counterpart of Go's `QueryParam`.

use std::collections::BTreeMap;
use std::time::Duration;

/// Who is asked, how, and for how long. By default everybody is, with acks.
///
/// A query ends when every live member that matches its filters has replied, as far as this node
/// knows members and their tags when it asks; if none matches, it ends at once. A member that joins
/// later may reply but is not waited for, and one that leaves or fails is no longer waited for.
/// [`settle`](Self::settle) ends a query sooner, [`until_timeout`](Self::until_timeout) later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParams {
    pub(crate) nodes: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) ack: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) relay_factor: u8,
    pub(crate) patience: Patience,
}

/// What ends a query before its time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Everybody has replied.
    Replies,
    /// That, or everybody has at least acked and nothing has come for so long.
    Settle(Duration),
    /// Nothing.
    Timeout,
}

impl Default for QueryParams {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            tags: BTreeMap::new(),
            ack: true,
            timeout: None,
            relay_factor: 0,
            patience: Patience::Replies,
        }
    }
}

impl QueryParams {
    /// Asks everybody, with acks, for as long as the size of the cluster makes reasonable.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks only this node, and others named in the same way. Go: `FilterNodes`.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.nodes.push(name.into());
        self
    }

    /// Asks only nodes in whose tag the regular expression is found; a tag that is not set has an
    /// empty value. Filters for several tags must all match. Expressions are [as in Go][1]; a query
    /// with one that is not is refused. Go: `FilterTags`.
    ///
    /// [1]: https://golang.org/s/re2syntax
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, expr: impl Into<String>) -> Self {
        self.tags.insert(name.into(), expr.into());
        self
    }

    /// Does without acks. That saves half of the answers' traffic, but nobody can tell members that are
    /// silent from members that were not reached. Go: `!RequestAck`.
    #[must_use]
    pub fn without_acks(mut self) -> Self {
        self.ack = false;
        self
    }

    /// How long to collect answers, at most. By default
    /// [`timeout_mult`](crate::Queries::timeout_mult) gossip intervals, times the logarithm of the
    /// cluster's size; an hour is the longest there is. Go: `Timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Has every answer also sent through this many other members, picked at random by the one that
    /// answers, for networks where some members cannot reach each other. The copies are dropped here; the
    /// traffic of the answers grows by this factor. At most
    /// [`Limits::relay_factor`](crate::Limits::relay_factor) are used. Default 0. Go: `RelayFactor`.
    #[must_use]
    pub fn relay_factor(mut self, factor: u8) -> Self {
        self.relay_factor = factor;
        self
    }

    /// Also ends when everybody who was asked has at least acked and nothing more has come for `quiet`,
    /// because nobody can know whether an ack will be followed by a reply. Without acks this changes
    /// nothing. Go has no such thing.
    #[must_use]
    pub fn settle(mut self, quiet: Duration) -> Self {
        self.patience = Patience::Settle(quiet);
        self
    }

    /// Ends when the time is up and not before, as in Go: to get replies of members that this node does
    /// not know yet, too.
    #[must_use]
    pub fn until_timeout(mut self) -> Self {
        self.patience = Patience::Timeout;
        self
    }
}
