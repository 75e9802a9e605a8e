//! A node that sends the user event `useless` every two seconds, and asks every five how all are.
//!
//! ```text
//! cargo run --release -p serfer-tokio --example guardian -- --join 192.168.0.1:7946
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod common;
#[path = "common/guardian.rs"]
mod handlers;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use common::{Flags, members, run};
use handlers::report;
use serfer_tokio::Router;
use tokio::time::interval;

const ABOUT: &str =
    "A node that sends the user event `useless` every two seconds, and asks every five how all are";

#[tokio::main]
async fn main() -> ExitCode {
    run(guardian()).await
}

async fn guardian() -> Result<(), Box<dyn Error>> {
    let router = Router::new().members(members);
    let serf = Flags::parse_for(ABOUT).apply(serfer_tokio::builder)?.router(router).start().await?;
    println!("Starting guardian on {}", serf.local_member()?.addr());

    let mut events = interval(Duration::from_secs(2));
    let mut queries = interval(Duration::from_secs(5));
    // An interval starts with a tick at once.
    events.tick().await;
    queries.tick().await;
    loop {
        tokio::select! {
            _ = events.tick() => serf.user_event("useless", "this is a payload")?,
            _ = queries.tick() => {
                let replies = serf.query("status", "are you ok?")?;
                tokio::spawn(report(replies));
            }
            stopped = tokio::signal::ctrl_c() => {
                stopped?;
                break;
            }
            // If the node ends by itself, the program ends with an error.
            ended = serf.wait() => return Ok(ended?),
        }
    }
    println!("Left: {}", serf.leave().await?);
    serf.shutdown().await;
    Ok(())
}
