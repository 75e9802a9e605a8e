//! The checks that guard the house: they read the sources of the workspace and run nothing of them.
//!
//! | | |
//! |---|---|
//! | [`circles`] | no file uses a file that uses it |
//! | [`layers`] | which room of the core may use which, and what the core must not touch |
//! | [`sizes`] | of folders, files and functions |
//! | [`meanings`] | no two types of a crate have the same name |
//! | [`lines`] | how much code the core has |
//!
//! They stand on [`uses`], which says what each name in the code of a crate means, [`parse`] and
//! [`sources`]. `HOUSE_ROOT=/path/to/a/checkout` makes them read another checkout than their own.

mod checked;
mod circles;
mod layers;
mod lines;
mod meanings;
mod parse;
mod sizes;
mod sources;
mod uses;
