//! Identifiers of streams, joins and queries.

/// Identifies one stream, dialled or accepted. An endpoint never uses one twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub(crate) u64);

impl std::fmt::Display for StreamId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Identifies one call of [`Endpoint::join`](crate::Endpoint::join).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JoinId(pub(crate) u64);

/// Identifies one query in the whole cluster, by its Lamport time and a random number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueryId {
    pub(crate) ltime: u64,
    pub(crate) id: u32,
}

impl QueryId {
    /// The Lamport time at which it was asked.
    pub fn ltime(self) -> u64 {
        self.ltime
    }
}
