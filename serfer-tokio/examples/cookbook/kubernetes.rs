//! Kubernetes: pods find each other through a headless service.
//!
//! `cargo run -p serfer-tokio --example cookbook kubernetes`
//!
//! In a pod, the same code runs with three variables set: see the manifest in `docs/cookbook.md`.
//! Here three pods are three loopback addresses, and the service is called `localhost`.
use std::env;

use crate::support::{Result, until};
use serfer_tokio::{Config, JoinPolicy, Serfer};

/// What a pod knows of itself.
struct Pod {
    /// `metadata.name`
    name: String,
    /// `status.podIP`
    ip: String,
    /// The headless service and the port, the same in all pods.
    seed: String,
}

pub(crate) async fn main() -> Result {
    if let (Ok(name), Ok(ip), Ok(seed)) =
        (env::var("POD_NAME"), env::var("POD_IP"), env::var("SERF_SEED"))
    {
        let serf = start(&Pod { name, ip, seed }).await?;
        // SIGTERM of Kubernetes. After `leave`, others see that it left, and not that it failed.
        terminated().await?;
        println!("{}", serf.leave().await?);
        return Ok(());
    }

    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let pod = |n: u8| Pod {
        name: format!("web-{n}"),
        ip: format!("127.0.0.{}", n + 1),
        seed: format!("localhost:{port}"),
    };
    let (first, second) = (start(&pod(0)).await?, start(&pod(1)).await?);
    let third = start(&pod(2)).await?;
    until("all pods know each other", || third.members().len() == 3).await?;
    for member in third.members() {
        println!("{} is {} at {}", member.name(), member.status(), member.addr());
    }
    println!("web-2 is evicted: {}", third.leave().await?);
    drop((first, second));
    Ok(())
}

/// The service names all pods, this one included, which does no harm. The first pod finds no other:
/// it starts all the same, and tries again for as long as it is alone.
async fn start(pod: &Pod) -> Result<Serfer> {
    let port = pod.seed.rsplit_once(':').map_or("7946", |(_, port)| port);
    Ok(serfer_tokio::builder(Config::lan(&*pod.name))
        .bind(format!("{}:{port}", pod.ip))
        .join([&*pod.seed])
        .join_policy(JoinPolicy::BestEffort)
        .start()
        .await?)
}

#[cfg(unix)]
async fn terminated() -> Result {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

#[cfg(not(unix))]
async fn terminated() -> Result {
    Ok(tokio::signal::ctrl_c().await?)
}
