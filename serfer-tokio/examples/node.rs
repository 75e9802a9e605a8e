//! A node that shows who comes and goes, prints the user event `useless` and answers the query `status`.
//!
//! ```text
//! cargo run --release -p serfer-tokio --example node -- --join 192.168.0.1:7946
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod common;
#[path = "common/node.rs"]
mod handlers;

use std::error::Error;
use std::process::ExitCode;

use common::{Flags, members, run};
use handlers::{status, useless};
use serfer_tokio::Router;

const ABOUT: &str =
    "Shows who comes and goes, prints the event `useless`, answers the query `status`";

#[tokio::main]
async fn main() -> ExitCode {
    run(node()).await
}

async fn node() -> Result<(), Box<dyn Error>> {
    let router =
        Router::new().members(members).user_event("useless", useless).query("status", status);
    let serf = Flags::parse_for(ABOUT).apply(serfer_tokio::builder)?.router(router).start().await?;
    println!("Starting serfer node on {}", serf.local_member()?.addr());
    tokio::select! {
        stopped = tokio::signal::ctrl_c() => stopped?,
        // If the node ends by itself, the program ends with an error.
        ended = serf.wait() => ended?,
    }
    println!("Left: {}", serf.leave().await?);
    serf.shutdown().await;
    Ok(())
}
