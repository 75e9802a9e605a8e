//! The checks that guard the house: they read the sources of the workspace and run nothing of them.
//!
//! `HOUSE_ROOT=/path/to/a/checkout` makes them read another checkout than their own.

mod checked;
mod circles;
mod layers;
mod lines;
mod meanings;
mod parse;
mod sizes;
mod sources;
mod uses;
