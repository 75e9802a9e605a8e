//! Keys that change while nodes run: how a node answers key requests, and how it sends them.

use std::collections::BTreeMap;

use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::seal::{self, Cipher};
use serfer_proto::wire::serf_message::{KeyRequest, Query, QueryResponse, SerfMessage};
use serfer_proto::{
    Config, Encryption, Event, Fingerprint, KeyError, KeyOp, KeyParams, KeyReport, Keyring,
    SecretKey,
};

use crate::harness::cluster::Cluster;
use crate::harness::craft::{alive, messages, user};
use crate::harness::network::addr;
use crate::harness::solo::Solo;
use crate::harness::support::{lan, local, name, secs};
use crate::harness::wrap::sealed;

pub(super) const INSTALL: &str = "_serf_install-key";
pub(super) const USE: &str = "_serf_use-key";
pub(super) const REMOVE: &str = "_serf_remove-key";
pub(super) const LIST: &str = "_serf_list-keys";

pub(crate) fn key(byte: u8) -> SecretKey {
    SecretKey::new(&[byte; 16]).unwrap()
}

/// A configuration with these keys, the primary first.
pub(crate) fn keyed(config: Config, keys: &[u8]) -> Config {
    let primary = Keyring::new(key(keys[0]));
    config.keyring(keys.iter().fold(primary, |ring, &byte| ring.with(key(byte))))
}

/// The keys of a ring by their bytes, the primary first.
pub(crate) fn bytes_of(ring: Option<&Keyring>) -> Vec<u8> {
    let known: BTreeMap<Fingerprint, u8> =
        (0..=255).map(|byte| (key(byte).fingerprint(), byte)).collect();
    let keys = ring.into_iter().flat_map(Keyring::keys);
    keys.map(|key| known[&key.fingerprint()]).collect()
}

/// The answer of a node, and the key that it was sealed with.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) sealed_with: Option<u8>,
    pub(super) done: bool,
    pub(super) message: String,
    pub(super) keys: usize,
}

pub(super) fn no(sealed_with: Option<u8>, message: &str) -> Answer {
    Answer { sealed_with, done: false, message: message.to_owned(), keys: 0 }
}

pub(super) fn yes(sealed_with: u8) -> Answer {
    Answer { sealed_with: Some(sealed_with), done: true, message: String::new(), keys: 0 }
}

/// A node that knows node 1, which sends it key requests.
pub(super) struct Asked {
    pub(super) solo: Solo,
    ltime: u64,
}

impl Asked {
    pub(super) fn new(config: Config) -> Self {
        let mut asked = Self { solo: Solo::new(config), ltime: 1 };
        let known = alive(1, 1);
        asked.hear(&known);
        asked
    }

    /// A packet of node 1, sealed with the primary key of node 0, if that has one.
    pub(super) fn hear(&mut self, message: &[u8]) {
        match bytes_of(self.solo.node.keyring()).first() {
            Some(&primary) => self.solo.hear(1, &sealed([primary; 16], b"", message)),
            None => self.solo.hear(1, message),
        }
    }

    pub(super) fn request(&mut self, name: &str, payload: &[u8]) -> Option<Answer> {
        self.ltime += 1;
        self.solo.sent.clear();
        self.hear(&user(&SerfMessage::Query(Query {
            addr: &[10, 0, 0, 2],
            id: 7,
            ltime: self.ltime,
            name: name.into(),
            payload,
            port: 7946,
            source_node: "n1".into(),
            timeout: 10_000_000_000,
            ..Query::default()
        })));
        self.answer()
    }

    pub(super) fn about(&mut self, name: &str, key: u8) -> Answer {
        self.request(name, &request(&[key; 16])).expect("it answers")
    }

