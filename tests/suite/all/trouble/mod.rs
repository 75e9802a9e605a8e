//! What goes wrong, and what users are told of it.

mod go_defects;
mod hostile;
mod newcomer;
mod pauses;
