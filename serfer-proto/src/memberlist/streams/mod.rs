//! Messages over streams: one each way.
//!
//! Read [`handler`] for the life of a stream, [`push_pull`] for what is compared over one.

pub(crate) mod handler;
pub(crate) mod push_pull;
