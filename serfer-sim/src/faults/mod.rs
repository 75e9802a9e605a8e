//! Faults: what a test can do to nodes and to the network between them.
//!
//! These are methods of [`Sim`](crate::Sim), above the [`engine`](crate::engine). Nothing uses this
//! room by name. Each file stands alone: [`network`], [`machines`], [`disks`].

mod disks;
mod machines;
mod network;
