//! The simulated network: what happens to a packet or a stream between two nodes.
//!
//! It knows nodes only by their [`NodeId`](crate::node_id::NodeId), and knows neither endpoints nor
//! the clock. The [`engine`](crate::engine) asks it what becomes of everything that is sent, and the
//! [`trace`](crate::trace) uses the reasons for a loss.
//!
//! Read it in this order:
//!
//! 1. [`conditions`]: latency, loss and so on, as plain data;
//! 2. [`dice`]: how a seed decides every random choice;
//! 3. [`delay`]: what one section of the network does to one packet;
//! 4. [`links`]: the network itself, which puts the sections of a path together;
//! 5. [`pipes`]: the streams that are open, with the segments on their way.

mod conditions;
mod delay;
mod dice;
mod links;
mod pipes;

pub(crate) use conditions::STREAMS;
pub use conditions::{Bandwidth, Conditions, Latency, Traffic, Tune};
pub(crate) use delay::Loss;
pub(crate) use dice::Dice;
pub(crate) use links::{ChunkFate, DatagramFate, Interface, Network};
pub(crate) use pipes::{EndId, Pipes, Segment};
