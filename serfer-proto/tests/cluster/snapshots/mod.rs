//! The snapshot, and starting again from it.

mod recording;
mod rejoin;
