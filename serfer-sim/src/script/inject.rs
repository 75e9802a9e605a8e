//! Forged messages.
//!
//! `inject a->b suspect c inc=1 by=a` hands a packet with this message to `b`, as if it came from
//! `a`. It is sealed as `b` expects it.

use std::net::SocketAddr;
use std::time::Duration;

use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::message::{
    Ack, Alive, Dead, IndirectPing, Message, Nack, Ping, Suspect, ip_bytes,
};
use serfer_proto::wire::msgpack::{Float, Text, Value as _, put_map};
use serfer_proto::wire::seal::{Cipher, Sealing, Version};
use serfer_proto::wire::seq::SeqBuf;
use serfer_proto::wire::serf_message::{
    FLAG_ACK, Join, Leave, Query, QueryResponse, RelayHeader, SerfMessage, UdpAddr, UserEvent,
};
use serfer_proto::wire::{kind, label};

use super::words::{Result, Words, parse};

/// What the words of a message can refer to.
pub(super) struct InjectContext<'a> {
    pub(super) addr_of: &'a dyn Fn(&str) -> Result<SocketAddr>,
    /// The sequence number on the wire, from the one that the trace shows.
    pub(super) wire_seq: &'a dyn Fn(u32) -> u32,
    /// The id of the query that a node sent at a Lamport time.
    pub(super) query_id: &'a dyn Fn(&str, u64) -> Option<u32>,
    pub(super) receiver: &'a str,
}

/// The versions that a current `serf agent` announces.
const VERSIONS: [u8; 6] = [1, 5, 2, 2, 5, 5];

/// The message that some words describe.
pub(super) fn message(words: &mut Words, cx: &InjectContext<'_>) -> Result<Vec<u8>> {
    let kind = words.next("a message")?;
    let mut out = Vec::new();
    match kind.as_str() {
        "ping" | "indirect-ping" | "ack" | "nack" => probe(&kind, words, cx, &mut out)?,
        "alive" | "suspect" | "dead" => state(&kind, words, cx, &mut out)?,
        _ => {
            out.push(kind::USER);
            serf(&kind, words, cx, &mut out)?;
        }
    }
    Ok(out)
}

fn probe(kind: &str, words: &mut Words, cx: &InjectContext<'_>, out: &mut Vec<u8>) -> Result<()> {
    let seq = words.parsed("seq")?.unwrap_or(1);
    let answered = (cx.wire_seq)(seq);
    match kind {
        "ping" => {
            let node = words.next_if_any().unwrap_or_else(|| cx.receiver.to_owned());
            let source = words.parsed::<SocketAddr>("source")?;
            let source_ip = source.map(|it| ip_bytes(it.ip()));
            let ping = Ping {
                node: Text::from(&*node),
                seq,
                source_addr: source_ip.as_deref(),
                source_port: source.map(|it| it.port()),
                ..Ping::default()
            };
            Message::Ping(ping).encode(out);
        }
        "indirect-ping" => {
            let node = words.next("a node to ping")?;
            let addr = (cx.addr_of)(&node)?;
            let (node, target) = (Text::from(&*node), ip_bytes(addr.ip()));
            let port = addr.port();
            let ping =
                IndirectPing { nack: true, node, port, seq, target: &target, ..<_>::default() };
            Message::IndirectPing(ping).encode(out);
        }
        "ack" => {
            let payload = coordinate(words)?;
            Message::Ack(Ack { payload: &payload, seq: answered }).encode(out);
        }
        _ => Message::Nack(Nack { seq: answered }).encode(out),
    }
    Ok(())
}

/// The payload of an ack: nothing, or the coordinate of its sender.
fn coordinate(words: &mut Words) -> Result<Vec<u8>> {
    let Some(vec) = words.named("vec") else {
        return Ok(Vec::new());
    };
    let vec = vec.split(',').map(|number| parse("vec", number).map(Float));
    let vec = SeqBuf::of(vec.collect::<Result<Vec<_>>>()?);
    let coordinate = Coordinate {
        adjustment: Float(words.parsed("adjustment")?.unwrap_or(0.0)),
        error: Float(words.parsed("error")?.unwrap_or(1.5)),
        height: Float(words.parsed("height")?.unwrap_or(1e-5)),
        vec: vec.as_seq(),
    };
    let mut payload = Vec::new();
    coordinate.encode_payload(&mut payload);
    if let Some(version) = words.parsed("version")? {
        payload[0] = version;
    }
    Ok(payload)
}

fn state(kind: &str, words: &mut Words, cx: &InjectContext<'_>, out: &mut Vec<u8>) -> Result<()> {
    let node = words.next("a node")?;
    let incarnation = words.parsed("inc")?.unwrap_or(1);
    if kind == "alive" {
        let addr = match words.parsed::<SocketAddr>("addr")? {
            Some(addr) => addr,
            None => (cx.addr_of)(&node)?,
        };
        let versions = match words.named("versions") {
            Some(list) => numbers("versions", &list)?,
            None => VERSIONS.to_vec(),
        };
        let meta = tags(words.rest_named());
        let (addr, port) = (ip_bytes(addr.ip()), addr.port());
        let (node, versions) = (Text::from(&*node), &*versions);
        let alive = Alive { addr: &addr, incarnation, meta: &meta, node, port, versions };
        Message::Alive(alive).encode(out);
        return Ok(());
    }
    let by = words.named("by").ok_or("by=… is missing: the node that sends it")?;
    let (node, from) = (Text::from(&*node), Text::from(&*by));
    match kind {
        "suspect" => Message::Suspect(Suspect { from, incarnation, node }).encode(out),
        _ => Message::Dead(Dead { from, incarnation, node }).encode(out),
    }
    Ok(())
}

