//! On which thread a node is.

use serfer_tokio::{Builder, Tokio};

pub const SUFFIX: &str = "";

/// One of its own for each.
pub struct Place;

impl Place {
    pub fn new() -> Self {
        Self
    }

    pub fn put(&self, builder: Builder<Tokio>) -> Builder<Tokio> {
        builder
    }
}
