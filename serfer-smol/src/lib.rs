//! Gossip cluster membership that speaks HashiCorp Serf's language, on smol.
//!
//! A node knows who else is in the cluster, notices within seconds who is gone, and can send a user
//! event to all members or ask them all a question. The others may be nodes like it or real `serf`
//! agents: nobody can tell the difference.
//!
//! ```no_run
//! use serfer_smol::{Config, MemberChange, Router, UserEvent};
//!
//! async fn deploy(event: UserEvent) {
//!     println!("deploying {:?}", event.payload);
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! smol::block_on(async {
//!     let router = Router::new()
//!         .member(MemberChange::Join, |e| async move { println!("joined: {:?}", e.members) })
//!         .user_event("deploy", deploy)
//!         .query("status", |_request| async { "I am OK, thanks for asking" });
//!
//!     let serf = serfer_smol::builder(Config::lan("web-1").tag("role", "web")?)
//!         .bind("0.0.0.0:7946")
//!         .key("U3VwZXJTZWN1cmVUb2tlbg==")?
//!         .router(router)
//!         .join(["192.168.0.1", "seed.example:7946"])
//!         .start()
//!         .await?;
//!
//!     serf.user_event("deploy", "v2")?;
//!     let answers = serf.query("status", "are you ok?")?.collect().await;
//!     for (from, answer) in &answers.replies {
//!         println!("{from}: {answer:?}");
//!     }
//!     serf.leave().await?;
//!     serf.shutdown().await;
//!     Ok(())
//! })
//! # }
//! ```
//!
//! The [`guide`] goes through all of it, from the start of a node to its end. A cookbook of ten recipes
//! is among the examples of `serfer-tokio`.
//!
//! | | |
//! |---|---|
//! | [`builder`] | starts a node; its settings are those of [`Config`] and [`Options`] |
//! | [`Serfer`] | is the handle of a node |
//! | [`Router`] | calls your functions when something happens |
//! | [`Serfer::events`], [`Serfer::subscribe`] | stream what happens, and the list of members |
//! | [`EventUri`] | says in one line what is sent to whom |
//! | `Settings` | reads all settings from one file, with the feature `serde` |
//! | [`serfer_proto`] | is the protocol itself, which has neither sockets nor a clock |
//!
//! With the feature `aws-lc`, packets are sealed by AWS-LC instead of Rust: faster, with the same bytes. It
//! needs a C compiler to build.
//!
//! A node traces with `tracing`, in a span of its own, `serfer{node=web-1}`. With a subscriber installed,
//! `RUST_LOG=serfer=info` shows who comes and goes, and why nodes do not see each other.
//! [`Serfer::stats`] has a node's numbers; with the feature `metrics` they also go to the installed
//! recorder.
//!
//! Each node has a thread to itself. Handlers run on the runtime of your program, and nothing that they
//! do can delay the node. A program with dozens of nodes can put them on one [`node_thread`].
//!
//! That runtime is smol's global executor. For an executor of your own, start from
//! `Builder::new(Smol::on(executor), config)`.

mod net;

pub use net::Smol;
pub use serfer_async::*;

/// A node that is yet to be started. Its handlers run on smol's global executor.
pub fn builder(config: Config) -> Builder<Smol> {
    Builder::new(Smol::global(), config)
}

/// A thread for many nodes, instead of one for each: see [`Builder::on_thread`].
///
/// # Errors
/// If the operating system gives no thread.
pub fn node_thread() -> std::io::Result<NodeThread<Smol>> {
    NodeThread::new(&Smol::global())
}
