//! A push/pull of 10,000 members through a TCP connection on the loopback, both ends in one thread.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use bench_common::data::{INCARNATION, alive, ip};
use bench_common::micro::measure;
use serfer_proto::{
    Compression, Config, Encryption, Endpoint, Event, Keyring, Output, Replay, SecretKey,
    StreamEnd, StreamId,
};

use crate::node::addr;

const MEMBERS: usize = 10_000;

pub fn push_pull() {
    for (params, compression, is_sealed) in [
        ("n=10000 plain", Compression::Off, false),
        ("n=10000 lzw+aes256", Compression::Streams, true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there are free ports");
        let mut ends = [0, 1].map(|at| End::new(at, compression, is_sealed));
        measure("push-pull", params, |meter| {
            meter.count(1, || exchange(&mut ends, &listener));
        });
    }
}

struct End {
    endpoint: Endpoint,
    now: Instant,
    until: Option<Instant>,
    socket: Option<(StreamId, TcpStream)>,
    unsent: Vec<u8>,
    sent: usize,
    is_closing: bool,
    dials: Option<StreamId>,
    is_joined: bool,
    buffer: Vec<u8>,
}

impl End {
    fn new(at: usize, compression: Compression, is_sealed: bool) -> Self {
        let name = ["dials", "is-dialed"][at];
        let mut config = Config::lan(name)
            .advertise(SocketAddr::from((ip(20_000 + at), 7946)))
            .push_pull_interval(None)
            .compression(compression)
            .probe_with(|probe| probe.interval = Duration::from_secs(86_400));
        if is_sealed {
            let key = SecretKey::new(&[7; 32]).expect("a key may have 32 bytes");
            // Members are told in the clear below.
            config = config.keyring(Keyring::new(key)).encryption(Encryption::Prefer);
        }
        let now = Instant::now();
        let endpoint = Endpoint::new(config, [at as u8; 32], now).expect("it works");
        let mut end = Self {
            endpoint,
            now,
            until: None,
            socket: None,
            unsent: Vec::new(),
            sent: 0,
            is_closing: false,
            dials: None,
            is_joined: false,
            buffer: vec![0; 16 * 1024],
        };
        for member in 1..MEMBERS {
            end.endpoint.handle_datagram(now, addr(1), &mut alive(member, INCARNATION));
            end.drain();
        }
        end
    }

    /// Does all that can be done now, and tells whether there was any.
    fn step(&mut self) -> bool {
        let mut is_busy = false;
        if let Some((id, socket)) = &mut self.socket {
            let id = *id;
            if self.sent < self.unsent.len() {
                match socket.write(&self.unsent[self.sent..]) {
                    Ok(count) => {
                        self.sent += count;
                        is_busy = true;
                    }
                    Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                    Err(why) => panic!("writing failed: {why}"),
                }
            }
            if self.sent == self.unsent.len() {
                self.unsent.clear();
                self.sent = 0;
                if self.is_closing {
                    self.is_closing = false;
                    socket.shutdown(std::net::Shutdown::Write).ok();
                }
            }
            match socket.read(&mut self.buffer) {
                Ok(0) => {
                    self.socket = None;
                    self.endpoint.handle_stream_end(self.now, id, StreamEnd::Closed);
                    is_busy = true;
                }
                Ok(count) => {
                    self.endpoint.handle_stream_data(self.now, id, &self.buffer[..count]);
                    is_busy = true;
                }
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => panic!("reading failed: {why}"),
            }
        }
        self.drain();
        is_busy
    }

    fn drain(&mut self) {
        loop {
            let len = self.unsent.len();
            match self.endpoint.poll_output(&mut self.unsent) {
                Output::Write { .. } => {}
                output => {
                    self.unsent.truncate(len);
                    match output {
                        Output::Connect { stream, .. } => self.dials = Some(stream),
                        Output::Close { .. } => self.is_closing = true,
                        Output::Abort { .. } => self.socket = None,
                        Output::Event(Event::JoinDone(done)) => {
                            self.is_joined = !done.reached.is_empty();
                        }
                        Output::Wait { until } => return self.until = until,
                        _ => {}
                    }
                }
            }
        }
    }
}

/// From the dial until both have merged everything.
fn exchange(ends: &mut [End; 2], listener: &TcpListener) {
    let [a, b] = ends;
    a.is_joined = false;
    a.endpoint.join(a.now, &[addr(20_001)], Replay::Deliver).expect("it may join");
    a.drain();
    let stream = a.dials.take().expect("a join dials");
    let socket = TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it is");
    socket.set_nonblocking(true).expect("a socket may");
    a.socket = Some((stream, socket));
    a.endpoint.handle_connected(a.now, stream);
    a.drain();
    let (socket, _) = listener.accept().expect("somebody has dialed");
    socket.set_nonblocking(true).expect("a socket may");
    let stream = b.endpoint.handle_accepted(b.now, addr(20_000)).expect("there is room");
    b.socket = Some((stream, socket));
    b.drain();
    // Until nothing more follows within a second: long ones are merged a portion at a time.
    let end = a.now + Duration::from_secs(1);
    while !a.is_joined || a.now < end || a.socket.is_some() || b.socket.is_some() {
        let is_busy = a.step() | b.step();
        if is_busy {
            continue;
        }
        let next = a.until.into_iter().chain(b.until).min().expect("there is always a timer");
        let now = next.max(a.now).min(a.now + Duration::from_millis(100));
        for end in [&mut *a, &mut *b] {
            end.now = now;
            if end.until.is_some_and(|until| until <= now) {
                end.endpoint.handle_timeout(now);
            }
            end.drain();
        }
    }
}
