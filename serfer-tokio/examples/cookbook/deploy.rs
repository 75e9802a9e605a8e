//! Rolling deploy by event: one node after another, and none after one that failed.
//!
//! `cargo run -p serfer-tokio --example cookbook deploy`
use std::time::Duration;

use crate::support::{Result, addr, on_loopback, text, until};
use serfer_tokio::{Config, Event, Events, Member, Serfer, Status};

pub(crate) async fn main() -> Result {
    let first = worker("web-1", None).await?;
    let seed = addr(&first)?;
    let _others = [worker("web-2", Some(&seed)).await?, worker("web-3", Some(&seed)).await?];
    until("all see each other", || first.members().len() == 3).await?;

    println!("deploy v2");
    first.user_event("deploy", "v2")?;
    until("all have it", || first.members().iter().all(|member| has(member, "v2"))).await?;
    println!("all have v2");
    Ok(())
}

async fn worker(name: &str, seed: Option<&str>) -> Result<Serfer> {
    let config = Config::local(name).tag("role", "web")?.tag("version", "v1")?;
    let serf = on_loopback(config).join(seed.map(str::to_owned)).start().await?;
    tokio::spawn(follow(serf.clone(), serf.events()));
    Ok(serf)
}

async fn follow(serf: Serfer, mut events: Events) -> Result {
    while let Some(event) = events.next().await {
        if let Ok(Event::User(event)) = event
            && &*event.name == "deploy"
        {
            // If this fails, the tag stays as it is, and no node behind us begins.
            deploy(&serf, &text(&event.payload)).await?;
        }
    }
    Ok(())
}

/// All nodes have the same list, so each knows its turn: when all nodes before it are done. A
/// failed node holds the deploy up, until it is back or made to leave.
async fn deploy(serf: &Serfer, version: &str) -> Result {
    let me = serf.local_member()?.name().to_owned();
    let is_before = |member: &Member| {
        let is_web = member.tags().get("role") == Some("web");
        is_web && member.status() != Status::Left && member.name() < &*me
    };
    let mine = || serf.members().iter().filter(|it| is_before(it)).all(|it| has(it, version));
    until("it is my turn", mine).await?;
    println!("  {me} stops, installs {version} and starts");
    tokio::time::sleep(Duration::from_millis(100)).await;
    serf.set_tag("version", version)?;
    Ok(())
}

fn has(member: &Member, version: &str) -> bool {
    member.tags().get("version") == Some(version)
}
