//! The network: which node reaches which other node, and how fast.
//!
//! It decides what becomes of a packet at the moment it is sent, and stores no packets: those that
//! are under way are in the engine's queue and in the pipes. Every node has a port. A link between
//! two ports is created when the first packet is sent.

use std::collections::HashMap;
use std::time::Duration;

use super::conditions::{Conditions, DATAGRAMS, STREAMS, Traffic, TrafficConditions, Tune};
use super::delay::Loss;
use super::dice::{Choice, Dice};
use crate::node_id::NodeId;

/// All ports, links and conditions.
#[derive(Debug, Default)]
pub(crate) struct Network {
    everywhere: TrafficConditions,
    ports: Vec<Port>,
    /// Looked up, never iterated.
    links: HashMap<(NodeId, NodeId), Link>,
    blocked: Vec<(NodeId, NodeId)>,
}

/// How one node is connected.
#[derive(Debug)]
struct Port {
    dice: Dice,
    outgoing: Section,
    incoming: Section,
    interface: Interface,
    is_isolated: bool,
    /// Its machine is suspended.
    is_suspended: bool,
}

/// Whether the network interface of a node's machine is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    Up,
    Down,
}

/// What all packets from or to one node pass.
#[derive(Debug, Default)]
struct Section {
    conditions: TrafficConditions,
    busy_until: [Duration; 2],
}

/// The link from one node to another, in this direction.
#[derive(Debug)]
struct Link {
    dice: Dice,
    /// How many packets were sent over it.
    sent: [u64; 2],
    /// Its own conditions, if they differ from the rest of the network.
    own: Option<Box<TrafficConditions>>,
    busy_until: [Duration; 2],
    is_blocked: [bool; 2],
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum DatagramFate {
    Arrives {
        after: Duration,
        /// When a second copy arrives.
        again: Option<Duration>,
        /// Which byte is changed, modulo the length, and what it is XORed with.
        corrupt: Option<(u64, u8)>,
    },
    Lost(Loss),
}

/// What becomes of a chunk of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum ChunkFate {
    Arrives(Duration),
    /// The stream is refused or breaks.
    Breaks(Duration),
}

impl Network {
    /// Adds a port for the next node. Nodes are added in the order of their ids.
    pub(crate) fn add(&mut self, dice: Dice) {
        self.ports.push(Port {
            dice,
            outgoing: Section::default(),
            incoming: Section::default(),
            interface: Interface::Up,
            is_isolated: false,
            is_suspended: false,
        });
    }

    // ── conditions and cuts ──────────────────────────────────────────────────────────────────────

