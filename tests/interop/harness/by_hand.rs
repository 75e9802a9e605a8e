//! A node without a runtime: a thread that moves bytes between the sockets of std and an endpoint.
//! It polls all sockets again and again, which is simple and wasteful.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serfer_proto::{Endpoint, Event, Keyring, Output, Replay, SecretKey, StreamEnd, StreamId};
use serfer_tokio::{Coalesce, Prune};

use crate::harness::node::{entry, params};
use crate::harness::peer::{Answers, Heard, Identity, Peer, Question, Roster, answer};
use crate::harness::setting::Setting;
use crate::harness::wait::{PATIENCE, SOON, until};

pub(crate) struct ByHand {
    identity: Identity,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    node: Mutex<Endpoint>,
    events: Mutex<Vec<Event>>,
    stop: AtomicBool,
}

struct Sockets {
    udp: UdpSocket,
    listener: TcpListener,
    streams: BTreeMap<StreamId, TcpStream>,
}

impl ByHand {
    /// Starts a node that joins through another.
    pub(crate) fn start(identity: Identity, setting: &Setting, seed: &str) -> Self {
        let own = identity.entry();
        let addr = own.addr.parse().expect("an address and a port");
        let mut config = setting.preset.config(&own.name).advertise(addr);
        for (key, value) in own.tags {
            config = config.tag(key, value).expect("the tags fit");
        }
        let keys = setting.node_keys.iter();
        let mut keys = keys.map(|key| SecretKey::from_base64(key).expect("a base64 key"));
        if let Some(primary) = keys.next() {
            config = config.keyring(keys.fold(Keyring::new(primary), Keyring::with));
        }
        let mut node =
            Endpoint::new(config, [7; 32], Instant::now()).expect("a right configuration");
        let seed = format!("{seed}:7946").parse().expect("an address and a port");
        node.join(Instant::now(), &[seed], Replay::Skip).expect("it has not left");
        let sockets = Sockets {
            udp: UdpSocket::bind(addr).expect("the address is its own"),
            listener: TcpListener::bind(addr).expect("the address is its own"),
            streams: BTreeMap::new(),
        };
        sockets.udp.set_nonblocking(true).expect("a socket");
        sockets.listener.set_nonblocking(true).expect("a socket");
        let (events, stop) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { node: Mutex::new(node), events, stop });
        let driving = shared.clone();
        let name = own.name;
        let thread = thread::spawn(move || drive(&name, &driving, sockets));
        Self { identity, shared, thread: Mutex::new(Some(thread)) }
    }

    fn node(&self) -> MutexGuard<'_, Endpoint> {
        self.shared.node.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn events(&self) -> MutexGuard<'_, Vec<Event>> {
        self.shared.events.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join().expect("it does not panic");
        }
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Peer for ByHand {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn roster(&self) -> Roster {
        Roster::of(self.node().members().map(entry))
    }

    /// It has no handlers.
    fn heard(&self) -> Vec<Heard> {
        Vec::new()
    }

    #[track_caller]
    fn send(&self, event: &str, payload: &str, coalesce: Coalesce) {
        let sent = self.node().user_event(Instant::now(), event, payload.as_bytes(), coalesce);
        sent.expect("a small event");
    }

    #[track_caller]
    fn ask(&self, question: &Question<'_>) -> Answers {
        let (now, payload) = (Instant::now(), question.payload.as_bytes());
        let asked = self.node().query(now, question.name, payload, &params(question));
        let asked = asked.expect("a small query");
        let (mut acks, mut replies) = (Vec::new(), Vec::new());
        until("the query ends", PATIENCE, || {
            for event in self.events().drain(..) {
                match event {
                    Event::Ack(ack) if ack.query == asked => acks.push(ack.from.to_string()),
                    Event::Reply(reply) if reply.query == asked => {
                        let text = String::from_utf8_lossy(&reply.payload).into_owned();
                        replies.push((reply.from.to_string(), text));
                    }
                    Event::QueryClosed(closed) if closed.query == asked => return Ok(()),
                    _ => {}
                }
            }
            Err("it goes on")
        });
        Answers::new(acks, replies)
    }

    #[track_caller]
    fn set_tag(&self, key: &str, value: &str) {
        self.identity.is_tagged(key, value);
        let mut node = self.node();
        let mut tags = node.tags().clone();
        tags.insert(key, value);
        node.set_tags(Instant::now(), tags).expect("the tags fit");
    }

    fn untold(&self) -> u64 {
        self.node().stats().queued as u64
    }

    #[track_caller]
    fn leave(&self) {
        self.identity.is_now("left");
        self.node().leave(Instant::now()).expect("it is not leaving yet");
        until("it has left", SOON, || {
            let left = self.events().iter().any(|event| matches!(event, Event::Left(_)));
            if left { Ok(()) } else { Err("it is leaving") }
        });
        self.stop();
    }

    fn kill(&self) {
        self.identity.is_now("failed");
        self.stop();
    }

    #[track_caller]
    fn force_leave(&self, name: &str) {
        self.node().force_leave(Instant::now(), name, Prune::No).expect("it has not left");
    }

    #[track_caller]
    fn prune(&self, name: &str) {
        self.node().force_leave(Instant::now(), name, Prune::Yes).expect("it has not left");
    }
}

