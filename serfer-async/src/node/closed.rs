//! The error of every call to a node that is shut down.

/// The node is shut down, or broken by a bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node is shut down")]
pub struct Closed;
