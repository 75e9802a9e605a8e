//! Leader hints: every node knows which member to ask first.
//!
//! `cargo run -p serfer-tokio --example cookbook leader`
use crate::support::{Result, addr, node, until};
use serfer_tokio::{Member, Serfer, Status};

pub(crate) async fn main() -> Result {
    let first = node("db-1").start().await?;
    let seed = addr(&first)?;
    let second = node("db-2").join([&seed]).start().await?;
    let client = node("client").join([&seed]).start().await?;

    // The node that is elected, by Raft, a lock or a person, says so in a tag, with the number of
    // its term.
    first.set_tag("leader", "1")?;
    until("the client knows", || leads(&client, "db-1")).await?;
    show(&client);

    first.shutdown().await;
    second.set_tag("leader", "2")?;
    until("the client knows of the next", || leads(&client, "db-2")).await?;
    println!("db-1 is gone");
    show(&client);
    Ok(())
}

fn show(serf: &Serfer) {
    match leader(serf) {
        Some(leader) => println!("the client asks {} at {}", leader.name(), leader.addr()),
        None => println!("nobody says that it leads"),
    }
}

/// The member that says that it leads. If several do, the one of the latest term.
///
/// It is a hint, not a lock: in a partition, both sides may have one. The leader must refuse what
/// must not happen twice, by the term in the request.
fn leader(serf: &Serfer) -> Option<Member> {
    let term = |member: &Member| member.tags().get("leader")?.parse::<u64>().ok();
    let alive = serf.members().into_iter().filter(|member| member.status() == Status::Alive);
    let terms = alive.filter_map(|member| Some((term(&member)?, member)));
    terms.max_by_key(|(term, _)| *term).map(|(_, member)| member)
}

fn leads(serf: &Serfer, name: &str) -> bool {
    leader(serf).is_some_and(|member| member.name() == name)
}
