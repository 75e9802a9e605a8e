//! Failure detection: probes, acks, suspicions, and what a node does when there is nothing to do.

mod acks;
mod idle;
pub(crate) mod probing;
mod suspicion;
