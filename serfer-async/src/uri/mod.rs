//! Event URIs: one line of text that says what to send, and to which nodes.
//!
//! Programs use what is here through [`Serfer::send`](crate::Serfer::send). Read in this order: this file (a
//! URI as a value), [`error`] (what can be wrong with one), `parse` (from text), [`send`] (to the cluster).
//!
//! The idea is from Go serfer's list of things to do.

mod error;
mod parse;
mod send;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::pattern::{Pattern, is_special};
use crate::router::Route;

pub use self::error::{UriError, UriProblem};
pub use self::send::Sent;

/// Which characters are written with `%`: all but letters, digits and these.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The same for the value of a tag, where a `~` at the beginning has a meaning of its own.
const ENCODED_VALUE: &AsciiSet = &ENCODED.add(b'~');

/// What to send and to which nodes, as one line:
/// `serf://[HOST[,HOST…]]/event|query/NAME[?[payload=…][&TAG=VALUE…]]`.
///
/// ```
/// # async fn example(serf: &serfer_async::Serfer) -> Result<(), Box<dyn std::error::Error>> {
/// use serfer_async::{EventUri, Sent};
///
/// serf.send(&"serf:///event/kubekit/deploy?payload=wave".parse()?)?;
/// serf.send(&"serf://web-*,db-1/query/stats?role=worker".parse()?)?;
///
/// // The second again, and its replies:
/// let uri = EventUri::query("stats")?.host("web-*")?.host("db-1")?.tag("role", "worker")?;
/// assert_eq!(uri.to_string(), "serf://web-*,db-1/query/stats?role=worker");
/// if let Sent::Query(mut replies) = serf.send(&uri)? {
///     while let Some(reply) = replies.next().await {
///         println!("{}: {:?}", reply.from, reply.payload);
///     }
/// }
/// # Ok(())
/// # }
/// ```
///
/// | part | what it says |
/// |---|---|
/// | `HOST` | Only members with this name, or with a name that matches: `*` is anything, `?` one byte. With several hosts, a member has to match one of them; none, or `*`, is everybody. |
/// | `event`, `query` | Whether it is a user event or a query. |
/// | `NAME` | The name it is sent under, slashes included. You may read `kubekit/deploy` as event `deploy` of pool `kubekit`; to the cluster it is one name. |
/// | `payload=…` | The payload. Without it, the payload is empty. |
/// | `TAG=VALUE` | Only members whose tag has exactly this value. All tags have to match. A tag that a member does not have counts as empty. |
/// | `TAG=~EXPR` | Only members in whose tag this regular expression is found, in Go's syntax, see [`QueryParams::tag`](crate::QueryParams::tag). |
///
/// Pairs are separated by `&` or `;`. A character that is written as `%` and two hexadecimal digits
/// stands for itself: `%2A` is a star and no glob, `%7E` a tilde at the beginning of a value, and
/// `%70ayload` is a tag with the name `payload`. A `+` is a plus.
///
/// **A user event goes to everybody**, because it has no filters on the wire. One with a host or a tag
/// is refused; send a query instead.
///
/// **Globs of hosts** are resolved when the query is sent, to the members that are alive as far as the
/// sender knows, because a query can only list the names of nodes. Many names make a query too large;
/// tags do not.
///
/// **Globs in the name**, like `serf:///query/kubekit-*/stats`, match names but cannot be sent, since a
/// message has one name. They are for a [`Router`](crate::Router), which takes a URI in place of a name,
/// so that both sides can be configured with the same lines. To reach the members of several pools at
/// once, give them a tag that says so: `serf:///query/stats?pool=~^kubekit-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventUri {
    kind: UriKind,
    /// Their only globs are `*` and `?`.
    hosts: Vec<Pattern>,
    /// As above.
    name: Pattern,
    payload: Bytes,
    tags: BTreeMap<String, TagValue>,
}

/// What an [`EventUri`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UriKind {
    /// A user event.
    Event,
    /// A query.
    Query,
}

impl std::fmt::Display for UriKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Event => "event",
            Self::Query => "query",
        })
    }
}

/// Which values of a tag an [`EventUri`] matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TagValue {
    /// Only this value.
    Exactly(String),
    /// Values in which this regular expression is found.
    Matching(String),
}

impl TagValue {
    /// The regular expression that goes over the wire.
    pub fn expression(&self) -> Cow<'_, str> {
        match self {
            Self::Exactly(value) => format!("^{}$", regex_syntax::escape(value)).into(),
            Self::Matching(expression) => expression.into(),
        }
    }
}

impl From<&str> for TagValue {
    fn from(value: &str) -> Self {
        Self::Exactly(value.to_owned())
    }
}

impl From<String> for TagValue {
    fn from(value: String) -> Self {
        Self::Exactly(value)
    }
}

impl EventUri {
    /// A user event with exactly this name, in which nothing is a glob.
    ///
    /// # Errors
    /// If the name, or a part of it between slashes, is empty.
    pub fn event(name: impl AsRef<str>) -> Result<Self, UriError> {
        Self::new(UriKind::Event, Pattern::exact(name))
    }

    /// A query to everybody with exactly this name, in which nothing is a glob.
    ///
    /// # Errors
    /// If the name, or a part of it between slashes, is empty.
    pub fn query(name: impl AsRef<str>) -> Result<Self, UriError> {
        Self::new(UriKind::Query, Pattern::exact(name))
    }

    fn new(kind: UriKind, name: Pattern) -> Result<Self, UriError> {
        let uri =
            Self { kind, hosts: Vec::new(), name, payload: Bytes::new(), tags: BTreeMap::new() };
        let name = uri.name.as_str();
        if name.is_empty() {
            return Err(uri.fault(UriProblem::NoName));
        }
        if name.split('/').any(str::is_empty) {
            return Err(uri.fault(UriProblem::EmptyPart { name: name.to_owned() }));
        }
        Ok(uri)
    }

