//! A guide to a node, from its start to its end.
//!
//! It is written for both runtimes: `builder` is [`serfer_tokio::builder`][tokio] or
//! [`serfer_smol::builder`][smol], and everything else comes from the same crate.
//!
//! [tokio]: https://docs.rs/serfer-tokio/latest/serfer_tokio/fn.builder.html
//! [smol]: https://docs.rs/serfer-smol/latest/serfer_smol/fn.builder.html
//!
//! # Starting
//!
//! ```
//! # use serfer_async::{Builder, Runtime};
//! use std::time::Duration;
//! use serfer_async::{Config, JoinPolicy};
//!
//! # type Fallible = Result<(), Box<dyn std::error::Error>>;
//! # async fn example<R: Runtime>(builder: impl Fn(Config) -> Builder<R>) -> Fallible {
//! let serf = builder(Config::lan("web-1").tag("role", "web")?)
//!     .bind("10.0.0.5") // port 7946, or the next that is free
//!     .key("U3VwZXJTZWN1cmVUb2tlbg==")?
//!     .join(["10.0.0.1", "seed.example:7946", "srv+_serf._tcp.example.com", "file:/etc/seeds"])
//!     .join_policy(JoinPolicy::Retry {
//!         first: Duration::from_secs(1),
//!         longest: Duration::from_secs(30),
//!     })
//!     .start()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! - **The name** must be unique. When two nodes have one, the others vote, and the loser shuts down
//!   ([`NameConflicts`](crate::NameConflicts)).
//! - **The address** is where others reach it, by UDP and TCP on one port. Behind a proxy or in a container that is
//!   not where it listens: set [`advertise`](Builder::advertise).
//! - **Keys**: without one, all is said in the clear. The first key seals what is sent; all are tried on what
//!   comes. So each sender's first key must be among each receiver's keys.
//! - **Seeds** are some members, or names for some; one that answers is enough. They are looked up again whenever they
//!   are tried, and tried again whenever nobody else is left.
//! - [`start`](Builder::start) returns when the node has joined, or an error that says what is wrong with
//!   each seed. Then nothing is left running.
//!
//! Which preset? The three are those of Go's memberlist, and all can live in one cluster.
//!
//! | | [`Config::lan`] | [`Config::wan`] | [`Config::local`] |
//! |---|---|---|---|
//! | for | one data centre | several, far apart | one machine, tests |
//! | one member is probed each | 1 s | 5 s | 1 s |
//! | and has to answer in | 500 ms | 3 s | 200 ms |
//! | news are sent each | 200 ms, to 3 | 500 ms, to 4 | 100 ms, to 3 |
//! | all state is compared each | 30 s | 60 s | 15 s |
//!
//! [`Config`] has a function for each setting, with its unit, default and Go's name for it; what cannot
//! work is refused at the start, all of it at once.
//!
//! # Handling what happens
//!
//! A [`Router`](crate::Router) calls functions by the name of what happens, like the routes of a web server.
//! Names may be [patterns](crate::Pattern); what a query's handler returns is the answer.
//!
//! ```
//! use serfer_async::{MemberChange, Request, Router, blocking};
//!
//! let router = Router::new()
//!     .member(MemberChange::Failed, |event| println!("lost: {:?}", event.members))
//!     .user_event("deploy/*", |event| async move { println!("deploying {}", event.name) })
//!     .query("status", |_| "I am OK")
//!     .query("load", blocking(|_: Request| std::fs::read_to_string("/proc/loadavg")));
//! ```
//!
//! Pass it to [`Builder::router`]. A handler that is slow, fails or panics hurts no other; one that blocks
//! its thread says so by [`blocking`](crate::blocking), or others may have to wait. Nothing that a handler
//! does delays the node itself, which has a thread of its own. So others see a node as alive while its
//! process is; whether the program does what it should, they find out by a query.
//!
//! Instead, or besides, a program may read:
//!
//! - [`Serfer::events`]: everything, as a stream. A reader that is too slow loses the oldest events, and is
//!   told how many.
//! - [`Serfer::subscribe`]: the list of members, exactly: a snapshot, then each change; who is too slow gets
//!   another snapshot.
//!
//! # Telling and asking
//!
//! ```
//! # use serfer_async::{Error, Serfer};
//! # async fn example(serf: &Serfer) -> Result<(), Error> {
//! use std::time::Duration;
//! use serfer_async::QueryParams;
//!
//! serf.user_event("deploy/web", "v2")?; // to everybody, ourselves included
//!
//! let params = QueryParams::new().tag("role", "^web$").timeout(Duration::from_secs(5));
//! let mut replies = serf.query_with("status", "", &params)?;
//! while let Some(reply) = replies.next().await {
//!     println!("{}: {:?}", reply.from, reply.payload);
//! }
//! println!("{:?} acked; {:?}", replies.acks(), replies.end());
//! # Ok(())
//! # }
//! ```
//!
//! | | user event | query |
//! |---|---|---|
//! | goes to | everybody | everybody, or those whose name or tags match |
//! | comes back | nothing | acks and replies, until all have replied or its time is up |
//! | holds | 512 encoded bytes, name included | 1,024 encoded bytes, and each reply |
//! | those who were away | never hear of it, unless they join with [`Replay::Deliver`](crate::Replay::Deliver) | never hear of it |
//!
//! Everybody who is alive hears of both, once, mostly within a second; but not at the same moment, and not
//! across a partition. Serf is no consensus: build on it what may be late.
//!
//! [`Serfer::send`] takes an [`EventUri`](crate::EventUri), one line that says what is sent to whom.
//!
//! # Who is there
//!
//! [`Serfer::members`] has everybody, also those that failed or left, for a day by default
//! ([`Members`](crate::Members)). A member has a name, an address, a [`Status`](crate::Status) and
//! [`Tags`](crate::Tags), which each node sets for itself and may change at any time: 512 encoded bytes at
//! most.
//!
//! ```
//! # use serfer_async::{Error, Serfer};
//! # fn example(serf: &Serfer) -> Result<(), Error> {
//! use serfer_async::Status;
//!
//! serf.set_tag("version", "v2")?;
//! for member in serf.members().iter().filter(|member| member.status() == Status::Alive) {
//!     println!("{} at {}: {}", member.name(), member.addr(), member.tags());
//! }
//! for near in serf.nearest(3) {
//!     println!("{} is {:?} away", near.member.name(), near.rtt);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A member that stops answering is suspected first, and has some seconds to object, the fewer the more others
//! agree; then it is [`Failed`](crate::Status::Failed). It is tried again for as long as it is
//! remembered, so a partition of any length heals by itself. [`Serfer::force_leave`] ends that.
//!
//! # Going on after a restart
//!
//! [`Builder::snapshot`] keeps a file of who is there and what has been heard. A node that starts with it
//! comes back without seeds and tells no event twice. [`Builder::keyring_file`] keeps the keys, also those
//! that came while it ran: by [`Serfer::rotate_key`], which gives the whole cluster another one, or from a
//! `serf` agent. A file that cannot be written is told as [`Event::StoreFailed`](crate::Event::StoreFailed);
//! the node goes on.
//!
//! # Ending
//!
//! ```
//! # async fn example(serf: serfer_async::Serfer) -> Result<(), serfer_async::Error> {
//! let report = serf.leave().await?; // others see that we left; a second or two
//! println!("{report}");
//! serf.shutdown().await; // sockets are closed, tasks have ended, files are on the disk
//! # Ok(())
//! # }
//! ```
//!
//! To shut down without leaving is to fail, for others; so is to drop the last [`Serfer`]. A node that shuts
//! down by itself, because another one has its name, tells its handlers and readers so, as
//! [`Event::ShutdownWanted`](crate::Event::ShutdownWanted), and whoever [waits](Serfer::wait) for its end;
//! [`Builder::run`] returns it as an error.
//!
//! # When something is wrong
//!
//! - A call that cannot work returns an [`Error`](crate::Error) that names the value, the limit and what to
//!   do; nothing has changed then. No call panics.
//! - What comes from the network and is wrong is counted, by reason, in
//!   [`Stats::dropped`](crate::Stats::dropped), and traced at debug level with `tracing`. Two nodes that do not see
//!   each other mostly have different keys or labels, and it says so there.
//! - A node that is overloaded itself, or that others cannot reach, sees many suspicions, in
//!   [`Stats`](crate::Stats) too: the machine may be too busy, or UDP be blocked.

#[cfg(doc)]
use crate::{Builder, Config, Serfer};
