//! A cluster of endpoints in virtual time.
//!
//! Time jumps from one arrival or deadline to the next. The seeds of the endpoints derive from the
//! cluster's, and nothing else is random, so the same seed gives the same run.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serfer_proto::{Config, Endpoint, Event, Output};

use crate::harness::network::{Arrival, Network, News, addr};
use crate::harness::support::epoch;

/// When a cluster is dropped, no node may have dropped anything that it received, unless
/// `expects_drops` is set.
pub(crate) struct Cluster {
    pub(crate) network: Network,
    epoch: Instant,
    seed: u8,
    pub(crate) nodes: Vec<Node>,
    pub(crate) expects_drops: bool,
    /// All that happened, if the test asked for it.
    pub(crate) trace: Option<Vec<String>>,
}

pub(crate) struct Node {
    pub(crate) config: Config,
    /// None if the node was killed.
    endpoint: Option<Endpoint>,
    lives: u8,
    until: Option<Instant>,
    /// What arrived while the node was paused.
    held: Option<Vec<Arrival>>,
    pub(crate) events: Vec<(Duration, Event)>,
    /// How often the node was woken, by reason.
    pub(crate) wakes: BTreeMap<&'static str, usize>,
}

impl Cluster {
    pub(crate) fn new(seed: u8) -> Self {
        let epoch = epoch();
        Self {
            network: Network::new(epoch),
            epoch,
            seed,
            nodes: Vec::new(),
            expects_drops: false,
            trace: None,
        }
    }

    /// Starts another node.
    pub(crate) fn add(&mut self, config: Config) -> usize {
        let at = self.nodes.len();
        self.nodes.push(Node {
            config: config.advertise(addr(at)),
            endpoint: None,
            lives: 0,
            until: None,
            held: None,
            events: Vec::new(),
            wakes: BTreeMap::new(),
        });
        self.start(at);
        at
    }

    /// Starts a node that was killed, as it is configured now.
    pub(crate) fn start(&mut self, at: usize) {
        let now = self.network.now;
        let node = &mut self.nodes[at];
        assert!(node.endpoint.is_none(), "node {at} is running");
        node.lives += 1;
        let mut seed = [self.seed; 32];
        seed[..2].copy_from_slice(&[at as u8, node.lives]);
        node.endpoint = Some(Endpoint::new(node.config.clone(), seed, now).unwrap());
        self.drain(at);
    }

    /// Ends a node's process: its streams break, and its address no longer answers.
    pub(crate) fn kill(&mut self, at: usize) {
        self.check_drops(at);
        let node = &mut self.nodes[at];
        (node.endpoint, node.until, node.held) = (None, None, None);
        self.network.abort_all(at);
    }

    pub(crate) fn pause(&mut self, at: usize) {
        self.nodes[at].held = Some(Vec::new());
    }

    pub(crate) fn resume(&mut self, at: usize) {
        for arrival in self.nodes[at].held.take().unwrap() {
            self.network.send(Duration::ZERO, at, arrival);
        }
    }

    /// Calls a running node, and handles its outputs.
    #[track_caller]
    pub(crate) fn act<T>(&mut self, at: usize, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let now = self.network.now;
        let result = act(self.nodes[at].endpoint.as_mut().unwrap(), now);
        self.drain(at);
        result
    }

    #[track_caller]
    pub(crate) fn node(&self, at: usize) -> &Endpoint {
        self.nodes[at].endpoint.as_ref().unwrap()
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = usize> {
        (0..self.nodes.len()).filter(|&at| self.nodes[at].endpoint.is_some())
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.network.now - self.epoch
    }

    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.network.now + time;
        while self.step(end) {}
        self.network.now = end;
    }

    /// Runs until a condition holds, and returns how long that took.
    #[track_caller]
    pub(crate) fn run_until(&mut self, limit: Duration, is_so: impl Fn(&Self) -> bool) -> Duration {
        let start = self.network.now;
        while !is_so(self) {
            assert!(self.step(start + limit), "not so after {limit:?}");
        }
        self.network.now - start
    }

