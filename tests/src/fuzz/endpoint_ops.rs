//! The life of a node: anything may arrive, in any order, at any time.
//!
//! An input is a list of steps. Most messages of other nodes are made by [`words`](super::words),
//! so that they decode and have an effect. Steps about keys and coordinates are in
//! [`keys_and_places`], and only an input whose first byte says so has them: this way older inputs
//! keep their meaning.

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use serfer_proto::{
    Coalesce, Config, Limits, Prune, QueryParams, Replay, StreamEnd, StreamId, Tags,
};

use super::keys_and_places::{self, Others};
use super::layers::Layers;
use super::watched::{Stage, Watched, addr, name};
use super::words::{NAMES, Saying, Word};

/// The most steps of an input.
const STEPS_MAX: usize = 100;

/// How much of what the node said is remembered.
const MEMORY: usize = 64;

/// Whatever happens, the node keeps its promises and goes on.
pub fn endpoint_ops(input: &[u8]) {
    let mut bytes = Unstructured::new(input);
    let Ok(kind) = bytes.arbitrary::<u8>() else {
        return;
    };
    let mut life = Life::new(kind);
    for _ in 0..STEPS_MAX {
        if bytes.is_empty() {
            break;
        }
        if life.step_of(kind, &mut bytes).is_err() {
            break;
        }
        keep_last(&mut life.node.said);
        keep_last(&mut life.node.queries);
    }
    life.node.wake_often(20);
    life.node.assert_well();
    life.others.assert_ended(&mut life.node);
}

#[derive(Arbitrary, Debug)]
enum Step {
    /// Time passes, and the node is woken at its deadlines.
    Pass(u8),
    /// The machine was suspended, and the node is woken long after its deadline.
    Oversleep(u16),
    /// The clock goes back.
    Back(u8),
    /// A peer acks its last ping.
    Answer,
    Hear(u8, Word),
    HearRaw(u8, Vec<u8>),
    SendFailed(u8),
    Accept(u8),
    Connect(u8),
    Say(u8, Saying),
    SayRaw(u8, Vec<u8>),
    End(u8, bool),
    Join(Vec<u8>, bool),
    Leave,
    UserEvent(String, Vec<u8>, bool),
    Query {
        name: String,
        node: Option<u8>,
        expr: Option<String>,
        acks: bool,
        timeout: Option<u16>,
    },
    Respond(u8, Vec<u8>),
    SetTags(String, String),
    ForceLeave(u8, bool),
}

struct Life {
    node: Watched,
    others: Others,
}

/// The bit of the first byte that adds keys and coordinates.
const KEYS_AND_PLACES: u8 = 32;

impl Life {
    /// The lowest three bits are those of [`Layers`], whose packets are always well-formed. Then
    /// come the preset, and whether the limits are large or small.
    fn new(kind: u8) -> Self {
        let layers = Layers::from_bits(kind).right();
        let preset = if kind & 8 > 0 { Config::lan("n0") } else { Config::local("n0") };
        let limits = if kind & 16 > 0 { Limits::default() } else { few() };
        Self { node: Watched::new(preset, limits, layers), others: Others::new() }
    }

    /// Takes the next step.
    fn step_of(&mut self, kind: u8, bytes: &mut Unstructured<'_>) -> arbitrary::Result<()> {
        if kind & KEYS_AND_PLACES > 0 && bytes.arbitrary()? {
            let step: keys_and_places::Step = bytes.arbitrary()?;
            self.others.step(&mut self.node, step);
        } else {
            self.step(bytes.arbitrary()?);
        }
        Ok(())
    }

