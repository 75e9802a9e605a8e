//! Spreading news: what is queued, what goes into a packet, and when it is sent.
//!
//! Read [`queue`] for the queue, [`packing`] for how queues share a packet, [`tick`] for when
//! packets are sent.

pub(crate) mod packing;
pub(crate) mod queue;
pub(crate) mod tick;
