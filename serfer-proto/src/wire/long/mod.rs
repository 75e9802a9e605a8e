//! What may be too long to be handled in one call, handled step by step.
//!
//! The bytes are those of [`seal`](super::seal), [`lzw`](super::lzw) and
//! [`serf_message`](super::serf_message). Nothing here keeps a borrow of what it reads from one step to the
//! next. Only `machinery/long_frames.rs` and the merging of push/pulls enter. Read [`message`] first.

mod gcm;
pub(crate) mod lzw;
pub(crate) mod message;
pub(crate) mod seal;
pub(crate) mod serf_state;
