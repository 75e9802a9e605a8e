//! Finding others: joins, and tries to find again who was lost.
//!
//! Read [`joins`] for what the application asks for, [`seed_retry`] for seeds and dead members that are
//! tried again, [`snapshot_rejoin`] for the members of an earlier life.

pub(crate) mod joins;
pub(crate) mod seed_retry;
pub(crate) mod snapshot_rejoin;
