//! Streams, accepted and dialled.

mod accepted;
mod blocked;
mod dialled;
