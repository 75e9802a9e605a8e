//! Keys and what is said about them: a key is shown by the name that a script gave it, or else by its
//! fingerprint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::serf_message::{KeyRequest, KeyResponse, SerfMessage};
use serfer_proto::{KeyOp, KeyReport, Lag, Laggard, RotationReport, RotationStopped, SecretKey};

use super::messages::payload;
use super::packets::Describer;

/// A key is as long as that if a script has named it: its name, and zeros behind it.
const NAMED_LEN: usize = 16;

/// The key of a script's name.
pub(crate) fn named(name: &str) -> SecretKey {
    let mut bytes = [0; NAMED_LEN];
    let len = name.len().min(bytes.len());
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    SecretKey::new(&bytes).expect("it has the length of a key")
}

pub(super) fn bytes(key: &SecretKey) -> Option<Vec<u8>> {
    STANDARD.decode(key.to_base64()).ok()
}

/// What a script calls a key.
pub(super) fn name(key: &SecretKey) -> String {
    let name = bytes(key).and_then(|bytes| script_name(&bytes));
    name.unwrap_or_else(|| key.fingerprint().to_string())
}

fn script_name(bytes: &[u8]) -> Option<String> {
    let (name, zeros) = bytes.split_at(bytes.iter().position(|&byte| byte == 0)?);
    let is_name = bytes.len() == NAMED_LEN && zeros.iter().all(|&byte| byte == 0);
    let is_name = is_name && !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
}

fn raw_name(bytes: &[u8]) -> String {
    SecretKey::new(bytes).map_or_else(|_| format!("({} bytes)", bytes.len()), |key| name(&key))
}

fn base64_name(text: Text<'_>) -> String {
    let key = SecretKey::from_base64(&text.to_string_lossy());
    key.map_or_else(|_| "(no key)".to_owned(), |key| name(&key))
}

fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(",")
}

// ── on the wire ──────────────────────────────────────────────────────────────────────────────────

/// What a query asks for, if it is about keys.
pub(super) fn request(query: &str, payload: &[u8]) -> Option<String> {
    if !query.starts_with("_serf_") {
        return None;
    }
    match SerfMessage::decode(payload) {
        Ok(SerfMessage::KeyRequest(KeyRequest { key: Text([]) })) => Some(String::new()),
        Ok(SerfMessage::KeyRequest(KeyRequest { key })) => {
            Some(format!(" key={}", raw_name(key.0)))
        }
        _ => None,
    }
}

/// What a reply says, if it is about keys.
pub(super) fn response(bytes: &[u8]) -> Option<String> {
    match SerfMessage::decode(bytes) {
        Ok(SerfMessage::KeyResponse(response)) => Some(format!(" {}", answer(&response))),
        _ => None,
    }
}

pub(super) fn answer(it: &KeyResponse<'_>) -> String {
    let mut text = if it.result { "ok" } else { "failed" }.to_owned();
    if !it.keys.is_empty() {
        text += &format!(" keys={}", list(it.keys.iter().map(base64_name)));
    }
    if !it.primary_key.0.is_empty() {
        text += &format!(" primary={}", base64_name(it.primary_key));
    }
    text + &payload(it.message.0)
}

// ── events ───────────────────────────────────────────────────────────────────────────────────────

pub(super) fn done(it: &KeyReport) -> String {
    let op = match &it.op {
        KeyOp::Install(key) => format!("install {}", name(key)),
        KeyOp::Use(key) => format!("use {}", name(key)),
        KeyOp::Remove(key) => format!("remove {}", name(key)),
        KeyOp::List => "list".to_owned(),
    };
    let mut text = format!("keys-done {op}: {} of {}", it.done(), it.asked());
    for (key, count) in it.keys() {
        text += &format!(", {} has {}", count, name(key));
    }
    for (key, count) in it.primary_keys() {
        text += &format!(", {} seals with {}", count, name(key));
    }
    for failure in it.failures() {
        text += &format!("; {}: {}", failure.node, failure.message);
    }
    for node in &*it.silent {
        text += &format!("; {node} is silent");
    }
    text
}

pub(super) fn rotation_done(it: &RotationReport, describer: &Describer) -> String {
    let mut text = format!("rotation-done {}", describer.key_name(it.key));
    if !it.removed.is_empty() {
        let removed = it.removed.iter().map(|&key| describer.key_name(key));
        text += &format!(" removed={}", list(removed));
    }
    text += &format!(" members={}", list(it.members.iter().map(|node| node.to_string())));
    if !it.absent.is_empty() {
        text += &format!(" absent={}", list(it.absent.iter().map(|node| node.to_string())));
    }
    text
}

pub(super) fn rotation_stopped(it: &RotationStopped, describer: &Describer) -> String {
    let mut text = format!("rotation-stopped {} at {}", describer.key_name(it.key), it.stage);
    for laggard in &*it.laggards {
        text += &format!("; {}", describe_laggard(laggard, describer));
    }
    if let Some(error) = &it.error {
        text += &format!("; {error}");
    }
    text
}

fn describe_laggard(it: &Laggard, describer: &Describer) -> String {
    let key = |key| describer.key_name(key);
    let lag = match it.lag {
        Lag::Lacks(lacks) => format!("lacks {}", key(lacks)),
        Lag::SealsWith(primary) => format!("seals with {}", key(primary)),
        Lag::Keeps(kept) => format!("still has {}", key(kept)),
        other => other.to_string(),
    };
    let said = payload(it.said.as_bytes());
    format!("{} {lag}{said}", it.node)
}
