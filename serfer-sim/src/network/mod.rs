//! The network between the nodes, and the chances it takes.

mod conditions;
mod delay;
mod dice;
mod links;
mod pipes;

pub(crate) use conditions::STREAMS;
pub use conditions::{Bandwidth, Conditions, Latency, Traffic, Tune};
pub(crate) use delay::Loss;
pub(crate) use dice::Dice;
pub(crate) use links::{ChunkFate, Fate, Network, Plug};
pub(crate) use pipes::{Item, PipeEnd, Pipes};
