//! What others say: names, addresses and tags as long as in any cluster, and the packets with them.

use std::net::SocketAddr;

use serfer_proto::wire::kind;
use serfer_proto::wire::message::{Alive, Dead, Message, Ping, Suspect};
use serfer_proto::wire::serf_message::{Leave, SerfMessage};

/// How long the encoded tags of a member are.
pub(crate) const META_LEN: usize = 64;

pub(crate) fn addr(member: usize) -> SocketAddr {
    let [.., a, b, c] = member.to_be_bytes();
    SocketAddr::from(([10, a, b, c], 7946))
}

pub(crate) fn name(member: usize) -> String {
    format!("node-{member:06}")
}

/// One tag, a role of 54 letters, other ones for each member.
fn meta(member: usize) -> [u8; META_LEN] {
    let mut meta = [0; META_LEN];
    let (head, role) = meta.split_at_mut(10);
    head.copy_from_slice(b"\xff\x81\xa4role\xda\x00\x36");
    let mut number = member as u64;
    for letter in role {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *letter = b"0123456789abcdefghijklmnopqrstuv"[(number >> 59) as usize];
    }
    meta
}

pub(crate) fn encoded(message: &Message<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

pub(crate) fn alive(member: usize, incarnation: u32) -> Vec<u8> {
    let [.., a, b, c] = member.to_be_bytes();
    encoded(&Message::Alive(Alive {
        addr: &[10, a, b, c],
        incarnation,
        meta: &meta(member),
        node: name(member).as_str().into(),
        port: 7946,
        versions: &[1, 5, 2, 2, 5, 5],
    }))
}

pub(crate) fn dead(member: usize, incarnation: u32) -> Vec<u8> {
    let (from, node) = (name(0), name(member));
    let (from, node) = (from.as_str().into(), node.as_str().into());
    encoded(&Message::Dead(Dead { from, incarnation, node }))
}

pub(crate) fn pruned(member: usize) -> Vec<u8> {
    let mut bytes = vec![kind::USER];
    let node = name(member);
    let leave = Leave { ltime: 1000, node: node.as_str().into(), prune: true };
    SerfMessage::Leave(leave).encode(&mut bytes);
    bytes
}

pub(crate) fn suspect(member: usize, incarnation: u32) -> Vec<u8> {
    let (from, node) = (name(0), name(member));
    let (from, node) = (from.as_str().into(), node.as_str().into());
    encoded(&Message::Suspect(Suspect { from, incarnation, node }))
}

/// The first member asks whether we are there.
pub(crate) fn ping(seq: u32) -> Vec<u8> {
    let (us, them) = (name(0), name(1));
    encoded(&Message::Ping(Ping {
        node: us.as_str().into(),
        seq,
        source_addr: Some(&[10, 0, 0, 1]),
        source_node: Some(them.as_str().into()),
        source_port: Some(7946),
    }))
}

/// Messages in one packet.
pub(crate) fn compound(messages: &[Vec<u8>]) -> Vec<u8> {
    let mut packet = vec![kind::COMPOUND, messages.len() as u8];
    packet.extend(messages.iter().flat_map(|message| (message.len() as u16).to_be_bytes()));
    packet.extend(messages.concat());
    packet
}
