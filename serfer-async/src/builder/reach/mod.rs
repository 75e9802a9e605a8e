//! At which address others reach a node.
//!
//! Read in this order: [`local`] (what the system says about its addresses and
//! routes), [`choice`] (which of them is advertised), [`given`] (which addresses may be given instead),
//! [`watch`] (the address may be gone while the node runs).

pub(crate) mod choice;
pub(crate) mod given;
pub(crate) mod local;
pub(crate) mod watch;
