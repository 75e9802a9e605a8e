//! serf's messages: intents, events, queries and their answers.
//!
//! Counterparts of the structs in Go's `messages.go`. They travel inside memberlist's user messages
//! and push/pulls; a message is one type byte and a MessagePack map, except that a relay has a whole
//! second message behind its map.

use crate::wire::body::body;
use crate::wire::message::put;
use crate::wire::msgpack::{DecodeError, Reader, Text, Value, put_nil, raw_len};
use crate::wire::seq::Seq;

/// The first byte of a serf message.
pub mod kind {
    #![expect(missing_docs, reason = "named after the messages")]
    pub const LEAVE: u8 = 0;
    pub const JOIN: u8 = 1;
    pub const PUSH_PULL: u8 = 2;
    pub const USER_EVENT: u8 = 3;
    pub const QUERY: u8 = 4;
    pub const QUERY_RESPONSE: u8 = 5;
    pub const CONFLICT_RESPONSE: u8 = 6;
    pub const KEY_REQUEST: u8 = 7;
    pub const KEY_RESPONSE: u8 = 8;
    pub const RELAY: u8 = 9;
}

/// [`Query::flags`] and [`QueryResponse::flags`]: an ack is wanted, or this is one.
pub const FLAG_ACK: u32 = 1;
/// [`Query::flags`]: not to be passed on.
pub const FLAG_NO_BROADCAST: u32 = 2;