    pub(super) fn answer(&mut self) -> Option<Answer> {
        for (to, mut packet) in std::mem::take(&mut self.solo.sent) {
            let sealed_with = (0..=255).find(|&byte| {
                let cipher = Cipher::new(&[byte; 16]).unwrap();
                seal::open(&mut packet.clone(), [&cipher], b"").is_ok()
            });
            let plain = match sealed_with {
                Some(byte) => {
                    let cipher = Cipher::new(&[byte; 16]).unwrap();
                    seal::open(&mut packet, [&cipher], b"").unwrap().to_vec()
                }
                None => packet,
            };
            for message in messages(&plain) {
                let Ok(SerfMessage::QueryResponse(QueryResponse { payload, .. })) =
                    SerfMessage::decode(&message[1..])
                else {
                    continue;
                };
                let Ok(SerfMessage::KeyResponse(answer)) = SerfMessage::decode(payload) else {
                    continue;
                };
                assert_eq!(to, addr(1));
                return Some(Answer {
                    sealed_with,
                    done: answer.result,
                    message: answer.message.to_string_lossy(),
                    keys: answer.keys.len(),
                });
            }
        }
        None
    }

    pub(super) fn ring(&self) -> Vec<u8> {
        bytes_of(self.solo.node.keyring())
    }
}

pub(super) fn request(key: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    SerfMessage::KeyRequest(KeyRequest { key: Text(key) }).encode(&mut bytes);
    bytes
}

#[test]
fn a_key_is_installed_used_and_removed_as_asked() {
    let mut node = Asked::new(keyed(lan(0), &[1]));
    assert_eq!(node.about(INSTALL, 2), yes(1));
    assert_eq!(node.ring(), [1, 2]);
    assert_eq!(node.about(INSTALL, 2), yes(1));
    assert_eq!(node.ring(), [1, 2]);
    // The answer is sealed with the new primary key.
    assert_eq!(node.about(USE, 2), yes(2));
    assert_eq!(node.ring(), [2, 1]);
    assert_eq!(node.about(REMOVE, 1), yes(2));
    assert_eq!(node.ring(), [2]);
    assert_eq!(node.about(REMOVE, 1), yes(2));
    assert_eq!(node.about(LIST, 0), Answer { keys: 1, ..yes(2) });
}

#[test]
fn a_key_request_that_is_not_allowed_is_refused_with_a_reason() {
    let mut node = Asked::new(keyed(lan(0), &[1]));
    let message = "requested key is not in the keyring";
    assert_eq!(node.about(USE, 2), no(Some(1), message));
    let message = "removing the primary key is not allowed";
    assert_eq!(node.about(REMOVE, 1), no(Some(1), message));
    let short = request(b"short");
    let message = "key size must be 16, 24 or 32 bytes";
    assert_eq!(node.request(INSTALL, &short), Some(no(Some(1), message)));
    let message = "requested key is not in the keyring";
    assert_eq!(node.request(USE, &short), Some(no(Some(1), message)));
    assert_eq!(node.request(REMOVE, &short), Some(yes(1)));
    assert_eq!(node.ring(), [1]);
    assert!(node.solo.stored.is_empty());
}

/// An empty payload crashes Go's agent.
#[test]
fn a_key_request_that_does_not_decode_is_refused() {
    let mut node = Asked::new(keyed(lan(0), &[1]));
    for name in [INSTALL, USE, REMOVE] {
        for payload in [&b""[..], &[7], &[7, 0x81], &[7, 0xc1], b"\x07\x81\xa3Key\xda\xff\xff"] {
            assert_eq!(node.request(name, payload), Some(no(Some(1), "")), "{payload:?}");
        }
    }
    // The first byte is ignored, and for a list the whole payload is.
    let mut other = request(&[2; 16]);
    other[0] = 0;
    assert_eq!(node.request(INSTALL, &other), Some(yes(1)));
    assert_eq!(node.request(LIST, b""), Some(Answer { keys: 2, ..yes(1) }));
    assert_eq!(node.ring(), [1, 2]);
}

#[test]
fn a_node_without_keys_installs_none() {
    let mut node = Asked::new(lan(0));
    for name in [INSTALL, USE, REMOVE] {
        let message = "No keyring to modify (encryption not enabled)";
        assert_eq!(node.about(name, 1), no(None, message));
        assert_eq!(node.request(name, b""), Some(no(None, "")));
    }
    assert_eq!(node.about(LIST, 0), no(None, "Keyring is empty (encryption not enabled)"));
    assert!(node.solo.node.keyring().is_none());
}

