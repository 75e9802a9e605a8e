//! What must be known of each node to read its packets: its name, address, keys and numbers.
//!
//! The sequence numbers of pings start at a random number. They are shown as counted from the first
//! ping of a node.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serfer_proto::wire::seal::Cipher;
use serfer_proto::wire::serf_message::Query;
use serfer_proto::{Fingerprint, Keyring, SecretKey};

use super::keys;
use crate::node_id::NodeId;

/// Puts into words what nodes send.
#[derive(Debug, Default)]
pub(crate) struct Describer {
    pub(super) senders: Vec<Sender>,
    /// Keys that a script has named.
    keys: Vec<SecretKey>,
}

/// What must be known of a node to read what it sends.
#[derive(Debug)]
pub(super) struct Sender {
    name: String,
    addr: SocketAddr,
    /// All keys that it has had in this life.
    keys: Vec<SecretKey>,
    pub(super) ciphers: Vec<Cipher>,
    /// The label that it sent last.
    pub(super) label: Vec<u8>,
    first_seq: Option<u32>,
    /// The ids of its queries, by Lamport time.
    queries: BTreeMap<u64, u32>,
}

impl Sender {
    fn new(name: &str, addr: SocketAddr) -> Self {
        Self {
            name: name.to_owned(),
            addr,
            keys: Vec::new(),
            ciphers: Vec::new(),
            label: Vec::new(),
            first_seq: None,
            queries: BTreeMap::new(),
        }
    }
}

impl Describer {
    pub(super) const fn new() -> Self {
        Self { senders: Vec::new(), keys: Vec::new() }
    }

    /// How many nodes were introduced.
    pub(super) fn introduced(&self) -> usize {
        self.senders.len()
    }

    /// A node is created, or starts another life. Nodes are introduced in the order of their ids.
    pub(super) fn introduce(
        &mut self,
        id: NodeId,
        (name, addr): (&str, SocketAddr),
        keyring: Option<&Keyring>,
    ) {
        let sender = Sender::new(name, addr);
        match self.senders.get_mut(id.index()) {
            Some(before) => *before = sender,
            None => self.senders.push(sender),
        }
        self.learn_keys(id, keyring);
    }

    /// A node is about to send something, perhaps with keys that it got since its last packet.
    pub(super) fn learn_keys(&mut self, id: NodeId, keyring: Option<&Keyring>) {
        let sender = &mut self.senders[id.index()];
        for key in keyring.into_iter().flat_map(Keyring::keys) {
            if !sender.keys.contains(key) {
                sender.ciphers.extend(cipher(key));
                sender.keys.push(key.clone());
            }
        }
    }

    /// A script has named a key.
    pub(super) fn name_key(&mut self, key: SecretKey) {
        if !self.keys.contains(&key) {
            self.keys.push(key);
        }
    }

    /// What a script calls a key, or else its fingerprint.
    pub(super) fn key_name(&self, fingerprint: Fingerprint) -> String {
        let known = self.senders.iter().flat_map(|sender| &sender.keys).chain(&self.keys);
        let key = known.into_iter().find(|key| key.fingerprint() == fingerprint);
        key.map_or_else(|| fingerprint.to_string(), keys::name)
    }

    // ── names ────────────────────────────────────────────────────────────────────────────────────

    pub(crate) fn name(&self, node: NodeId) -> &str {
        &self.senders[node.index()].name
    }

    /// The name of the node at an address, or else the address.
    pub(super) fn name_at(&self, addr: SocketAddr) -> String {
        let sender = self.senders.iter().find(|sender| sender.addr == addr);
        sender.map_or_else(|| addr.to_string(), |sender| sender.name.clone())
    }

    /// The address of the first node with this name.
    pub(crate) fn find(&self, name: &str) -> Option<SocketAddr> {
        self.senders.iter().find(|sender| sender.name == name).map(|sender| sender.addr)
    }

    /// The width of the widest name.
    pub(super) fn name_width(&self) -> usize {
        self.senders.iter().map(|sender| sender.name.chars().count()).max().unwrap_or(0)
    }

    // ── numbers ──────────────────────────────────────────────────────────────────────────────────

    /// What is shown for the sequence number of a ping that a node sends.
    pub(super) fn sent_seq(&mut self, node: NodeId, seq: u32) -> u32 {
        let first = self.senders[node.index()].first_seq.get_or_insert(seq);
        seq.wrapping_sub(*first).wrapping_add(1)
    }

    /// What is shown for the sequence number of an ack or nack to a node. The node may never have
    /// sent a ping.
    pub(super) fn answered_seq(&self, node: Option<NodeId>, seq: u32) -> u32 {
        let first = node.and_then(|node| self.senders[node.index()].first_seq);
        first.map_or(seq, |first| seq.wrapping_sub(first).wrapping_add(1))
    }

    /// The sequence number on the wire, from the one that is shown.
    pub(crate) fn wire_seq(&self, node: NodeId, shown: u32) -> u32 {
        let first = self.senders[node.index()].first_seq;
        first.map_or(shown, |first| first.wrapping_add(shown).wrapping_sub(1))
    }

    /// Remembers the id of a query. It is random and not shown.
    pub(super) fn note_query(&mut self, query: &Query<'_>) {
        let by = query.source_node.to_string_lossy();
        if let Some(sender) = self.senders.iter_mut().find(|sender| sender.name == by) {
            sender.queries.insert(query.ltime, query.id);
        }
    }

    /// The id of the query that a node sent at a Lamport time.
    pub(crate) fn query_id(&self, by: &str, ltime: u64) -> Option<u32> {
        let sender = self.senders.iter().find(|sender| sender.name == by)?;
        sender.queries.get(&ltime).copied()
    }
}

/// A key, ready to seal and open messages.
pub(crate) fn cipher(key: &SecretKey) -> Option<Cipher> {
    Cipher::new(&keys::bytes(key)?)
}