body! {
    /// A join intent: a node wants to be a member.
    pub struct Join<'a> {
        /// When, by the member clock.
        ltime: u64 => "LTime",
        /// Who.
        node: Text<'a> => "Node",
    }

    /// A leave intent: a node wants to leave, or somebody wants a failed node to count as left.
    pub struct Leave<'a> {
        /// When, by the member clock.
        ltime: u64 => "LTime",
        /// Who.
        node: Text<'a> => "Node",
        /// Whether to forget the member altogether. Since serf 0.8.4.
        prune: bool => "Prune",
    }

    /// serf's part of memberlist's push/pull.
    pub struct PushPull<'a> {
        /// The sender's event clock.
        event_ltime: u64 => "EventLTime",
        /// The user events it remembers. Go sends its whole ring; an unused slot is `nil`, which reads as
        /// one without events.
        events: Seq<'a, EventSlot<'a>> => "Events",
        /// The sender's member clock.
        ltime: u64 => "LTime",
        /// The members it knows to have left.
        left_members: Seq<'a, Text<'a>> => "LeftMembers",
        /// The sender's query clock.
        query_ltime: u64 => "QueryLTime",
        /// The time of each member's last intent, left members included.
        status_ltimes: Seq<'a, (Text<'a>, u64)> => "StatusLTimes",
    }

    /// The user events of one Lamport time.
    pub struct EventSlot<'a> {
        /// The events, each once.
        events: Seq<'a, PastEvent<'a>> => "Events",
        /// Their time.
        ltime: u64 => "LTime",
    }

    /// A user event in an [`EventSlot`].
    pub struct PastEvent<'a> {
        /// The event's name.
        name: Text<'a> => "Name",
        /// The event's payload.
        payload: &'a [u8] => "Payload",
    }

    /// A user event on its way through the cluster.
    pub struct UserEvent<'a> {
        /// Whether receivers may coalesce it with others of its name.
        coalesce: bool => "CC",
        /// When, by the event clock.
        ltime: u64 => "LTime",
        /// The event's name.
        name: Text<'a> => "Name",
        /// The event's payload.
        payload: &'a [u8] => "Payload",
    }

    /// A question to the cluster.
    pub struct Query<'a> {
        /// Where the asking node listens: 4 or 16 address bytes.
        addr: &'a [u8] => "Addr",
        /// Who is asked: encoded [`Filter`]s, all of which must match.
        filters: Seq<'a, &'a [u8]> => "Filters",
        /// [`FLAG_ACK`] and [`FLAG_NO_BROADCAST`].
        flags: u32 => "Flags",
        /// Distinguishes queries of one Lamport time.
        id: u32 => "ID",
        /// When, by the query clock.
        ltime: u64 => "LTime",
        /// The query's name.
        name: Text<'a> => "Name",
        /// The query's payload.
        payload: &'a [u8] => "Payload",
        /// The port that goes with `addr`.
        port: u16 => "Port",
        /// Through how many other members answers are sent as well.
        relay_factor: u8 => "RelayFactor",
        /// The asking node's name. Since serf 0.9.0.
        source_node: Text<'a> => "SourceNode",
        /// How long the asking node waits, in nanoseconds.
        timeout: i64 => "Timeout",
    }

    /// An ack of, or an answer to, a query.
    pub struct QueryResponse<'a> {
        /// [`FLAG_ACK`] if this is an ack.
        flags: u32 => "Flags",
        /// Who answers.
        from: Text<'a> => "From",
        /// The query's id.
        id: u32 => "ID",
        /// The query's time.
        ltime: u64 => "LTime",
        /// The answer.
        payload: &'a [u8] => "Payload",
    }

    /// What a member knows of another. Asked for when two nodes claim one name.
    pub struct MemberRecord<'a> {
        /// 4 or 16 address bytes.
        addr: &'a [u8] => "Addr",
        /// serf's protocol version in use.
        delegate_cur: u8 => "DelegateCur",
        /// The newest serf protocol version it speaks.
        delegate_max: u8 => "DelegateMax",
        /// The oldest serf protocol version it speaks.
        delegate_min: u8 => "DelegateMin",
        /// The member's name.
        name: Text<'a> => "Name",
        /// The member's port.
        port: u16 => "Port",
        /// memberlist's protocol version in use.
        protocol_cur: u8 => "ProtocolCur",
        /// The newest memberlist protocol version it speaks.
        protocol_max: u8 => "ProtocolMax",
        /// The oldest memberlist protocol version it speaks.
        protocol_min: u8 => "ProtocolMin",
        /// serf's member status: 1 alive, 2 leaving, 3 left, 4 failed.
        status: i64 => "Status",
        /// The member's tags.
        tags: Seq<'a, (Text<'a>, Text<'a>)> => "Tags",
    }

    /// Asks a member to change or list its keyring.
    pub struct KeyRequest<'a> {
        /// The key's bytes; empty when the keys are to be listed.
        key: Text<'a> => "Key",
    }

    /// Answers a [`KeyRequest`].
    pub struct KeyResponse<'a> {
        /// The installed keys in base64, when they were asked for.
        keys: Seq<'a, Text<'a>> => "Keys",
        /// What went wrong, or what is missing from the list.
        message: Text<'a> => "Message",
        /// The primary key in base64. Since serf 0.9.4.
        primary_key: Text<'a> => "PrimaryKey",
        /// Whether it worked.
        result: bool => "Result",
    }

    /// The receiver of a [`SerfMessage::Relay`].
    pub struct RelayHeader<'a> {
        /// The final receiver's address.
        dest_addr: UdpAddr<'a> => "DestAddr",
        /// The final receiver's name. Since serf 0.9.0.
        dest_name: Text<'a> => "DestName",
    }

    /// An address as Go's `net.UDPAddr` travels.
    pub struct UdpAddr<'a> {
        /// 4 or 16 address bytes.
        ip: &'a [u8] => "IP",
        /// The port.
        port: i64 => "Port",
        /// The zone of a link-local address.
        zone: Text<'a> => "Zone",
    }

    /// The tag half of a [`Filter`].
    pub struct TagFilter<'a> {
        /// A regular expression that must be found in the tag's value.
        expr: Text<'a> => "Expr",
        /// The tag's name.
        tag: Text<'a> => "Tag",
    }
}

/// Who a query is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter<'a> {
    /// Only the nodes of these names.
    Nodes(Seq<'a, Text<'a>>),
    /// Only nodes whose tag matches.
    Tag(TagFilter<'a>),
}

impl<'a> Filter<'a> {
    /// Reads one element of [`Query::filters`].
    ///
    /// # Errors
    /// If it is empty, of an unknown type, or does not decode: it then matches nobody.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&kind, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        let from = &mut Reader::new(body);
        match kind {
            0 => Ok(Self::Nodes(Value::take(from)?)),
            1 => Ok(Self::Tag(Value::take(from)?)),
            kind => Err(DecodeError::UnknownType(kind)),
        }
    }

    /// Appends the filter, type byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Nodes(names) => put(out, 0, names),
            Self::Tag(filter) => put(out, 1, filter),
        }
    }
}

