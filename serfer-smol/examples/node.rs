//! A node that shows who comes and goes, prints the user event `useless` and answers the query `status`.
//!
//! ```text
//! cargo run --release -p serfer-smol --example node -- --join 192.168.0.1:7946
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod common;
#[path = "common/node.rs"]
mod handlers;

use std::error::Error;
use std::process::ExitCode;

use async_signal::{Signal, Signals};
use common::{Flags, members, run};
use handlers::{status, useless};
use serfer_smol::Router;
use smol::future::or;
use smol::stream::StreamExt;

const ABOUT: &str =
    "Shows who comes and goes, prints the event `useless`, answers the query `status`";

fn main() -> ExitCode {
    smol::block_on(run(node()))
}

async fn node() -> Result<(), Box<dyn Error>> {
    let router =
        Router::new().members(members).user_event("useless", useless).query("status", status);
    let serf = Flags::parse_for(ABOUT).apply(serfer_smol::builder)?.router(router).start().await?;
    println!("Starting serfer node on {}", serf.local_member()?.addr());
    let mut signals = Signals::new([Signal::Int])?;
    let stopped = async {
        signals.next().await;
        Ok(())
    };
    // If the node ends by itself, the program ends with an error.
    or(stopped, serf.wait()).await?;
    println!("Left: {}", serf.leave().await?);
    serf.shutdown().await;
    Ok(())
}
