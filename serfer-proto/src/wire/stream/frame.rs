//! The frame of a message on a stream: label, encryption, and where it ends.
//!
//! ```text
//! [f4 len label]  [0a len: u32  sealed …]  |  [09 compressed]  |  message
//! ```
//!
//! Only the side that opened the stream sends the label header. A sealed frame says how long it is.
//! Anything else has no length in front, and the other side does not half-close, so the end is found by
//! walking over the values as they arrive. [`FrameReader`] decodes the members of a push/pull to see where each
//! ends, so that nobody has to check them again. However small the pieces are in which they come, it looks at no
//! byte more than three times.

use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::label;
use crate::wire::message::{PushNodeState, PushPullHeader, UserMessageHeader};
use crate::wire::msgpack::scan::Scan;
use crate::wire::msgpack::{Reader, Value};
use crate::wire::seal::{Cipher, Nonce, Sealing, Version};
use crate::wire::stream::message::{NODES_MAX, size};
use crate::wire::stream::nodes::{NodesReader, See};

/// What starts a sealed frame: the type byte and the length of what follows.
pub const SEALED_HEADER_LEN: usize = 5;

/// Appends `message` as a sealed frame. The label is authenticated, not written.
pub fn put_sealed(
    message: &[u8],
    (version, nonce): (Version, Nonce),
    cipher: &Cipher,
    label: &[u8],
    out: &mut Vec<u8>,
) {
    let header = sealed_header(version.sealed_len(message.len()));
    let aad = sealed_aad(&header, label);
    out.extend_from_slice(&header);
    let sealing = Sealing::begin(version, nonce, out);
    out.extend_from_slice(message);
    sealing.finish(cipher, &aad, out);
}

/// What stands before a sealed message of this length.
pub(crate) fn sealed_header(sealed_len: usize) -> Vec<u8> {
    [&[kind::ENCRYPT][..], &(sealed_len as u32).to_be_bytes()].concat()
}

/// What is authenticated along with a sealed frame: its header, then the label.
pub fn sealed_aad(header: &[u8], label: &[u8]) -> Vec<u8> {
    [header, label].concat()
}

/// Whether a stream may start with a label header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The other side opened the stream: its first bytes may be a label.
    Accepted,
    /// We opened it: answers carry no label.
    Dialled,
}

/// Collects the one message of a stream from chunks of any size.
#[derive(Clone, Debug)]
pub struct FrameReader {
    bytes: Vec<u8>,
    len_max: usize,
    /// Where the frame starts, behind the label.
    start: usize,
    /// How far the frame is understood.
    at: usize,
    phase: Phase,
}

#[derive(Clone, Debug)]
enum Phase {
    Label,
    Kind,
    SealedHeader,
    /// MessagePack values, and what follows once they are here.
    Values(Scan, Then),
    /// The members of a push/pull, and the length of what follows them.
    Nodes(NodesReader, usize),
    /// Raw bytes: how many.
    Bytes(usize),
    Complete,
    Broken(DecodeError),
}

#[derive(Clone, Copy, Debug)]
enum Then {
    Complete,
    UserMessage,
    Nodes,
}

/// From how many bytes on a frame gets its memory in one piece.
const LONG: usize = 64 << 10;

/// A whole frame, still sealed if it came so.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The label before it, empty if there was none.
    pub label: &'a [u8],
    /// The frame, type byte first; [`kind::ENCRYPT`] starts a sealed one.
    pub bytes: &'a mut [u8],
}

impl FrameReader {
    /// Starts on a stream that may bring at most `len_max` bytes.
    pub fn new(side: Side, len_max: usize) -> Self {
        Self {
            bytes: Vec::new(),
            len_max,
            start: 0,
            at: 0,
            phase: match side {
                Side::Accepted => Phase::Label,
                Side::Dialled => Phase::Kind,
            },
        }
    }

    /// Takes the next bytes and says whether the frame is complete. What comes behind a complete
    /// frame is ignored.
    ///
    /// # Errors
    /// If this cannot become a message, or would be too large; and from then on always.
    pub fn push(&mut self, chunk: &[u8]) -> Result<bool, DecodeError> {
        self.push_and_see(chunk, &mut |_, _| {})
    }

