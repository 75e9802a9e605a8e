//! The files of a node: its snapshot and its keyring.
//!
//! Both are read before a node starts, which only the builder does. Afterwards only the writer touches them. Read
//! [`snapshot`] and [`keyring`] for what is read, and [`writer`] for how files are written.

pub(crate) mod keyring;
pub(crate) mod snapshot;
pub(crate) mod writer;
