//! Streams, accepted and dialled.

mod accepted;
mod blocked;
mod crowded;
mod dialled;
mod long_push_pulls;
