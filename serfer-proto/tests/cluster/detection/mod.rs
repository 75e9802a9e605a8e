//! Failure detection: probes, acks, suspicions, and a node with nothing to do.

mod acks;
mod idle;
pub(crate) mod probing;
mod rtt_probing;
mod suspicion;
