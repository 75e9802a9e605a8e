//! The engine: nodes, a clock, and everything that is going to happen.

mod arrivals;
mod calls;
mod clock;
mod disk;
mod node;
mod outputs;
mod queue;
mod sim;

pub(crate) use disk::Health;
pub use disk::Unsynced;
pub(crate) use node::{Held, Node, Pace};
pub use node::{NodeId, Recorded};
pub use sim::Sim;
