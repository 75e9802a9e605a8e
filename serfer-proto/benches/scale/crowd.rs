//! One node among as many members as are wanted.
//!
//! The members exist only as packets that the node receives. Names, addresses and numbers are as
//! long in a small cluster as in a large one, so that what differs between two sizes is the size.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use allocation_counter::measure;
use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::kind;
use serfer_proto::wire::message::{Ack, Message, Ping};
use serfer_proto::{Coalesce, Config, Endpoint, Output};

use super::packets::{META_LEN, addr, alive, dead, encoded, name, pruned, suspect};

/// Higher ones are encoded in as many bytes.
const FIRST_INCARNATION: u32 = 1000;

pub(crate) struct Crowd {
    node: Endpoint,
    now: Instant,
    until: Option<Instant>,
    output: Vec<u8>,
    /// The last datagram: to whom, and what.
    sent: (SocketAddr, Vec<u8>),
    /// How many there are, ourselves included.
    members: usize,
    /// The newest there is; a member that says something newer takes the next.
    incarnation: u32,
    /// How many members have had their turn at something.
    turns: usize,
}

impl Crowd {
    /// A node that got to know all others by gossip, and has nothing left to tell.
    pub(crate) fn new(members: usize, now: Instant) -> Self {
        Self::with(Config::lan(name(0)), members, now)
    }

    /// The same, but for some of its settings.
    pub(crate) fn with(config: Config, members: usize, now: Instant) -> Self {
        // With Go's timing, what is queued stays until a ping or a tick takes it.
        let config = config.advertise(addr(0)).push_pull_interval(None).prompt_gossip(None);
        let mut crowd = Self {
            node: Endpoint::new(config, [1; 32], now).expect("the configuration works"),
            now,
            until: None,
            output: Vec::new(),
            sent: (addr(0), Vec::new()),
            members,
            incarnation: FIRST_INCARNATION,
            turns: 0,
        };
        for member in 1..members {
            crowd.hear(&mut alive(member, FIRST_INCARNATION));
        }
        crowd.rest();
        crowd
    }

    /// The node, and what time it is.
    pub(crate) fn into_node(self) -> (Endpoint, Instant) {
        (self.node, self.now)
    }

    /// The next few members, far from each other.
    pub(crate) fn next(&mut self, count: usize) -> Vec<usize> {
        const STRIDE: usize = 7919;
        let others = self.members - 1;
        assert!(count <= others && !others.is_multiple_of(STRIDE), "nobody is meant twice");
        self.turns += count;
        (self.turns - count..self.turns).map(|turn| 1 + turn * STRIDE % others).collect()
    }

    /// What each of these says that nobody has heard yet.
    pub(crate) fn newer(&mut self, members: &[usize]) -> Vec<Vec<u8>> {
        self.incarnation += 1;
        members.iter().map(|&member| alive(member, self.incarnation)).collect()
    }

    /// What everybody knows of these.
    pub(crate) fn stale(&self, members: &[usize]) -> Vec<Vec<u8>> {
        members.iter().map(|&member| alive(member, FIRST_INCARNATION)).collect()
    }

    /// Accusations of these.
    pub(crate) fn accused(&self, members: &[usize]) -> Vec<Vec<u8>> {
        let incarnation = self.incarnation;
        members.iter().map(|&member| suspect(member, incarnation)).collect()
    }

    /// Members that nobody knows yet.
    pub(crate) fn strangers(&self, count: usize) -> Vec<usize> {
        (self.members..self.members + count).collect()
    }

    /// Makes the node forget these as if they had never been.
    pub(crate) fn forget(&mut self, members: &[usize]) {
        for &member in members {
            self.hear(&mut pruned(member));
            self.hear(&mut dead(member, self.incarnation));
        }
        self.rest();
        self.pass(Duration::from_secs(31));
    }

    /// Makes all queues as long as they get.
    pub(crate) fn fill_queues(&mut self) {
        for member in 1..self.members {
            self.hear(&mut alive(member, self.incarnation + 1));
        }
        self.incarnation += 1;
        while !self.is_full() {
            let told = self.node.user_event(self.now, "deploy", &[0; 40], Coalesce::No);
            told.expect("an event of such a size can be sent");
            self.drain();
        }
    }

    /// Whether that has been done.
    pub(crate) fn is_full(&self) -> bool {
        self.node.stats().broadcasts_dropped > 0
    }

    /// Queues a piece of news.
    pub(crate) fn say_something(&mut self) {
        let told = self.node.user_event(self.now, "deploy", b"v2", Coalesce::No);
        told.expect("an event of such a size can be sent");
        self.drain();
    }

    /// Lets others take all news away by asking us something.
    pub(crate) fn empty_queues(&mut self) {
        let us = name(0);
        let mut ping =
            encoded(&Message::Ping(Ping { node: us.as_str().into(), ..Ping::default() }));
        while self.node.stats().queued > 0 {
            self.hear(&mut ping);
        }
    }

    /// Lets time pass until there is nothing to gossip and no probe going on.
    pub(crate) fn rest(&mut self) {
        self.empty_queues();
        self.wait_for("probe");
    }

    /// Lets time pass until what comes next is `what`.
    pub(crate) fn wait_for(&mut self, what: &str) {
        while self.node.stats().next_wake != Some(what) {
            self.wake();
            self.answer();
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.until.is_some_and(|until| until <= end) {
            self.wake();
            self.answer();
        }
        self.now = end;
    }

    /// Waits until the next deadline, and does what is then due.
    pub(crate) fn wake(&mut self) {
        self.now = self.until.expect("there is always another probe");
        self.node.handle_timeout(self.now);
        self.drain();
    }

    /// Answers the last datagram, if that was a ping.
    fn answer(&mut self) {
        if let Some(mut ack) = self.ack() {
            self.hear(&mut ack);
        }
    }

    /// What answers the last datagram, if that was a ping.
    pub(crate) fn ack(&mut self) -> Option<Vec<u8>> {
        let (_, packet) = &self.sent;
        let first = match packet.split_first() {
            Some((&kind::COMPOUND, parts)) => Parts::parse(parts).ok()?.next()?.ok()?,
            _ => packet,
        };
        let Ok(Message::Ping(Ping { seq, .. })) = Message::decode(first) else {
            return None;
        };
        self.sent.1.clear();
        Some(encoded(&Message::Ack(Ack { payload: &[], seq })))
    }

    /// A packet comes.
    pub(crate) fn hear(&mut self, packet: &mut [u8]) {
        self.node.handle_datagram(self.now, addr(1), packet);
        self.drain();
    }

    fn drain(&mut self) {
        loop {
            self.output.clear();
            match self.node.poll_output(&mut self.output) {
                Output::Datagram { to, .. } => {
                    self.sent.0 = to;
                    std::mem::swap(&mut self.sent.1, &mut self.output);
                }
                Output::Wait { until } => {
                    self.until = until;
                    return;
                }
                _ => {}
            }
        }
    }
}

/// How many bytes of memory a node at rest has for each member, besides those of its name and tags.
pub(crate) fn bytes_per_member(members: usize, now: Instant) -> f64 {
    let mut crowd = None;
    let taken = measure(|| crowd = Some(Crowd::new(members, now)));
    let own = name(0).len() + META_LEN;
    taken.bytes_current as f64 / members as f64 - own as f64
}
