//! From text to an event URI.

use std::str::FromStr;

use percent_encoding::percent_decode_str;

use super::{EventUri, TagValue, UriError, UriKind, UriProblem};
use crate::pattern::{Pattern, is_special};

/// The longest URI in bytes.
const LEN_MAX: usize = 1 << 16;

impl FromStr for EventUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        // An error of the builder shows the URI as far as it was built. All of it is more useful.
        parse(text).map_err(|problem| UriError { uri: abridged(text), problem })
    }
}

/// Enough of a text to recognize it.
fn abridged(text: &str) -> String {
    match text.char_indices().nth(256) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

fn parse(text: &str) -> Result<EventUri, UriProblem> {
    if text.len() > LEN_MAX {
        return Err(UriProblem::TooLong { len: text.len() });
    }
    let (scheme, rest) = text.split_once("://").ok_or(UriProblem::Scheme)?;
    // A host may have a `?`, so the pairs can only begin after the slash.
    let (hosts, rest) = rest.split_once('/').ok_or(UriProblem::Scheme)?;
    if !scheme.eq_ignore_ascii_case("serf") {
        return Err(UriProblem::Scheme);
    }
    let (path, pairs) = rest.split_once('?').unwrap_or((rest, ""));
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    let kind = match kind {
        "event" => UriKind::Event,
        "query" => UriKind::Query,
        found => return Err(UriProblem::Kind { found: found.to_owned() }),
    };
    let mut uri = EventUri::new(kind, pattern("name", name)?).map_err(|error| error.problem)?;
    if !hosts.is_empty() {
        for host in hosts.split(',') {
            let host = pattern("host", host)?;
            uri = uri.with_host(host).map_err(|error| error.problem)?;
        }
    }
    let mut has_payload = false;
    for pair in pairs.split(['&', ';']).filter(|pair| !pair.is_empty()) {
        let no_value = || UriProblem::NoValue { pair: pair.to_owned() };
        let (key, value) = pair.split_once('=').ok_or_else(no_value)?;
        if key == "payload" {
            if std::mem::replace(&mut has_payload, true) {
                return Err(UriProblem::Twice { key: key.to_owned() });
            }
            uri = uri.with_payload(bytes("payload", value)?);
            continue;
        }
        let value = match value.strip_prefix('~') {
            Some(expression) => TagValue::Matching(string("value", expression)?),
            None => TagValue::Exactly(string("value", value)?),
        };
        uri = uri.tag(string("tag", key)?, value).map_err(|error| error.problem)?;
    }
    Ok(uri)
}

/// A host or a name. A character that is written with `%` is not a glob.
fn pattern(part: &'static str, text: &str) -> Result<Pattern, UriProblem> {
    if let Some(character) = text.chars().find(|c| ['[', ']', '{', '}', '\\'].contains(c)) {
        return Err(UriProblem::Character { part, value: text.to_owned(), character });
    }
    check(part, text)?;
    // Each piece but the first begins with the two digits after a `%`.
    let mut pattern = Vec::with_capacity(text.len());
    let mut pieces = text.split('%');
    pattern.extend(pieces.next().unwrap_or_default().bytes());
    for piece in pieces {
        let byte = u8::from_str_radix(&piece[..2], 16).expect("two digits were found there");
        if is_special(byte.into()) {
            pattern.push(b'\\');
        }
        pattern.push(byte);
        pattern.extend(piece[2..].bytes());
    }
    let not_text = |_| UriProblem::NotText { part, value: text.to_owned() };
    Ok(Pattern::new(String::from_utf8(pattern).map_err(not_text)?)?)
}

fn string(part: &'static str, text: &str) -> Result<String, UriProblem> {
    let not_text = |_| UriProblem::NotText { part, value: text.to_owned() };
    String::from_utf8(bytes(part, text)?).map_err(not_text)
}

fn bytes(part: &'static str, text: &str) -> Result<Vec<u8>, UriProblem> {
    check(part, text)?;
    Ok(percent_decode_str(text).collect())
}

/// Refuses what no part may have.
fn check(part: &'static str, text: &str) -> Result<(), UriProblem> {
    let is_wrong = |c: &char| *c == '#' || c.is_ascii_whitespace() || c.is_ascii_control();
    if let Some(character) = text.chars().find(is_wrong) {
        return Err(UriProblem::Character { part, value: text.to_owned(), character });
    }
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let is_encoded = |piece: &[u8]| is_digit(piece.first()) && is_digit(piece.get(1));
    if !text.as_bytes().split(|byte| *byte == b'%').skip(1).all(is_encoded) {
        return Err(UriProblem::Percent { part, value: text.to_owned() });
    }
    Ok(())
}
