//! One message, or one event, in a few words.

use std::net::SocketAddr;

use serfer_proto::wire::message::{Message, ip_from_bytes, state};
use serfer_proto::wire::msgpack::{Reader, Text, Value as _};
use serfer_proto::wire::serf_message::{FLAG_ACK, SerfMessage};
use serfer_proto::wire::stream::{PushPull, StreamMessage};
use serfer_proto::{Event, MemberEvent, Tags};

use super::keys;
use super::lines::Kind;
use super::packets::Describer;
use crate::engine::NodeId;

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
                let seq = self.own_seq(from, ping.seq);
                let node = text(ping.node);
                // It is said whom a ping means only if that is not who receives it.
                let whom = match to {
                    Some(to) if self.name(to) == node => String::new(),
                    _ => format!(" {node}"),
                };
                (Kind::Probe, format!("ping{whom} seq={seq}"))
            }
            Message::IndirectPing(ping) => {
                let seq = self.own_seq(from, ping.seq);
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
            StreamMessage::Ping(ping) => format!("ping seq={}", self.own_seq(from, ping.seq)),
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
    // Their order is random, to no effect.
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
            let payload = keys::response(it.payload).unwrap_or_else(|| answer(it.payload));
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
        SerfMessage::KeyResponse(it) => format!("key-response {}", keys::answer(&it)),
        SerfMessage::Relay(header, message) => {
            format!("relay to {}: {}", text(header.dest_name), serf(message))
        }
    }
}

/// A payload that may be a message itself, as that of a vote is.
fn answer(bytes: &[u8]) -> String {
    match SerfMessage::decode(bytes) {
        Ok(SerfMessage::ConflictResponse(_)) => format!(" ({})", serf(bytes)),
        _ => payload(bytes),
    }
}

pub(super) fn event(event: &Event, describer: &Describer) -> String {
    let name_at = |addr| describer.name_at(addr);
    match event {
        Event::Member(MemberEvent { change, members }) => {
            let members: Vec<_> = members
                .iter()
                .map(|member| format!("{}{}", member.name(), tags(&member.tags())))
                .collect();
            format!("{change} {}", members.join(", "))
        }
        Event::User(it) => format!("user {}{} ltime={}", it.name, payload(&it.payload), it.ltime),
        Event::Query(it) => format!("query {}{} by={}", it.name, payload(&it.payload), it.from),
        Event::Ack(it) => format!("ack by={}", it.from),
        Event::Reply(it) => format!("reply{} by={}", payload(&it.payload), it.from),
        Event::QueryClosed(closed) => {
            format!("query-closed ltime={} {}", closed.query.ltime(), closed.end)
        }
        Event::JoinDone(it) => {
            let mut text = "join-done".to_owned();
            for addr in &*it.reached {
                text += &format!(" {}", name_at(*addr));
            }
            for (addr, why) in &*it.failed {
                text += &format!(" ({}: {why})", name_at(*addr));
            }
            text
        }
        Event::RejoinDone(it) => match it.reached {
            Some(addr) => format!("rejoin-done {}", name_at(addr)),
            None => format!("rejoin-done (none of {})", it.tried),
        },
        Event::Conflict(it) => {
            format!("conflict {} with {}", it.existing.name(), name_at(it.other))
        }
        Event::ShutdownWanted(reason) => format!("shutdown-wanted: {reason}"),
        Event::Left(report) => format!("left: {report}"),
        Event::KeysDone(it) => keys::done(it),
        Event::RotationStage(stage) => format!("rotation {stage}"),
        Event::RotationDone(it) => keys::rotation_done(it, describer),
        Event::RotationStopped(it) => keys::rotation_stopped(it, describer),
        Event::StoreFailed(it) => format!("store-failed {}: {}", it.file, it.reason),
        other => format!("{other:?}"),
    }
}

/// Tags as they travel.
fn meta(bytes: &[u8]) -> String {
    let Some((&0xff, map)) = bytes.split_first() else {
        return if bytes.is_empty() { String::new() } else { payload(bytes) };
    };
    let from = &mut Reader::new(map);
    let mut found = Tags::new();
    for _ in 0..from.map_len().unwrap_or(0) {
        let (Ok(key), Ok(value)) = (Text::take(from), Text::take(from)) else {
            break;
        };
        found.insert(text(key), text(value));
    }
    tags(&found)
}

fn tags(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

pub(super) fn text(text: Text<'_>) -> String {
    text.to_string_lossy()
}

/// A payload, if there is one: in quotes if it can be read.
pub(super) fn payload(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => String::new(),
        Ok(text) if text.len() <= 64 => format!(" {text:?}"),
        _ => format!(" ({} bytes)", bytes.len()),
    }
}
