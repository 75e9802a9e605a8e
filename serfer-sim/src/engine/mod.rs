//! The engine: the nodes of a simulation, its clock, and the queue of everything that is due.
//!
//! It calls the endpoints of `serfer-proto`, asks the [`network`](crate::network) what becomes of
//! what they send, and tells the [`trace`](crate::trace). The [`faults`](crate::faults) and the
//! [`script`](crate::script) player stand above it and use [`Sim`].
//!
//! Read it in this order:
//!
//! 1. [`node`] and [`disk`]: one machine with its endpoint, as data;
//! 2. [`queue`]: what is due, and in which order;
//! 3. [`sim`]: the simulation, which holds all of this;
//! 4. [`clock`]: how time passes;
//! 5. [`outputs`], [`streams`]: what is done for an endpoint;
//! 6. [`arrivals`]: what an endpoint is told;
//! 7. [`process`]: how a node's process starts and ends;
//! 8. [`views`], [`calls`]: what tests ask and do most often.

mod arrivals;
mod calls;
mod clock;
mod disk;
mod node;
mod outputs;
mod process;
mod queue;
mod sim;
mod streams;
mod views;

pub(crate) use disk::DiskState;
pub use disk::Unsynced;
pub(crate) use node::Pause;
pub use node::Recorded;
pub use sim::Sim;
