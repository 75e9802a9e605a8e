//! One node at work: the thread it has, its tasks, and what they share.
//!
//! The other rooms push inputs through [`shared`] and start tasks through [`tasks`]. Only the builder starts a node.
//! Read in this order: [`shared`] (who may do what), [`driver`] (the loop), [`streams`], [`tasks`], [`thread`],
//! and `metrics`.

pub(crate) mod driver;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod shared;
pub(crate) mod streams;
pub(crate) mod tasks;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod thread;
