//! Steps in a node's life that are about keys or coordinates.
//!
//! The other members have keyrings of their own. They do what they are asked to, unless they lie.

use std::time::Duration;

use arbitrary::Arbitrary;
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::message::{Ack, Message, ip_bytes};
use serfer_proto::wire::msgpack::{Float, Text};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    FLAG_ACK, KeyRequest, KeyResponse, Query, QueryResponse, SerfMessage,
};
use serfer_proto::{
    DIMENSIONS, Endpoint, KeyError, KeyOp, KeyParams, Keyring, Neighbor, Retire, RotationParams,
    SecretKey, Status,
};

use super::layers::{key, key_bytes};
use super::watched::{Watched, addr, alive, encoded, name};
use super::words::NAMES;

#[derive(Arbitrary, Debug)]
pub(super) enum Step {
    ManageKey {
        op: Op,
        key: u8,
        relay_factor: u8,
        timeout: Option<u16>,
    },
    RotateKey {
        key: u8,
        retire: Option<bool>,
        attempts: u8,
        timeout: Option<u16>,
    },
    /// All others change their keys as the node has asked last, and answer.
    Obey,
    /// One gives another answer.
    Lie {
        who: u8,
        lie: Lie,
    },
    /// A member sends the node a key request.
    Ask {
        from: u8,
        op: Op,
        key: Result<u8, Vec<u8>>,
        ltime: u8,
        id: u32,
    },
    /// A message that is sealed with any key.
    HearSealed {
        from: u8,
        key: u8,
        incarnation: u8,
    },
    /// The keyring file is written, or cannot be.
    KeysStored {
        works: bool,
    },
    /// A peer acks the last ping of the node, with a coordinate.
    Answer(Place),
    /// The application reads the coordinates.
    Look {
        a: u8,
        b: u8,
        count: u8,
        rtt: u16,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Op {
    Install,
    Use,
    Remove,
    List,
}

#[derive(Arbitrary, Debug)]
pub(super) enum Lie {
    Keys { done: bool, message: String, keys: Vec<u8>, primary: Option<u8> },
    Raw(Vec<u8>),
}

/// The coordinate in an ack.
#[derive(Arbitrary, Debug)]
pub(super) enum Place {
    /// A plausible place in a cluster, in milliseconds.
    Near {
        vec: [i8; DIMENSIONS],
        error: u8,
        adjustment: i8,
        height: u8,
    },
    /// Any floats, NaN and infinities included.
    Anywhere {
        vec: [f64; DIMENSIONS],
        error: f64,
        adjustment: f64,
        height: f64,
    },
    /// Another number of dimensions.
    Elsewhere(Vec<i8>),
    Raw(Vec<u8>),
    Nowhere,
}

/// The other members, and the outcomes that the node still has to report.
pub(super) struct Others {
    rings: Vec<Keyring>,
    /// How many key requests, and how many rotations, began.
    begun: [usize; 2],
}

/// A key request of the node.
struct Question {
    id: u32,
    ltime: u64,
    op: KeyOp,
}

impl Op {
    fn of(self, key: SecretKey) -> KeyOp {
        match self {
            Self::Install => KeyOp::Install(key),
            Self::Use => KeyOp::Use(key),
            Self::Remove => KeyOp::Remove(key),
            Self::List => KeyOp::List,
        }
    }

    fn query_name(self) -> &'static str {
        match self {
            Self::Install => "_serf_install-key",
            Self::Use => "_serf_use-key",
            Self::Remove => "_serf_remove-key",
            Self::List => "_serf_list-keys",
        }
    }
}

impl Others {
    pub(super) fn new() -> Self {
        Self { rings: (0..NAMES).map(|_| Keyring::new(key(0))).collect(), begun: [0; 2] }
    }

