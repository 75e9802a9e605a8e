//! A node that sends the user event `useless` every two seconds, and asks every five how all are.
//!
//! ```text
//! cargo run --release -p serfer-smol --example guardian -- --join 192.168.0.1:7946
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod common;
#[path = "common/guardian.rs"]
mod handlers;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use async_signal::{Signal, Signals};
use common::{Flags, members, run};
use handlers::report;
use serfer_smol::{Router, Serfer};
use smol::Timer;
use smol::future::or;
use smol::stream::StreamExt;

const ABOUT: &str =
    "A node that sends the user event `useless` every two seconds, and asks every five how all are";

fn main() -> ExitCode {
    smol::block_on(run(guardian()))
}

async fn guardian() -> Result<(), Box<dyn Error>> {
    let router = Router::new().members(members);
    let serf = Flags::parse_for(ABOUT).apply(serfer_smol::builder)?.router(router).start().await?;
    println!("Starting guardian on {}", serf.local_member()?.addr());

    let mut signals = Signals::new([Signal::Int])?;
    let stopped = async {
        signals.next().await;
        Ok(())
    };
    // If the node ends by itself, the program ends with an error.
    let ended = async { Ok(serf.wait().await?) };
    or(stopped, or(ended, or(send(&serf), ask(&serf)))).await?;
    println!("Left: {}", serf.leave().await?);
    serf.shutdown().await;
    Ok(())
}

async fn send(serf: &Serfer) -> Result<(), Box<dyn Error>> {
    let mut ticks = Timer::interval(Duration::from_secs(2));
    while ticks.next().await.is_some() {
        serf.user_event("useless", "this is a payload")?;
    }
    Ok(())
}

async fn ask(serf: &Serfer) -> Result<(), Box<dyn Error>> {
    let mut ticks = Timer::interval(Duration::from_secs(5));
    while ticks.next().await.is_some() {
        let replies = serf.query("status", "are you ok?")?;
        smol::spawn(report(replies)).detach();
    }
    Ok(())
}
