//! Who reaches whom, how fast and with what luck.
//!
//! Decides the fate of everything that is sent at the moment it is sent, and holds nothing: what is
//! under way lies in the queue and in the pipes. Whoever is known by an id has a port here; between
//! two ports there is a link as soon as something passes.

use std::collections::HashMap;
use std::time::Duration;

use super::conditions::{Conditions, DATAGRAMS, STREAMS, Traffic, Tune, Weather};
use super::delay::Loss;
use super::dice::{Dice, Question};
use crate::engine::NodeId;

/// Everything but the nodes.
#[derive(Debug, Default)]
pub(crate) struct Network {
    everywhere: Weather,
    ports: Vec<Port>,
    /// Looked up, never iterated.
    links: HashMap<(NodeId, NodeId), Link>,
    blocked: Vec<(NodeId, NodeId)>,
}

/// Where a node is plugged in.
#[derive(Debug)]
struct Port {
    dice: Dice,
    outgoing: Stretch,
    incoming: Stretch,
    plug: Plug,
    is_isolated: bool,
    /// Its whole machine stands still.
    is_frozen: bool,
}

/// Whether a node's own machine lets it send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plug {
    In,
    Out,
}

#[derive(Debug, Default)]
struct Stretch {
    weather: Weather,
    busy_until: [Duration; 2],
}

/// What goes from one node to another.
#[derive(Debug)]
struct Link {
    dice: Dice,
    /// How much has been sent over it.
    sent: [u64; 2],
    /// If it is unlike the rest of the network.
    own: Option<Box<Weather>>,
    busy_until: [Duration; 2],
    is_blocked: [bool; 2],
}

/// What becomes of a datagram.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Arrives {
        after: Duration,
        /// A second copy.
        again: Option<Duration>,
        /// Which byte is changed, and how: the index is yet to be bounded by the length.
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
    /// Adds a port; ids are given in the order of these calls.
    pub(crate) fn add(&mut self, dice: Dice) {
        self.ports.push(Port {
            dice,
            outgoing: Stretch::default(),
            incoming: Stretch::default(),
            plug: Plug::In,
            is_isolated: false,
            is_frozen: false,
        });
    }

    // ── conditions and cuts ──────────────────────────────────────────────────────────────────────

    pub(crate) fn tune(&mut self) -> Tune<'_> {
        Tune::new(&mut self.everywhere)
    }

    pub(crate) fn tune_outgoing(&mut self, node: NodeId) -> Tune<'_> {
        Tune::new(&mut self.ports[node.index()].outgoing.weather)
    }

    pub(crate) fn tune_incoming(&mut self, node: NodeId) -> Tune<'_> {
        Tune::new(&mut self.ports[node.index()].incoming.weather)
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

    /// Takes back every block and isolation.
    pub(crate) fn heal(&mut self) {
        for (from, to) in std::mem::take(&mut self.blocked) {
            self.unblock(from, to, Traffic::All);
        }
        for port in &mut self.ports {
            port.is_isolated = false;
        }
    }

    pub(crate) fn set_plug(&mut self, node: NodeId, plug: Plug) {
        self.ports[node.index()].plug = plug;
    }

    pub(crate) fn plug(&self, node: NodeId) -> Plug {
        self.ports[node.index()].plug
    }

    pub(crate) fn freeze(&mut self, node: NodeId) {
        self.ports[node.index()].is_frozen = true;
    }

    pub(crate) fn thaw(&mut self, node: NodeId) {
        self.ports[node.index()].is_frozen = false;
    }

    // ── what becomes of what is sent ─────────────────────────────────────────────────────────────

    /// Decides about a datagram of `len` bytes.
    pub(crate) fn datagram(&mut self, now: Duration, from: NodeId, to: NodeId, len: usize) -> Fate {
        if from == to {
            return Fate::Arrives { after: Duration::ZERO, again: None, corrupt: None };
        }
        if self.is_cut(from, to, DATAGRAMS) {
            return Fate::Lost(Loss::Cut);
        }
        let (mut after, mut again, mut corrupt) = (Duration::ZERO, None, None);
        for (conditions, busy_until, dice) in self.way(from, to, DATAGRAMS) {
            match conditions.delay(busy_until, dice, now + after, len) {
                Ok(delay) => after += delay,
                Err(loss) => return Fate::Lost(loss),
            }
            if dice.happens(Question::Duplicate, conditions.duplicate) {
                again = Some(dice.time(Question::DuplicateLatency, conditions.latency));
            }
            if dice.happens(Question::Corrupt, conditions.corrupt) {
                let number = dice.number(Question::CorruptAt);
                corrupt = Some((number >> 8, (number as u8).max(1)));
            }
        }
        Fate::Arrives { after, again: again.map(|more| after + more), corrupt }
    }

    /// Decides about a chunk of a stream, or about the dial that starts one.
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
        for (conditions, busy_until, dice) in self.way(from, to, STREAMS) {
            after += conditions.chunk_delay(busy_until, dice, now + after, len);
            breaks |= match len {
                0 => dice.happens(Question::Refuse, conditions.refuse),
                _ => dice.happens(Question::Reset, conditions.reset),
            };
        }
        if breaks { ChunkFate::Breaks(after) } else { ChunkFate::Arrives(after) }
    }

    /// How many bytes a node sends as the next chunk.
    pub(crate) fn chunk_len(&mut self, from: NodeId, to: NodeId) -> usize {
        let link = self.link(from, to);
        let dice = link.dice.numbered(STREAMS as u64).numbered(link.sent[STREAMS]);
        dice.up_to(Question::ChunkLen, CHUNK_MAX)
    }

    /// Whether nothing passes from one node to another.
    pub(crate) fn is_cut(&mut self, from: NodeId, to: NodeId, kind: usize) -> bool {
        let ends = [from, to].map(|node| &self.ports[node.index()]);
        let is_off = |port: &Port| port.is_isolated || port.is_frozen || port.plug == Plug::Out;
        from != to && (ends.into_iter().any(is_off) || self.link(from, to).is_blocked[kind])
    }

    /// The three stretches between two nodes, each with the dice for what is being sent.
    fn way(
        &mut self,
        from: NodeId,
        to: NodeId,
        kind: usize,
    ) -> [(Conditions, &mut Duration, Dice); 3] {
        let link = link(&mut self.links, &self.ports, from, to);
        link.sent[kind] += 1;
        let dice = link.dice.numbered(kind as u64).numbered(link.sent[kind]);
        let weather = link.own.as_ref().map_or(&self.everywhere, |own| own);
        let [sender, receiver] = self
            .ports
            .get_disjoint_mut([from.index(), to.index()])
            .expect("the two are different, and known");
        let (out, into) = (&mut sender.outgoing, &mut receiver.incoming);
        [
            (out.weather[kind], &mut out.busy_until[kind], dice.numbered(0)),
            (weather[kind], &mut link.busy_until[kind], dice.numbered(1)),
            (into.weather[kind], &mut into.busy_until[kind], dice.numbered(2)),
        ]
    }

    fn link(&mut self, from: NodeId, to: NodeId) -> &mut Link {
        link(&mut self.links, &self.ports, from, to)
    }
}

/// How much is read from a stream at once.
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
