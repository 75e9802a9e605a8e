//! Queries: those that serf sends by itself, and filters.

pub(crate) mod filter;
pub(crate) mod internal;
