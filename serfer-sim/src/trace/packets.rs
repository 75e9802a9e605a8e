//! Packets and streams, in words.
//!
//! Labels, encryption, checksums, compression and compounds are taken off. What cannot be read is
//! shown as unreadable.

use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::Message;
use serfer_proto::wire::stream::{FrameReader, SEALED_HEADER_LEN, Side, StreamMessage, sealed_aad};
use serfer_proto::wire::{checksum, kind, label, seal};

use super::describer::Describer;
use super::kind::Kind;
use crate::node_id::NodeId;

/// The most bytes that anything is decompressed to.
const INFLATED_MAX: usize = 40 << 20;

/// How many layers of compounds and compression are taken off.
const NESTING_MAX: usize = 8;

impl Describer {
    /// What a datagram says, and the kinds of its messages.
    pub(super) fn packet(
        &mut self,
        from: NodeId,
        to: Option<NodeId>,
        bytes: &[u8],
    ) -> (String, Vec<Kind>) {
        let mut found = PacketText { texts: Vec::new(), kinds: Vec::new() };
        let mut bytes = bytes.to_vec();
        match self.open(from, &mut bytes) {
            Ok(plain) => self.unpack((from, to), plain, 0, &mut found),
            Err(what) => found.texts.push(what.to_owned()),
        }
        (found.texts.join(" + "), found.kinds)
    }

    /// Takes off the label, the encryption and the checksum.
    fn open<'a>(&mut self, from: NodeId, bytes: &'a mut [u8]) -> Result<&'a [u8], &'static str> {
        let (label, sealed) = label::split(bytes).map_err(|_| "unreadable: broken label")?;
        let sender = &mut self.senders[from.index()];
        sender.label = label.to_vec();
        let plain = match sender.ciphers.as_slice() {
            [] => sealed,
            ciphers => {
                seal::open(sealed, ciphers, label).map_err(|_| "unreadable: sealed otherwise")?
            }
        };
        checksum::strip(plain).map_err(|_| "unreadable: checksum")
    }

    fn unpack(
        &mut self,
        (from, to): (NodeId, Option<NodeId>),
        packet: &[u8],
        depth: usize,
        found: &mut PacketText,
    ) {
        match packet.split_first() {
            _ if depth > NESTING_MAX => found.unreadable("wrapped too often"),
            Some((&kind::COMPOUND, body)) => {
                for part in Parts::parse(body).into_iter().flatten() {
                    match part {
                        Ok(part) => self.unpack((from, to), part, depth + 1, found),
                        Err(error) => found.unreadable(error),
                    }
                }
            }
            Some((&kind::COMPRESS, body)) => {
                let mut inflated = Vec::new();
                match Lzw::default().inflate(body, INFLATED_MAX, &mut inflated) {
                    Ok(()) => self.unpack((from, to), &inflated, depth + 1, found),
                    Err(error) => found.unreadable(error),
                }
            }
            _ => match Message::decode(packet) {
                Ok(message) => found.push(self.message(from, to, &message)),
                Err(error) => found.unreadable(error),
            },
        }
    }

    /// What was written to a stream.
    pub(super) fn stream(&mut self, from: NodeId, to: NodeId, bytes: &[u8]) -> String {
        let text = self.try_stream(from, to, bytes);
        text.unwrap_or_else(|what| format!("unreadable: {what}"))
    }

    fn try_stream(&mut self, from: NodeId, to: NodeId, bytes: &[u8]) -> Result<String, String> {
        let mut reader = FrameReader::new(Side::Accepted, bytes.len());
        reader.push(bytes).map_err(|error| error.to_string())?;
        let frame = reader.frame().ok_or("incomplete")?;
        if !frame.label.is_empty() {
            self.senders[from.index()].label = frame.label.to_vec();
        }
        let mut plain = frame.bytes.to_vec();
        if plain.first() == Some(&kind::ENCRYPT) {
            plain = self.open_stream(from, to, &plain).ok_or("sealed otherwise")?;
        }
        if let Some((&kind::COMPRESS, body)) = plain.split_first() {
            let mut inflated = Vec::new();
            let inflate = Lzw::default().inflate(body, INFLATED_MAX, &mut inflated);
            inflate.map_err(|error| error.to_string())?;
            plain = inflated;
        }
        let message = StreamMessage::decode(&plain).map_err(|error| error.to_string())?;
        Ok(self.stream_message(from, to, &message))
    }

    /// Opens the sealed message of a stream.
    fn open_stream(&self, from: NodeId, to: NodeId, message: &[u8]) -> Option<Vec<u8>> {
        let (header, sealed) = message.split_at(SEALED_HEADER_LEN);
        let ciphers = &self.senders[from.index()].ciphers;
        // A node that answers does not send the label again, so the label may be that of the other.
        [from, to].into_iter().find_map(|node| {
            let aad = sealed_aad(header, &self.senders[node.index()].label);
            seal::open(&mut sealed.to_vec(), ciphers, &aad).ok().map(|plain| plain.to_vec())
        })
    }
}

/// What a packet says, message by message.
struct PacketText {
    texts: Vec<String>,
    kinds: Vec<Kind>,
}

impl PacketText {
    fn push(&mut self, (kind, text): (Kind, String)) {
        self.texts.push(text);
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }

    fn unreadable(&mut self, why: impl std::fmt::Display) {
        self.texts.push(format!("unreadable: {why}"));
    }
}
