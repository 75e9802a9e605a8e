//! A whole cluster in one process, from its first join to its last leave, in some seconds.
//!
//! ```text
//! cargo run --release -p serfer-tokio --example cluster
//! ```

#[path = "common/cluster.rs"]
mod cluster;

use serfer_tokio::Tokio;

#[tokio::main]
async fn main() -> cluster::Result<()> {
    cluster::play(Tokio::current()).await
}