#[test]
fn a_node_that_accepts_plain_messages_refuses_key_requests() {
    for encryption in [Encryption::Prepare, Encryption::Prefer] {
        let mut node = Asked::new(keyed(lan(0), &[1]).encryption(encryption));
        for name in [INSTALL, USE, REMOVE, LIST] {
            let answer = node.about(name, 2);
            assert!(!answer.done && answer.message.starts_with("Keys stay as they are"), "{name}");
        }
        assert_eq!(node.ring(), [1]);
    }
}

#[test]
fn a_ring_does_not_grow_without_end() {
    let mut node = Asked::new(keyed(lan(0), &[1]));
    for byte in 2..=64 {
        assert_eq!(node.about(INSTALL, byte), yes(1));
    }
    let message = "the keyring has 64 keys, the most there may be";
    assert_eq!(node.about(INSTALL, 65), no(Some(1), message));
    assert_eq!(node.about(INSTALL, 64), yes(1));
    // More than fit into an answer.
    let answer = node.about(LIST, 0);
    let message = format!("truncated key list response, showing first {} of 64 keys", answer.keys);
    assert_eq!((answer.done, answer.message), (true, message));
    assert!(answer.keys > 30, "{}", answer.keys);
}

#[test]
fn keys_are_stored_only_if_the_configuration_says_so() {
    let mut node = Asked::new(keyed(lan(0), &[1]));
    assert_eq!(node.about(INSTALL, 2), yes(1));
    assert!(node.solo.stored.is_empty());
}

// ── asking ───────────────────────────────────────────────────────────────────────────────────────

/// How the last key request of a node ended.
fn manage(cluster: &mut Cluster, at: usize, op: KeyOp) -> KeyReport {
    let query =
        cluster.act(at, |node, now| node.manage_key(now, op, KeyParams::default())).unwrap();
    let find = |cluster: &Cluster| {
        let mut reports = cluster.nodes[at].events.iter().filter_map(|(_, event)| match event {
            Event::KeysDone(report) => Some(report.clone()),
            _ => None,
        });
        reports.find(|report| report.query == query)
    };
    cluster.run_until(secs(5), |cluster| find(cluster).is_some());
    find(cluster).unwrap()
}

pub(crate) fn rings(cluster: &Cluster) -> Vec<Vec<u8>> {
    cluster.running().map(|at| bytes_of(cluster.node(at).keyring())).collect()
}

#[test]
fn a_key_is_installed_everywhere_and_the_primary_stays() {
    let mut cluster = Cluster::joined(1, 4, |node| keyed(lan(node), &[1]));
    let report = manage(&mut cluster, 2, KeyOp::Install(key(2)));
    assert!(report.is_complete(), "{report}");
    assert_eq!((report.done(), report.asked()), (4, 4));
    assert_eq!(rings(&cluster), [[1, 2]; 4]);
}

#[test]
fn a_key_is_used_everywhere_unless_no_member_has_it() {
    let mut cluster = Cluster::joined(2, 3, |node| keyed(lan(node), &[1, 2]));
    assert!(manage(&mut cluster, 0, KeyOp::Use(key(2))).is_complete());
    assert_eq!(rings(&cluster), [[2, 1]; 3]);
    let report = manage(&mut cluster, 0, KeyOp::Use(key(3)));
    let failures: Vec<_> = report.failures().map(|it| (&*it.node, &*it.message)).collect();
    assert_eq!(failures.len(), 3);
    assert!(failures.contains(&("n1", "requested key is not in the keyring")));
    assert_eq!(rings(&cluster), [[2, 1]; 3]);
}

#[test]
fn a_key_is_removed_everywhere_but_not_the_primary() {
    let mut cluster = Cluster::joined(3, 3, |node| keyed(lan(node), &[1, 2]));
    assert!(manage(&mut cluster, 1, KeyOp::Remove(key(2))).is_complete());
    assert_eq!(rings(&cluster), [[1]; 3]);
    let report = manage(&mut cluster, 1, KeyOp::Remove(key(1)));
    assert_eq!((report.done(), report.asked()), (0, 3));
    assert_eq!(rings(&cluster), [[1]; 3]);
}

