//! What is known about each member, and what a message about one changes.
//!
//! Read [`list`] for what is kept, [`state`] for what alive, suspect and dead messages do to it, then
//! [`suspicion`] and [`address_claim`].

pub(crate) mod address_claim;
pub(crate) mod list;
pub(crate) mod state;
pub(crate) mod suspicion;
