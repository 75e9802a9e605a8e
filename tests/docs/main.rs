//! What texts say about the project, held to.

mod conformance;
mod observability;
mod texts;
