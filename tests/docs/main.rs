//! Checks what the documents say about the project.

mod conformance;
mod files;
mod incidents;
mod observability;
mod references;
mod texts;