    /// The same. Shows each member of a push/pull in the clear as soon as it is here, and where it is in the
    /// message.
    pub(crate) fn push_and_see(
        &mut self,
        chunk: &[u8],
        see: &mut See<'_>,
    ) -> Result<bool, DecodeError> {
        let pushed = self.try_push(chunk, see);
        if let Err(error) = pushed {
            self.phase = Phase::Broken(error);
        }
        pushed
    }

    fn try_push(&mut self, chunk: &[u8], see: &mut See<'_>) -> Result<bool, DecodeError> {
        match self.phase {
            Phase::Complete => return Ok(true),
            Phase::Broken(error) => return Err(error),
            _ if chunk.len() > self.len_max - self.bytes.len() => return Err(self.too_large()),
            _ => {}
        }
        self.make_room(chunk.len());
        self.bytes.extend_from_slice(chunk);
        while self.step(see)? {}
        Ok(self.is_complete())
    }

    /// Whether the whole frame has arrived.
    pub fn is_complete(&self) -> bool {
        matches!(self.phase, Phase::Complete)
    }

    /// Whether nothing at all has arrived.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Whether nothing but a label, or a part of one, has arrived.
    pub fn is_silent(&self) -> bool {
        matches!(self.phase, Phase::Label | Phase::Kind)
    }

    /// How much memory it takes until it is dropped.
    pub fn memory(&self) -> usize {
        self.bytes.capacity()
    }

    /// The frame, once it is complete.
    pub fn frame(&mut self) -> Option<Frame<'_>> {
        if !self.is_complete() {
            return None;
        }
        let (label, rest) = self.bytes.split_at_mut(self.start);
        Some(Frame {
            label: label.get(2..).unwrap_or_default(),
            bytes: &mut rest[..self.at - self.start],
        })
    }

    /// All bytes up to the end of the frame, and where it starts, behind the label. `None` if it is not
    /// complete.
    pub(crate) fn into_frame(mut self) -> Option<(Vec<u8>, usize)> {
        if !self.is_complete() {
            return None;
        }
        self.bytes.truncate(self.at);
        Some((self.bytes, self.start))
    }

    /// Takes memory for all of a long frame once an eighth of it is here, so that little of it is moved and
    /// nobody gets much memory for an announcement.
    fn make_room(&mut self, more: usize) {
        let len = self.bytes.len() + more;
        if len <= self.bytes.capacity() || len < LONG {
            return;
        }
        let expected = self.expected_len().min(self.len_max);
        if (len..8 * len).contains(&expected) {
            self.bytes.reserve_exact(expected - self.bytes.len());
        }
    }

    /// How long the frame will be at least, or about, as far as that is known.
    fn expected_len(&self) -> usize {
        match &self.phase {
            Phase::Bytes(length) => self.at + length,
            Phase::Values(scan, _) => {
                let payload = usize::try_from(scan.payload_left()).unwrap_or(usize::MAX);
                self.at.saturating_add(payload)
            }
            Phase::Nodes(nodes, user_state_len) => {
                let left = nodes.expected_len(self.at);
                self.at.saturating_add(left).saturating_add(*user_state_len)
            }
            _ => 0,
        }
    }

    /// Moves on by one phase, if enough bytes are here; says whether to try again.
    fn step(&mut self, see: &mut See<'_>) -> Result<bool, DecodeError> {
        let Some(next) = self.next_phase(see)? else {
            return Ok(false);
        };
        self.phase = next;
        Ok(!self.is_complete())
    }

    fn next_phase(&mut self, see: &mut See<'_>) -> Result<Option<Phase>, DecodeError> {
        let rest = &self.bytes[self.at..];
        match &mut self.phase {
            Phase::Label => {
                if rest.is_empty() {
                    return Ok(None);
                }
                let Some(len) = label::len(rest)? else {
                    return Ok(None);
                };
                self.start = len;
                self.at = len;
                Ok(Some(Phase::Kind))
            }
            Phase::Kind => {
                let Some(&kind) = rest.first() else {
                    return Ok(None);
                };
                self.at += 1;
                phase_of(kind).map(Some)
            }
            Phase::SealedHeader => {
                let Some((length, _)) = rest.split_first_chunk::<4>() else {
                    return Ok(None);
                };
                let length = u32::from_be_bytes(*length) as usize;
                self.at += 4;
                self.expect_bytes(length).map(Some)
            }
            Phase::Values(scan, then) => {
                let then = *then;
                self.at += scan.advance(rest)?;
                if scan.is_done() {
                    return self.after_values(then).map(Some);
                }
                let announced = scan.payload_left();
                if announced > (self.len_max - self.at) as u64 {
                    return Err(self.too_large());
                }
                Ok(None)
            }
            Phase::Nodes(nodes, user_state_len) => {
                let start = self.start;
                let see = &mut |node: &PushNodeState<'_>, at| see(node, at - start);
                if !nodes.advance(&self.bytes, &mut self.at, self.len_max, see)? {
                    return Ok(None);
                }
                let user_state_len = *user_state_len;
                self.expect_bytes(user_state_len).map(Some)
            }
            Phase::Bytes(length) => {
                if rest.len() < *length {
                    return Ok(None);
                }
                self.at += *length;
                Ok(Some(Phase::Complete))
            }
            Phase::Complete | Phase::Broken(_) => Ok(None),
        }
    }

    fn after_values(&self, then: Then) -> Result<Phase, DecodeError> {
        let from = &mut Reader::new(&self.bytes[self.start + 1..self.at]);
        match then {
            Then::Complete => Ok(Phase::Complete),
            Then::UserMessage => {
                let header = UserMessageHeader::take(from)?;
                self.expect_bytes(size(header.len)?)
            }
            Then::Nodes => {
                let header = PushPullHeader::take(from)?;
                let nodes = size(header.nodes)? as u64;
                if nodes > NODES_MAX {
                    return Err(DecodeError::TooLarge { max: NODES_MAX });
                }
                let user_state_len = size(header.user_state_len)?;
                self.expect_bytes(user_state_len)?;
                Ok(Phase::Nodes(NodesReader::new(nodes), user_state_len))
            }
        }
    }

    fn expect_bytes(&self, length: usize) -> Result<Phase, DecodeError> {
        if length > self.len_max - self.at {
            return Err(self.too_large());
        }
        Ok(Phase::Bytes(length))
    }

    fn too_large(&self) -> DecodeError {
        DecodeError::TooLarge { max: self.len_max as u64 }
    }
}

