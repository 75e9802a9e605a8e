//! Fields of messages, in words: names, payloads, tags.

use serfer_proto::Tags;
use serfer_proto::wire::msgpack::{Reader, Text, Value as _};

pub(super) fn text(text: Text<'_>) -> String {
    text.to_string_lossy()
}

/// A payload: in quotes if it is short text, else its length. Nothing if it is empty.
pub(super) fn payload(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok("") => String::new(),
        Ok(text) if text.len() <= 64 => format!(" {text:?}"),
        _ => format!(" ({} bytes)", bytes.len()),
    }
}

/// The encoded tags of an alive message.
pub(super) fn meta(bytes: &[u8]) -> String {
    let Some((&0xff, map)) = bytes.split_first() else {
        return payload(bytes);
    };
    let from = &mut Reader::new(map);
    let mut found = Tags::new();
    for _ in 0..from.map_len().unwrap_or(0) {
        let (Ok(key), Ok(value)) = (Text::take(from), Text::take(from)) else {
            break;
        };
        found.insert(text(key), text(value));
    }
    tags(&found)
}

pub(super) fn tags(tags: &Tags) -> String {
    tags.iter().map(|(key, value)| format!(" {key}={value}")).collect()
}

pub(super) fn list(names: impl Iterator<Item = String>) -> String {
    names.collect::<Vec<_>>().join(",")
}
