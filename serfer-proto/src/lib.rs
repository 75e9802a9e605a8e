//! Serf's gossip protocol as a deterministic state machine.

pub mod wire;
