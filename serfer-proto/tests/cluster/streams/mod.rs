//! Streams, accepted and dialled.

mod accepted;
mod dialled;
mod long_push_pulls;
