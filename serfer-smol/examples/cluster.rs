//! A whole cluster in one process, from its first join to its last leave, in some seconds.
//!
//! ```text
//! cargo run --release -p serfer-smol --example cluster
//! ```

#[path = "common/cluster.rs"]
mod cluster;

use serfer_smol::Smol;

fn main() -> cluster::Result<()> {
    smol::block_on(cluster::play(Smol::global()))
}
