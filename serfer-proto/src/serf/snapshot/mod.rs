//! The snapshot of this node: what is recorded, and when it is stored.

pub(crate) mod writer;
