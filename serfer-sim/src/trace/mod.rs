//! The trace: what happened, as lines for readers.
//!
//! It takes packets, streams and events apart with nothing but the public wire layer of
//! `serfer-proto`. It knows neither the engine nor the clock: the [`engine`](crate::engine) tells it
//! everything, and the [`script`](crate::script) player prints its lines.
//!
//! Read it in this order:
//!
//! 1. [`kind`]: the kinds of lines;
//! 2. [`lines`]: the trace itself, and how a line is recorded and printed;
//! 3. [`describer`]: what must be known of each node to read its packets;
//! 4. [`packets`], [`messages`], [`events`]: how packets, messages and events are put into words;
//! 5. [`keys`], [`fields`]: the parts that these share.

mod describer;
mod events;
mod fields;
mod keys;
mod kind;
mod lines;
mod messages;
mod packets;

pub(crate) use describer::cipher;
pub(crate) use keys::named as key_named;
pub use kind::Kind;
pub(crate) use lines::Delivery;
pub use lines::{Line, Trace};
