//! A node in one thread, on an event loop of your own: `mio NAME ADDR:PORT JOIN:PORT [KEY]`. The first joins itself.
//!
//! The same as `blocking`, without a thread for each stream: sockets are registered with a
//! `mio::Poll`, which says what is ready and waits no longer than the endpoint's deadline.
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "it has a clock and a screen")]

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Shutdown, SocketAddr};
use std::time::Instant;

use mio::net::{TcpListener, TcpStream, UdpSocket};
use mio::{Events, Interest, Poll, Token};
use serfer_proto::{
    Config, Endpoint, Event, Keyring, Output, Replay, SecretKey, StreamEnd, StreamId,
};

const UDP: Token = Token(0);
const LISTENER: Token = Token(1);
/// Streams have the tokens from here on.
const FIRST_STREAM: usize = 2;

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [name, addr, peer, key @ ..] = &args[..] else {
        return Err("usage: NAME ADDR JOIN [KEY]".into());
    };
    let mut config = Config::local(name).advertise(addr.parse()?);
    if let Some(key) = key.first() {
        config = config.keyring(Keyring::new(SecretKey::from_base64(key)?));
    }
    let mut seed = [0; 32];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    let mut node = Endpoint::new(config, seed, Instant::now())?;
    node.join(Instant::now(), &[peer.parse()?], Replay::Skip)?;

    let mut sockets = Sockets::bind(addr.parse()?)?;
    let mut ready = Events::with_capacity(256);
    loop {
        let until = sockets.perform(&mut node)?;
        let wait = until.map(|at| at.saturating_duration_since(Instant::now()));
        match sockets.poll.poll(&mut ready, wait) {
            Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        for event in &ready {
            match event.token() {
                UDP => sockets.receive(&mut node)?,
                LISTENER => sockets.accept(&mut node)?,
                Token(token) => sockets.move_bytes(&mut node, token),
            }
        }
        node.handle_timeout(Instant::now());
    }
}

struct Sockets {
    poll: Poll,
    udp: UdpSocket,
    listener: TcpListener,
    streams: HashMap<usize, Stream>,
    tokens: HashMap<StreamId, usize>,
    next_token: usize,
    buf: Vec<u8>,
}

struct Stream {
    id: StreamId,
    tcp: TcpStream,
    is_open: bool,
    /// The other side sends no more.
    has_ended: bool,
    /// We close it once all is sent.
    is_closing: bool,
    unsent: Vec<u8>,
}

/// Whether a stream goes on.
enum Then {
    Stay,
    Drop,
}

impl Sockets {
    fn bind(addr: SocketAddr) -> Result<Self> {
        let (mut udp, mut listener) = (UdpSocket::bind(addr)?, TcpListener::bind(addr)?);
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, UDP, Interest::READABLE)?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let (streams, tokens) = (HashMap::new(), HashMap::new());
        let buf = vec![0; 65_536];
        Ok(Self { poll, udp, listener, streams, tokens, next_token: FIRST_STREAM, buf })
    }

    /// Does all that the node wants done, and says until when to wait.
    fn perform(&mut self, node: &mut Endpoint) -> Result<Option<Instant>> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match node.poll_output(&mut bytes) {
                // A full socket loses it, as the network might: the protocol is made for that.
                Output::Datagram { to, .. } => match self.udp.send_to(&bytes, to) {
                    Err(error) if error.kind() != ErrorKind::WouldBlock => {
                        node.handle_send_failed(Instant::now(), to);
                    }
                    _ => {}
                },
                Output::Connect { stream, to } => match TcpStream::connect(to) {
                    Ok(tcp) => self.add(stream, tcp, false)?,
                    Err(_) => node.handle_stream_end(Instant::now(), stream, StreamEnd::Closed),
                },
                Output::Write { stream, .. } => self.with(node, stream, |stream| {
                    stream.unsent.extend_from_slice(&bytes);
                }),
                Output::Close { stream } => self.with(node, stream, |stream| {
                    stream.is_closing = true;
                }),
                Output::Abort { stream } => {
                    let token = self.tokens.remove(&stream);
                    drop(token.and_then(|token| self.streams.remove(&token)));
                }
                Output::Store { .. } => unreachable!("this node keeps no files"),
                Output::Event(Event::Query(query)) => {
                    let answered =
                        node.respond(Instant::now(), &query, b"I am OK, thanks for asking");
                    println!("query {} from {}: {answered:?}", query.name, query.from);
                }
                Output::Event(event) => println!("{event:?}"),
                Output::Wait { until } => return Ok(until),
            }
        }
    }

    fn receive(&mut self, node: &mut Endpoint) -> Result<()> {
        loop {
            match self.udp.recv_from(&mut self.buf) {
                Ok((len, from)) => {
                    node.handle_datagram(Instant::now(), from, &mut self.buf[..len]);
                    self.perform(node)?;
                }
                // Nothing more, or an earlier datagram of ours did not get through.
                Err(_) => return Ok(()),
            }
        }
    }

    fn accept(&mut self, node: &mut Endpoint) -> Result<()> {
        while let Ok((tcp, from)) = self.listener.accept() {
            if let Some(stream) = node.handle_accepted(Instant::now(), from) {
                self.add(stream, tcp, true)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, id: StreamId, mut tcp: TcpStream, is_open: bool) -> Result<()> {
        let token = self.next_token;
        self.next_token += 1;
        let interest = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut tcp, Token(token), interest)?;
        let (has_ended, is_closing, unsent) = (false, false, Vec::new());
        self.streams.insert(token, Stream { id, tcp, is_open, has_ended, is_closing, unsent });
        self.tokens.insert(id, token);
        Ok(())
    }

    /// Changes a stream that may be gone already, and does what that makes possible.
    fn with(&mut self, node: &mut Endpoint, id: StreamId, change: impl FnOnce(&mut Stream)) {
        let Some(&token) = self.tokens.get(&id) else { return };
        if let Some(stream) = self.streams.get_mut(&token) {
            change(stream);
        }
        self.move_bytes(node, token);
    }

    /// Reads and writes what can be, and forgets the stream when it is over.
    fn move_bytes(&mut self, node: &mut Endpoint, token: usize) {
        let Some(stream) = self.streams.get_mut(&token) else { return };
        if let Ok(Then::Stay) = stream.move_bytes(node, &mut self.buf) {
            return;
        }
        let id = stream.id;
        self.streams.remove(&token);
        self.tokens.remove(&id);
        node.handle_stream_end(Instant::now(), id, StreamEnd::Closed);
    }
}

impl Stream {
    fn move_bytes(&mut self, node: &mut Endpoint, buf: &mut [u8]) -> Result<Then> {
        if !self.is_open {
            self.tcp.take_error()?.map_or(Ok(()), Err)?;
            match self.tcp.peer_addr() {
                Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(Then::Stay),
                peer => drop(peer?),
            }
            self.is_open = true;
            node.handle_connected(Instant::now(), self.id);
        }
        while !self.unsent.is_empty() {
            match self.tcp.write(&self.unsent) {
                Ok(len) => drop(self.unsent.drain(..len)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        if self.is_closing && self.unsent.is_empty() {
            self.tcp.shutdown(Shutdown::Write)?;
            return Ok(Then::Drop);
        }
        while !self.has_ended {
            match self.tcp.read(buf) {
                Ok(0) => {
                    self.has_ended = true;
                    node.handle_stream_end(Instant::now(), self.id, StreamEnd::Eof);
                }
                Ok(len) => node.handle_stream_data(Instant::now(), self.id, &buf[..len]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(Then::Stay)
    }
}
