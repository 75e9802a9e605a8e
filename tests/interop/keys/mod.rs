//! Keys that change, and keyrings that differ.

pub(crate) mod changes;
pub(crate) mod primary;
