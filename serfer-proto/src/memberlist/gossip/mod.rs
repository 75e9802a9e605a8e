//! Gossip: how a message spreads to all members.
//!
//! Whoever has a message for everybody puts it into a [`queue`]; both layers have queues. Read it first,
//! then [`send_order`] and [`transmit`] (which message goes first, and how often), [`packing`] (how
//! queues share a packet) and [`tick`] (when packets are sent, and to whom). [`corrections`] go only to
//! a node that says something outdated.

pub(crate) mod corrections;
pub(crate) mod packing;
pub(crate) mod queue;
pub(crate) mod send_order;
pub(crate) mod tick;
pub(crate) mod transmit;
