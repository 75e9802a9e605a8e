//! What both layers run on: timers, randomness, the outbox, sealing, counters, tables.
//!
//! `memberlist/` and `serf/` use it through [`context::Cx`]; it knows neither of them. Read [`context`]
//! first, then [`output`], [`timers`] and [`link`].

pub(crate) mod context;
pub(crate) mod link;
pub(crate) mod output;
pub(crate) mod rng;
pub(crate) mod stats;
pub(crate) mod table;
pub(crate) mod timers;
pub(crate) mod unpacker;
