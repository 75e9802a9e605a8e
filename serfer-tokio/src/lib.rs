//! Gossip cluster membership that speaks HashiCorp Serf's language, on tokio.
//!
//! A node knows who else is in the cluster, notices within seconds who is gone, and can send a user
//! event to all or ask all a question. The others may be nodes like it or real `serf` agents: nobody
//! can tell.
//!
//! ```no_run
//! use serfer_tokio::{Config, MemberChange, Router, UserEvent};
//!
//! async fn deploy(event: UserEvent) {
//!     println!("deploying {:?}", event.payload);
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let router = Router::new()
//!     .member(MemberChange::Join, |e| async move { println!("joined: {:?}", e.members) })
//!     .user_event("deploy", deploy)
//!     .query("status", |_request| async { "I am OK, thanks for asking" });
//!
//! let serf = serfer_tokio::builder(Config::lan("web-1").tag("role", "web")?)
//!     .bind("0.0.0.0:7946")
//!     .key("U3VwZXJTZWN1cmVUb2tlbg==")?
//!     .router(router)
//!     .join(["192.168.0.1", "seed.example:7946"])
//!     .start()
//!     .await?;
//!
//! serf.user_event("deploy", "v2")?;
//!
//! let mut replies = serf.query("status", "are you ok?")?;
//! while let Some(reply) = replies.next().await {
//!     println!("{}: {:?}", reply.from, reply.payload);
//! }
//!
//! for member in serf.members() {
//!     println!("{} is {} at {}", member.name(), member.status(), member.addr());
//! }
//! serf.leave().await?;
//! serf.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! The [`guide`] goes through all of it, from the start of a node to its end; a cookbook of ten recipes
//! is among the examples of `serfer-tokio`.
//!
//! [`builder`] starts a node, [`Serfer`] is its handle, a [`Router`] handles what happens and
//! [`Serfer::events`] streams it, [`Serfer::subscribe`] streams the list of members. An [`EventUri`]
//! says in one line what is sent to whom. The settings are those of [`Config`] and [`Options`];
//! with the feature `serde` both come from one file, see `Settings`. The protocol itself lives in
//! [`serfer_proto`], which has neither sockets nor a clock.
//!
//! A node traces in a span of its own, `serfer{node=web-1}`, so that `RUST_LOG=serfer=info` tells who comes
//! and goes. [`Serfer::stats`] has its numbers; with the feature `metrics` they go to the recorder that
//! is installed.

mod net;

pub use net::Tokio;
pub use serfer_async::*;

/// A node that is yet to be started on the tokio runtime of the caller.
///
/// # Panics
/// Outside a tokio runtime, as everything of tokio's does.
pub fn builder(config: Config) -> Builder<Tokio> {
    Builder::new(Tokio::current(), config)
}
