//! Keys at run time: changed, listed and rotated by queries to all members.
//!
//! Read [`manager`], then [`list`] and [`rotation`].

pub(crate) mod manager;
pub(crate) mod list;
pub(crate) mod rotation;
