//! Sizes: of folders, files and functions, so that each can be seen at a glance.
//!
//! Tests, benches and examples are held to the same bounds, for they are read as well. Only the median is
//! that of the libraries: many short examples shall not make up for long modules.

mod files;
mod folders;
mod functions;
