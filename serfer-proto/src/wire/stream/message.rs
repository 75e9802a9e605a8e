//! The messages that travel on streams: push/pull, ping and ack, user messages, errors.

use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::message::{
    Ack, ErrorResponse, Ping, PushNodeState, PushPullHeader, UserMessageHeader, put,
};
use crate::wire::msgpack::{Reader, Value};
use crate::wire::seq::Seq;

/// The most members a push/pull may announce, as in Go since memberlist 0.6.
pub const NODES_MAX: u64 = 1 << 20;

/// A message that may travel on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamMessage<'a> {
    /// The fallback for a [`Ping`] that went unanswered.
    Ping(Ping<'a>),
    /// Its answer.
    Ack(Ack<'a>),
    /// A push/pull: everything that one side knows.
    PushPull(PushPull<'a>),
    /// A message of the layer above, serf's.
    User(&'a [u8]),
    /// An accepting node's answer to a stream that it cannot read.
    Error(ErrorResponse<'a>),
}

/// Everything that one node knows of all members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushPull<'a> {
    /// Whether the initiator is joining.
    pub join: bool,
    /// The members, the sender and those it believes dead included.
    pub nodes: Seq<'a, PushNodeState<'a>>,
    /// What the layer above adds.
    pub user_state: &'a [u8],
}

impl<'a> StreamMessage<'a> {
    /// Reads a whole message that is neither sealed nor compressed.
    ///
    /// # Errors
    /// If the type does not belong on a stream or the body does not decode.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (&kind, body) = bytes.split_first().ok_or(DecodeError::Empty)?;
        let from = &mut Reader::new(body);
        Ok(match kind {
            kind::PING => Self::Ping(Value::take(from)?),
            kind::ACK => Self::Ack(Value::take(from)?),
            kind::ERROR => Self::Error(Value::take(from)?),
            kind::USER => {
                let len = size(UserMessageHeader::take(from)?.len)?;
                Self::User(from.raw(len)?)
            }
            kind::PUSH_PULL => {
                let header = PushPullHeader::take(from)?;
                Self::PushPull(PushPull {
                    join: header.join,
                    nodes: Seq::headless(from, size(header.nodes)?)?,
                    user_state: from.raw(size(header.user_state_len)?)?,
                })
            }
            kind => return Err(DecodeError::UnknownType(kind)),
        })
    }

    /// Appends the message, type byte first.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Ping(body) => put(out, kind::PING, body),
            Self::Ack(body) => put(out, kind::ACK, body),
            Self::Error(body) => put(out, kind::ERROR, body),
            Self::User(bytes) => {
                let header = UserMessageHeader { len: bytes.len() as i64 };
                put(out, kind::USER, &header);
                out.extend_from_slice(bytes);
            }
            Self::PushPull(push_pull) => {
                let header = PushPullHeader {
                    join: push_pull.join,
                    nodes: push_pull.nodes.len() as i64,
                    user_state_len: push_pull.user_state.len() as i64,
                };
                put(out, kind::PUSH_PULL, &header);
                push_pull.nodes.put_headless(out);
                out.extend_from_slice(push_pull.user_state);
            }
        }
    }
}

/// A length that Go sends as a signed number.
pub(super) fn size(length: i64) -> Result<usize, DecodeError> {
    usize::try_from(length).map_err(|_| DecodeError::OutOfRange)
}