    /// Handles the next arrival or deadline until `end`.
    fn step(&mut self, end: Instant) -> bool {
        let awake = self.running().filter(|&at| self.nodes[at].held.is_none());
        let wake = awake.filter_map(|at| Some((self.nodes[at].until?, at))).min();
        let before = wake.map_or(end, |(wake, _)| wake.min(end));
        if self.network.next_at().is_some_and(|at| at <= before) {
            if let Some((at, arrival)) = self.network.next() {
                self.arrive(at, arrival);
            }
        } else if let Some((wake, at)) = wake.filter(|(wake, _)| *wake <= end) {
            self.network.now = self.network.now.max(wake);
            let why = self.node(at).stats().next_wake.unwrap();
            *self.nodes[at].wakes.entry(why).or_default() += 1;
            self.note(|| format!("{at} wakes for {why}"));
            self.act(at, Endpoint::handle_timeout);
        } else {
            return false;
        }
        true
    }

    /// Something arrives at a node now.
    pub(crate) fn arrive(&mut self, at: usize, arrival: Arrival) {
        if let Some(held) = self.nodes.get_mut(at).and_then(|node| node.held.as_mut()) {
            return held.push(arrival);
        }
        let is_up = self.running().any(|node| node == at);
        self.note(|| format!("{at} gets {arrival:?}"));
        match arrival {
            Arrival::Dial(_, pipe) if !is_up => self.network.answer(pipe, None),
            _ if !is_up => {}
            Arrival::Dial(from, pipe) => {
                let stream = self.act(at, |node, now| node.handle_accepted(now, from));
                self.network.answer(pipe, stream);
            }
            Arrival::Datagram(from, mut data) => {
                self.act(at, |node, now| node.handle_datagram(now, from, &mut data));
            }
            Arrival::SendFailed(to) => self.act(at, |node, now| node.handle_send_failed(now, to)),
            Arrival::Pipe(pipe, side, news) => {
                let Some(stream) = self.network.stream(pipe, side, &news) else {
                    return;
                };
                self.act(at, |node, now| match news {
                    News::Connected => node.handle_connected(now, stream),
                    News::Data(data) => node.handle_stream_data(now, stream, &data),
                    News::End(end) => node.handle_stream_end(now, stream, end),
                });
            }
        }
    }

    /// Handles all outputs of a node.
    fn drain(&mut self, at: usize) {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            match self.nodes[at].endpoint.as_mut().unwrap().poll_output(&mut bytes) {
                Output::Datagram { to, .. } => self.network.datagram(at, to, &bytes),
                Output::Connect { stream, to } => self.network.dial(at, stream, to),
                Output::Write { stream, .. } => self.network.write(at, stream, &bytes),
                Output::Close { stream } => self.network.close(at, stream),
                Output::Abort { stream } => self.network.abort(at, stream),
                Output::Store { .. } => panic!("nobody here keeps files"),
                Output::Event(event) => {
                    self.note(|| format!("{at} tells {event:?}"));
                    let elapsed = self.elapsed();
                    self.nodes[at].events.push((elapsed, event));
                }
                Output::Wait { until } => {
                    self.nodes[at].until = until;
                    return;
                }
            }
        }
    }

    fn note(&mut self, what: impl FnOnce() -> String) {
        let elapsed = self.elapsed();
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{elapsed:?} {}", what()));
        }
    }

    fn check_drops(&self, at: usize) {
        if let Some(endpoint) = &self.nodes[at].endpoint
            && !self.expects_drops
        {
            let dropped = endpoint.stats().dropped;
            let found: Vec<_> = dropped.iter().filter(|(_, count)| *count > 0).collect();
            assert!(found.is_empty(), "node {at} dropped {found:?}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            (0..self.nodes.len()).for_each(|at| self.check_drops(at));
        }
    }
}
