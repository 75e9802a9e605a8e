//! A whole cluster in one process, from its first join to its last leave, in half a minute.
//!
//! ```text
//! cargo run --release -p serfer-tokio --example cluster
//! ```
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::{Duration, Instant};

use serfer_tokio::{Config, Event, Events, MemberChange, Router, Serfer, UserEvent};
use tokio::time::timeout;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// base64 of `SuperSecureToken`
const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

#[tokio::main]
async fn main() -> Result<()> {
    println!("A leader, two nodes and a guardian, encrypted, on free ports of this machine");
    let leader = start("leader", None).await?;
    let seed = leader.local_member()?.addr().to_string();
    let node_1 = start("node-1", Some(&seed)).await?;
    let node_2 = start("node-2", Some(&seed)).await?;
    let guardian = start("guardian", Some(&seed)).await?;
    let all = [&leader, &node_1, &node_2, &guardian];
    for serf in all {
        until("all see each other", || serf.members().len() == all.len()).await?;
    }
    for member in guardian.members() {
        println!(
            "  {:<10} {}  {}  [{}]",
            member.name(),
            member.status(),
            member.addr(),
            member.tags()
        );
    }

    println!("The guardian sends a user event; all get it");
    let mut readers: Vec<Events> = all.iter().map(|serf| serf.events()).collect();
    guardian.user_event("useless", "this is a payload")?;
    for (serf, events) in all.iter().zip(&mut readers) {
        let event = next_user_event(events).await?;
        let payload = String::from_utf8_lossy(&event.payload);
        println!(
            "  {:<10} got {:?} with payload {payload:?}",
            serf.local_member()?.name(),
            event.name
        );
    }

    println!("The guardian asks all how they are");
    let answers = guardian.query("status", "are you ok?")?.collect().await;
    for (from, reply) in &answers.replies {
        println!("  From {from}: {}", String::from_utf8_lossy(reply));
    }
    println!("  Total Ack: {}, Total Response: {}", answers.acks.len(), answers.replies.len());
    if (answers.acks.len(), answers.replies.len()) != (all.len(), all.len()) {
        return Err("somebody did not answer".into());
    }

    println!("node-2 is killed; the others notice");
    let mut events = guardian.events();
    let killed = Instant::now();
    node_2.shutdown().await;
    wait_for(&mut events, MemberChange::Failed, "node-2").await?;
    println!("  member-failed node-2, seen after {:.1} s", killed.elapsed().as_secs_f64());

    println!("node-1 leaves; the others see that it did");
    node_1.leave().await?;
    wait_for(&mut events, MemberChange::Leave, "node-1").await?;
    println!("  member-leave node-1");

    for serf in [guardian, leader, node_1] {
        serf.leave().await?;
        serf.shutdown().await;
    }
    println!("Done");
    Ok(())
}

async fn start(name: &str, seed: Option<&str>) -> Result<Serfer> {
    let router = Router::new().query("status", |_request| async { "I am OK, thanks for asking" });
    let serf = serfer_tokio::builder(Config::local(name).tag("role", "example")?)
        .bind("127.0.0.1:0")
        .key(KEY)?
        .router(router)
        .join(seed)
        .start()
        .await?;
    Ok(serf)
}

/// Waits until something holds.
async fn until(what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..100 {
        if holds() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err(format!("not in time: {what}").into())
}

async fn next_user_event(events: &mut Events) -> Result<UserEvent> {
    loop {
        let event = timeout(Duration::from_secs(5), events.next()).await?;
        if let Event::User(event) = event.ok_or("the node is shut down")?? {
            return Ok(event);
        }
    }
}

/// Waits until a member changes in one way.
async fn wait_for(events: &mut Events, change: MemberChange, name: &str) -> Result<()> {
    let changed = |event: &Event| match event {
        Event::Member(event) => {
            event.change == change && event.members.iter().any(|member| member.name() == name)
        }
        _ => false,
    };
    loop {
        let event = timeout(Duration::from_secs(10), events.next()).await?;
        if changed(&event.ok_or("the node is shut down")??) {
            return Ok(());
        }
    }
}
