//! Keys at run time: changed, listed and rotated by queries to all members.
//!
//! Read [`changes`], then [`list`] and [`rotation`].

pub(crate) mod changes;
pub(crate) mod list;
pub(crate) mod rotation;
