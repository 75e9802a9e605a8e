//! A node that shows who joins, prints the user event `useless` and answers the query `status`.
//!
//! ```text
//! cargo run --release -p serfer-tokio --example node -- --join 192.168.0.1:7946
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

mod common;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;
use common::{Flags, describe, run};
use serfer_tokio::{MemberChange, MemberEvent, Request, Router, UserEvent};

#[tokio::main]
async fn main() -> ExitCode {
    run(node()).await
}

async fn node() -> Result<(), Box<dyn Error>> {
    let router = Router::new()
        .member(MemberChange::Join, join)
        .user_event("useless", useless)
        .query("status", status);
    let serf = Flags::parse().builder()?.router(router).start().await?;
    println!("Starting serfer node on {}", serf.local_member()?.addr());
    tokio::signal::ctrl_c().await?;
    serf.leave().await?;
    serf.shutdown().await;
    Ok(())
}

async fn join(event: MemberEvent) {
    println!("members: {}", describe(&event.members));
}

async fn useless(event: UserEvent) {
    let payload = String::from_utf8_lossy(&event.payload);
    let UserEvent { name, ltime, .. } = &event;
    println!("Received user event {name:?} number {ltime} with payload {payload:?}");
}

async fn status(request: Request) {
    let status = "I am OK, thanks for asking";
    if let Err(error) = request.respond(status) {
        return println!("Failed to respond to query 'status': {error}");
    }
    let payload = String::from_utf8_lossy(&request.payload);
    let (name, number) = (&request.name, request.id.ltime());
    println!(
        "query {name:?} number {number} received with payload {payload:?} and the reply was {status:?}"
    );
}
