//! Queries: those that serf asks by itself, and their filters.

pub(crate) mod filter;
pub(crate) mod internal;
