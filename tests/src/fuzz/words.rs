//! Messages of the other nodes in a fuzzed life: well-formed, about few names, true or not.

use arbitrary::Arbitrary;
use serfer_proto::wire::message::{
    Ack, Alive, Dead, IndirectPing, Message, Nack, Ping, PushNodeState, Suspect, ip_bytes,
};
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{self, Filter, SerfMessage, TagFilter};
use serfer_proto::wire::stream::{PushPull, StreamMessage};

use super::watched::{VERSIONS, addr, alive, encoded, name};

/// How many names there are. They are few, so that most messages are about a known member.
pub(super) const NAMES: u8 = 8;

/// The messages of a datagram.
#[derive(Arbitrary, Debug)]
pub(super) enum Word {
    Alive { node: u8, incarnation: u32, meta: Vec<u8>, at: u8, versions: [u8; 6] },
    AliveAsUsual { node: u8, incarnation: u8 },
    Suspect { node: u8, from: u8, incarnation: u8 },
    Dead { node: u8, from: u8, incarnation: u8 },
    Ping { node: u8, seq: u32, source: Option<u8> },
    IndirectPing { node: u8, target: u8, seq: u32, nack: bool },
    Ack(u32),
    Nack(u32),
    Join { node: u8, ltime: u64 },
    Leave { node: u8, ltime: u64, prune: bool },
    UserEvent { name: String, ltime: u64, payload: Vec<u8>, coalesce: bool },
    Query(Question),
    QueryResponse { from: u8, id: u32, ltime: u64, ack: bool, payload: Vec<u8> },
}

#[derive(Arbitrary, Debug)]
pub(super) struct Question {
    name: String,
    id: u32,
    ltime: u8,
    source: u8,
    nodes: Option<u8>,
    expr: Option<String>,
    flags: u8,
    relay_factor: u8,
    timeout: i64,
}

/// The messages of a stream.
#[derive(Arbitrary, Debug)]
pub(super) enum Saying {
    PushPull { join: bool, nodes: Vec<(u8, u8, i8)>, serf: Option<State> },
    User(Word),
    Ping(u8, u32),
    Ack(u32),
}

/// serf's part of a push/pull.
#[derive(Arbitrary, Debug)]
pub(super) struct State {
    ltimes: [u16; 3],
    statuses: Vec<(u8, u64)>,
    left: Vec<u8>,
    events: Vec<(u64, String)>,
}

impl Word {
    pub(super) fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Alive { node, incarnation, meta, at, versions } => {
                let (name, ip) = (name(node % NAMES), ip_bytes(addr(*at).ip()));
                encoded(&Message::Alive(Alive {
                    addr: &ip,
                    incarnation: *incarnation,
                    meta,
                    node: text(&name),
                    port: 7946,
                    versions,
                }))
            }
            Self::AliveAsUsual { node, incarnation } => {
                alive(node % NAMES, (*incarnation).into(), b"\xff\x80")
            }
            Self::Suspect { node, from, incarnation } => {
                let (node, from) = (name(node % NAMES), name(from % NAMES));
                let (node, from, incarnation) = (text(&node), text(&from), (*incarnation).into());
                encoded(&Message::Suspect(Suspect { from, incarnation, node }))
            }
            Self::Dead { node, from, incarnation } => {
                let (node, from) = (name(node % NAMES), name(from % NAMES));
                let (node, from, incarnation) = (text(&node), text(&from), (*incarnation).into());
                encoded(&Message::Dead(Dead { from, incarnation, node }))
            }
            Self::Ping { node, seq, source } => {
                let (node, ip) = (name(node % NAMES), source.map(|at| ip_bytes(addr(at).ip())));
                encoded(&Message::Ping(Ping {
                    node: text(&node),
                    seq: *seq,
                    source_addr: ip.as_deref(),
                    source_node: None,
                    source_port: ip.map(|_| 7946),
                }))
            }
            Self::IndirectPing { node, target, seq, nack } => {
                let (node, target) = (name(node % NAMES), ip_bytes(addr(*target).ip()));
                encoded(&Message::IndirectPing(IndirectPing {
                    nack: *nack,
                    node: text(&node),
                    port: 7946,
                    seq: *seq,
                    target: &target,
                    ..IndirectPing::default()
                }))
            }
            Self::Ack(seq) => encoded(&Message::Ack(Ack { payload: &[], seq: *seq })),
            Self::Nack(seq) => encoded(&Message::Nack(Nack { seq: *seq })),
            Self::Join { .. }
            | Self::Leave { .. }
            | Self::UserEvent { .. }
            | Self::Query(_)
            | Self::QueryResponse { .. } => encoded(&Message::User(&self.of_serf())),
        }
    }

    /// The body of a user message, or nothing if this message has none.
    fn of_serf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Join { node, ltime } => {
                let (node, ltime) = (name(node % NAMES), *ltime);
                SerfMessage::Join(serf_message::Join { ltime, node: text(&node) }).encode(&mut out);
            }
            Self::Leave { node, ltime, prune } => {
                let (node, ltime, prune) = (name(node % NAMES), *ltime, *prune);
                let leave = serf_message::Leave { ltime, node: text(&node), prune };
                SerfMessage::Leave(leave).encode(&mut out);
            }
            Self::UserEvent { name, ltime, payload, coalesce } => {
                let (name, ltime, coalesce) = (text(name), *ltime, *coalesce);
                let event = serf_message::UserEvent { coalesce, ltime, name, payload };
                SerfMessage::UserEvent(event).encode(&mut out);
            }
            Self::Query(question) => question.encode(&mut out),
            Self::QueryResponse { from, id, ltime, ack, payload } => {
                let from = name(from % NAMES);
                let (flags, from, id, ltime) = (u32::from(*ack), text(&from), *id, *ltime);
                let answer = serf_message::QueryResponse { flags, from, id, ltime, payload };
                SerfMessage::QueryResponse(answer).encode(&mut out);
            }
            Self::Alive { .. }
            | Self::AliveAsUsual { .. }
            | Self::Suspect { .. }
            | Self::Dead { .. }
            | Self::Ping { .. }
            | Self::IndirectPing { .. }
            | Self::Ack(_)
            | Self::Nack(_) => {}
        }
        out
    }
}