    pub(super) fn step(&mut self, node: &mut Watched, step: Step) {
        match step {
            Step::ManageKey { op, key: which, relay_factor, timeout } => {
                let params = KeyParams { relay_factor, timeout: timeout.map(millis) };
                let op = op.of(key(which));
                let is_change = op.key().is_some();
                let asked = node.act(|node, now| node.manage_key(now, op, params));
                self.begun[0] += usize::from(asked.is_ok());
                let is_keyed = node.layers().keyed;
                assert!(is_keyed || !is_change || asked == Err(KeyError::NotEncrypted));
            }
            Step::RotateKey { key: which, retire, attempts, timeout } => {
                let retire = match retire {
                    None => Retire::Nothing,
                    Some(true) => Retire::Others,
                    Some(false) => Retire::Former,
                };
                let ask = KeyParams { timeout: timeout.map(millis), ..KeyParams::default() };
                let params = RotationParams { retire, attempts: (attempts % 4).into(), ask };
                let new = key(which);
                let begun = node.act(|node, now| node.rotate_key(now, new, params));
                self.begun[1] += usize::from(begun.is_ok());
            }
            Step::Obey => self.obey(node),
            Step::Lie { who, lie } => {
                if let Some(question) = last_question(node) {
                    answer(node, who, &question, &lie.encoded());
                }
            }
            Step::Ask { from, op, key: which, ltime, id } => {
                let key = which.map_or_else(|raw| raw, |which| key_bytes(&key(which)));
                ask(node, from, (id, ltime.into()), op, &key);
            }
            Step::HearSealed { from, key: which, incarnation } => {
                let from = from % NAMES;
                let news = alive(from, incarnation.into(), b"\xff\x80");
                node.hear_sealed(addr(from), &key(which), &news);
            }
            Step::KeysStored { works } => node.report_stored(works),
            Step::Answer(place) => answer_ping(node, &place.encoded()),
            Step::Look { a, b, count, rtt } => {
                node.act(|node, _| look(node, [a, b], count.into(), millis(rtt)));
            }
        }
    }

    fn obey(&mut self, node: &mut Watched) {
        let Some(question) = last_question(node) else {
            return;
        };
        for who in 1..NAMES {
            let ring = &mut self.rings[usize::from(who)];
            let done = match &question.op {
                KeyOp::Install(key) => {
                    ring.add(key.clone());
                    Ok(())
                }
                KeyOp::Use(key) => ring.make_primary(key),
                KeyOp::Remove(key) => ring.remove(key),
                KeyOp::List => Ok(()),
            };
            let keys: Vec<String> = ring.keys().map(SecretKey::to_base64).collect();
            let listed = if question.op == KeyOp::List { &keys[..] } else { &[] };
            let message = done.map_or_else(|error| error.to_string(), |()| String::new());
            let answered = key_response(message.is_empty(), &message, listed, listed.first());
            answer(node, who, &question, &answered);
        }
    }

