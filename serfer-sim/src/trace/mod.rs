//! What happened, as lines for people.

mod keys;
mod lines;
mod messages;
mod packets;

pub(crate) use lines::Ending;
pub use lines::{Kind, Line, Trace};
pub(crate) use packets::{cipher, key_named};
