//! Gossip: how a message spreads to all members.
//!
//! Both layers have queues, and put their broadcasts into them. Read [`queue`] first, then
//! [`send_order`] and [`transmit`] (which message goes first, and how often), [`packing`] (how queues
//! share a packet), [`tick`] (when packets are sent, and to which members) and [`news`] (what is sent
//! before that). [`corrections`] go only
//! to a node that says something outdated, and [`newcomers`] to one that is new.

pub(crate) mod corrections;
pub(crate) mod newcomers;
pub(crate) mod news;
pub(crate) mod packing;
pub(crate) mod queue;
pub(crate) mod send_order;
pub(crate) mod tick;
pub(crate) mod transmit;
