//! What packets and streams say, in a few words.
//!
//! Takes apart what it sees with nothing but the public wire layer: label, encryption (it knows every
//! node's keys), checksum, compression, compounds. What cannot be read is said to be so.
//!
//! Numbers of pings start at random and are shown as counted from the first that a node sent.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serfer_proto::wire::compound::Parts;
use serfer_proto::wire::lzw::Lzw;
use serfer_proto::wire::message::Message;
use serfer_proto::wire::seal::{self, Cipher};
use serfer_proto::wire::serf_message;
use serfer_proto::wire::stream::{FrameReader, SEALED_HEADER_LEN, Side, StreamMessage, sealed_aad};
use serfer_proto::wire::{checksum, kind, label};
use serfer_proto::{Event, Fingerprint, Keyring, SecretKey};

use super::lines::Kind;
use crate::engine::{Node, NodeId};

pub(crate) use super::keys::named as key_named;

/// Puts what nodes say into words.
#[derive(Debug, Default)]
pub(crate) struct Describer {
    speakers: Vec<Speaker>,
    /// Keys that a script has named.
    keys: Vec<SecretKey>,
}

/// What must be known of a node to understand it.
#[derive(Debug)]
struct Speaker {
    name: String,
    addr: SocketAddr,
    /// All keys it has had in its life.
    keys: Vec<SecretKey>,
    ciphers: Vec<Cipher>,
    /// The label it was last seen to send.
    label: Vec<u8>,
    first_seq: Option<u32>,
    /// The numbers of the queries it asked, by their Lamport times.
    queries: BTreeMap<u64, u32>,
}

/// The most that anything is inflated to.
const INFLATED_MAX: usize = 40 << 20;

/// How many wrappers are taken off.
const NESTING_MAX: usize = 8;

impl Describer {
    pub(crate) const fn new() -> Self {
        Self { speakers: Vec::new(), keys: Vec::new() }
    }

    pub(crate) fn known(&self) -> usize {
        self.speakers.len()
    }

    pub(crate) fn introduce(&mut self, node: &Node) {
        self.speakers.push(Speaker::of(node));
    }

    /// A node starts another life, perhaps with other keys.
    pub(crate) fn reintroduce(&mut self, id: NodeId, node: &Node) {
        self.speakers[id.index()] = Speaker::of(node);
    }

    /// A node is about to say something, and may have got other keys since it last did.
    pub(crate) fn learn(&mut self, id: NodeId, keyring: Option<&Keyring>) {
        let speaker = &mut self.speakers[id.index()];
        for key in keyring.into_iter().flat_map(Keyring::keys) {
            if !speaker.keys.contains(key) {
                speaker.ciphers.extend(cipher(key));
                speaker.keys.push(key.clone());
            }
        }
    }

    /// A script has named a key.
    pub(crate) fn name_key(&mut self, key: SecretKey) {
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    /// What a script calls a key.
    pub(crate) fn key_name(&self, fingerprint: Fingerprint) -> String {
        let known = self.speakers.iter().flat_map(|speaker| &speaker.keys).chain(&self.keys);
        let key = known.into_iter().find(|key| key.fingerprint() == fingerprint);
        key.map_or_else(|| fingerprint.to_string(), super::keys::name)
    }

    pub(crate) fn name(&self, node: NodeId) -> &str {
        &self.speakers[node.index()].name
    }

    /// The name of the node at an address, or the address.
    pub(crate) fn name_at(&self, addr: SocketAddr) -> String {
        let speaker = self.speakers.iter().find(|speaker| speaker.addr == addr);
        speaker.map_or_else(|| addr.to_string(), |speaker| speaker.name.clone())
    }

    /// The address of the first node of a name.
    pub(crate) fn find(&self, name: &str) -> Option<SocketAddr> {
        self.speakers.iter().find(|speaker| speaker.name == name).map(|speaker| speaker.addr)
    }

    /// How wide the widest name is.
    pub(crate) fn name_width(&self) -> usize {
        self.speakers.iter().map(|speaker| speaker.name.chars().count()).max().unwrap_or(0)
    }

    // ── packets ──────────────────────────────────────────────────────────────────────────────────

    /// What a datagram says, and of what kinds its messages are.
    pub(crate) fn packet(
        &mut self,
        from: NodeId,
        to: Option<NodeId>,
        bytes: &[u8],
    ) -> (String, Vec<Kind>) {
        let mut said = Said { texts: Vec::new(), kinds: Vec::new() };
        let mut bytes = bytes.to_vec();
        match self.open(from, &mut bytes) {
            Ok(plain) => {
                let plain = plain.to_vec();
                self.unpack(from, to, &plain, 0, &mut said);
            }
            Err(what) => said.texts.push(what.to_owned()),
        }
        (said.texts.join(" + "), said.kinds)
    }

    /// Takes label, encryption and checksum off.
    fn open<'a>(&mut self, from: NodeId, bytes: &'a mut [u8]) -> Result<&'a [u8], &'static str> {
        let (label, sealed) = label::split(bytes).map_err(|_| "unreadable: broken label")?;
        let speaker = &mut self.speakers[from.index()];
        speaker.label = label.to_vec();
        let plain = match speaker.ciphers.as_slice() {
            [] => sealed,
            ciphers => {
                seal::open(sealed, ciphers, label).map_err(|_| "unreadable: sealed otherwise")?
            }
        };
        checksum::strip(plain).map_err(|_| "unreadable: checksum")
    }

