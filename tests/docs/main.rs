//! Checks what the documents say about the project.

mod conformance;
mod files;
mod observability;
mod texts;
