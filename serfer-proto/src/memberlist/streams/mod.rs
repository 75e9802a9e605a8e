//! Messages over streams: one each way.
//!
//! Read [`exchange`] for the life of a stream, [`push_pull`] for what is compared over one.

pub(crate) mod exchange;
pub(crate) mod push_pull;
