//! Streams, accepted and dialled.

mod accepted;
mod crowded;
mod dialled;
mod long_push_pulls;