    /// All key requests and rotations end, once enough time has passed.
    pub(super) fn assert_ended(&self, node: &mut Watched) {
        for _ in 0..1000 {
            if node.ended == self.begun {
                return;
            }
            node.now += Duration::from_secs(90);
            node.wake();
        }
        panic!("of {:?} questions and rotations {:?} ended", self.begun, node.ended);
    }
}

impl Lie {
    fn encoded(&self) -> Vec<u8> {
        match self {
            Self::Keys { done, message, keys, primary } => {
                let keys: Vec<String> = keys.iter().map(|&which| key(which).to_base64()).collect();
                let primary = primary.map(|which| key(which).to_base64());
                key_response(*done, message, &keys, primary.as_ref())
            }
            Self::Raw(bytes) => bytes.clone(),
        }
    }
}

fn key_response(done: bool, message: &str, keys: &[String], primary: Option<&String>) -> Vec<u8> {
    let keys = SeqBuf::of(keys.iter().map(|key| Text(key.as_bytes())));
    let response = KeyResponse {
        keys: keys.as_seq(),
        message: message.into(),
        primary_key: primary.map_or("", String::as_str).into(),
        result: done,
    };
    let mut out = Vec::new();
    SerfMessage::KeyResponse(response).encode(&mut out);
    out
}

/// The last key request of the node.
fn last_question(node: &Watched) -> Option<Question> {
    let found = node.last_said(|message| {
        let Ok(Message::User(message)) = Message::decode(message) else {
            return None;
        };
        let Ok(SerfMessage::Query(query)) = SerfMessage::decode(message) else {
            return None;
        };
        let Ok(SerfMessage::KeyRequest(request)) = SerfMessage::decode(query.payload) else {
            return None;
        };
        let key = SecretKey::new(request.key.0);
        let op = match query.name.to_str()? {
            "_serf_install-key" => KeyOp::Install(key.ok()?),
            "_serf_use-key" => KeyOp::Use(key.ok()?),
            "_serf_remove-key" => KeyOp::Remove(key.ok()?),
            _ => KeyOp::List,
        };
        Some(Question { id: query.id, ltime: query.ltime, op })
    });
    found.map(|(_, question)| question)
}

fn answer(node: &mut Watched, who: u8, question: &Question, payload: &[u8]) {
    let who = who % NAMES;
    let from = name(who);
    let from = Text(from.as_bytes());
    let &Question { id, ltime, .. } = question;
    let response = QueryResponse { flags: 0, from, id, ltime, payload };
    let mut message = Vec::new();
    SerfMessage::QueryResponse(response).encode(&mut message);
    node.hear(addr(who), &encoded(&Message::User(&message)));
}

fn ask(node: &mut Watched, from: u8, (id, ltime): (u32, u64), op: Op, key: &[u8]) {
    let from = from % NAMES;
    let source = name(from);
    let mut payload = Vec::new();
    SerfMessage::KeyRequest(KeyRequest { key: Text(key) }).encode(&mut payload);
    let query = Query {
        addr: &ip_bytes(addr(from).ip()),
        flags: FLAG_ACK,
        id,
        ltime,
        name: op.query_name().into(),
        payload: &payload,
        port: 7946,
        source_node: Text(source.as_bytes()),
        timeout: 1_000_000_000,
        ..Query::default()
    };
    let mut message = Vec::new();
    SerfMessage::Query(query).encode(&mut message);
    node.hear(addr(from), &encoded(&Message::User(&message)));
}

impl Place {
    fn encoded(&self) -> Vec<u8> {
        let (vec, [error, adjustment, height]) = match self {
            Self::Near { vec, error, adjustment, height } => {
                let ms = |ms: f64| ms / 1000.0;
                let vec: Vec<f64> = vec.iter().map(|&at| ms(at.into())).collect();
                let error = f64::from(*error) / 100.0;
                (vec, [error, ms((*adjustment).into()), ms((*height).into())])
            }
            Self::Anywhere { vec, error, adjustment, height } => {
                (vec.to_vec(), [*error, *adjustment, *height])
            }
            Self::Elsewhere(vec) => (vec.iter().map(|&at| at.into()).collect(), [1.0, 0.0, 0.001]),
            Self::Raw(bytes) => return bytes.clone(),
            Self::Nowhere => return Vec::new(),
        };
        let vec = SeqBuf::of(vec.into_iter().map(Float));
        let (adjustment, error, height) = (Float(adjustment), Float(error), Float(height));
        let mut out = Vec::new();
        Coordinate { adjustment, error, height, vec: vec.as_seq() }.encode_payload(&mut out);
        out
    }
}

/// A peer acks the last ping of the node.
pub(super) fn answer_ping(node: &mut Watched, payload: &[u8]) {
    let ping = node.last_said(|message| match Message::decode(message) {
        Ok(Message::Ping(ping)) => Some(ping.seq),
        _ => None,
    });
    if let Some((from, seq)) = ping {
        node.hear(from, &encoded(&Message::Ack(Ack { payload, seq })));
    }
}

/// All that the node says about coordinates is consistent.
fn look(node: &Endpoint, who: [u8; 2], count: usize, rtt: Duration) {
    let (all, nearest) = (node.nearest(usize::MAX), node.nearest(count));
    assert!(all.is_sorted_by_key(|neighbor| neighbor.rtt));
    assert!(nearest.len() == count.min(all.len()) && *nearest == all[..nearest.len()]);
    let within = all.iter().filter(|neighbor| neighbor.rtt <= rtt);
    assert!(node.within(rtt).iter().eq(within));
    let is_neighbor = |Neighbor { member, rtt, .. }: &Neighbor| {
        member.status() == Status::Alive
            && member.name() != "n0"
            && node.distance("n0", member.name()) == Some(*rtt)
    };
    assert!(all.iter().all(is_neighbor));
    assert_eq!(node.coordinate_of("n0"), node.coordinate());
    let [a, b] = who.map(|who| name(who % NAMES));
    let (there, back) = (node.distance(&a, &b), node.distance(&b, &a));
    let are_known = [&a, &b].iter().all(|name| node.coordinate_of(name).is_some());
    assert_eq!((there.is_some(), back.is_some()), (are_known, are_known));
    // The order of a sum makes a difference.
    let apart = there.unwrap_or_default().abs_diff(back.unwrap_or_default());
    assert!(apart < Duration::from_micros(1), "{apart:?}");
}

fn millis(ms: u16) -> Duration {
    Duration::from_millis(ms.into())
}