    fn unpack(
        &mut self,
        from: NodeId,
        to: Option<NodeId>,
        packet: &[u8],
        depth: usize,
        said: &mut Said,
    ) {
        let mut inflated = Vec::new();
        match packet.split_first() {
            _ if depth > NESTING_MAX => said.texts.push("unreadable: wrapped too often".to_owned()),
            Some((&kind::COMPOUND, body)) => {
                for part in Parts::parse(body).into_iter().flatten() {
                    match part {
                        Ok(part) => self.unpack(from, to, part, depth + 1, said),
                        Err(error) => said.texts.push(format!("unreadable: {error}")),
                    }
                }
            }
            Some((&kind::COMPRESS, body)) => {
                match Lzw::default().inflate(body, INFLATED_MAX, &mut inflated) {
                    Ok(()) => self.unpack(from, to, &inflated, depth + 1, said),
                    Err(error) => said.texts.push(format!("unreadable: {error}")),
                }
            }
            _ => match Message::decode(packet) {
                Ok(message) => said.push(self.message(from, to, &message)),
                Err(error) => said.texts.push(format!("unreadable: {error}")),
            },
        }
    }

    // ── streams ──────────────────────────────────────────────────────────────────────────────────

    /// What was written to a stream.
    pub(crate) fn stream(&mut self, from: NodeId, to: NodeId, bytes: &[u8]) -> String {
        let mut reader = FrameReader::new(Side::Accepted, bytes.len());
        if let Err(error) = reader.push(bytes) {
            return format!("unreadable: {error}");
        }
        let Some(frame) = reader.frame() else {
            return "unreadable: incomplete".to_owned();
        };
        if !frame.label.is_empty() {
            self.speakers[from.index()].label = frame.label.to_vec();
        }
        // Whoever answers does not send the label again.
        let labels = [from, to].map(|node| self.speakers[node.index()].label.clone());
        let mut plain = frame.bytes.to_vec();
        if plain.first() == Some(&kind::ENCRYPT) {
            let (header, sealed) = plain.split_at(SEALED_HEADER_LEN);
            let ciphers = &self.speakers[from.index()].ciphers;
            let opened = labels.iter().find_map(|label| {
                let mut sealed = sealed.to_vec();
                let aad = sealed_aad(header, label);
                seal::open(&mut sealed, ciphers, &aad).ok().map(|plain| plain.to_vec())
            });
            match opened {
                Some(opened) => plain = opened,
                None => return "unreadable: sealed otherwise".to_owned(),
            }
        }
        if let Some((&kind::COMPRESS, body)) = plain.split_first() {
            let mut inflated = Vec::new();
            if let Err(error) = Lzw::default().inflate(body, INFLATED_MAX, &mut inflated) {
                return format!("unreadable: {error}");
            }
            plain = inflated;
        }
        match StreamMessage::decode(&plain) {
            Ok(message) => self.stream_message(from, to, &message),
            Err(error) => format!("unreadable: {error}"),
        }
    }

    // ── numbers of pings ─────────────────────────────────────────────────────────────────────────

    /// The number of a ping that a node sends.
    pub(super) fn own_seq(&mut self, node: NodeId, seq: u32) -> u32 {
        let first = self.speakers[node.index()].first_seq.get_or_insert(seq);
        seq.wrapping_sub(*first).wrapping_add(1)
    }

    /// The number in an answer to a node, which may never have asked.
    pub(super) fn answered_seq(&self, node: Option<NodeId>, seq: u32) -> u32 {
        let first = node.and_then(|node| self.speakers[node.index()].first_seq);
        first.map_or(seq, |first| seq.wrapping_sub(first).wrapping_add(1))
    }

    /// The reverse of what is shown: the number on the wire.
    pub(crate) fn seq_on_the_wire(&self, node: NodeId, shown: u32) -> u32 {
        let first = self.speakers[node.index()].first_seq;
        first.map_or(shown, |first| first.wrapping_add(shown).wrapping_sub(1))
    }
}

impl Describer {
    /// Remembers the number of a query, which is random and not shown.
    pub(super) fn note_query(&mut self, query: &serf_message::Query<'_>) {
        let by = query.source_node.to_string_lossy();
        if let Some(speaker) = self.speakers.iter_mut().find(|speaker| speaker.name == by) {
            speaker.queries.insert(query.ltime, query.id);
        }
    }

    /// The number of the query that a node asked at a Lamport time.
    pub(crate) fn query_number(&self, by: &str, ltime: u64) -> Option<u32> {
        let speaker = self.speakers.iter().find(|speaker| speaker.name == by)?;
        speaker.queries.get(&ltime).copied()
    }
}

/// What a packet says, message by message.
struct Said {
    texts: Vec<String>,
    kinds: Vec<Kind>,
}

impl Said {
    fn push(&mut self, (kind, text): (Kind, String)) {
        self.texts.push(text);
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
    }
}

impl Speaker {
    fn of(node: &Node) -> Self {
        let keys: Vec<_> = node.config.keys().into_iter().flat_map(Keyring::keys).collect();
        Self {
            name: node.config.name().to_owned(),
            addr: node.addr,
            ciphers: keys.iter().copied().filter_map(cipher).collect(),
            keys: keys.into_iter().cloned().collect(),
            label: Vec::new(),
            first_seq: None,
            queries: BTreeMap::new(),
        }
    }
}

/// A key, ready for use.
pub(crate) fn cipher(key: &SecretKey) -> Option<Cipher> {
    Cipher::new(&super::keys::bytes(key)?)
}

/// What a node told its application.
pub(crate) fn describe_event(event: &Event, describer: &Describer) -> String {
    super::messages::event(event, describer)
}
