//! Streams: one message each way.
//!
//! memberlist uses streams for three things: push/pulls, a ping where datagrams may be blocked, and
//! messages to one node. The side that dials sends; the side that accepts answers and closes. A stream
//! is a small state machine here; a runtime only moves its bytes.
//!
//! The endpoint enters with what a runtime reports, `probe/` and `join/` to dial. Read [`exchange`] for
//! that machine's states, [`handler`] for its steps, [`dial`] for our requests and [`accept`] for those
//! of others, [`admission`] for who gives way if there are too many of them, [`push_pull`] for what is
//! compared over a stream, [`blocked`] for streams that fail while datagrams pass. A push/pull may be too
//! long for one call: [`long_push_pull`] keeps those that are not done, [`send`] and [`receive`] go on with
//! one; [`news`] is what has to be merged of it.

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod blocked;
pub(crate) mod dial;
pub(crate) mod exchange;
pub(crate) mod handler;
pub(crate) mod long_push_pull;
mod news;
pub(crate) mod push_pull;
mod receive;
mod send;