fn phase_of(kind: u8) -> Result<Phase, DecodeError> {
    let then = match kind {
        kind::ENCRYPT => return Ok(Phase::SealedHeader),
        kind::PING | kind::ACK | kind::ERROR | kind::COMPRESS => Then::Complete,
        kind::USER => Then::UserMessage,
        kind::PUSH_PULL => Then::Nodes,
        kind => return Err(DecodeError::UnknownType(kind)),
    };
    Ok(Phase::Values(Scan::values(1), then))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::{Ack, ErrorResponse, Ping};
    use crate::wire::msgpack::Text;
    use crate::wire::seq::SeqBuf;
    use crate::wire::stream::{PushPull, StreamMessage};

    const LEN_MAX: usize = 4096;

    fn messages() -> Vec<Vec<u8>> {
        let node = PushNodeState {
            addr: &[10, 0, 0, 1],
            name: Text(b"node-a"),
            versions: &[1, 5, 2, 2, 5, 5],
            ..PushNodeState::default()
        };
        let nodes = SeqBuf::of([node, node, node]);
        let nobody = SeqBuf::default();
        let messages = [
            StreamMessage::Ping(Ping::default()),
            StreamMessage::Ack(Ack::default()),
            StreamMessage::Error(ErrorResponse { error: Text(b"boom") }),
            StreamMessage::User(b""),
            StreamMessage::User(b"hello"),
            StreamMessage::PushPull(PushPull {
                join: false,
                nodes: nobody.as_seq(),
                user_state: b"",
            }),
            StreamMessage::PushPull(PushPull {
                join: true,
                nodes: nodes.as_seq(),
                user_state: b"xyz",
            }),
        ];
        let encoded = |message: &StreamMessage<'_>| {
            let mut out = Vec::new();
            message.encode(&mut out);
            assert_eq!(StreamMessage::decode(&out).as_ref(), Ok(message));
            out
        };
        messages.iter().map(encoded).collect()
    }

    #[test]
    fn a_message_is_whole_at_its_last_byte_and_not_before() {
        for message in messages() {
            let mut reader = FrameReader::new(Side::Accepted, LEN_MAX);
            for (at, byte) in message.iter().enumerate() {
                let complete = reader.push(&[*byte]).unwrap();
                assert_eq!(complete, at + 1 == message.len(), "byte {at} of {message:x?}");
            }
            assert_eq!(reader.frame().unwrap().bytes, message);
        }
    }

    #[test]
    fn what_follows_a_message_is_ignored() {
        for message in messages() {
            let mut reader = FrameReader::new(Side::Dialled, LEN_MAX);
            assert_eq!(reader.push(&[&message[..], b"more"].concat()), Ok(true));
            assert_eq!(reader.push(b"and more"), Ok(true));
            assert_eq!(reader.frame().unwrap().bytes, message);
        }
    }

    #[test]
    fn a_sealed_frame_opens_with_header_and_label_as_additional_data() {
        let cipher = Cipher::new(b"0123456789abcdef").unwrap();
        let mut stream = Vec::new();
        label::put(b"blue", &mut stream);
        put_sealed(b"\x08hello", (Version::Plain, [7; 12]), &cipher, b"blue", &mut stream);
        let mut reader = FrameReader::new(Side::Accepted, LEN_MAX);
        for byte in &stream[..stream.len() - 1] {
            assert_eq!(reader.push(&[*byte]), Ok(false));
        }
        assert_eq!(reader.push(&stream[stream.len() - 1..]), Ok(true));
        let frame = reader.frame().unwrap();
        assert_eq!(frame.label, b"blue");
        let (header, sealed) = frame.bytes.split_at_mut(SEALED_HEADER_LEN);
        let aad = sealed_aad(header, b"blue");
        assert_eq!(
            crate::wire::seal::open(sealed, [&cipher], &aad),
            Ok(&mut b"\x08hello".to_owned()[..])
        );
    }

    #[test]
    fn only_accepted_streams_have_labels() {
        let labelled = b"\xf4\x04blue";
        assert_eq!(FrameReader::new(Side::Accepted, LEN_MAX).push(labelled), Ok(false));
        assert_eq!(
            FrameReader::new(Side::Dialled, LEN_MAX).push(labelled),
            Err(DecodeError::UnknownType(kind::HAS_LABEL))
        );
        assert_eq!(
            FrameReader::new(Side::Accepted, LEN_MAX).push(b"\xf4\x00"),
            Err(DecodeError::Label)
        );
    }

    #[test]
    fn announced_sizes_are_refused_before_their_bytes_arrive() {
        let too_large = |stream: &str| {
            let stream = hex::decode(stream).unwrap();
            FrameReader::new(Side::Accepted, LEN_MAX).push(&stream)
        };
        // A sealed frame, a user message, a push/pull's state, its members and the tags of one.
        for stream in [
            "0a00001001",
            "0881aa557365724d73674c656ecd1001",
            "0683a44a6f696ec3a54e6f64657300ac5573657253746174654c656ecd1001",
            "0683a44a6f696ec3a54e6f646573ce00100001ac5573657253746174654c656e00",
            "0683a44a6f696ec3a54e6f64657301ac5573657253746174654c656e0081a44d657461dbffffffff",
        ] {
            assert!(matches!(too_large(stream), Err(DecodeError::TooLarge { .. })), "{stream}");
        }
        for negative in [
            "0881aa557365724d73674c656eff",
            "0683a44a6f696ec3a54e6f646573ffac5573657253746174654c656e00",
        ] {
            assert_eq!(too_large(negative), Err(DecodeError::OutOfRange), "{negative}");
        }
        let mut reader = FrameReader::new(Side::Accepted, 8);
        assert_eq!(reader.push(b"\x00\x81\xa4Node"), Ok(false));
        assert_eq!(reader.push(b"\xa1"), Err(DecodeError::TooLarge { max: 8 }));
        assert_eq!(reader.push(b""), Err(DecodeError::TooLarge { max: 8 }));
    }

    #[test]
    fn types_that_do_not_belong_on_a_stream_are_refused() {
        for kind in [1, 3, 4, 5, 7, 11, 12, 14, 200] {
            assert_eq!(
                FrameReader::new(Side::Accepted, LEN_MAX).push(&[kind]),
                Err(DecodeError::UnknownType(kind))
            );
        }
    }
}
