//! Finding other nodes: joins, and retries of the nodes that we lost.
//!
//! The endpoint enters with a join or with new seeds, `members/` with each member that died. Joins, rejoins
//! and retries all end in [`dial_push_pull`](super::Memberlist::dial_push_pull), and hear from
//! `Memberlist::on_push_pull_done` what came of it. Read [`joins`] for what the application asks for,
//! [`snapshot_rejoin`] for a node that was started again, [`retries`] for the scheduler of seeds and lost
//! members that are tried again and again, and its bounds, [`retry`] for what a try is, and [`asking`] for
//! how a lost member is told from a stranger at its address.

pub(crate) mod asking;
pub(crate) mod joins;
pub(crate) mod retries;
pub(crate) mod retry;
pub(crate) mod snapshot_rejoin;
