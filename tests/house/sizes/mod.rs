//! The sizes of folders, files and functions.
//!
//! Tests, benches and examples have the same bounds as libraries. Only the median is taken of libraries
//! alone, because many short examples would hide long modules.

mod files;
mod folders;
mod functions;
