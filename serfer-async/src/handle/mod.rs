//! What a program holds while a node runs: the handle, and the streams that it returns.
//!
//! Everything here is public API, and anybody may use it. Read in this order: [`serfer`] (the handle);
//! [`sending`], [`tags`], [`keys`] and [`coordinates`] (more of its calls); [`query`] (the replies to a query); [`events`]
//! and [`membership`] (what happens, as streams); [`member_filter`].

mod coordinates;
pub(crate) mod events;
mod keys;
pub(crate) mod member_filter;
pub(crate) mod membership;
pub(crate) mod query;
mod sending;
pub(crate) mod serfer;
mod tags;
