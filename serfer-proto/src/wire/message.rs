//! memberlist's messages: what SWIM members say to each other.
//!
//! Counterparts of the structs in Go's `net.go`. A message is one type byte and a body; bodies are
//! MessagePack maps, except that a user message in a packet is its bytes as they are.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire::body::body;
use crate::wire::kind;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value};

body! {
    /// "Are you there?", answered with an [`Ack`] by the node it names.
    pub struct Ping<'a> {
        /// The name of the pinged node; a receiver of another name stays silent.
        node: Text<'a> => "Node",
        /// Comes back in the ack.
        seq: u32 => "SeqNo",
        /// Where the pinging node wants the ack: 4 or 16 address bytes. Since serf 0.9.0.
        source_addr: Option<&'a [u8]> => "SourceAddr",
        /// The pinging node's name. Since serf 0.9.0.
        source_node: Option<Text<'a>> => "SourceNode",
        /// The port that goes with `source_addr`. Since serf 0.9.0.
        source_port: Option<u16> => "SourcePort",
    }

    /// "Ping that node for me", sent when a direct ping went unanswered.
    pub struct IndirectPing<'a> {
        /// Whether the sender understands a [`Nack`].
        nack: bool => "Nack",
        /// The name of the node to ping.
        node: Text<'a> => "Node",
        /// Its port; 0 means the receiver's own default.
        port: u16 => "Port",
        /// Comes back in the ack or nack.
        seq: u32 => "SeqNo",
        /// As in [`Ping`].
        source_addr: Option<&'a [u8]> => "SourceAddr",
        /// As in [`Ping`].
        source_node: Option<Text<'a>> => "SourceNode",
        /// As in [`Ping`].
        source_port: Option<u16> => "SourcePort",
        /// The address of the node to ping: 4 or 16 bytes.
        target: &'a [u8] => "Target",
    }

    /// "I am here", or "it is there" from a helper.
    pub struct Ack<'a> {
        /// What the application adds: serf puts its coordinate here.
        payload: &'a [u8] => "Payload",
        /// The number of the ping this answers.
        seq: u32 => "SeqNo",
    }

    /// A helper's "I am here, but I could not reach it".
    pub struct Nack {
        /// The number of the indirect ping this answers.
        seq: u32 => "SeqNo",
    }

    /// A suspicion: `from` could not reach `node`.
    pub struct Suspect<'a> {
        /// Who says so.
        from: Text<'a> => "From",
        /// The incarnation of the suspect that the accuser knew.
        incarnation: u32 => "Incarnation",
        /// The suspect.
        node: Text<'a> => "Node",
    }

    /// A node describes itself. Everybody passes it on.
    pub struct Alive<'a> {
        /// 4 or 16 address bytes. Peers compare them bytewise, so they are passed on verbatim.
        addr: &'a [u8] => "Addr",
        /// Grows whenever the node has something new to say about itself.
        incarnation: u32 => "Incarnation",
        /// The application's data: serf's encoded tags.
        meta: &'a [u8] => "Meta",
        /// The node's name.
        node: Text<'a> => "Node",
        /// The port for both datagrams and streams; 0 means the receiver's own default.
        port: u16 => "Port",
        /// Protocol and delegate versions: PMin, PMax, PCur, DMin, DMax, DCur.
        versions: &'a [u8] => "Vsn",
    }

    /// A member is dead, or, when `from` is the node itself, it leaves.
    pub struct Dead<'a> {
        /// Who says so.
        from: Text<'a> => "From",
        /// The incarnation of the dead that `from` knew.
        incarnation: u32 => "Incarnation",
        /// The dead.
        node: Text<'a> => "Node",
    }

    /// One member in a push/pull.
    pub struct PushNodeState<'a> {
        /// As in [`Alive`].
        addr: &'a [u8] => "Addr",
        /// As in [`Alive`].
        incarnation: u32 => "Incarnation",
        /// As in [`Alive`].
        meta: &'a [u8] => "Meta",
        /// The node's name.
        name: Text<'a> => "Name",
        /// As in [`Alive`].
        port: u16 => "Port",
        /// What the sender believes of it: see [`state`].
        state: i64 => "State",
        /// As in [`Alive`].
        versions: &'a [u8] => "Vsn",
    }

    /// The head of a push/pull.
    pub(in crate::wire) struct PushPullHeader {
        /// Whether the initiator is joining.
        join: bool => "Join",
        nodes: i64 => "Nodes",
        user_state_len: i64 => "UserStateLen",
    }

    /// The head of a user message on a stream.
    pub(in crate::wire) struct UserMessageHeader {
        len: i64 => "UserMsgLen",
    }

    /// An accepting node's answer to a stream that it cannot read.
    pub struct ErrorResponse<'a> {
        /// A text for people. Its wording differs between versions.
        error: Text<'a> => "Error",
    }
}