#[test]
fn keys_are_listed_with_how_many_have_them() {
    let ring = |node| if node == 1 { &[1, 2][..] } else { &[1] };
    let mut cluster = Cluster::joined(4, 3, |node| keyed(lan(node), ring(node)));
    let report = manage(&mut cluster, 0, KeyOp::List);
    assert_eq!(report.keys(), BTreeMap::from([(&key(1), 3), (&key(2), 1)]));
    assert_eq!(report.primary_keys(), BTreeMap::from([(&key(1), 3)]));
    let n1 = report.answers.iter().find(|answer| *answer.node == *name(1)).unwrap();
    assert_eq!(*n1.keys, [key(1), key(2)]);
    assert_eq!(n1.primary, Some(key(1)));
}

#[test]
fn who_does_not_answer_is_named() {
    let mut cluster = Cluster::joined(5, 3, |node| keyed(local(node), &[1]));
    cluster.pause(2);
    let report = manage(&mut cluster, 0, KeyOp::Install(key(2)));
    assert_eq!(report.silent.iter().map(|node| &**node).collect::<Vec<_>>(), ["n2"]);
    assert!(!report.is_complete());
    assert_eq!((report.done(), report.asked()), (2, 3));
    cluster.resume(2);
}

#[test]
fn only_one_key_change_runs_at_a_time() {
    let mut cluster = Cluster::joined(6, 2, |node| keyed(local(node), &[1]));
    let params = KeyParams::default();
    let mut ask = |op: KeyOp| cluster.act(0, |node, now| node.manage_key(now, op, params));
    assert!(ask(KeyOp::Install(key(2))).is_ok());
    assert_eq!(ask(KeyOp::Install(key(2))), Err(KeyError::Busy));
    assert!(ask(KeyOp::List).is_ok());
    assert!(ask(KeyOp::List).is_ok());
    let rotated = cluster.act(0, |node, now| node.rotate_key(now, key(2), Default::default()));
    assert_eq!(rotated, Err(KeyError::Busy));
    cluster.run(secs(1));
    assert!(manage(&mut cluster, 0, KeyOp::Use(key(2))).is_complete());
}

#[test]
fn a_key_is_never_sent_in_the_clear() {
    for config in [lan(0), keyed(lan(0), &[1]).encryption(Encryption::Prefer)] {
        let mut solo = Solo::new(config);
        let params = KeyParams::default();
        let asked = solo.act(|node, now| node.manage_key(now, KeyOp::Install(key(2)), params));
        assert_eq!(asked, Err(KeyError::NotEncrypted));
        assert!(solo.act(|node, now| node.manage_key(now, KeyOp::List, params)).is_ok());
    }
}

#[test]
fn a_node_alone_is_asked_too() {
    let mut cluster = Cluster::new(7);
    cluster.add(keyed(lan(0), &[1]));
    assert!(manage(&mut cluster, 0, KeyOp::Install(key(2))).is_complete());
    assert_eq!(rings(&cluster), [[1, 2]]);
}

#[test]
fn no_report_shows_a_key() {
    let mut cluster = Cluster::joined(8, 2, |node| keyed(local(node), &[1, 2]));
    let mut shown = String::new();
    for op in [KeyOp::List, KeyOp::Install(key(3)), KeyOp::Use(key(3)), KeyOp::Remove(key(1))] {
        let report = manage(&mut cluster, 0, op);
        shown += &format!("{report:?} {report} {:?} {}", report.op, report.op);
    }
    cluster.act(0, |node, now| node.rotate_key(now, key(2), Default::default())).unwrap();
    cluster.run(secs(5));
    shown += &format!("{:?} {:?}", cluster.nodes[0].events, cluster.nodes[1].config);
    for byte in 1..=3 {
        assert!(shown.contains(&key(byte).fingerprint().to_string()));
        assert!(!shown.contains(&key(byte).to_base64()[..8]));
        assert!(!shown.contains(&format!("{byte}, {byte}, {byte}, {byte}")));
    }
}
