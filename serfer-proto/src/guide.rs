//! How to drive a node by hand, step by step.
//!
//! A runtime is whatever stands between an [`Endpoint`] and the world. This chapter builds one on the
//! sockets and threads of the standard library; put together, its steps are `examples/blocking.rs`.
//! `examples/mio.rs` does the same in one thread, on an event loop.
//!
//! # Step 1: a node
//!
//! It needs to know where others reach it, what time it is, and 32 bytes that nobody can guess.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::io::Read;
//! use std::time::Instant;
//! use serfer_proto::{Config, Endpoint};
//!
//! let config = Config::local("anna").advertise("127.0.0.1:7946".parse()?);
//! let mut seed = [0; 32];
//! # if cfg!(unix) {
//! std::fs::File::open("/dev/urandom")?.read_exact(&mut seed)?;
//! # }
//! let node = Endpoint::new(config, seed, Instant::now())?;
//! assert_eq!(node.members().count(), 1); // itself
//! # Ok(())
//! # }
//! ```
//!
//! **The seed** feeds every random choice, and the nonces of encryption. Take it from the operating
//! system each time a node is made: two lives with the same seed and the same key repeat nonces, and
//! then the key is as good as lost. Only tests have fixed seeds; there, the same seed and the same calls are
//! the same run.
//!
//! **Time** is an argument of every call that may need it, and the core never asks for it. Pass
//! `Instant::now()`, or whatever clock a test has. A clock that stands still or goes back does no harm.
//!
//! # Step 2: do what it says
//!
//! Every call may leave things to be done. [`Endpoint::poll_output`] hands them out, one at a time and
//! in order, until it says [`Output::Wait`]; the bytes that belong to one are appended to the buffer.
//! So each runtime has a function like this one, and calls it after whatever else it calls:
//!
//! ```
//! use std::net::UdpSocket;
//! use std::time::Instant;
//! use serfer_proto::{Endpoint, Output};
//!
//! /// Does all there is to do, and says until when to wait.
//! fn perform(node: &mut Endpoint, udp: &UdpSocket, buf: &mut Vec<u8>) -> Option<Instant> {
//!     loop {
//!         buf.clear();
//!         match node.poll_output(buf) {
//!             Output::Datagram { to, .. } => {
//!                 if udp.send_to(buf, to).is_err() {
//!                     node.handle_send_failed(Instant::now(), to);
//!                 }
//!             }
//!             Output::Event(event) => println!("{event:?}"), // step 5
//!             Output::Wait { until } => return until,
//!             stream_or_file => todo!("{stream_or_file:?}"), // steps 4 and 6
//!         }
//!     }
//! }
//! # let _ = perform;
//! ```
//!
//! A datagram that a full socket does not take may simply be dropped: the protocol is made for networks
//! that lose some. `handle_send_failed` is for what cannot be sent at all, like a route that is gone;
//! it saves the node from waiting for an answer.
//!
//! # Step 3: datagrams in, and the deadline
//!
//! Between two rounds, the runtime waits for the network, but not beyond the deadline that it was given.
//! Here a thread reads the socket, and the loop waits for a channel. What a thread has to tell is the
//! call that tells it:
//!
//! ```
//! use std::net::UdpSocket;
//! use std::sync::mpsc::{Receiver, Sender};
//! use std::time::{Duration, Instant};
//! use serfer_proto::Endpoint;
//!
//! type Input = Box<dyn FnOnce(&mut Endpoint, Instant) + Send>;
//!
//! fn receive(udp: &UdpSocket, inbox: &Sender<Input>) {
//!     let mut buf = [0; 65_536]; // the largest datagram there is
//!     while let Ok((len, from)) = udp.recv_from(&mut buf) {
//!         let mut data = buf[..len].to_vec();
//!         let input = move |node: &mut Endpoint, now| node.handle_datagram(now, from, &mut data);
//!         if inbox.send(Box::new(input)).is_err() {
//!             return;
//!         }
//!     }
//! }
//!
//! /// One round, after all that there was to do is done.
//! fn wait(node: &mut Endpoint, inbox: &Receiver<Input>, until: Option<Instant>) {
//!     let wait = until.map_or(Duration::MAX, |at| at.saturating_duration_since(Instant::now()));
//!     if let Ok(input) = inbox.recv_timeout(wait) {
//!         input(node, Instant::now());
//!     }
//!     // Also when something came: a flood of datagrams must not keep the deadlines waiting.
//!     node.handle_timeout(Instant::now());
//! }
//! # let _ = (receive, wait);
//! ```
//!
//! - `until: None` is for ever: a node that is alone has nothing to do.
//! - To call `handle_timeout` too early is harmless, so there is no need to be exact. To call it late
//!   is not: a node that sleeps through its deadlines answers late, and others suspect it.
//! - Whatever bytes come, the call does not fail. Rubbish is counted in
//!   [`Stats::dropped`](crate::Stats::dropped).
//!
//! # Step 4: streams
//!
//! Joining, the periodic exchange of all state, and pings that datagrams do not get through use streams:
//! TCP connections on the same port. Each carries one message each way, and has a name, a
//! [`StreamId`]. The core frames, limits, times out and closes them; a runtime moves the bytes.
//!
//! | it says | do | and report |
//! |---|---|---|
//! | [`Output::Connect`] | dial | [`handle_connected`](Endpoint::handle_connected), or [`handle_connect_failed`](Endpoint::handle_connect_failed) with the reason |
//! | [`Output::Write`] | queue the bytes; once per stream | nothing |
//! | [`Output::Close`] | send what is queued, then close | [`handle_stream_end`](Endpoint::handle_stream_end) |
//! | [`Output::Abort`] | drop it at once | nothing more |
//!
//! | it happens | call |
//! |---|---|
//! | somebody connects | [`handle_accepted`](Endpoint::handle_accepted), which names the stream; `None`: full, drop it |
//! | bytes come | [`handle_stream_data`](Endpoint::handle_stream_data), in whatever pieces |
//! | the other side sends no more | `handle_stream_end` with [`StreamEnd::Eof`]; one may still write |
//! | it is closed or broken | `handle_stream_end` with [`StreamEnd::Closed`] |
//!
//! That is all there is to it, and it can be seen whole without a single socket. This is a complete
//! runtime for two nodes in one process, on a network without loss and a clock that is told what time it
//! is:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::collections::HashMap;
//! use std::time::{Duration, Instant};
//! use serfer_proto::{Config, Endpoint, Output, Replay, StreamEnd, StreamId};
//!
//! let addrs = ["10.0.0.1:7946".parse()?, "10.0.0.2:7946".parse()?];
//! let mut now = Instant::now();
//! let mut nodes = Vec::new();
//! for (n, name) in ["anna", "ben"].into_iter().enumerate() {
//!     nodes.push(Endpoint::new(Config::lan(name).advertise(addrs[n]), [n as u8; 32], now)?);
//! }
//! nodes[1].join(now, &addrs[..1], Replay::Skip)?;
//!
//! // What one node calls a stream, and what the other does.
//! let mut other_end: HashMap<(usize, StreamId), StreamId> = HashMap::new();
//! let mut buf = Vec::new();
//! for round in 0..1000 {
//!     let (us, them) = (round % 2, 1 - round % 2);
//!     let until = loop {
//!         buf.clear();
//!         match nodes[us].poll_output(&mut buf) {
//!             Output::Datagram { .. } => nodes[them].handle_datagram(now, addrs[us], &mut buf),
//!             Output::Connect { stream, .. } => {
//!                 let accepted = nodes[them].handle_accepted(now, addrs[us]).expect("there is room");
//!                 other_end.insert((us, stream), accepted);
//!                 other_end.insert((them, accepted), stream);
//!                 nodes[us].handle_connected(now, stream);
//!             }
//!             Output::Write { stream, .. } => {
//!                 nodes[them].handle_stream_data(now, other_end[&(us, stream)], &buf);
//!             }
//!             Output::Close { stream } => {
//!                 nodes[them].handle_stream_end(now, other_end[&(us, stream)], StreamEnd::Closed);
//!                 nodes[us].handle_stream_end(now, stream, StreamEnd::Closed);
//!             }
//!             Output::Abort { stream } => {
//!                 nodes[them].handle_stream_end(now, other_end[&(us, stream)], StreamEnd::Closed);
//!             }
//!             Output::Store { .. } => unreachable!("these nodes keep no files"),
//!             Output::Event(event) => println!("{}: {event:?}", nodes[us].local_member().name()),
//!             Output::Wait { until } => break until,
//!         }
//!     };
//!     if until.is_some_and(|until| until <= now) {
//!         nodes[us].handle_timeout(now);
//!     }
//!     now += Duration::from_millis(1);
//! }
//! assert_eq!(nodes[0].members().count(), 2);
//! assert_eq!(nodes[1].members().count(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! With real sockets, dialling and writing take time, and must not keep the loop from its deadlines: give
//! each stream a thread, as `examples/blocking.rs` does, or a place in an event loop, as
//! `examples/mio.rs` does. No stream needs a timeout of its own: when the core has waited enough, it
//! says [`Output::Abort`].
//!
//! # Step 5: events
//!
//! An [`Event`] is for the application, not for the runtime. Only two concern both: after
//! [`Event::Left`] the loop may end, and after [`Event::ShutdownWanted`] it should. A query is a plain
//! value; it may go to another thread and be answered later, until its deadline.
//!
//! ```
//! use std::time::Instant;
//! use serfer_proto::{Endpoint, Event};
//!
//! /// Whether the node goes on.
//! fn on_event(node: &mut Endpoint, event: &Event) -> bool {
//!     match event {
//!         Event::Member(event) => println!("{}: {:?}", event.change, event.members),
//!         Event::User(event) => println!("{}: {:?}", event.name, event.payload),
//!         Event::Query(query) if &*query.name == "status" => {
//!             if let Err(error) = node.respond(Instant::now(), query, b"I am OK") {
//!                 println!("not answered: {error}");
//!             }
//!         }
//!         Event::Left(_) | Event::ShutdownWanted(_) => return false,
//!         _ => {}
//!     }
//!     true
//! }
//! # let _ = on_event;
//! ```
//!
//! Answers to a query of ours come as [`Event::Ack`] and [`Event::Reply`] with the
//! [`QueryId`] that [`query`](Endpoint::query) returned, until [`Event::QueryClosed`], which names the members
//! that were expected and [silent](crate::QueryClosed::silent); a join ends with [`Event::JoinDone`]. What can
//! be refused is refused at once, by a typed error that says what to do; then nothing has changed.
//!
//! To end a node in good order, call [`leave`](Endpoint::leave), go on until [`Event::Left`], and drop it. If
//! it is dropped without leaving, the others see it fail.
//!
//! # Step 6: storing
//!
//! Only a node with [`Config::recovered`](crate::Config::recovered) or
//! [`Config::store_keyring`](crate::Config::store_keyring) ever says [`Output::Store`]. The core reads no
//! files: before a node is made, [`Recovered::replay`] reads what a snapshot has.
//!
//! ```
//! use std::fs::{File, OpenOptions, rename};
//! use std::io::{Result, Write};
//! use std::path::Path;
//! use serfer_proto::{Durability, StoreWrite};
//!
//! fn store(path: &Path, write: StoreWrite, durability: Durability, bytes: &[u8]) -> Result<()> {
//!     match write {
//!         StoreWrite::Append => {
//!             let mut file = OpenOptions::new().append(true).open(path)?;
//!             file.write_all(bytes)?;
//!             if durability == Durability::Synced {
//!                 file.sync_data()?;
//!             }
//!         }
//!         // Whatever happens meanwhile, there is either the old file or the new one.
//!         StoreWrite::Replace => {
//!             let beside = path.with_extension("new");
//!             let mut file = File::create(&beside)?;
//!             file.write_all(bytes)?;
//!             file.sync_all()?;
//!             rename(&beside, path)?;
//!         }
//!     }
//!     Ok(())
//! }
//! # let path = std::env::temp_dir().join(format!("serfer-guide-{}", std::process::id()));
//! # store(&path, StoreWrite::Replace, Durability::Synced, b"alive: a 10.0.0.1:7946\n")?;
//! # store(&path, StoreWrite::Append, Durability::Synced, b"clock: 7\n")?;
//! # assert_eq!(std::fs::read(&path)?, b"alive: a 10.0.0.1:7946\nclock: 7\n");
//! # std::fs::remove_file(&path)?;
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Files are written in the order of the outputs, and only changes of keys wait for them: with a slow disk, give
//! them to another thread. When a keyring is written, call [`handle_stored`](Endpoint::handle_stored): then its
//! keys are in force. If a file cannot be written, call
//! [`handle_store_failed`](Endpoint::handle_store_failed), and write nothing more to that file until it is
//! to be replaced. A keyring is for its owner only: create it with mode 0600. `serfer-async` has such a
//! writer with all the trimmings.
//!
//! # Step 7: testing it
//!
//! What an application does about events can be tested without its runtime: `serfer-sim` runs thousands
//! of endpoints in one thread, with loss, partitions, pauses and crashes, and the same seed is the same
//! run. `Sim::app` takes a function like `on_event` above. What remains is the runtime; of that it is
//! worth testing that it
//!
//! - notices a deadline while datagrams pour in,
//! - goes on while somebody connects and says nothing, or reads nothing,
//! - reports a stream that cannot be dialled, and one that breaks,
//! - ends with its last thread when the node has left.

#[cfg(doc)]
use crate::{Endpoint, Event, Output, QueryId, Recovered, StreamEnd, StreamId};
