//! The files of a node: its snapshot and its keyring.
//!
//! One rule holds for both. What is readable is used, and what is not is said with its line. A node does not start
//! only where going on would lose something: the keys of its cluster, or a file of somebody else. A file is
//! written as durably as its place allows, in place if it cannot be replaced, and the operator is told of what
//! is less than it should be. A file that may not be written is not changed, and is no reason not to start. No
//! two nodes write to one file.
//!
//! Both are read before a node starts. Afterwards only the writer touches them. Nobody but the builder calls
//! what is here. Read in this order: [`disk`] (how a file is written) over [`system`] (what a system may refuse)
//! and [`lock`], [`own_file`] (what a node keeps), [`snapshot`] and [`keyring`] (how each
//! is read), [`writer`] (the task that writes both).

mod disk;
pub(crate) mod keyring;
mod lock;
pub(crate) mod own_file;
pub(crate) mod snapshot;
mod system;
pub(crate) mod writer;

#[cfg(test)]
mod tests;
