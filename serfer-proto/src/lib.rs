//! Serf's gossip protocol as a deterministic state machine.
//!
//! [`Endpoint`] is one node of a cluster: membership by SWIM with Lifeguard's refinements, tags, user
//! events, queries with replies, encryption. It speaks the language of HashiCorp's Serf, byte for
//! byte, so it can live in a cluster of `serf` agents. There is no I/O in here: no sockets, no clock,
//! no threads, no async, no randomness but a seed. Datagrams, stream bytes and the time go in;
//! datagrams, stream bytes, events and a deadline come out.
//!
//! Most people want a runtime that does the rest: `serfer-tokio`. This crate is for those who drive
//! the core from a loop of their own, or simulate it.
//!
//! # How to drive it
//!
//! There is a door for everything that can happen (`handle_datagram`, `handle_timeout`, `join`,
//! `user_event`, …) and one way out. The contract is a single sentence: **after any call with
//! `&mut self`, drain [`Endpoint::poll_output`] until it says [`Output::Wait`].**
//!
//! ```
//! use std::time::Instant;
//! use serfer_proto::{Config, Endpoint, Event, Output};
//!
//! let config = Config::lan("web-1").advertise("10.0.0.5:7946".parse()?).tag("role", "web")?;
//! let seed = [7; 32]; // from the operating system, unless this is a test
//! let mut endpoint = Endpoint::new(config, seed, Instant::now())?;
//! endpoint.join(Instant::now(), &["10.0.0.1:7946".parse()?], Default::default())?;
//!
//! let mut buf = Vec::new();
//! let until = loop {
//!     buf.clear();
//!     match endpoint.poll_output(&mut buf) {
//!         Output::Datagram { to, .. } => println!("send {} bytes to {to}", buf.len()),
//!         Output::Connect { stream, to } => println!("dial {to} and call it {stream}"),
//!         Output::Write { stream, .. } => println!("write {} bytes to {stream}", buf.len()),
//!         Output::Close { stream } => println!("flush {stream}, then close it and report"),
//!         Output::Abort { stream } => println!("drop {stream}"),
//!         Output::Store { file, write, .. } => println!("{write:?} {} bytes: {file}", buf.len()),
//!         Output::Event(Event::Member(event)) => println!("{}", event.change),
//!         Output::Event(event) => println!("{event:?}"),
//!         Output::Wait { until } => break until,
//!     }
//! };
//! // … wait for the network, but not beyond `until`, and then:
//! endpoint.handle_timeout(until.expect("a deadline: the join that is under way"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it means for a runtime:
//!
//! - One queue, one order: a stream is dialled before it is written before it is closed.
//! - `Wait` comes only when the queue is empty, so no runtime can sleep on unsent data.
//! - Inputs never fail. What is malformed, forged or oversized is counted in [`Stats::dropped`] and
//!   traced; there is nothing for a runtime to handle.
//! - A stream carries at most one message each way, of known size: bytes to write may simply be
//!   queued. Deadlines are the endpoint's: it says [`Output::Abort`] when it has waited enough.
//! - Only a node with a snapshot, or with keys in a file, stores anything. Nothing waits for it, so a slow
//!   disk delays nothing else.
//! - Nothing is allocated in the steady state, and nothing but joining, listing and the periodic
//!   push/pull costs more the more members there are.
//!
//! The [`guide`] builds a runtime step by step. `examples/blocking.rs` is a whole one on the sockets and
//! threads of the standard library, `examples/mio.rs` one in a single thread on an event loop.
//!
//! # How to read it
//!
//! The two layers are named after the Go packages whose behaviour they have. Calls go down, and news
//! comes up through one trait, `Delegate`. A datagram's way through the code:
//!
//! ```text
//! handle_datagram(now, from, data)                                       endpoint/network.rs
//!  ├ link.open_packet(data)     label → decrypt in place → checksum      machinery/link.rs
//!  └ unpacker.unpack(packet)    compound and compression, however nested machinery/unpacker.rs
//!     └ memberlist.on_packet_message(cx, serf, message)                  memberlist/mod.rs
//!        ├ Ping  → send(Ack) with broadcasts that fit                    memberlist/probe/ping.rs
//!        ├ Alive → what it changes                                       memberlist/members/alive.rs
//!        │          └ serf.on_join(cx, node) → Event::Member             serf/members/lifecycle.rs
//!        └ User  → serf.on_message(cx, bytes)                            serf/delegate.rs
//!                   └ user_event.rs, incoming.rs, intents.rs → Event::…
//! cx.send → link.seal_packet into the outbox                             machinery/context.rs
//! … later: poll_output copies the bytes to the runtime's buffer          endpoint/mod.rs
//! ```
//!
//! Where it differs from Go, a comment says `Unlike Go` and why.

mod api;
mod config;
mod endpoint;
pub mod guide;
mod machinery;
mod memberlist;
mod serf;
mod snapshot;
#[cfg(test)]
mod testing;
pub mod wire;

pub use api::*;
pub use config::{
    Coalescing, Compression, Config, Coordinates, Encryption, Gossip, InboundLabel, Label, Leave,
    Limits, Members, NameConflicts, Probe, PromptGossip, Queries, Reclaim, RttProbing, SeedKeeper,
    Suspicion,
};
pub use endpoint::Endpoint;
pub use ipnet::IpNet;
pub use machinery::output::Output;
pub use machinery::stats::{DropReason, Drops, Reading, ReadingKind, Stats};
pub use memberlist::StreamEnd;
pub use serf::{Coalesce, Coordinate, DIMENSIONS, Neighbor, Prune, QueryParams};
pub use serfer_go_regex::ExprProblem;
#[cfg(feature = "serde")]
#[doc(hidden)]
pub use serfer_settings as settings;
pub use snapshot::{AfterLeave, LineFault, Recovered, SnapshotError, SnapshotProblem};
