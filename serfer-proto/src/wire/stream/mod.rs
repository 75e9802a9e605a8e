//! One message on a stream, each way.
//!
//! `message.rs` says what may be in it, `frame.rs` where it begins and ends (`nodes.rs`: with members in it);
//! `push_pull.rs` writes and reads a long one in steps.

mod frame;
mod message;
mod nodes;
mod push_pull;

pub(crate) use frame::sealed_header;
pub use frame::{Frame, FrameReader, SEALED_HEADER_LEN, Side, put_sealed, sealed_aad};
pub use message::{NODES_MAX, PushPull, StreamMessage};
pub(crate) use push_pull::{PushPullBuf, PushPullCursor};