fn serf(kind: &str, words: &mut Words, cx: &InjectContext<'_>, out: &mut Vec<u8>) -> Result<()> {
    match kind {
        "join-intent" | "leave-intent" | "user-event" => intent_or_event(kind, words, out),
        "query" => query(words, cx, out),
        "query-ack" | "query-reply" => response(kind, words, cx, out),
        "relay" => relay(words, cx, out),
        other => Err(format!("there is no message `{other}`")),
    }
}

fn query(words: &mut Words, cx: &InjectContext<'_>, out: &mut Vec<u8>) -> Result<()> {
    let name = words.next("a name")?;
    let by = words.named("by").unwrap_or_default();
    let payload = words.named("payload").unwrap_or_default();
    let addr = match words.parsed::<SocketAddr>("addr")? {
        Some(addr) => addr,
        None => (cx.addr_of)(&by)?,
    };
    let timeout = words.time("timeout")?.unwrap_or(Duration::from_secs(1));
    let ip = ip_bytes(addr.ip());
    let query = Query {
        addr: &ip,
        flags: if words.flag("ack") { FLAG_ACK } else { 0 },
        id: words.parsed("id")?.unwrap_or(1),
        ltime: words.parsed("ltime")?.unwrap_or(1),
        name: Text::from(&*name),
        payload: payload.as_bytes(),
        port: addr.port(),
        relay_factor: words.parsed("relay")?.unwrap_or(0),
        source_node: Text::from(&*by),
        timeout: timeout.as_nanos() as i64,
        ..Query::default()
    };
    SerfMessage::Query(query).encode(out);
    Ok(())
}

/// A response to a query of the receiver, or of the node `to=…`.
fn response(
    kind: &str,
    words: &mut Words,
    cx: &InjectContext<'_>,
    out: &mut Vec<u8>,
) -> Result<()> {
    let by = words.named("by").ok_or("by=… is missing: the node that sends it")?;
    let asker = words.named("to").unwrap_or_else(|| cx.receiver.to_owned());
    let ltime = words.parsed("ltime")?.unwrap_or(1);
    let payload = words.named("payload").unwrap_or_default();
    let id = (cx.query_id)(&asker, ltime);
    let response = QueryResponse {
        flags: if kind == "query-ack" { FLAG_ACK } else { 0 },
        from: Text::from(&*by),
        id: id.ok_or_else(|| format!("the trace has no query of {asker} at {ltime}"))?,
        ltime,
        payload: payload.as_bytes(),
    };
    SerfMessage::QueryResponse(response).encode(out);
    Ok(())
}

/// `relay a query-reply by=b to=a`: a message to be relayed to a node, by its name or address.
fn relay(words: &mut Words, cx: &InjectContext<'_>, out: &mut Vec<u8>) -> Result<()> {
    let target = words.next("a node or an address")?;
    let addr = target.parse().map_or_else(|_| (cx.addr_of)(&target), Ok)?;
    let ip = ip_bytes(addr.ip());
    let dest_addr = UdpAddr { ip: &ip, port: addr.port().into(), zone: Text::from("") };
    let header = RelayHeader { dest_addr, dest_name: Text::from(&*target) };
    let kind = words.next("a message to relay")?;
    let mut message = Vec::new();
    serf(&kind, words, cx, &mut message)?;
    SerfMessage::Relay(header, &message).encode(out);
    Ok(())
}

fn intent_or_event(kind: &str, words: &mut Words, out: &mut Vec<u8>) -> Result<()> {
    let name = words.next("a name")?;
    let ltime = words.parsed("ltime")?.unwrap_or(1);
    let payload = words.named("payload").unwrap_or_default();
    let text = Text::from(&*name);
    match kind {
        "join-intent" => SerfMessage::Join(Join { ltime, node: text }),
        "leave-intent" => {
            SerfMessage::Leave(Leave { ltime, node: text, prune: words.flag("prune") })
        }
        _ => {
            let (coalesce, payload) = (words.flag("coalesce"), payload.as_bytes());
            SerfMessage::UserEvent(UserEvent { coalesce, ltime, name: text, payload })
        }
    }
    .encode(out);
    Ok(())
}

/// A list of numbers, as `1,5,2`. It may be empty.
fn numbers(key: &str, list: &str) -> Result<Vec<u8>> {
    list.split(',').filter(|it| !it.is_empty()).map(|number| parse(key, number)).collect()
}

/// Encoded tags.
fn tags(tags: Vec<(String, String)>) -> Vec<u8> {
    let mut meta = vec![0xff];
    put_map(&mut meta, tags.len());
    for (key, value) in tags {
        Text::from(&*key).put(&mut meta);
        Text::from(&*value).put(&mut meta);
    }
    meta
}

/// A packet with one message, sealed if there is a key. The nonce is always the same, since nothing
/// here is secret.
pub(super) fn seal(message: &[u8], key: Option<&Cipher>, label: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    label::put(label.as_bytes(), &mut packet);
    let Some(key) = key else {
        packet.extend_from_slice(message);
        return packet;
    };
    let sealing = Sealing::begin(Version::Plain, [0; 12], &mut packet);
    packet.extend_from_slice(message);
    sealing.finish(key, label.as_bytes(), &mut packet);
    packet
}
