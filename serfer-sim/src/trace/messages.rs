//! Messages of packets and streams, in words.

use std::net::SocketAddr;

use serfer_proto::wire::message::{Message, ip_from_bytes, state};
use serfer_proto::wire::serf_message::{FLAG_ACK, SerfMessage};
use serfer_proto::wire::stream::{PushPull, StreamMessage};

use super::describer::Describer;
use super::fields::{meta, payload, text};
use super::keys;
use super::kind::Kind;
use crate::node_id::NodeId;

/// How many members of a push/pull are listed.
const LISTED_MAX: usize = 8;

impl Describer {
    pub(super) fn message(
        &mut self,
        from: NodeId,
        to: Option<NodeId>,
        message: &Message<'_>,
    ) -> (Kind, String) {
        match message {
            Message::Ping(ping) => {
                let seq = self.sent_seq(from, ping.seq);
                let node = text(ping.node);
                // The target is shown only if it is not the node that receives the ping.
                let target = match to {
                    Some(to) if self.name(to) == node => String::new(),
                    _ => format!(" {node}"),
                };
                (Kind::Probe, format!("ping{target} seq={seq}"))
            }
            Message::IndirectPing(ping) => {
                let seq = self.sent_seq(from, ping.seq);
                (Kind::Probe, format!("indirect-ping {} seq={seq}", text(ping.node)))
            }
            Message::Ack(ack) => {
                (Kind::Probe, format!("ack seq={}", self.answered_seq(to, ack.seq)))
            }
            Message::Nack(nack) => {
                (Kind::Probe, format!("nack seq={}", self.answered_seq(to, nack.seq)))
            }
            Message::Alive(alive) => {
                let (node, tags) = (text(alive.node), meta(alive.meta));
                (Kind::State, format!("alive {node} inc={}{tags}", alive.incarnation))
            }
            Message::Suspect(it) => {
                let (node, by) = (text(it.node), text(it.from));
                (Kind::State, format!("suspect {node} inc={} by={by}", it.incarnation))
            }
            Message::Dead(it) => {
                let (node, by) = (text(it.node), text(it.from));
                (Kind::State, format!("dead {node} inc={} by={by}", it.incarnation))
            }
            Message::User(bytes) => {
                if let Ok(SerfMessage::Query(query)) = SerfMessage::decode(bytes) {
                    self.note_query(&query);
                }
                (Kind::Serf, serf(bytes))
            }
        }
    }

    pub(super) fn stream_message(
        &mut self,
        from: NodeId,
        to: NodeId,
        message: &StreamMessage<'_>,
    ) -> String {
        match message {
            StreamMessage::Ping(ping) => format!("ping seq={}", self.sent_seq(from, ping.seq)),
            StreamMessage::Ack(ack) => format!("ack seq={}", self.answered_seq(Some(to), ack.seq)),
            StreamMessage::PushPull(it) => push_pull(it),
            StreamMessage::User(bytes) => serf(bytes),
            StreamMessage::Error(error) => format!("error {:?}", text(error.error)),
        }
    }
}

fn push_pull(it: &PushPull<'_>) -> String {
    let join = if it.join { " join" } else { "" };
    if it.nodes.len() > LISTED_MAX {
        return format!("push/pull{join} ({} members)", it.nodes.len());
    }
    let mut nodes: Vec<_> = it
        .nodes
        .iter()
        .map(|node| {
            let state = match node.state {
                state::ALIVE => "alive",
                state::SUSPECT => "suspect",
                state::DEAD => "dead",
                state::LEFT => "left",
                _ => "strange",
            };
            format!("{} {state} {}", text(node.name), node.incarnation)
        })
        .collect();
    // They are sent in random order, which has no effect.
    nodes.sort_unstable();
    format!("push/pull{join} ({})", nodes.join(", "))
}

fn serf(bytes: &[u8]) -> String {
    let message = match SerfMessage::decode(bytes) {
        Ok(message) => message,
        Err(error) => return format!("unreadable: {error}"),
    };
    match message {
        SerfMessage::Leave(it) => {
            let prune = if it.prune { " prune" } else { "" };
            format!("leave-intent {} ltime={}{prune}", text(it.node), it.ltime)
        }
        SerfMessage::Join(it) => format!("join-intent {} ltime={}", text(it.node), it.ltime),
        SerfMessage::PushPull(_) => "serf push/pull".to_owned(),
        SerfMessage::UserEvent(it) => {
            format!("user-event {}{} ltime={}", text(it.name), payload(it.payload), it.ltime)
        }
        SerfMessage::Query(it) => {
            let (name, by) = (text(it.name), text(it.source_node));
            let key = keys::request(&name, it.payload);
            let payload = key.unwrap_or_else(|| payload(it.payload));
            let relay = match it.relay_factor {
                0 => String::new(),
                factor => format!(" relay={factor}"),
            };
            format!("query {name}{payload} ltime={} by={by}{relay}", it.ltime)
        }
        SerfMessage::QueryResponse(it) if it.flags & FLAG_ACK != 0 => {
            format!("query-ack ltime={} by={}", it.ltime, text(it.from))
        }
        SerfMessage::QueryResponse(it) => {
            let by = text(it.from);
            let payload = keys::response(it.payload).unwrap_or_else(|| reply_payload(it.payload));
            format!("query-reply{payload} ltime={} by={by}", it.ltime)
        }
        SerfMessage::ConflictResponse(Some(it)) => {
            let ip = ip_from_bytes(it.addr);
            let addr =
                ip.map_or_else(String::new, |ip| format!(" at {}", SocketAddr::new(ip, it.port)));
            format!("conflict-response {}{addr}", text(it.name))
        }
        SerfMessage::ConflictResponse(None) => "conflict-response nobody".to_owned(),
        SerfMessage::KeyRequest(_) => "key-request".to_owned(),
        SerfMessage::KeyResponse(it) => format!("key-response {}", keys::key_response(&it)),
        SerfMessage::Relay(header, message) => {
            format!("relay to {}: {}", text(header.dest_name), serf(message))
        }
    }
}

/// The payload of a reply. It may be a message itself, for example a vote.
fn reply_payload(bytes: &[u8]) -> String {
    match SerfMessage::decode(bytes) {
        Ok(SerfMessage::ConflictResponse(_)) => format!(" ({})", serf(bytes)),
        _ => payload(bytes),
    }
}
