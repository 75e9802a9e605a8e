//! Layers: which room may use which, and what the core must not touch.
//!
//! Within a room, files are kept in order by the circle test; here, the rooms are.

mod banned;
mod order;
mod rooms;
