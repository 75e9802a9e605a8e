//! Queries: asked of everybody, answered directly.
//!
//! Ours: [`params`], [`outgoing`], [`pending`]. Those of others: [`incoming`], [`filter`] with
//! [`go_regex`], [`internal`], [`relay`]. [`name_conflict`] is the vote about a name.

pub(crate) mod filter;
pub(crate) mod go_regex;
pub(crate) mod incoming;
pub(crate) mod internal;
pub(crate) mod name_conflict;
pub(crate) mod outgoing;
pub(crate) mod params;
pub(crate) mod pending;
pub(crate) mod rate_limit;
pub(crate) mod relay;
