//! One message on a stream, each way.
//!
//! `message.rs` says what may be in it, `frame.rs` where it begins and ends.

mod frame;
mod message;

pub use frame::{Frame, FrameReader, SEALED_HEADER_LEN, Side, put_sealed, sealed_aad};
pub use message::{NODES_MAX, PushPull, StreamMessage};
