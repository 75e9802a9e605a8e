//! On which thread a node is.

use serfer_tokio::{Builder, NodeThread, Tokio};

pub const SUFFIX: &str = " shared";

/// One for all.
pub struct Place(NodeThread<Tokio>);

impl Place {
    pub fn new() -> Self {
        Self(serfer_tokio::node_thread().expect("a thread can be started"))
    }

    pub fn put(&self, builder: Builder<Tokio>) -> Builder<Tokio> {
        builder.on_thread(&self.0)
    }
}
