//! The files of a node: its snapshot and its keyring.
//!
//! Both are read before a node starts. Afterwards only the writer touches them. Nobody but the builder calls
//! what is here. Read in this order: [`disk`] (how a file is written), [`snapshot`] and [`keyring`] (how each
//! is read), [`writer`] (the task that writes both).

mod disk;
pub(crate) mod keyring;
pub(crate) mod snapshot;
pub(crate) mod writer;