impl<'a> PushNodeState<'a> {
    /// What it says of a member that is alive.
    pub(crate) fn alive(&self) -> Alive<'a> {
        let &Self { addr, incarnation, meta, name: node, port, versions, .. } = self;
        Alive { addr, incarnation, meta, node, port, versions }
    }
}

/// The values of [`PushNodeState::state`].
pub mod state {
    /// Reachable, as far as the sender knows.
    pub const ALIVE: i64 = 0;
    /// Suspected, with time left to refute.
    pub const SUSPECT: i64 = 1;
    /// Found dead.
    pub const DEAD: i64 = 2;
    /// Left gracefully. Since serf 0.9.0.
    pub const LEFT: i64 = 3;
}

/// A message that may travel in a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// See [`Ping`].
    Ping(Ping<'a>),
    /// See [`IndirectPing`].
    IndirectPing(IndirectPing<'a>),
    /// See [`Ack`].
    Ack(Ack<'a>),
    /// See [`Suspect`].
    Suspect(Suspect<'a>),
    /// See [`Alive`].
    Alive(Alive<'a>),
    /// See [`Dead`].
    Dead(Dead<'a>),
    /// A message of the layer above, serf's.
    User(&'a [u8]),
    /// See [`Nack`].
    Nack(Nack),
}

impl<'a> Message<'a> {
    /// Reads a message of one piece: compounds and compression are taken apart before.
    ///
    /// # Errors
    /// If the type does not belong in a packet or the body does not decode.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&kind, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        let from = &mut Reader::new(body);
        Ok(match kind {
            kind::PING => Self::Ping(Value::take(from)?),
            kind::INDIRECT_PING => Self::IndirectPing(Value::take(from)?),
            kind::ACK => Self::Ack(Value::take(from)?),
            kind::SUSPECT => Self::Suspect(Value::take(from)?),
            kind::ALIVE => Self::Alive(Value::take(from)?),
            kind::DEAD => Self::Dead(Value::take(from)?),
            kind::USER => Self::User(body),
            kind::NACK => Self::Nack(Value::take(from)?),
            kind => return Err(DecodeError::UnknownType(kind)),
        })
    }

    /// Appends the message, type byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ping(body) => put(out, kind::PING, body),
            Self::IndirectPing(body) => put(out, kind::INDIRECT_PING, body),
            Self::Ack(body) => put(out, kind::ACK, body),
            Self::Suspect(body) => put(out, kind::SUSPECT, body),
            Self::Alive(body) => put(out, kind::ALIVE, body),
            Self::Dead(body) => put(out, kind::DEAD, body),
            Self::Nack(body) => put(out, kind::NACK, body),
            Self::User(bytes) => {
                out.push(kind::USER);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// Appends a type byte and a body.
pub(in crate::wire) fn put<'a>(out: &mut Vec<u8>, kind: u8, body: &impl Value<'a>) {
    out.push(kind);
    body.put(out);
}

/// The address in a message, if it is 4 or 16 bytes long.
///
/// A v4-mapped address of 16 bytes stays an [`Ipv6Addr`], so that [`ip_bytes`] gives back exactly
/// what was received.
pub fn ip_from_bytes(bytes: &[u8]) -> Option<IpAddr> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).into());
    }
    let v6 = <[u8; 16]>::try_from(bytes).ok()?;
    Some(Ipv6Addr::from(v6).into())
}

/// The bytes of an address as they travel; the reverse of [`ip_from_bytes`].
pub fn ip_bytes(ip: IpAddr) -> IpBytes {
    let mut octets = [0; 16];
    let len = match ip {
        IpAddr::V4(v4) => {
            octets[..4].copy_from_slice(&v4.octets());
            4
        }
        IpAddr::V6(v6) => {
            octets = v6.octets();
            16
        }
    };
    IpBytes { octets, len }
}

/// 4 or 16 address bytes.
#[derive(Clone, Copy, Debug)]
pub struct IpBytes {
    octets: [u8; 16],
    len: usize,
}

impl std::ops::Deref for IpBytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.octets[..self.len]
    }
}
