//! One node among peers that the test makes up.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use serfer_proto::wire::message::{Ack, Message};
use serfer_proto::{
    Config, DropReason, Durability, Endpoint, Event, Output, StoreWrite, StoredFile, StreamId,
};

use crate::harness::craft::{alive, encoded, is_ack_to, messages, ping};
use crate::harness::network::addr;
use crate::harness::support::{epoch, ms};

/// Node 0. The other nodes exist only in what the test lets them say.
pub(crate) struct Solo {
    pub(crate) node: Endpoint,
    pub(crate) now: Instant,
    until: Option<Instant>,
    pub(crate) sent: Vec<(SocketAddr, Vec<u8>)>,
    pub(crate) written: Vec<(StreamId, Vec<u8>)>,
    pub(crate) dialled: Vec<(StreamId, SocketAddr)>,
    pub(crate) closed: Vec<StreamId>,
    pub(crate) aborted: Vec<StreamId>,
    pub(crate) stored: Vec<(StoredFile, StoreWrite, Durability, Vec<u8>)>,
    pub(crate) events: Vec<Event>,
    /// Whether the other nodes answer its pings.
    pub(crate) acks: bool,
    /// An address where nobody answers all the same.
    pub(crate) silent: Option<SocketAddr>,
}

impl Solo {
    pub(crate) fn new(config: Config) -> Self {
        Self::with_acks(config, true)
    }

    /// A node whose pings nobody answers.
    pub(crate) fn unanswered(config: Config) -> Self {
        Self::with_acks(config, false)
    }

    fn with_acks(config: Config, acks: bool) -> Self {
        let now = epoch();
        let node = Endpoint::new(config.advertise(addr(0)), [7; 32], now).unwrap();
        let mut solo = Self {
            node,
            now,
            until: None,
            sent: Vec::new(),
            written: Vec::new(),
            dialled: Vec::new(),
            closed: Vec::new(),
            aborted: Vec::new(),
            stored: Vec::new(),
            events: Vec::new(),
            acks,
            silent: None,
        };
        solo.drain();
        solo.events.clear();
        solo
    }

    /// A node that knows nodes 1 to `others`.
    pub(crate) fn among(config: Config, others: usize) -> Self {
        let mut solo = Self::new(config);
        for other in 1..=others {
            solo.hear(other, &alive(other, 1));
        }
        solo.events.clear();
        solo
    }

    pub(crate) fn act<T>(&mut self, act: impl FnOnce(&mut Endpoint, Instant) -> T) -> T {
        let result = act(&mut self.node, self.now);
        self.drain();
        result
    }

    /// A packet from another node.
    pub(crate) fn hear(&mut self, from: usize, packet: &[u8]) {
        self.hear_from(addr(from), packet);
    }

    pub(crate) fn hear_from(&mut self, from: SocketAddr, packet: &[u8]) {
        let mut packet = packet.to_vec();
        self.act(|node, now| node.handle_datagram(now, from, &mut packet));
    }

    /// All that a stream of another node brings, at once. If it is too much for one call, more follow.
    pub(crate) fn accept(&mut self, from: usize, bytes: &[u8]) -> Option<StreamId> {
        let stream = self.act(|node, now| node.handle_accepted(now, addr(from)))?;
        self.act(|node, now| node.handle_stream_data(now, stream, bytes));
        if self.node.stats().next_wake == Some("portion") {
            self.go_on(|_| {});
        }
        Some(stream)
    }

    /// Lets the node go on with what is too long for one call until it is done, and does something between
    /// any two calls. Returns how many it took.
    pub(crate) fn go_on(&mut self, mut between: impl FnMut(&mut Self)) -> usize {
        let (mut calls, mut last) = (0, self.now);
        while let Some(until) = self.until.filter(|until| *until <= last + ms(5)) {
            let portions = self.node.stats().portions;
            self.now = self.now.max(until);
            self.act(Endpoint::handle_timeout);
            if self.node.stats().portions > portions {
                (calls, last) = (calls + 1, self.now);
                between(self);
            }
        }
        calls
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(until) = self.until.filter(|until| *until <= end) {
            self.now = self.now.max(until);
            self.act(Endpoint::handle_timeout);
        }
        self.now = end;
    }

    /// The messages that it sent since the last call, with their receivers.
    pub(crate) fn said(&mut self) -> Vec<(SocketAddr, Vec<u8>)> {
        let sent = std::mem::take(&mut self.sent);
        let each =
            |(to, packet): (_, Vec<u8>)| messages(&packet).into_iter().map(move |it| (to, it));
        sent.into_iter().flat_map(each).collect()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.node.stats().dropped[reason]
    }

    /// Whether it answers a ping.
    pub(crate) fn is_well(&mut self) -> bool {
        self.sent.clear();
        self.hear(99, &ping(0, 77));
        let said = self.said();
        let ack = said.iter().find(|(to, _)| *to == addr(99));
        ack.is_some_and(|(_, ack)| is_ack_to(77, ack))
    }

    pub(crate) fn until(&self) -> Option<Instant> {
        self.until
    }

    fn drain(&mut self) {
        let mut bytes = Vec::new();
        let mut acks = Vec::new();
        loop {
            bytes.clear();
            match self.node.poll_output(&mut bytes) {
                Output::Datagram { to, .. } => {
                    acks.extend(
                        acks_to(&bytes).filter(|_| self.silent != Some(to)).map(|ack| (to, ack)),
                    );
                    self.sent.push((to, std::mem::take(&mut bytes)));
                }
                Output::Connect { stream, to } => self.dialled.push((stream, to)),
                Output::Write { stream, .. } => {
                    self.written.push((stream, std::mem::take(&mut bytes)));
                }
                Output::Close { stream } => self.closed.push(stream),
                Output::Abort { stream } => self.aborted.push(stream),
                Output::Store { file, write, durability, .. } => {
                    self.stored.push((file, write, durability, std::mem::take(&mut bytes)));
                }
                Output::Event(event) => self.events.push(event),
                Output::Wait { until } => {
                    self.until = until;
                    let Some((from, mut ack)) = acks.pop().filter(|_| self.acks) else {
                        return;
                    };
                    self.node.handle_datagram(self.now, from, &mut ack);
                }
            }
        }
    }
}

/// The acks of the pings in a packet.
fn acks_to(packet: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    messages(packet).into_iter().filter_map(|message| match Message::decode(&message) {
        Ok(Message::Ping(ping)) => {
            Some(encoded(&Message::Ack(Ack { payload: &[], seq: ping.seq })))
        }
        _ => None,
    })
}