fn drive(name: &str, shared: &Shared, mut sockets: Sockets) {
    let mut due = None;
    while !shared.stop.load(Ordering::Relaxed) {
        let mut node = shared.node.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.take_in(&mut node);
        if due.is_some_and(|due| due <= Instant::now()) {
            node.handle_timeout(Instant::now());
        }
        due = sockets.put_out(&mut node, |node, event| {
            if let Event::Query(query) = &event
                && &*query.name == "status"
            {
                let answer = answer(name, &String::from_utf8_lossy(&query.payload));
                node.respond(Instant::now(), query, answer.as_bytes()).expect("it is small");
            }
            shared.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        });
        drop(node);
        thread::sleep(Duration::from_millis(2));
    }
}

impl Sockets {
    /// Reads all that has arrived.
    fn take_in(&mut self, node: &mut Endpoint) {
        let mut buf = vec![0; 65_536];
        while let Ok((len, from)) = self.udp.recv_from(&mut buf) {
            node.handle_datagram(Instant::now(), from, &mut buf[..len]);
        }
        while let Ok((tcp, from)) = self.listener.accept() {
            if let Some(stream) = node.handle_accepted(Instant::now(), from) {
                tcp.set_nonblocking(true).expect("a socket");
                self.streams.insert(stream, tcp);
            }
        }
        self.streams.retain(|&stream, tcp| {
            loop {
                match tcp.read(&mut buf) {
                    Ok(0) => node.handle_stream_end(Instant::now(), stream, StreamEnd::Closed),
                    Ok(len) => {
                        node.handle_stream_data(Instant::now(), stream, &buf[..len]);
                        continue;
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                    Err(_) => node.handle_stream_end(Instant::now(), stream, StreamEnd::Closed),
                }
                return false;
            }
        });
    }

    /// Handles all outputs, and returns the next deadline.
    fn put_out(
        &mut self,
        node: &mut Endpoint,
        mut told: impl FnMut(&mut Endpoint, Event),
    ) -> Option<Instant> {
        let mut buf = Vec::new();
        loop {
            buf.clear();
            match node.poll_output(&mut buf) {
                Output::Datagram { to, .. } => {
                    if self.udp.send_to(&buf, to).is_err() {
                        node.handle_send_failed(Instant::now(), to);
                    }
                }
                Output::Connect { stream, to } => match TcpStream::connect(to) {
                    Ok(tcp) => {
                        tcp.set_nonblocking(true).expect("a socket");
                        self.streams.insert(stream, tcp);
                        node.handle_connected(Instant::now(), stream);
                    }
                    Err(_) => node.handle_stream_end(Instant::now(), stream, StreamEnd::Closed),
                },
                // If this fails, reading will fail too. A few kilobytes fit into the buffers of the
                // kernel.
                Output::Write { stream, .. } => {
                    if let Some(tcp) = self.streams.get_mut(&stream) {
                        drop(tcp.write_all(&buf));
                    }
                }
                Output::Close { stream } => {
                    if let Some(tcp) = self.streams.remove(&stream) {
                        drop(tcp.shutdown(Shutdown::Write));
                    }
                    node.handle_stream_end(Instant::now(), stream, StreamEnd::Closed);
                }
                Output::Abort { stream } => drop(self.streams.remove(&stream)),
                Output::Store { .. } => unreachable!("this node keeps no files"),
                Output::Event(event) => told(node, event),
                Output::Wait { until } => return until,
            }
        }
    }
}
