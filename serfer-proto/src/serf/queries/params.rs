//! The parameters of a query: which members it goes to, and how long it waits.
//!
//! Counterpart of Go's `QueryParam`.

use std::collections::BTreeMap;
use std::time::Duration;

/// How long a query can be open. Unlike Go, which believes whatever timeout a query names.
pub(crate) const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// Which members a query goes to, how, and for how long. By default it goes to all members, with acks.
///
/// A query ends when every live member that matches its filters has replied, as far as this node
/// knows members and their tags when it sends the query; if no member matches, it ends at once. A
/// member that joins later may reply but is not waited for. A member that leaves or fails is no longer
/// waited for. [`settle`](Self::settle) ends a query sooner, [`until_timeout`](Self::until_timeout)
/// later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryParams {
    pub(crate) nodes: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) ack: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) relay_factor: u8,
    pub(crate) early_end: EarlyEnd,
}

/// What ends a query before its timeout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EarlyEnd {
    /// All expected members have answered.
    Complete,
    /// The same, or all have acked or replied and nothing has come for this long.
    Settled(Duration),
    /// Nothing.
    Never,
}

impl Default for QueryParams {
    fn default() -> Self {
        Self {
            nodes: Vec::new(),
            tags: BTreeMap::new(),
            ack: true,
            timeout: None,
            relay_factor: 0,
            early_end: EarlyEnd::Complete,
        }
    }
}

impl QueryParams {
    /// A query to all members, with acks. Its timeout depends on the size of the cluster.
    pub fn new() -> Self {
        Self::default()
    }

    /// The query goes only to the node of this name, and to others named by further calls. Go:
    /// `FilterNodes`.
    #[must_use]
    pub fn node(mut self, name: impl Into<String>) -> Self {
        self.nodes.push(name.into());
        self
    }

    /// The query goes only to nodes whose tag matches the regular expression anywhere in its value. A
    /// tag that is not set has an empty value. Filters for several tags must all match. Expressions
    /// are [as in Go][1]; a query with an invalid expression is refused. Go: `FilterTags`.
    ///
    /// [1]: https://golang.org/s/re2syntax
    #[must_use]
    pub fn tag(mut self, name: impl Into<String>, expr: impl Into<String>) -> Self {
        self.tags.insert(name.into(), expr.into());
        self
    }

    /// The query wants no acks. This saves half of the responses, but members that do not reply cannot
    /// be told from members that the query did not reach. Go: `!RequestAck`.
    #[must_use]
    pub fn without_acks(mut self) -> Self {
        self.ack = false;
        self
    }

    /// How long to wait for replies, at most. By default
    /// [`timeout_mult`](crate::Queries::timeout_mult) gossip intervals, times the logarithm of the
    /// cluster's size. One hour is the longest timeout. Go: `Timeout`.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Each response also goes through this many other members, for networks where some members cannot
    /// reach each other. The member that responds picks them at random. This node drops the copies. The
    /// traffic of responses grows by this factor. At most
    /// [`Limits::relay_factor`](crate::Limits::relay_factor) members are used. Default 0. Go:
    /// `RelayFactor`.
    #[must_use]
    pub fn relay_factor(mut self, factor: u8) -> Self {
        self.relay_factor = factor;
        self
    }

    /// The query also ends when all members have acked or replied and nothing more has come for
    /// `quiet`, since it is unknown whether a reply follows an ack. Without acks this changes nothing.
    /// Go has no such parameter.
    #[must_use]
    pub fn settle(mut self, quiet: Duration) -> Self {
        self.early_end = EarlyEnd::Settled(quiet);
        self
    }

    /// The query ends at its timeout and not before, as in Go. So members that this node does not know
    /// yet can reply, too.
    #[must_use]
    pub fn until_timeout(mut self) -> Self {
        self.early_end = EarlyEnd::Never;
        self
    }
}
