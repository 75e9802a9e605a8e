//! Messages of other nodes.

use std::net::SocketAddr;

use serfer_proto::Tags;
use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::{Alive, Dead, Message, Ping, PushNodeState, Suspect, ip_bytes};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{self, FLAG_ACK, Query, SerfMessage};
use serfer_proto::wire::stream::{PushPull, StreamMessage};
use serfer_proto::wire::{checksum, kind};

use crate::harness::network::addr;
use crate::harness::support::name;

/// The protocol versions that a current `serf agent` announces.
pub(crate) const VERSIONS: [u8; 6] = [1, 5, 2, 2, 5, 5];

pub(crate) fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn alive(node: usize, incarnation: u32) -> Vec<u8> {
    alive_at(&name(node), addr(node), incarnation)
}

pub(crate) fn alive_at(node: &str, at: SocketAddr, incarnation: u32) -> Vec<u8> {
    encoded(&Message::Alive(Alive {
        addr: &ip_bytes(at.ip()),
        incarnation,
        meta: b"\xff\x80",
        node: node.into(),
        port: at.port(),
        versions: &VERSIONS,
    }))
}

/// The alive message of a node that has these tags.
pub(crate) fn alive_with(node: usize, incarnation: u32, tags: &Tags) -> Vec<u8> {
    let mut meta = vec![0xff];
    meta.push(0x80 | tags.len() as u8);
    for (key, value) in tags.iter() {
        for text in [key, value] {
            meta.push(0xa0 | text.len() as u8);
            meta.extend_from_slice(text.as_bytes());
        }
    }
    encoded(&Message::Alive(Alive {
        addr: &ip_bytes(addr(node).ip()),
        incarnation,
        meta: &meta,
        node: name(node).as_str().into(),
        port: addr(node).port(),
        versions: &VERSIONS,
    }))
}

pub(crate) fn suspect(node: usize, accuser: usize, incarnation: u32) -> Vec<u8> {
    let (node, from) = (name(node), name(accuser));
    encoded(&Message::Suspect(Suspect {
        from: from.as_str().into(),
        incarnation,
        node: node.as_str().into(),
    }))
}

pub(crate) fn dead(node: usize, accuser: usize, incarnation: u32) -> Vec<u8> {
    let (node, from) = (name(node), name(accuser));
    encoded(&Message::Dead(Dead {
        from: from.as_str().into(),
        incarnation,
        node: node.as_str().into(),
    }))
}

/// A query of node 1 that asks for acks.
pub(crate) fn query() -> Query<'static> {
    Query {
        addr: &[10, 0, 0, 2],
        flags: FLAG_ACK,
        id: 7,
        ltime: 5,
        name: "load".into(),
        port: 7946,
        source_node: "n1".into(),
        timeout: 10_000_000_000,
        ..Query::default()
    }
}

pub(crate) fn ping(node: usize, seq: u32) -> Vec<u8> {
    let node = name(node);
    encoded(&Message::Ping(Ping { node: node.as_str().into(), seq, ..Ping::default() }))
}

/// A serf message, in a packet.
pub(crate) fn user(message: &SerfMessage<'_>) -> Vec<u8> {
    let mut bytes = vec![kind::USER];
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn join_intent(node: usize, ltime: u64) -> Vec<u8> {
    let node = name(node);
    user(&SerfMessage::Join(serf_message::Join { ltime, node: node.as_str().into() }))
}

pub(crate) fn leave_intent(node: usize, ltime: u64) -> Vec<u8> {
    let (node, prune) = (name(node), false);
    user(&SerfMessage::Leave(serf_message::Leave { ltime, node: node.as_str().into(), prune }))
}

pub(crate) fn user_event(name: &str, ltime: u64) -> Vec<u8> {
    let (coalesce, name, payload) = (false, name.into(), &b"payload"[..]);
    user(&SerfMessage::UserEvent(serf_message::UserEvent { coalesce, ltime, name, payload }))
}

/// A push/pull of node 1 that knows these nodes.
pub(crate) fn push_pull(
    join: bool,
    nodes: &[PushNodeState<'_>],
    serf: Option<&serf_message::PushPull<'_>>,
) -> Vec<u8> {
    let mut user_state = Vec::new();
    if let Some(serf) = serf {
        SerfMessage::PushPull(*serf).encode(&mut user_state);
    }
    let nodes = SeqBuf::of(nodes.iter().copied());
    let mut bytes = Vec::new();
    let state = PushPull { join, nodes: nodes.as_seq(), user_state: &user_state };
    StreamMessage::PushPull(state).encode(&mut bytes);
    bytes
}

/// Whether a message is the ack of this ping, with any payload.
pub(crate) fn is_ack_to(seq: u32, message: &[u8]) -> bool {
    matches!(Message::decode(message), Ok(Message::Ack(ack)) if ack.seq == seq)
}

/// The messages of a packet that is not sealed.
pub(crate) fn messages(packet: &[u8]) -> Vec<Vec<u8>> {
    let packet = checksum::strip(packet).unwrap();
    match packet.split_first() {
        Some((&kind::COMPOUND, parts)) => {
            Parts::parse(parts).unwrap().map(|part| part.unwrap().to_vec()).collect()
        }
        Some((&kind::COMPRESS, body)) => {
            let mut inflated = Vec::new();
            Lzw::default().inflate(body, 1 << 20, &mut inflated).unwrap();
            messages(&inflated)
        }
        _ => vec![packet.to_vec()],
    }
}
