//! Spreading news: what is queued, what goes into a packet, and when it is sent.
//!
//! Read [`broadcast`] for the queue, [`packing`] for how queues share a packet, [`tick`] for when
//! packets are sent.

pub(crate) mod broadcast;
pub(crate) mod packing;
pub(crate) mod tick;
