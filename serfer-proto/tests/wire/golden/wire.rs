//! Everything that can be on the wire, as one type that nests as the wire does.

use serfer_proto::wire::compound::{Compound, Parts};
use serfer_proto::wire::coordinate::Coordinate;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::Message;
use serfer_proto::wire::msgpack::{DecodeError, Reader, Text, Value};
use serfer_proto::wire::seal::{self, Cipher, Nonce, OpenError, Sealing, Version};
use serfer_proto::wire::seq::{self, Seq, SeqBuf};
use serfer_proto::wire::serf_message::{Filter, SerfMessage};
use serfer_proto::wire::stream::{self, FrameReader, SEALED_HEADER_LEN, Side, StreamMessage};
use serfer_proto::wire::{checksum, kind, label};

pub(crate) const KEY: &[u8; 16] = b"0123456789abcdef";
/// More than any fixture holds.
pub(crate) const LEN_MAX: usize = 20 << 20;

#[derive(Debug, PartialEq)]
pub(crate) enum Wire {
    Message(Message<'static>),
    Stream(StreamMessage<'static>),
    Serf(SerfMessage<'static>),
    Filter(Filter<'static>),
    Coordinate(Coordinate<'static>),
    /// serf's tags, behind the byte that marks them.
    Tags(Seq<'static, (Text<'static>, Text<'static>)>),
    Unsigned(u64),
    Signed(i64),
    Text(Text<'static>),
    List(Seq<'static, u64>),
    Map(Seq<'static, (u64, u64)>),
    /// Bytes that are not decoded.
    Bytes(&'static [u8]),
    Compound(Vec<Self>),
    Compressed(Box<Self>),
    Checked(Box<Self>),
    Labelled(&'static [u8], Box<Self>),
    /// A packet sealed with [`KEY`]. The label is authenticated, but not included.
    Sealed(Seal, Box<Self>),
    /// All that a stream brings, with the label before it.
    Frame(&'static [u8], Box<Self>),
    /// A stream frame sealed with [`KEY`]. The label is authenticated, but not included.
    SealedFrame(Seal, Box<Self>),
}

/// What sealing needs besides the key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seal {
    pub(crate) version: Version,
    pub(crate) nonce: Nonce,
    pub(crate) label: &'static [u8],
}

/// Why a receiver refuses some bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Refusal {
    Decode(DecodeError),
    Open(OpenError),
    /// The stream ended inside its message.
    Incomplete,
    /// Bytes are left over.
    Surplus,
}

impl Wire {
    /// Decodes `bytes` into the same layers as `shape` has.
    pub(crate) fn decode_like(shape: &Self, bytes: &'static [u8]) -> Result<Self, Refusal> {
        Ok(match shape {
            Self::Message(_) => Self::Message(Message::decode(bytes)?),
            Self::Stream(_) => Self::Stream(StreamMessage::decode(bytes)?),
            Self::Serf(_) => Self::Serf(SerfMessage::decode(bytes)?),
            Self::Filter(_) => Self::Filter(Filter::decode(bytes)?),
            Self::Coordinate(_) => Self::Coordinate(Coordinate::decode_payload(bytes)?),
            Self::Tags(_) => Self::Tags(value(body(bytes)?)?),
            Self::Unsigned(_) => Self::Unsigned(value(bytes)?),
            Self::Signed(_) => Self::Signed(value(bytes)?),
            Self::Text(_) => Self::Text(value(bytes)?),
            Self::List(_) => Self::List(value(bytes)?),
            Self::Map(_) => Self::Map(value(bytes)?),
            Self::Bytes(_) => Self::Bytes(bytes),
            Self::Compound(shapes) => {
                let parts: Vec<_> = Parts::parse(body(bytes)?)?.collect::<Result<_, _>>()?;
                if parts.len() != shapes.len() {
                    return Err(Refusal::Surplus);
                }
                let parts = parts.into_iter().zip(shapes);
                let parts = parts.map(|(part, shape)| Self::decode_like(shape, part));
                Self::Compound(parts.collect::<Result<_, _>>()?)
            }
            Self::Compressed(shape) => compressed(Self::decode_like(shape, inflated(bytes)?)?),
            Self::Checked(shape) => checked(Self::decode_like(shape, checksum::strip(bytes)?)?),
            Self::Labelled(_, shape) => {
                let (label, rest) = label::split(bytes.to_vec().leak())?;
                Self::Labelled(label, Self::decode_like(shape, rest)?.into())
            }
            Self::Sealed(seal, shape) => {
                let opened = opened(bytes.to_vec(), seal.label)?;
                Self::Sealed(seal.of(bytes), Self::decode_like(shape, opened)?.into())
            }
            Self::Frame(_, shape) => {
                let (label, frame) = framed(bytes)?;
                if label::overhead(label) + frame.len() < bytes.len() {
                    return Err(Refusal::Surplus);
                }
                Self::Frame(label, Self::decode_like(shape, frame)?.into())
            }
            Self::SealedFrame(seal, shape) => {
                let sealed = seal.of(&bytes[SEALED_HEADER_LEN..]);
                let opened = opened_frame(bytes, seal.label)?;
                Self::SealedFrame(sealed, Self::decode_like(shape, opened)?.into())
            }
        })
    }

    pub(crate) fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Message(message) => message.encode(out),
            Self::Stream(message) => message.encode(out),
            Self::Serf(message) => message.encode(out),
            Self::Filter(filter) => filter.encode(out),
            Self::Coordinate(coordinate) => coordinate.encode_payload(out),
            Self::Tags(tags) => {
                out.push(0xff);
                tags.put(out);
            }
            Self::Unsigned(value) => value.put(out),
            Self::Signed(value) => value.put(out),
            Self::Text(value) => value.put(out),
            Self::List(list) => list.put(out),
            Self::Map(map) => map.put(out),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
            Self::Compound(parts) => {
                let mut compound = Compound::default();
                compound.reset(LEN_MAX);
                for part in parts {
                    assert!(compound.push(&[&part.encoded()]), "a part does not fit");
                }
                compound.write(out);
            }
            Self::Compressed(inner) => Lzw::default().compress(&inner.encoded(), out),
            Self::Checked(inner) => {
                let start = checksum::begin(out);
                inner.encode(out);
                checksum::finish(out, start);
            }
            Self::Labelled(label, inner) | Self::Frame(label, inner) => {
                label::put(label, out);
                inner.encode(out);
            }
            Self::Sealed(seal, inner) => {
                let sealing = Sealing::begin(seal.version, seal.nonce, out);
                inner.encode(out);
                sealing.finish(&cipher(), seal.label, out);
            }
            Self::SealedFrame(seal, inner) => {
                let how = (seal.version, seal.nonce);
                stream::put_sealed(&inner.encoded(), how, &cipher(), seal.label, out);
            }
        }
    }
}

impl Seal {
    /// The version and the nonce in `bytes`.
    fn of(self, bytes: &[u8]) -> Self {
        Self {
            version: match bytes[0] {
                0 => Version::Padded,
                _ => Version::Plain,
            },
            nonce: bytes[1..13].try_into().expect("a nonce has twelve bytes"),
            ..self
        }
    }
}

pub(crate) fn compressed(inner: impl Into<Wire>) -> Wire {
    Wire::Compressed(Box::new(inner.into()))
}

pub(crate) fn checked(inner: impl Into<Wire>) -> Wire {
    Wire::Checked(Box::new(inner.into()))
}

pub(crate) fn frame(inner: impl Into<Wire>) -> Wire {
    Wire::Frame(b"", Box::new(inner.into()))
}

pub(crate) fn list<T: seq::Element<'static>>(
    elements: impl IntoIterator<Item = T>,
) -> Seq<'static, T> {
    Box::leak(Box::new(SeqBuf::of(elements))).as_seq()
}

pub(crate) fn encoded(wire: impl Into<Wire>) -> &'static [u8] {
    wire.into().encoded().leak()
}

/// How a node without keys decodes a packet.
pub(crate) fn packet(bytes: &[u8]) -> Result<(), Refusal> {
    let packet = &mut bytes.to_vec();
    let (_, packet) = label::split(packet)?;
    messages(checksum::strip(packet)?.to_vec().leak())
}

/// How a node with [`KEY`] decodes a packet.
pub(crate) fn sealed_packet(bytes: &[u8]) -> Result<(), Refusal> {
    packet(opened(bytes.to_vec(), b"")?)
}

/// How a node with [`KEY`] decodes a stream that it accepted and that ends after `bytes`.
pub(crate) fn stream(bytes: &[u8]) -> Result<(), Refusal> {
    let (label, mut frame) = framed(bytes)?;
    if frame[0] == kind::ENCRYPT {
        frame = opened_frame(frame, label)?;
    }
    if frame.first() == Some(&kind::COMPRESS) {
        frame = inflated(frame)?;
    }
    Ok(StreamMessage::decode(frame).map(drop)?)
}

/// How serf decodes a user message.
pub(crate) fn serf(bytes: &[u8]) -> Result<(), Refusal> {
    Ok(SerfMessage::decode(bytes).map(drop)?)
}

/// How serf decodes the payload of an ack.
pub(crate) fn coordinate(bytes: &[u8]) -> Result<(), Refusal> {
    Ok(Coordinate::decode_payload(bytes).map(drop)?)
}

/// How serf decodes the filter of a query.
pub(crate) fn filter(bytes: &[u8]) -> Result<(), Refusal> {
    Ok(Filter::decode(bytes).map(drop)?)
}

fn messages(bytes: &'static [u8]) -> Result<(), Refusal> {
    match bytes {
        [kind::COMPOUND, body @ ..] => Parts::parse(body)?.try_for_each(|part| messages(part?)),
        [kind::COMPRESS, ..] => messages(inflated(bytes)?),
        _ => Ok(Message::decode(bytes).map(drop)?),
    }
}

fn inflated(bytes: &[u8]) -> Result<&'static [u8], Refusal> {
    let mut out = Vec::new();
    Lzw::default().inflate(body(bytes)?, LEN_MAX, &mut out)?;
    Ok(out.leak())
}

fn body(bytes: &[u8]) -> Result<&[u8], Refusal> {
    Ok(bytes.get(1..).ok_or(DecodeError::Empty)?)
}

fn opened(sealed: Vec<u8>, aad: &[u8]) -> Result<&'static [u8], Refusal> {
    Ok(seal::open(sealed.leak(), [&cipher()], aad)?)
}

fn opened_frame(frame: &[u8], label: &[u8]) -> Result<&'static [u8], Refusal> {
    let (header, sealed) = frame.split_at(SEALED_HEADER_LEN);
    opened(sealed.to_vec(), &stream::sealed_aad(header, label))
}

fn framed(bytes: &[u8]) -> Result<(&'static [u8], &'static [u8]), Refusal> {
    let mut reader = FrameReader::new(Side::Accepted, LEN_MAX);
    if !reader.push(bytes)? {
        return Err(Refusal::Incomplete);
    }
    let frame = reader.frame().expect("the frame is complete");
    Ok((frame.label.to_vec().leak(), frame.bytes.to_vec().leak()))
}

fn cipher() -> Cipher {
    Cipher::new(KEY).expect("the key has sixteen bytes")
}

fn value<T: Value<'static>>(bytes: &'static [u8]) -> Result<T, Refusal> {
    let mut reader = Reader::new(bytes);
    let value = T::take(&mut reader)?;
    if reader.rest().is_empty() { Ok(value) } else { Err(Refusal::Surplus) }
}

impl From<Message<'static>> for Wire {
    fn from(message: Message<'static>) -> Self {
        Self::Message(message)
    }
}

impl From<StreamMessage<'static>> for Wire {
    fn from(message: StreamMessage<'static>) -> Self {
        Self::Stream(message)
    }
}

impl From<SerfMessage<'static>> for Wire {
    fn from(message: SerfMessage<'static>) -> Self {
        Self::Serf(message)
    }
}

impl From<Filter<'static>> for Wire {
    fn from(filter: Filter<'static>) -> Self {
        Self::Filter(filter)
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