/// A serf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SerfMessage<'a> {
    /// See [`Leave`].
    Leave(Leave<'a>),
    /// See [`Join`].
    Join(Join<'a>),
    /// See [`PushPull`].
    PushPull(PushPull<'a>),
    /// See [`UserEvent`].
    UserEvent(UserEvent<'a>),
    /// See [`Query`].
    Query(Query<'a>),
    /// See [`QueryResponse`].
    QueryResponse(QueryResponse<'a>),
    /// See [`MemberRecord`]; `None` if the name is not known.
    ConflictResponse(Option<MemberRecord<'a>>),
    /// See [`KeyRequest`].
    KeyRequest(KeyRequest<'a>),
    /// See [`KeyResponse`].
    KeyResponse(KeyResponse<'a>),
    /// A whole message, to be passed on.
    Relay(RelayHeader<'a>, &'a [u8]),
}

impl<'a> SerfMessage<'a> {
    /// Reads a message.
    ///
    /// # Errors
    /// If the type is unknown or the body does not decode.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&kind, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        let from = &mut Reader::new(body);
        Ok(match kind {
            kind::LEAVE => Self::Leave(Value::take(from)?),
            kind::JOIN => Self::Join(Value::take(from)?),
            kind::PUSH_PULL => Self::PushPull(Value::take(from)?),
            kind::USER_EVENT => Self::UserEvent(Value::take(from)?),
            kind::QUERY => Self::Query(Value::take(from)?),
            kind::QUERY_RESPONSE => Self::QueryResponse(Value::take(from)?),
            kind::CONFLICT_RESPONSE if from.nil() => Self::ConflictResponse(None),
            kind::CONFLICT_RESPONSE => Self::ConflictResponse(Some(Value::take(from)?)),
            kind::KEY_REQUEST => Self::KeyRequest(Value::take(from)?),
            kind::KEY_RESPONSE => Self::KeyResponse(Value::take(from)?),
            kind::RELAY => Self::Relay(Value::take(from)?, from.rest()),
            kind => return Err(DecodeError::UnknownType(kind)),
        })
    }

    /// Appends the message, type byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Leave(body) => put(out, kind::LEAVE, body),
            Self::Join(body) => put(out, kind::JOIN, body),
            Self::PushPull(body) => put(out, kind::PUSH_PULL, body),
            Self::UserEvent(body) => put(out, kind::USER_EVENT, body),
            Self::Query(body) => put(out, kind::QUERY, body),
            Self::QueryResponse(body) => put(out, kind::QUERY_RESPONSE, body),
            Self::ConflictResponse(Some(body)) => put(out, kind::CONFLICT_RESPONSE, body),
            Self::ConflictResponse(None) => {
                out.push(kind::CONFLICT_RESPONSE);
                put_nil(out);
            }
            Self::KeyRequest(body) => put(out, kind::KEY_REQUEST, body),
            Self::KeyResponse(body) => put(out, kind::KEY_RESPONSE, body),
            Self::Relay(header, message) => {
                put(out, kind::RELAY, header);
                out.extend_from_slice(message);
            }
        }
    }

    /// The message as it is sent.
    pub(crate) fn to_vec(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        self.encode(&mut out);
        out
    }

    /// The message as it is sent, or how long it would be if that is longer than `max`.
    pub(crate) fn encode_within(self, max: usize) -> Result<Vec<u8>, usize> {
        let len = self.encoded_len();
        if len > max {
            return Err(len);
        }
        let mut out = Vec::with_capacity(len);
        self.encode(&mut out);
        Ok(out)
    }

    /// How long the message is when it is sent. Does not copy the payload of an event, a query or a
    /// response.
    pub(crate) fn encoded_len(self) -> usize {
        let (without_payload, payload) = match self {
            Self::UserEvent(body) => {
                (Self::UserEvent(UserEvent { payload: &[], ..body }), body.payload)
            }
            Self::Query(body) => (Self::Query(Query { payload: &[], ..body }), body.payload),
            Self::QueryResponse(body) => {
                (Self::QueryResponse(QueryResponse { payload: &[], ..body }), body.payload)
            }
            message => (message, &[][..]),
        };
        without_payload.to_vec().len() - raw_len(0) + raw_len(payload.len())
    }
}
