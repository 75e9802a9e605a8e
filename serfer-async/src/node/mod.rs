//! One node at work: its thread, its tasks, and what they share.
//!
//! The other rooms push inputs through [`shared`] and start tasks through [`tasks`]. Only the builder starts
//! a node. Read in this order: [`state`] (what is under the lock), [`shared`] (who may do what), [`driver`]
//! (the loop), [`streams`], [`tasks`], [`thread`], and `metrics`. The rest is small: [`closed`], [`end_cause`],
//! [`notable`], [`reentrancy`], [`signals`], [`sockets`].

pub(crate) mod closed;
pub(crate) mod driver;
pub(crate) mod end_cause;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod notable;
mod reentrancy;
pub(crate) mod shared;
pub(crate) mod signals;
pub(crate) mod sockets;
pub(crate) mod state;
pub(crate) mod streams;
pub(crate) mod tasks;
#[cfg(test)]
pub(crate) mod testing;
pub(crate) mod thread;
