//! Tags: what a member says about itself beyond its name and address.

use std::collections::BTreeMap;

use crate::wire::msgpack::{Reader, Text, Value, put_map};

/// The most encoded bytes our own tags may take up: memberlist's `MetaMaxSize`.
pub const TAGS_LEN_MAX: usize = 512;

/// Keys and values, sorted by key.
///
/// A node's tags take at most 512 encoded bytes ([`Tags::encoded_len`]), which is checked when they are set,
/// not here.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// No tags.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of a tag.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// Sets a tag and returns its former value.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<String>) -> Option<String> {
        self.0.insert(key.into(), value.into())
    }

    /// Removes a tag and returns its value.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        self.0.remove(key)
    }

    /// All tags, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let tags = self.0.iter();
        tags.map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes they take up on the wire.
    pub fn encoded_len(&self) -> usize {
        self.encode().len()
    }

    /// The form that serf protocols 3 to 5 use: `ff` and a map.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut meta = vec![MAP_FOLLOWS];
        put_map(&mut meta, self.0.len());
        for (key, value) in self.iter() {
            Text::from(key).put(&mut meta);
            Text::from(value).put(&mut meta);
        }
        meta
    }

    /// The form that serf protocol 2 uses: the value of the tag `role`, and nothing else.
    pub(crate) fn encode_role(&self) -> Vec<u8> {
        self.get(ROLE).unwrap_or_default().into()
    }

    /// Never fails. Bytes that are not a map are a role, and a broken map keeps its intact front, as in Go's
    /// `decodeTags`. Replacement characters take the place of broken UTF-8.
    pub(crate) fn decode(meta: &[u8]) -> Self {
        let Some((&MAP_FOLLOWS, map)) = meta.split_first() else {
            let role = Text(meta).to_string_lossy();
            return Self::from_iter([(ROLE.to_owned(), role)]);
        };
        let mut tags = Self::new();
        let from = &mut Reader::new(map);
        for _ in 0..from.map_len().unwrap_or(0) {
            let (Ok(key), Ok(value)) = (Text::take(from), Text::take(from)) else {
                break;
            };
            tags.insert(key.to_string_lossy(), value.to_string_lossy());
        }
        tags
    }
}

/// A role never begins with this byte, because UTF-8 has no such byte.
const MAP_FOLLOWS: u8 = 0xff;

const ROLE: &str = "role";

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Tags {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(tags: I) -> Self {
        let owned = |(key, value): (K, V)| (key.into(), value.into());
        Self(tags.into_iter().map(owned).collect())
    }
}

impl std::fmt::Debug for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// `k=v,k=v`, sorted by key.
impl std::fmt::Display for Tags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, (key, value)) in self.iter().enumerate() {
            let comma = if n == 0 { "" } else { "," };
            write!(f, "{comma}{key}={value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_travel_as_go_sends_them() {
        let tags = Tags::from_iter([("role", "web")]);
        assert_eq!(hex::encode(tags.encode()), "ff81a4726f6c65a3776562");
        assert_eq!(hex::encode(Tags::new().encode()), "ff80");
        assert_eq!(Tags::decode(&tags.encode()), tags);
        assert_eq!(tags.encoded_len(), 11);
        assert_eq!(tags.encode_role(), b"web");
    }

    #[test]
    fn whatever_arrives_becomes_tags() {
        assert_eq!(Tags::decode(b""), Tags::from_iter([("role", "")]));
        assert_eq!(Tags::decode(b"web"), Tags::from_iter([("role", "web")]));
        assert_eq!(Tags::decode(b"\xff\xc0"), Tags::new());
        assert_eq!(Tags::decode(b"\xff\x82\xa1a\xa1b\xa1c"), Tags::from_iter([("a", "b")]));
        assert_eq!(Tags::decode(b"\xff\x81\xa1a\xc0"), Tags::from_iter([("a", "")]));
        assert_eq!(Tags::decode(b"\xff\x93"), Tags::new());
    }

    #[test]
    fn they_are_shown_sorted() {
        let tags = Tags::from_iter([("role", "web"), ("dc", "east")]);
        assert_eq!(tags.to_string(), "dc=east,role=web");
    }
}
