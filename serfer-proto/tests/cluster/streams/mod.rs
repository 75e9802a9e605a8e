//! Streams, accepted and dialled.

mod accepted;
mod crowded;
mod dialled;
