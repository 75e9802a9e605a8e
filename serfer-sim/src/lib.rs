//! A simulated network in which real [`Endpoint`]s run: thousands of nodes, one thread, one seed, the
//! same run every time.
//!
//! A minute of a thousand nodes takes a few seconds, and what went wrong once goes wrong again, at
//! the same millisecond. It is what serfer's own tests run on, and made for yours: an application
//! protocol on top of user events and queries can be tested here with loss, partitions and pauses,
//! without a socket and without waiting.
//!
//! ```
//! use std::time::Duration;
//! use serfer_sim::{Config, Event, Sim};
//!
//! let secs = Duration::from_secs;
//! let mut sim = Sim::new(7);
//! let [a, b, c] = sim.nodes(Config::lan, ["a", "b", "c"]);
//! sim.network().latency(Duration::from_millis(1)..Duration::from_millis(20)).loss(0.1);
//! sim.join(b, &[a]);
//! sim.join(c, &[a]);
//! sim.run_until_converged(secs(30)).expect("they find each other");
//!
//! sim.pause(c);
//! sim.user_event(a, "deploy", b"v2");
//! sim.run_for(secs(2));
//! sim.resume(c);
//! sim.run_for(secs(60));
//! let deployed = |event: &Event| matches!(event, Event::User(it) if &*it.name == "deploy");
//! for node in [a, b, c] {
//!     assert_eq!(sim.events(node).iter().filter(|it| deployed(&it.event)).count(), 1);
//! }
//! ```
//!
//! What can be arranged:
//!
//! - conditions, for the whole network, per node and direction, per link: see [`Conditions`];
//! - cuts: [`Sim::partition`], [`Sim::cut`], [`Sim::block`], [`Sim::isolate`], [`Sim::heal`],
//!   [`Sim::interface_down`];
//! - what happens to machines: [`Sim::pause`], [`Sim::suspend`], [`Sim::crash`], [`Sim::restart`],
//!   [`Sim::readdress`];
//! - disks: [`Sim::file`], [`Sim::put_file`], [`Sim::unsynced`], [`Sim::disk_fails`], [`Sim::disk_works`].
//!
//! # Testing an application
//!
//! [`Sim::app`] gives a node what it does about events: the function that a runtime would call. Here one
//! node asks until the other has answered, and a partition only makes it later:
//!
//! ```
//! use std::time::Duration;
//! use serfer_sim::{Config, Event, Sim};
//!
//! let mut sim = Sim::new(1);
//! let [a, b] = sim.nodes(Config::lan, ["a", "b"]);
//! sim.join(b, &[a]);
//! sim.run_until_converged(Duration::from_secs(30)).expect("they find each other");
//!
//! sim.app(b, |endpoint, now, event| {
//!     if let Event::Query(query) = event {
//!         let _ = endpoint.respond(now, query, b"fine");
//!     }
//! });
//! sim.app(a, |endpoint, now, event| {
//!     if let Event::QueryClosed(_) = event {
//!         let _ = endpoint.query(now, "status", b"again", &Default::default());
//!     }
//! });
//! let from_b = |event: &Event| matches!(event, Event::Reply(reply) if &*reply.from == "b");
//!
//! sim.partition(&[a], &[b]);
//! sim.query(a, "status", b"");
//! sim.run_for(Duration::from_secs(3));
//! assert!(!sim.events(a).iter().any(|it| from_b(&it.event)));
//! sim.heal();
//! sim.run_for(Duration::from_secs(60));
//! assert!(sim.events(a).iter().any(|it| from_b(&it.event)));
//! ```
//!
//! Time passes only in [`Sim::run_for`] and its kin, and costs nothing. Run a test with many seeds to find
//! what happens seldom; the seed of a run that fails is all it takes to see it again.
//!
//! # Looking at it
//!
//! [`Sim::start_trace`] records what is said, as readable lines. [`script`] runs texts of commands
//! and expected lines.
//!
//! # What it rests on
//!
//! Only the public face of `serfer-proto`: endpoints look the same from outside, wherever they run.
//! Every chance is decided by a hash of the seed and of what it is about, never by a generator that
//! all share, so a node or a fault that is added changes nothing elsewhere.

mod engine;
mod faults;
mod network;
pub mod script;
mod trace;

pub use engine::{NodeId, Recorded, Sim, Unsynced};
pub use network::{Bandwidth, Conditions, Latency, Traffic, Tune};
pub use serfer_proto::{Config, Endpoint, Event, StoredFile};
pub use trace::{Kind, Line, Trace};
