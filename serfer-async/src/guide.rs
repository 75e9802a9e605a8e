//! A guide to the life of a node, from its start to its end.
//!
//! It is for all runtimes: `builder` is `serfer_tokio::builder` or `serfer_smol::builder`, and everything
//! else comes from the same crate.
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
//! - **The name** must be unique. A node does not start if another answers to its name where the seeds know
//!   it. When two nodes of one name meet later, the others vote, and the loser shuts down
//!   ([`NameConflicts`](crate::NameConflicts)).
//! - **The address** is where others reach the node, by UDP and TCP on the same port. Behind a proxy or in a
//!   container, that is not where it listens: set [`advertise`](Builder::advertise).
//! - **Keys**: without one, everything is sent in the clear. A node seals what it sends with its first key,
//!   and tries all its keys on what it receives. So each node's first key must be among the keys of all
//!   others. The feature `aws-lc` makes that faster, and changes nothing else.
//! - **Seeds** are some of the members, or names that lead to them. One that answers is enough. They are
//!   looked up again as long as the node runs ([`seed_interval`](Builder::seed_interval)), so parts of a
//!   cluster that have seeds in common find each other.
//! - [`start`](Builder::start) returns when the node has joined, or with an error that says what is wrong
//!   with each seed; then nothing is left running. A node without seeds is the first of its cluster.
//!
//! A program that needs no handle, because its [`Router`](crate::Router) does everything, calls
//! [`run_until`](Builder::run_until) instead. That starts the node, waits for Ctrl-C or for any other future,
//! and leaves in good order.
//!
//! Which preset? The three presets are those of Go's memberlist. Nodes with different presets understand each
//! other. But all members of a cluster should have the same preset, because how fast a failure is noticed
//! depends on all of them.
//!
//! | | [`Config::lan`] | [`Config::wan`] | [`Config::local`] |
//! |---|---|---|---|
//! | meant for | one data centre | several, far apart | one machine, tests |
//! | a member is probed every | 1 s | 5 s | 1 s |
//! | and has to answer within | 500 ms | 3 s | 200 ms |
//! | news is sent every | 200 ms, to 3 members | 500 ms, to 4 members | 100 ms, to 3 members |
//! | all state is compared every | 30 s | 60 s | 15 s |
//! | all know of a death among 3 members | in 6 s, at most 8 s | in 40 s, at most 50 s | in 5 s, at most 6 s |
//! | among 10 | in 7 s, at most 10 s | in 40 s, at most 60 s | in 5 s, at most 9 s |
//! | among 100 | in 11 s, at most 15 s | in 70 s, at most 90 s | in 9 s, but one may miss it for 40 s |
//!
//! The last three rows were measured in simulated networks that lose nothing: half of the deaths were known
//! to all in the first time, and every one in the second. With loss, and on machines that are too busy, it
//! takes longer. A member that leaves is known to have left at once. To know sooner, say how soon, and for how
//! many members; it costs packets in proportion:
//!
//! ```
//! # use std::time::Duration;
//! # use serfer_async::Config;
//! let config = Config::lan("web-1").detect_within(Duration::from_secs(3), 10);
//! ```
//!
//! It can be called on a [`Config`] that was read from a file, too. Or the file sets what this sets:
//! `probe.interval = "272ms"`, `probe.timeout = "136ms"` and `gossip.interval = "54ms"`.
//!
//! [`Config`] has a function for each setting, with its unit, its default and Go's name for it. Settings
//! that cannot work are refused at the start, all of them at once.
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
//! Pass it to [`Builder::router`]. A handler that fails or panics hurts no other. Handlers of members and
//! user events run one after another, in order, so a slow one makes the next ones wait; queries are handled
//! side by side. A handler that blocks its thread should be wrapped in [`blocking`](crate::blocking).
//! Otherwise other handlers may have to wait.
//!
//! Handlers run on the runtime of your program. The node itself has a thread of its own, and nothing that
//! your program does delays it. So others see a node as alive for as long as its process runs. To find out
//! whether the program still does its work, send it a query.
//!
//! A program with dozens of nodes, one for each tenant perhaps, can put them on one thread
//! ([`Builder::on_thread`]): each then costs less memory and fewer wake-ups, and handlers still delay none. With
//! [`Builder::on_application_runtime`] a node needs no thread of its own at all, but a handler that blocks may then make
//! others take it for dead.
//!
//! Instead of a router, or besides one, a program can read:
//!
//! - [`Serfer::events`]: everything, as a stream. A reader that is too slow loses the oldest events, and is
//!   told how many.
//! - [`Serfer::subscribe`]: the exact list of members, as a snapshot followed by each change. A reader that
//!   is too slow gets another snapshot.
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
//! | who gets it | everybody | everybody, or those whose name or tags match |
//! | what comes back | nothing | acks and replies, until all have replied or its time is up |
//! | how large it may be | 512 encoded bytes, name included | 1,024 encoded bytes, and each reply likewise |
//! | members that were away | never hear of it, unless they join with [`Replay::Deliver`](crate::Replay::Deliver) | never hear of it |
//!
//! Every live member hears of a user event or a query once, mostly within some milliseconds. Not all hear of it
//! at the same moment, and none does across a partition. Serf gives no consensus: use it for what may come late.
//!
//! How sure that is was measured in simulated networks, 10,000 rounds each, among 5, 8 and 50 members: without
//! loss, no member missed a query, and none had a user event later than a second. With Go's timing, some member of
//! eight misses one query in 25 on a quiet LAN, and some member of fifty more than every second one with the
//! preset for one machine. With a twentieth of all datagrams lost, a query still reaches everybody, since it goes
//! again to those that have not been heard of ([`Queries::ask_again`](serfer_proto::Queries::ask_again)), but of
//! a hundred user events, up to three reach somebody later than a second; among fifty with the preset for one
//! machine, twelve. Who was expected and said nothing is in
//! [`Answers::silent`](crate::Answers::silent).
//!
//! [`Serfer::send`] takes an [`EventUri`](crate::EventUri), one line that says what to send, and to which nodes.
//!
//! # Who is there
//!
//! [`Serfer::members`] lists everybody, including those that failed or left, which are remembered for a day
//! by default ([`Members`](crate::Members)). A member has a name, an address, a [`Status`](crate::Status)
//! and [`Tags`](crate::Tags). Each node sets its own tags and may change them at any time. They may take up
//! 512 encoded bytes.
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
//! A member that stops answering is first suspected. It then has some seconds to refute that, fewer if others
//! confirm the suspicion, before it counts as [`Failed`](crate::Status::Failed). It is tried again for as
//! long as it is remembered. Addresses where a member was lost are tried even longer, so a partition of any
//! length heals by itself. [`Serfer::force_leave`] tells all members not to expect it any more.
//!
//! # Going on after a restart
//!
//! [`Builder::snapshot`] keeps a file of the members that are there and the events that were heard. A node
//! that starts with it comes back without seeds, and does not deliver any event twice.
//! [`Builder::keyring_file_or_create`] keeps the keys, including those that came while the node ran: from
//! [`Serfer::rotate_key`], which gives the whole cluster a new key, or from a `serf` agent.
//!
//! One rule holds for both files. What can be read is used, and what cannot is said with its line; a damaged
//! snapshot is kept aside. A node does not start only where going on would lose something: with a keyring file
//! that it cannot read, with a file of another kind, or with a file that another node uses. If a file cannot be
//! written, the node goes on and reports it as [`Event::StoreFailed`](crate::Event::StoreFailed); keys do
//! not change then, and whoever wants to change them is told why. A file that cannot be replaced, such as a
//! mount point, is written in place, and one that cannot be synced is as durable as it gets there; a warning
//! says so.
//!
//! # Ending
//!
//! ```
//! # async fn example(serf: serfer_async::Serfer) -> Result<(), serfer_async::Error> {
//! let report = serf.leave().await?; // takes a second or two, so that all others hear of it
//! println!("{report}");
//! serf.shutdown().await; // sockets are closed, tasks have ended, files are on the disk
//! # Ok(())
//! # }
//! ```
//!
//! If a node shuts down without leaving, the others see it fail. Dropping the last [`Serfer`] shuts it down,
//! too: keep a handle for as long as the node is to live. A node that shuts down by itself, because another
//! has its name, tells its handlers and readers with
//! [`Event::ShutdownWanted`](crate::Event::ShutdownWanted); [`Builder::run`] and [`Serfer::wait`] return that
//! as an error. So wait for both, the signal to stop and the end of the node, and a supervisor sees a failure:
//!
//! ```text
//! tokio::select! {
//!     stopped = tokio::signal::ctrl_c() => stopped?,
//!     ended = serf.wait() => ended?,
//! }
//! ```
//!
//! # When something is wrong
//!
//! - A call that cannot work returns an [`Error`](crate::Error) that names the value, the limit and what to
//!   do, and changes nothing. No call panics, with one exception: a function that a node calls must not call
//!   that node. Such functions are [those of its `Config`](Config) and the subscriber to its traces.
//! - **Two nodes do not see each other?** Mostly they have different keys or labels, or one of them
//!   advertises a wrong address. A node warns of that with `tracing`: install a subscriber, and
//!   `RUST_LOG=serfer=info` shows the reason. The most common reason is that no node was told to join
//!   another.
//! - Everything from the network that is wrong is counted, by reason, in
//!   [`Stats::dropped`](crate::Stats::dropped), and traced at debug level.
//! - A node that is overloaded, or that others cannot reach, sees many suspicions, which
//!   [`Stats`](crate::Stats) counts as well: the machine may be too busy, or UDP blocked.

#[cfg(doc)]
use crate::{Builder, Config, Serfer};
