//! The checks that guard the house: they read the sources of the workspace and run nothing of them.
//!
//! `HOUSE_ROOT=/path/to/a/checkout` makes them read another checkout than their own.

mod circles;
mod parse;
mod report;
mod sources;
