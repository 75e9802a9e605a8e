//! A simulated network in which real [`Endpoint`]s run: thousands of nodes, one thread, one seed, the
//! same run every time.
//!
//! A simulated minute of a thousand nodes takes a few seconds. What went wrong once goes wrong again
//! at the same millisecond. serfer's own tests run on it, and it is made for yours, too: you can test
//! a protocol that uses user events and queries with loss, partitions and pauses, without sockets and
//! without waiting.
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
//! - conditions for the whole network, for a node and direction, or for a link: see [`Conditions`];
//! - cuts: [`Sim::partition`], [`Sim::cut`], [`Sim::block`], [`Sim::isolate`], [`Sim::heal`],
//!   [`Sim::interface_down`];
//! - faults of machines: [`Sim::pause`], [`Sim::suspend`], [`Sim::crash`], [`Sim::restart`],
//!   [`Sim::readdress`];
//! - faults of disks: [`Sim::file`], [`Sim::put_file`], [`Sim::unsynced`], [`Sim::disk_fails`], [`Sim::disk_works`].
//!
//! # Testing an application
//!
//! [`Sim::app`] gives a node the function that gets its events, as a runtime would call it. Here one
//! node repeats a query until the other one has responded. A partition only delays that:
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
//! Time passes only in [`Sim::run_for`], [`Sim::run_until`] and similar methods. Run a test with many
//! seeds to find rare problems. The seed of a failed run is enough to see the failure again.
//!
//! # The trace
//!
//! [`Sim::start_trace`] records everything that is sent as readable lines. [`script`] plays texts of
//! commands and expected lines.
//!
//! # How it works
//!
//! It uses only the public interface of `serfer-proto`. Every random choice is a hash of the seed and
//! of what the choice is about. There is no shared generator, so an added node or fault changes
//! nothing elsewhere.

// The rooms, each of which uses only those to its left:
//
//     node_id ← network ← trace ← engine ← faults ← script
//
// Start with `engine`.

mod engine;
mod faults;
mod network;
mod node_id;
pub mod script;
mod trace;

pub use engine::{Recorded, Sim, Unsynced};
pub use network::{Bandwidth, Conditions, Latency, Traffic, Tune};
pub use node_id::NodeId;
pub use serfer_proto::{Config, Endpoint, Event, StoredFile};
pub use trace::{Kind, Line, Trace};