    /// Asks only members with this name, or with a name that matches. May be called again, to ask other
    /// members as well. `*` and `?` are globs unless they follow a `\`.
    ///
    /// # Errors
    /// If this is a user event, which goes to everybody, or the host is empty, too long or not such a
    /// pattern.
    pub fn host(self, pattern: impl AsRef<str>) -> Result<Self, UriError> {
        let text = pattern.as_ref();
        let fault = |uri: &Self, problem| Err(uri.fault(problem));
        let (mut canonical, mut chars) = (String::new(), text.chars());
        while let Some(c) = chars.next() {
            match c {
                '[' | ']' | '{' | '}' => {
                    let (part, value) = ("host", text.to_owned());
                    return fault(&self, UriProblem::Character { part, value, character: c });
                }
                '\\' => match chars.next() {
                    Some(c) if is_special(c) => canonical.extend(['\\', c]),
                    Some(c) => canonical.push(c),
                    None => canonical.push('\\'),
                },
                c => canonical.push(c),
            }
        }
        match Pattern::new(canonical) {
            Ok(host) => self.with_host(host),
            Err(error) => fault(&self, error.into()),
        }
    }

    fn with_host(mut self, host: Pattern) -> Result<Self, UriError> {
        if self.kind == UriKind::Event {
            return Err(self.fault(UriProblem::EventForHost { host: host.to_string() }));
        }
        if host.as_str().is_empty() {
            return Err(self.fault(UriProblem::EmptyHost));
        }
        self.hosts.push(host);
        Ok(self)
    }

    /// Asks only members with such a tag. A text is the exact value; for a regular expression, use
    /// [`TagValue::Matching`].
    ///
    /// # Errors
    /// If this is a user event, which goes to everybody, or the tag has no name or was given already.
    pub fn tag(
        mut self,
        tag: impl Into<String>,
        value: impl Into<TagValue>,
    ) -> Result<Self, UriError> {
        let tag = tag.into();
        if self.kind == UriKind::Event {
            return Err(self.fault(UriProblem::EventForTag { tag }));
        }
        if tag.is_empty() {
            return Err(self.fault(UriProblem::NoTag));
        }
        match self.tags.entry(tag) {
            Entry::Vacant(vacant) => {
                vacant.insert(value.into());
                Ok(self)
            }
            Entry::Occupied(occupied) => {
                let key = occupied.key().clone();
                Err(self.fault(UriProblem::Twice { key }))
            }
        }
    }

    /// Sends this payload.
    #[must_use]
    pub fn with_payload(mut self, payload: impl Into<Bytes>) -> Self {
        self.payload = payload.into();
        self
    }

    /// Whether it is a user event or a query.
    pub fn kind(&self) -> UriKind {
        self.kind
    }

    /// Which members are asked, by name; all of them if this is empty.
    pub fn hosts(&self) -> &[Pattern] {
        &self.hosts
    }

    /// The name it is sent under or, if it is a glob, the names that it matches.
    pub fn name(&self) -> &Pattern {
        &self.name
    }

    /// The payload.
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Which members are asked, by tag. All of them have to match.
    pub fn tags(&self) -> impl Iterator<Item = (&str, &TagValue)> {
        self.tags.iter().map(|(tag, value)| (&**tag, value))
    }

    fn fault(&self, problem: UriProblem) -> UriError {
        UriError { uri: self.to_string(), problem }
    }
}

/// A URI as a route: the pattern of its name. Its kind, hosts, tags and payload do not matter.
impl From<&EventUri> for Route {
    fn from(uri: &EventUri) -> Self {
        uri.name.clone().into()
    }
}

impl std::fmt::Display for EventUri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("serf://")?;
        for (n, host) in self.hosts.iter().enumerate() {
            f.write_str(if n == 0 { "" } else { "," })?;
            write_pattern(f, host, "*?")?;
        }
        write!(f, "/{}/", self.kind)?;
        write_pattern(f, &self.name, "*/")?;
        let mut separator = '?';
        if !self.payload.is_empty() {
            write!(f, "?payload={}", percent_encode(&self.payload, ENCODED))?;
            separator = '&';
        }
        for (tag, value) in &self.tags {
            f.write_str(separator.encode_utf8(&mut [0; 4]))?;
            separator = '&';
            match &**tag {
                "payload" => f.write_str("%70ayload=")?,
                tag => write!(f, "{}=", utf8_percent_encode(tag, ENCODED))?,
            }
            match value {
                TagValue::Exactly(value) => {
                    write!(f, "{}", utf8_percent_encode(value, ENCODED_VALUE))?;
                }
                TagValue::Matching(expression) => {
                    write!(f, "~{}", utf8_percent_encode(expression, ENCODED))?;
                }
            }
        }
        Ok(())
    }
}

/// Writes a pattern. The characters in `raw` are globs, and are written as they are unless they are escaped.
fn write_pattern(
    f: &mut std::fmt::Formatter<'_>,
    pattern: &Pattern,
    raw: &str,
) -> std::fmt::Result {
    let mut chars = pattern.as_str().chars();
    while let Some(c) = chars.next() {
        let (c, is_escaped) =
            if c == '\\' { (chars.next().unwrap_or(c), true) } else { (c, false) };
        let mut buf = [0; 4];
        let c_str: &str = c.encode_utf8(&mut buf);
        if raw.contains(c) && !is_escaped {
            f.write_str(c_str)?;
        } else {
            write!(f, "{}", utf8_percent_encode(c_str, ENCODED))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