    pub(crate) fn tune(&mut self) -> Tune<'_> {
        Tune::new(&mut self.everywhere)
    }

    pub(crate) fn tune_outgoing(&mut self, node: NodeId) -> Tune<'_> {
        Tune::new(&mut self.ports[node.index()].outgoing.conditions)
    }

    pub(crate) fn tune_incoming(&mut self, node: NodeId) -> Tune<'_> {
        Tune::new(&mut self.ports[node.index()].incoming.conditions)
    }

    pub(crate) fn tune_link(&mut self, from: NodeId, to: NodeId) -> Tune<'_> {
        let everywhere = self.everywhere;
        let own = &mut self.link(from, to).own;
        Tune::new(own.get_or_insert_with(|| Box::new(everywhere)))
    }

    pub(crate) fn block(&mut self, from: NodeId, to: NodeId, traffic: Traffic) {
        self.link(from, to).is_blocked[traffic.kinds()].fill(true);
        self.blocked.push((from, to));
    }

    pub(crate) fn unblock(&mut self, from: NodeId, to: NodeId, traffic: Traffic) {
        self.link(from, to).is_blocked[traffic.kinds()].fill(false);
    }

    pub(crate) fn isolate(&mut self, node: NodeId) {
        self.ports[node.index()].is_isolated = true;
    }

    /// Removes every block and isolation.
    pub(crate) fn heal(&mut self) {
        for (from, to) in std::mem::take(&mut self.blocked) {
            self.unblock(from, to, Traffic::All);
        }
        for port in &mut self.ports {
            port.is_isolated = false;
        }
    }

    pub(crate) fn set_interface(&mut self, node: NodeId, interface: Interface) {
        self.ports[node.index()].interface = interface;
    }

    pub(crate) fn interface(&self, node: NodeId) -> Interface {
        self.ports[node.index()].interface
    }

    pub(crate) fn set_suspended(&mut self, node: NodeId, is_suspended: bool) {
        self.ports[node.index()].is_suspended = is_suspended;
    }

    // ── what becomes of a packet ─────────────────────────────────────────────────────────────────

    /// Decides what becomes of a datagram of `len` bytes.
    pub(crate) fn datagram(
        &mut self,
        now: Duration,
        from: NodeId,
        to: NodeId,
        len: usize,
    ) -> DatagramFate {
        if from == to {
            return DatagramFate::Arrives { after: Duration::ZERO, again: None, corrupt: None };
        }
        if self.is_cut(from, to, DATAGRAMS) {
            return DatagramFate::Lost(Loss::Cut);
        }
        let (mut after, mut again, mut corrupt) = (Duration::ZERO, None, None);
        for (conditions, busy_until, dice) in self.path(from, to, DATAGRAMS) {
            match conditions.delay(busy_until, dice, now + after, len) {
                Ok(delay) => after += delay,
                Err(loss) => return DatagramFate::Lost(loss),
            }
            if dice.happens(Choice::Duplicate, conditions.duplicate) {
                again = Some(dice.time(Choice::DuplicateLatency, conditions.latency));
            }
            if dice.happens(Choice::Corrupt, conditions.corrupt) {
                let number = dice.number(Choice::CorruptAt);
                corrupt = Some((number >> 8, (number as u8).max(1)));
            }
        }
        DatagramFate::Arrives { after, again: again.map(|more| after + more), corrupt }
    }

    /// Decides what becomes of a chunk of a stream. The dial that opens a stream has length 0.
    pub(crate) fn chunk(
        &mut self,
        now: Duration,
        from: NodeId,
        to: NodeId,
        len: usize,
    ) -> ChunkFate {
        let (mut after, mut breaks) = (Duration::ZERO, false);
        if from == to {
            return ChunkFate::Arrives(after);
        }
        for (conditions, busy_until, dice) in self.path(from, to, STREAMS) {
            after += conditions.chunk_delay(busy_until, dice, now + after, len);
            breaks |= match len {
                0 => dice.happens(Choice::Refuse, conditions.refuse),
                _ => dice.happens(Choice::Reset, conditions.reset),
            };
        }
        if breaks { ChunkFate::Breaks(after) } else { ChunkFate::Arrives(after) }
    }

    /// How many bytes a node sends as the next chunk.
    pub(crate) fn chunk_len(&mut self, from: NodeId, to: NodeId) -> usize {
        let link = self.link(from, to);
        let dice = link.dice.numbered(STREAMS as u64).numbered(link.sent[STREAMS]);
        dice.up_to(Choice::ChunkLen, CHUNK_MAX)
    }

    /// Whether nothing passes from one node to the other.
    pub(crate) fn is_cut(&mut self, from: NodeId, to: NodeId, kind: usize) -> bool {
        let ends = [from, to].map(|node| &self.ports[node.index()]);
        let is_off = |port: &Port| {
            port.is_isolated || port.is_suspended || port.interface == Interface::Down
        };
        from != to && (ends.into_iter().any(is_off) || self.link(from, to).is_blocked[kind])
    }

    /// The three sections between two nodes, each with the dice for the packet that is sent.
    fn path(
        &mut self,
        from: NodeId,
        to: NodeId,
        kind: usize,
    ) -> [(Conditions, &mut Duration, Dice); 3] {
        let link = link(&mut self.links, &self.ports, from, to);
        link.sent[kind] += 1;
        let dice = link.dice.numbered(kind as u64).numbered(link.sent[kind]);
        let conditions = link.own.as_ref().map_or(&self.everywhere, |own| own);
        let [sender, receiver] = self
            .ports
            .get_disjoint_mut([from.index(), to.index()])
            .expect("the two nodes are different and exist");
        let (out, into) = (&mut sender.outgoing, &mut receiver.incoming);
        [
            (out.conditions[kind], &mut out.busy_until[kind], dice.numbered(0)),
            (conditions[kind], &mut link.busy_until[kind], dice.numbered(1)),
            (into.conditions[kind], &mut into.busy_until[kind], dice.numbered(2)),
        ]
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        link(&mut self.links, &self.ports, from, to)
    }
}

/// How many bytes a node sends at once at most.
const CHUNK_MAX: usize = 4096;

fn link<'a>(
    links: &'a mut HashMap<(NodeId, NodeId), Link>,
    ports: &[Port],
    from: NodeId,
    to: NodeId,
) -> &'a mut Link {
    links.entry((from, to)).or_insert_with(|| Link {
        dice: ports[from.index()].dice.towards(ports[to.index()].dice),
        sent: [0; 2],
        own: None,
        busy_until: [Duration::ZERO; 2],
        is_blocked: [false; 2],
    })
}
