//! Names of keys, and messages about keys.
//!
//! A key is shown by the name that a script gave it, or else by its fingerprint.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serfer_proto::SecretKey;
use serfer_proto::wire::msgpack::Text;
use serfer_proto::wire::serf_message::{KeyRequest, KeyResponse, SerfMessage};

use super::fields::{list, payload};

/// The length of a key that a script has named. It consists of the name and zeros.
const NAMED_LEN: usize = 16;

/// The key that a script calls this.
pub(crate) fn named(name: &str) -> SecretKey {
    let mut bytes = [0; NAMED_LEN];
    let len = name.len().min(bytes.len());
    bytes[..len].copy_from_slice(&name.as_bytes()[..len]);
    SecretKey::new(&bytes).expect("it has the length of a key")
}

pub(super) fn bytes(key: &SecretKey) -> Option<Vec<u8>> {
    STANDARD.decode(key.to_base64()).ok()
}

/// What a script calls a key, or else its fingerprint.
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

/// The key in an internal query, if there is one. `None` if the query is not an internal one about
/// keys.
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

/// What a reply says about keys. `None` if it is about something else.
pub(super) fn response(bytes: &[u8]) -> Option<String> {
    match SerfMessage::decode(bytes) {
        Ok(SerfMessage::KeyResponse(response)) => Some(format!(" {}", key_response(&response))),
        _ => None,
    }
}

pub(super) fn key_response(it: &KeyResponse<'_>) -> String {
    let mut text = if it.result { "ok" } else { "failed" }.to_owned();
    if !it.keys.is_empty() {
        text += &format!(" keys={}", list(it.keys.iter().map(base64_name)));
    }
    if !it.primary_key.0.is_empty() {
        text += &format!(" primary={}", base64_name(it.primary_key));
    }
    text + &payload(it.message.0)
}
