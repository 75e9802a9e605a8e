//! The members of a cluster: how they join, are refused, fail, and come back.

pub(crate) mod clusters;
pub(crate) mod death;
pub(crate) mod large_state;
pub(crate) mod mixed;
pub(crate) mod moved;
pub(crate) mod partition;
pub(crate) mod reachability;
pub(crate) mod refused;
pub(crate) mod snapshot;
