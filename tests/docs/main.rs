//! Checks what the documents say about the project.

mod conformance;
mod observability;
mod texts;
