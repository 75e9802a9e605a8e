//! User events: sent to everybody, delivered once.
//!
//! Read [`user_event`], then [`ring`], which remembers what has been delivered, queries included.

pub(crate) mod ring;
pub(crate) mod user_event;
