//! Service discovery: which nodes offer `api` now, and where.
//!
//! `cargo run -p serfer-tokio --example cookbook discovery`
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::support::{Result, addr, on_loopback, until};
use serfer_tokio::{Config, Member, Membership, MembershipUpdate, Serfer, Status};

/// The addresses of the service, by the name of the member.
type Instances = BTreeMap<String, SocketAddr>;

pub(crate) async fn main() -> Result {
    let api_1 = instance("api-1", "8081", None).await?;
    let seed = addr(&api_1)?;
    let _api_2 = instance("api-2", "8082", Some(&seed)).await?;
    let client = on_loopback(Config::local("client")).join([&seed]).start().await?;

    let known = Arc::new(Mutex::new(Instances::new()));
    tokio::spawn(follow(client.subscribe(), known.clone()));
    let now = || known.lock().unwrap_or_else(PoisonError::into_inner).clone();
    until("both are known", || now().len() == 2).await?;
    println!("api is at {:?}", now());

    api_1.leave().await?;
    until("the one that left is not used any more", || now().len() == 1).await?;
    println!("api-1 left: api is at {:?}", now());
    Ok(())
}

/// An instance says in its tags what it offers, and at which port.
async fn instance(name: &str, port: &str, seed: Option<&str>) -> Result<Serfer> {
    let config = Config::local(name).tag("service", "api")?.tag("port", port)?;
    Ok(on_loopback(config).join(seed.map(str::to_owned)).start().await?)
}

/// Keeps `known` up to date. A client that reads this map never waits for the network.
async fn follow(mut membership: Membership, known: Arc<Mutex<Instances>>) {
    while let Some(update) = membership.next().await {
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        match update {
            MembershipUpdate::Snapshot(all) => {
                known.clear();
                all.iter().for_each(|member| note(&mut known, member));
            }
            MembershipUpdate::Changed(member) => note(&mut known, &member),
            MembershipUpdate::Removed(member) => drop(known.remove(member.name())),
            // Another snapshot is next.
            MembershipUpdate::Lagged(_) => {}
        }
    }
}

fn note(known: &mut Instances, member: &Member) {
    match offered(member) {
        Some(addr) => known.insert(member.name().to_owned(), addr),
        None => known.remove(member.name()),
    };
}

fn offered(member: &Member) -> Option<SocketAddr> {
    let tags = member.tags();
    let is_here = member.status() == Status::Alive && tags.get("service") == Some("api");
    let port = tags.get("port")?.parse().ok()?;
    is_here.then(|| SocketAddr::new(member.addr().ip(), port))
}
