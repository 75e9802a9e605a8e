//! A node that shows who joins, prints the user event `useless` and answers the query `status`.
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
use clap::Parser;
use common::{Flags, join, run};
use handlers::{status, useless};
use serfer_smol::{MemberChange, Router};
use smol::stream::StreamExt;

fn main() -> ExitCode {
    smol::block_on(run(node()))
}

async fn node() -> Result<(), Box<dyn Error>> {
    let router = Router::new()
        .member(MemberChange::Join, join)
        .user_event("useless", useless)
        .query("status", status);
    let serf = Flags::parse().apply(serfer_smol::builder)?.router(router).start().await?;
    println!("Starting serfer node on {}", serf.local_member()?.addr());
    Signals::new([Signal::Int])?.next().await;
    serf.leave().await?;
    serf.shutdown().await;
    Ok(())
}