    fn step(&mut self, step: Step) {
        let node = &mut self.node;
        match step {
            Step::Pass(time) => node.pass(Duration::from_millis(50) * time.into()),
            Step::Oversleep(secs) => {
                node.now += Duration::from_secs(secs.into());
                node.wake();
            }
            Step::Back(secs) => node.now -= Duration::from_secs(secs.into()),
            Step::Answer => keys_and_places::answer_ping(node, &[]),
            Step::Hear(from, word) => node.hear(addr(from % NAMES), &word.encoded()),
            Step::HearRaw(from, bytes) => node.hear(addr(from % NAMES), &bytes),
            Step::SendFailed(to) => node.act(|node, now| node.handle_send_failed(now, addr(to))),
            Step::Accept(from) => drop(node.accept(addr(from % NAMES))),
            Step::Connect(which) => self.connect(which),
            Step::Say(which, saying) => self.say(which, &saying.encoded()),
            Step::SayRaw(which, bytes) => self.say(which, &bytes),
            Step::End(which, is_eof) => self.end(which, is_eof),
            Step::Join(peers, replays) => {
                let peers: Vec<_> = peers.iter().map(|peer| addr(peer % NAMES)).collect();
                let replay = if replays { Replay::Deliver } else { Replay::Skip };
                let _ = node.act(|node, now| node.join(now, &peers, replay));
            }
            Step::Leave => drop(node.act(|node, now| node.leave(now))),
            Step::UserEvent(name, payload, coalesces) => {
                let coalesce = if coalesces { Coalesce::Yes } else { Coalesce::No };
                let _ = node.act(|node, now| node.user_event(now, &name, &payload, coalesce));
            }
            Step::Query { name, node: asked, expr, acks, timeout } => {
                let params = query_params(asked, expr, acks, timeout);
                let _ = node.act(|node, now| node.query(now, &name, b"?", &params));
            }
            Step::Respond(which, answer) => self.respond(which, &answer),
            Step::SetTags(key, value) => {
                let tags = Tags::from_iter([(key, value)]);
                let _ = node.act(|node, now| node.set_tags(now, tags));
            }
            Step::ForceLeave(who, prunes) => {
                let prune = if prunes { Prune::Yes } else { Prune::No };
                let who = name(who % NAMES);
                let _ = node.act(|node, now| node.force_leave(now, &who, prune));
            }
        }
    }

    fn connect(&mut self, which: u8) {
        let dialled = self.node.streams().filter(|(_, stage)| *stage == Stage::Dialled);
        let dialled: Vec<StreamId> = dialled.map(|(stream, _)| stream).collect();
        if let Some(stream) = nth(&dialled, which) {
            self.node.connect(*stream);
        }
    }

    fn say(&mut self, which: u8, message: &[u8]) {
        let Some(stream) = self.stream(which) else {
            return;
        };
        let bytes = if self.node.has_accepted(stream) {
            self.node.layers().labelled_frame(message)
        } else {
            self.node.layers().frame(message)
        };
        self.node.data(stream, &bytes);
    }

    fn end(&mut self, which: u8, is_eof: bool) {
        let end = if is_eof { StreamEnd::Eof } else { StreamEnd::Closed };
        if let Some(stream) = self.stream(which) {
            self.node.end(stream, end);
        }
    }

    fn respond(&mut self, which: u8, answer: &[u8]) {
        if let Some(query) = nth(&self.node.queries, which).cloned() {
            let _ = self.node.act(|node, now| node.respond(now, &query, answer));
        }
    }

    fn stream(&self, which: u8) -> Option<StreamId> {
        let streams: Vec<StreamId> = self.node.streams().map(|(stream, _)| stream).collect();
        nth(&streams, which).copied()
    }
}

/// Limits so small that everything fills up.
fn few() -> Limits {
    Limits {
        stream_len: 4096,
        inflated_stream_len: 8192,
        inflated_packet_len: 8192,
        inbound_streams: 2,
        members: 5,
        received_meta_len: 64,
        queue: 3,
        queue_warning: 2,
        queue_bytes: 1024,
        ring: 4,
        ring_slot: 2,
        ring_bytes: 512,
        recent_intents: 2,
        open_queries: 2,
        filter_steps: 10_000,
        relay_factor: 2,
        relayed_answers: 2,
        relayed_pings: 2,
        snapshot_len: 256,
        joins_at_once: 2,
        join_answers: 2,
    }
}

fn query_params(
    node: Option<u8>,
    expr: Option<String>,
    acks: bool,
    timeout: Option<u16>,
) -> QueryParams {
    let mut params = QueryParams::new();
    if let Some(node) = node {
        params = params.node(name(node % NAMES));
    }
    if let Some(expr) = expr {
        params = params.tag("role", expr);
    }
    if !acks {
        params = params.without_acks();
    }
    match timeout {
        Some(ms) => params.timeout(Duration::from_millis(ms.into())),
        None => params,
    }
}

fn keep_last<T>(of: &mut Vec<T>) {
    of.drain(..of.len().saturating_sub(MEMORY));
}

fn nth<T>(of: &[T], which: u8) -> Option<&T> {
    of.get(usize::from(which) % of.len().max(1))
}
