//! Beside agents: a serfer node in a cluster of real `serf` agents.
//!
//! `cargo run -p serfer-tokio --example cookbook agents`
use std::net::TcpListener;
use std::process::{Output, Stdio};

use crate::support::{Result, addr, node, text, until};
use serfer_tokio::{Router, UserEvent};
use tokio::process::Command;

/// `serf keygen` makes one. The agent and the node must have the same.
const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

pub(crate) async fn main() -> Result {
    if Command::new("serf").arg("version").output().await.is_err() {
        println!("there is no `serf` on the PATH; Debian and Ubuntu have a package of that name");
        return Ok(());
    }
    let router = Router::new()
        .user_event("deploy", |event: UserEvent| println!("deploy {}", text(&event.payload)))
        .query("status", |_request| "I am OK, thanks for asking");
    let serf = node("rust").key(KEY)?.router(router).start().await?;

    let (gossip, rpc) = (free_addr()?, free_addr()?);
    let mut agent = Command::new("serf")
        .args(["agent", "-node=go", "-profile=local", "-tag=role=legacy"])
        .args([format!("-bind={gossip}"), format!("-rpc-addr={rpc}"), format!("-encrypt={KEY}")])
        .arg(format!("-join={}", addr(&serf)?))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    until("the agent has joined", || serf.members().len() == 2).await?;
    for member in serf.members() {
        println!(
            "{} is {} at {} [{}]",
            member.name(),
            member.status(),
            member.addr(),
            member.tags()
        );
    }

    // People and scripts use the agent, and reach our node.
    let rpc = format!("-rpc-addr={rpc}");
    let event = Command::new("serf").args(["event", &rpc, "deploy", "v2"]).output().await?;
    println!("$ serf event deploy v2\n{}", said(&event));
    let query = Command::new("serf").args(["query", &rpc, "status"]).output().await?;
    println!("$ serf query status\n{}", said(&query));
    if !said(&query).contains("I am OK") {
        return Err("the agent should have heard us".into());
    }
    agent.kill().await?;
    Ok(())
}

fn free_addr() -> Result<std::net::SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn said(output: &Output) -> String {
    format!("{}{}", text(&output.stdout), text(&output.stderr))
}
