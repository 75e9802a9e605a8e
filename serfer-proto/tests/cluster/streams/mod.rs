//! Streams, accepted and dialled.

mod accepted;
mod dialled;
