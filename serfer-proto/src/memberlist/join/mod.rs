//! Finding other nodes: joins, and retries of the nodes that we lost.
//!
//! The endpoint enters with a join, `members/` with each member that died. Joins, rejoins and seed retries
//! all end in [`dial_push_pull`](super::Memberlist::dial_push_pull), and hear from
//! `Memberlist::on_push_pull_done` what came of it. Read [`joins`] for what the application asks for,
//! [`snapshot_rejoin`] for a node that was started again, [`seed_retry`] for seeds and dead members that
//! are tried again and again.

pub(crate) mod joins;
pub(crate) mod seed_retry;
pub(crate) mod snapshot_rejoin;