impl Question {
    fn encode(&self, out: &mut Vec<u8>) {
        let source = name(self.source % NAMES);
        let ip = ip_bytes(addr(self.source % NAMES).ip());
        let mut filters = Vec::new();
        if let Some(node) = self.nodes {
            let node = name(node % NAMES);
            filters.push(filter(&Filter::Nodes(SeqBuf::of([text(&node)]).as_seq())));
        }
        if let Some(expr) = &self.expr {
            let (tag, expr) = ("role".into(), text(expr));
            filters.push(filter(&Filter::Tag(TagFilter { expr, tag })));
        }
        let filters = SeqBuf::of(filters.iter().map(|filter| &filter[..]));
        let query = serf_message::Query {
            addr: &ip,
            filters: filters.as_seq(),
            flags: self.flags.into(),
            id: self.id,
            ltime: self.ltime.into(),
            name: text(&self.name),
            payload: b"?",
            port: 7946,
            relay_factor: self.relay_factor,
            source_node: text(&source),
            timeout: self.timeout,
        };
        SerfMessage::Query(query).encode(out);
    }
}

fn filter(filter: &Filter<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    filter.encode(&mut out);
    out
}

impl Saying {
    pub(super) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::PushPull { join, nodes, serf } => {
                push_pull(*join, nodes, serf.as_ref(), &mut out);
            }
            Self::User(word) => StreamMessage::User(&word.of_serf()).encode(&mut out),
            Self::Ping(node, seq) => {
                let (node, seq) = (name(node % NAMES), *seq);
                let ping = Ping { node: text(&node), seq, ..Ping::default() };
                StreamMessage::Ping(ping).encode(&mut out);
            }
            Self::Ack(seq) => StreamMessage::Ack(Ack { payload: &[], seq: *seq }).encode(&mut out),
        }
        out
    }
}

fn push_pull(join: bool, nodes: &[(u8, u8, i8)], serf: Option<&State>, out: &mut Vec<u8>) {
    let mut states = SeqBuf::default();
    for &(node, incarnation, state) in nodes {
        let node = node % NAMES;
        states.push(&PushNodeState {
            addr: &ip_bytes(addr(node).ip()),
            incarnation: incarnation.into(),
            meta: b"\xff\x80",
            name: text(&name(node)),
            port: 7946,
            state: state.into(),
            versions: &VERSIONS,
        });
    }
    let user_state = serf.map(State::encoded).unwrap_or_default();
    let state = PushPull { join, nodes: states.as_seq(), user_state: &user_state };
    StreamMessage::PushPull(state).encode(out);
}

impl State {
    fn encoded(&self) -> Vec<u8> {
        let names: Vec<String> = (0..NAMES).map(name).collect();
        let named = |node: u8| text(&names[usize::from(node % NAMES)]);
        let left = SeqBuf::of(self.left.iter().map(|&node| named(node)));
        let statuses = self.statuses.iter().map(|&(node, ltime)| (named(node), ltime));
        let statuses = SeqBuf::of(statuses);
        let mut events = SeqBuf::default();
        for (ltime, name) in &self.events {
            let event = serf_message::PastEvent { name: text(name), payload: b"payload" };
            let slot = SeqBuf::of([event]);
            events.push(&serf_message::EventSlot { events: slot.as_seq(), ltime: *ltime });
        }
        let [event_ltime, ltime, query_ltime] = self.ltimes.map(u64::from);
        let mut out = Vec::new();
        SerfMessage::PushPull(serf_message::PushPull {
            event_ltime,
            events: events.as_seq(),
            ltime,
            left_members: left.as_seq(),
            query_ltime,
            status_ltimes: statuses.as_seq(),
        })
        .encode(&mut out);
        out
    }
}

fn text(text: &str) -> Text<'_> {
    Text(text.as_bytes())
}
