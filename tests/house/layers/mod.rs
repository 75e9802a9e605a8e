//! Which room may use which, and what the core must not touch.
//!
//! The circle test keeps files in order, this one rooms.

mod banned;
mod order;
mod rooms;
