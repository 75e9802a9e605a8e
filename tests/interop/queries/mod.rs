//! Queries: those that serf sends by itself, filters, and those that are asked again.

pub(crate) mod asked_again;
pub(crate) mod filter;
pub(crate) mod internal;
