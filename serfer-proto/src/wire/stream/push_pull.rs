//! A push/pull, written and read member by member, so that a long one need not be handled in one go.

use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::long::message::LongMessage;
use crate::wire::message::{PushNodeState, PushPullHeader, put};
use crate::wire::msgpack::{Reader, Value};
use crate::wire::seal::TAIL_MAX;
use crate::wire::seq::SeqCursor;
use crate::wire::stream::message::size;

/// A push/pull that is being put together, member by member.
#[derive(Debug, Default)]
pub(crate) struct PushPullBuf {
    message: LongMessage,
    join: bool,
    nodes: i64,
    user_state: Vec<u8>,
}

impl PushPullBuf {
    /// Starts one of about so many members. `room` is what the headers around the message will take, and
    /// `user_state` what the layer above adds.
    pub(crate) fn new(room: usize, join: bool, nodes: usize, user_state: Vec<u8>) -> Self {
        let mut buf = Self { join, nodes: nodes as i64, user_state, ..Self::default() };
        buf.message = LongMessage::with_room(room + buf.header().len());
        buf.nodes = 0;
        buf
    }

    pub(crate) fn push(&mut self, node: &PushNodeState<'_>) {
        self.nodes += 1;
        node.put(self.message.end());
    }

    /// Makes room for so many more members like those that are in it, and for what sealing appends, so that
    /// these are not moved.
    pub(crate) fn expect(&mut self, nodes: usize) {
        let each = self.message.len() / (self.nodes.max(1) as usize) + 1;
        self.message.end().reserve_exact(each * nodes + self.user_state.len() + TAIL_MAX);
    }

    /// The complete message.
    pub(crate) fn finish(mut self) -> LongMessage {
        self.message.end().extend_from_slice(&self.user_state);
        self.message.prepend(&self.header());
        self.message
    }

    fn header(&self) -> Vec<u8> {
        let user_state_len = self.user_state.len() as i64;
        let header = PushPullHeader { join: self.join, nodes: self.nodes, user_state_len };
        let mut bytes = Vec::with_capacity(64);
        put(&mut bytes, kind::PUSH_PULL, &header);
        bytes
    }
}

/// How far a push/pull has been read. It keeps no borrow of the message, and must get the same one each
/// time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PushPullCursor {
    /// Whether the initiator is joining.
    pub(crate) join: bool,
    nodes: SeqCursor,
    user_state_len: usize,
}

impl PushPullCursor {
    /// Starts on a message, type byte included.
    ///
    /// # Errors
    /// If it is no push/pull.
    pub(crate) fn begin(message: &[u8]) -> Result<Self, DecodeError> {
        let (&kind, body) = message.split_first().ok_or(DecodeError::Empty)?;
        if kind != kind::PUSH_PULL {
            return Err(DecodeError::UnknownType(kind));
        }
        let from = &mut Reader::new(body);
        let header = PushPullHeader::take(from)?;
        let start = message.len() - from.rest().len();
        Ok(Self {
            join: header.join,
            nodes: SeqCursor::new(start, size(header.nodes)?),
            user_state_len: size(header.user_state_len)?,
        })
    }

    /// The next member.
    ///
    /// # Errors
    /// If it is broken.
    pub(crate) fn next<'a>(
        &mut self,
        message: &'a [u8],
    ) -> Result<Option<PushNodeState<'a>>, DecodeError> {
        self.nodes.next(message)
    }

    /// Behind the last member. All of the message has been checked.
    pub(crate) fn end(self, message: &[u8]) -> Self {
        let at = message.len().saturating_sub(self.user_state_len);
        Self { nodes: SeqCursor::new(at, 0), ..self }
    }

    /// Where the next member is.
    pub(crate) fn at(&self) -> usize {
        self.nodes.at()
    }

    /// What the layer above added. It is behind the last member.
    ///
    /// # Errors
    /// If it is cut short.
    pub(crate) fn user_state<'a>(&self, message: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        Reader::new(self.nodes.rest(message)).raw(self.user_state_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::msgpack::Text;
    use crate::wire::seq::SeqBuf;
    use crate::wire::stream::{PushPull, StreamMessage};

    #[test]
    fn member_by_member_and_in_one_go_the_bytes_are_the_same() {
        let names = ["a", "b", "a-longer-name"];
        let nodes =
            names.map(|name| PushNodeState { name: Text::from(name), ..Default::default() });
        for join in [false, true] {
            let list = SeqBuf::of(nodes);
            let whole = PushPull { join, nodes: list.as_seq(), user_state: b"above" };
            let mut in_one_go = Vec::new();
            StreamMessage::PushPull(whole).encode(&mut in_one_go);
            let mut buf = PushPullBuf::new(7, join, 2, b"above".to_vec());
            buf.push(&nodes[0]);
            buf.expect(2);
            nodes[1..].iter().for_each(|node| buf.push(node));
            let message = buf.finish().into_vec();
            assert_eq!(message, in_one_go);

            let mut cursor = PushPullCursor::begin(&message).unwrap();
            assert_eq!(cursor.join, join);
            for node in nodes {
                assert_eq!(cursor.next(&message), Ok(Some(node)));
            }
            assert_eq!(cursor.next(&message), Ok(None));
            assert_eq!(cursor.user_state(&message), Ok(&b"above"[..]));
            assert_eq!(
                cursor.user_state(&message[..message.len() - 1]),
                Err(DecodeError::Truncated)
            );
        }
    }
}
