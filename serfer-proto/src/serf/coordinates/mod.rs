//! Network coordinates: how far members are, by Vivaldi.
//!
//! Read [`coordinate`], [`vivaldi`], then [`estimates`], which ties them to acks.

#[cfg(test)]
mod accuracy;
pub(crate) mod coordinate;
pub(crate) mod estimates;
pub(crate) mod vivaldi;
