//! A node without a network, among members that exist only as packets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bench_common::data::{INCARNATION, PORT, alive, ip, name, ping};
use serfer_proto::{Config, Endpoint, Output};

pub struct Node {
    pub endpoint: Endpoint,
    pub now: Instant,
    until: Option<Instant>,
    output: Vec<u8>,
    /// How many datagrams it has sent.
    pub sent: u64,
    /// Their bytes.
    pub sent_bytes: u64,
}

pub fn addr(member: usize) -> SocketAddr {
    SocketAddr::from((ip(member), PORT))
}

pub fn config() -> Config {
    Config::lan(name(0)).advertise(addr(0)).push_pull_interval(None)
}

impl Node {
    /// One that has heard of so many, and has nothing left to say.
    pub fn new(config: Config, members: usize) -> Self {
        // Probes are not what is measured here; there is nobody to answer them.
        let config = config.probe_with(|probe| probe.interval = Duration::from_secs(600));
        let now = Instant::now();
        let endpoint = Endpoint::new(config, [1; 32], now).expect("the configuration works");
        let mut node =
            Self { endpoint, now, until: None, output: Vec::new(), sent: 0, sent_bytes: 0 };
        for member in 1..members {
            node.hear(&mut alive(member, INCARNATION));
        }
        assert_eq!(node.endpoint.members().count(), members);
        node.rest();
        node
    }

    pub fn hear(&mut self, packet: &mut [u8]) {
        self.endpoint.handle_datagram(self.now, addr(1), packet);
        self.drain();
    }

    /// Gossip sends all news once, and pings take away the rest.
    pub fn rest(&mut self) {
        while self.endpoint.stats().queued > 0 {
            (0..64).for_each(|_| self.hear(&mut ping(1)));
            self.pass(Duration::from_millis(20));
        }
        // What gossip has been planned finds nothing to say.
        self.pass(Duration::from_secs(1));
    }

    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.until.is_some_and(|until| until <= end) {
            self.wake();
        }
        self.now = end;
    }

    /// Waits until the next deadline, and does what is then due.
    pub fn wake(&mut self) {
        self.now = self.until.expect("there is always another probe");
        self.endpoint.handle_timeout(self.now);
        self.drain();
    }

    pub fn drain(&mut self) {
        loop {
            self.output.clear();
            match self.endpoint.poll_output(&mut self.output) {
                Output::Datagram { .. } => {
                    self.sent += 1;
                    self.sent_bytes += self.output.len() as u64;
                }
                Output::Wait { until } => return self.until = until,
                _ => {}
            }
        }
    }
}
