//! What a program holds in its hands while a node runs: the handle, and the streams that it gives.
//!
//! Everything here is public API, and anybody may use it. Read in this order: [`serfer`] (the handle), [`keys`] (its
//! calls about keys), [`query`] (the replies to a query), [`events`] and [`membership`] (what happens, as streams),
//! [`member_filter`].

pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod member_filter;
pub(crate) mod membership;
pub(crate) mod query;
pub(crate) mod serfer;
