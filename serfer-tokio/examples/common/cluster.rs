//! A whole cluster in one process, from its first join to its last leave, on any runtime.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use std::error::Error;
use std::time::Duration;

use serfer_async::{
    Builder, Config, Event, Events, MemberChange, Router, Runtime, Serfer, UserEvent,
};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// base64 of `SuperSecureToken`
const KEY: &str = "U3VwZXJTZWN1cmVUb2tlbg==";

/// Plays the whole story, on any runtime.
pub(crate) async fn play<R: Runtime>(runtime: R) -> Result<()> {
    println!("A leader, two nodes and a guardian, encrypted, on free ports of this machine");
    let leader = start(&runtime, "leader", None).await?;
    let seed = leader.local_member()?.addr().to_string();
    let node_1 = start(&runtime, "node-1", Some(&seed)).await?;
    let node_2 = start(&runtime, "node-2", Some(&seed)).await?;
    let guardian = start(&runtime, "guardian", Some(&seed)).await?;
    let all = [&leader, &node_1, &node_2, &guardian];
    for serf in all {
        until(&runtime, "all see each other", || serf.members().len() == all.len()).await?;
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
        let event = next_user_event(&runtime, events).await?;
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
    let killed = runtime.now();
    node_2.shutdown().await;
    wait_for(&runtime, &mut events, MemberChange::Failed, "node-2").await?;
    println!("  member-failed node-2, seen after {:.1} s", (runtime.now() - killed).as_secs_f64());

    println!("node-1 leaves; the others see that it did");
    node_1.leave().await?;
    wait_for(&runtime, &mut events, MemberChange::Leave, "node-1").await?;
    println!("  member-leave node-1");

    for serf in [guardian, leader, node_1] {
        serf.leave().await?;
        serf.shutdown().await;
    }
    println!("Done");
    Ok(())
}

async fn start<R: Runtime>(runtime: &R, name: &str, seed: Option<&str>) -> Result<Serfer> {
    let router = Router::new().query("status", |_request| async { "I am OK, thanks for asking" });
    let serf = Builder::new(runtime.clone(), Config::local(name).tag("role", "example")?)
        .bind("127.0.0.1:0")
        .key(KEY)?
        .router(router)
        .join(seed)
        .start()
        .await?;
    Ok(serf)
}

/// Waits until a condition holds.
async fn until<R: Runtime>(runtime: &R, what: &str, mut holds: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..100 {
        if holds() {
            return Ok(());
        }
        runtime.sleep_until(runtime.now() + Duration::from_millis(50)).await;
    }
    Err(format!("not in time: {what}").into())
}

async fn next_user_event<R: Runtime>(runtime: &R, events: &mut Events) -> Result<UserEvent> {
    loop {
        if let Event::User(event) = next(runtime, events).await? {
            return Ok(event);
        }
    }
}

/// Waits until a member changes in one way.
async fn wait_for<R: Runtime>(
    runtime: &R,
    events: &mut Events,
    change: MemberChange,
    name: &str,
) -> Result<()> {
    loop {
        if let Event::Member(event) = next(runtime, events).await?
            && event.change == change
            && event.members.iter().any(|member| member.name() == name)
        {
            return Ok(());
        }
    }
}

/// The next event, which must not take longer than ten seconds.
async fn next<R: Runtime>(runtime: &R, events: &mut Events) -> Result<Event> {
    let event = async { Some(events.next().await) };
    let late = async {
        runtime.sleep_until(runtime.now() + Duration::from_secs(10)).await;
        None
    };
    let event = futures_lite::future::or(event, late).await;
    Ok(event.ok_or("no event in time")?.ok_or("the node is shut down")??)
}
