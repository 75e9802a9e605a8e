//! The recipes of `docs/cookbook.md`, each of which runs by itself:
//!
//! ```text
//! cargo run -p serfer-tokio --example cookbook discovery
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod agents;
mod axum;
mod cache;
mod config;
mod deploy;
mod discovery;
mod keys;
mod kubernetes;
mod leader;
mod status;
mod support;

use support::Result;

#[tokio::main]
async fn main() -> Result {
    match std::env::args().nth(1).as_deref().unwrap_or_default() {
        "agents" => agents::main().await,
        "axum" => axum::main().await,
        "cache" => cache::main().await,
        "config" => config::main().await,
        "deploy" => deploy::main().await,
        "discovery" => discovery::main().await,
        "keys" => keys::main().await,
        "kubernetes" => kubernetes::main().await,
        "leader" => leader::main().await,
        "status" => status::main().await,
        other => Err(format!("there is no recipe {other:?}; docs/cookbook.md has them all").into()),
    }
}

#[cfg(test)]
mod tests {
    use crate::support::Result;

    /// A test for each recipe, which is as good as its user's run of it.
    macro_rules! play {
        ($($recipe:ident),+) => {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $recipe() -> Result {
                crate::$recipe::main().await
            }
        )+};
    }

    play! { agents, axum, cache, config, deploy, discovery, keys, kubernetes, leader, status }
}
