//! What can be wrong with an event URI.

use crate::pattern::PatternError;

/// An event URI that is invalid, or cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("event URI {uri:?}: {problem}")]
pub struct UriError {
    /// The URI as it was given, or as far as it was built.
    pub uri: String,
    /// What is wrong with it.
    pub problem: UriProblem,
}

/// What is wrong with an event URI.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriProblem {
    /// No message is as long.
    #[error("{len} bytes are more than 65536, the most there may be")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// Begin with `serf://`, the hosts, and a slash.
    #[error("it does not begin with serf://, hosts or none, and a slash")]
    Scheme,
    /// Say whether it is an event or a query.
    #[error("{found:?} stands where it has to say event or query")]
    Kind {
        /// What stands there.
        found: String,
    },
    /// Give it a name after the kind.
    #[error("it has no name; one must follow event/ or query/")]
    NoName,
    /// Have one slash between parts, and none at the end.
    #[error("name {name:?} has an empty part; put one slash between parts and none at the end")]
    EmptyPart {
        /// The name.
        name: String,
    },
    /// Have one comma between hosts, and none at the end.
    #[error("a host is empty; put one comma between hosts, or give none for everybody")]
    EmptyHost,
    /// Write the character as `%` and its two hexadecimal digits.
    #[error("{part} {value:?} has a {character:?}, which must be written as %{:02X}", u32::from(*.character))]
    Character {
        /// Which part it is.
        part: &'static str,
        /// The part.
        value: String,
        /// The character.
        character: char,
    },
    /// Write two hexadecimal digits after each `%`, and a `%` itself as `%25`.
    #[error("{part} {value:?} has a % without two hexadecimal digits; write % itself as %25")]
    Percent {
        /// Which part it is.
        part: &'static str,
        /// The part.
        value: String,
    },
    /// Only a payload need not be text.
    #[error("{part} {value:?} is not UTF-8")]
    NotText {
        /// Which part it is.
        part: &'static str,
        /// The part.
        value: String,
    },
    /// Write `tag=value`.
    #[error("{pair:?} has no value; write {pair}=VALUE, and ; or & within a value as %3B or %26")]
    NoValue {
        /// What stands between two separators.
        pair: String,
    },
    /// Write `tag=value`.
    #[error("a value has no tag before its =")]
    NoTag,
    /// Say each thing once.
    #[error("{key:?} is given twice")]
    Twice {
        /// The tag, or `payload`.
        key: String,
    },
    /// Shorten the host or the name.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// Send a query, or do without the host.
    #[error(
        "a user event goes to everybody, not only to {host:?}; use a query, or leave out the host"
    )]
    EventForHost {
        /// The host.
        host: String,
    },
    /// Send a query, or do without the tag.
    #[error(
        "a user event goes to everybody, whatever its tag {tag:?}; use a query, or leave out the tag"
    )]
    EventForTag {
        /// The tag.
        tag: String,
    },
    /// Send it under one name; see [`EventUri`](crate::EventUri) for how to reach several pools.
    #[error(
        "name {name:?} is a glob; what is sent has one name. Write * itself as %2A, or use a glob \
         for hosts, or a tag"
    )]
    NameIsGlob {
        /// The name.
        name: String,
    },
    /// Wait for members to join, or correct the pattern.
    #[error("none of the {alive} members alive matches host {host:?}")]
    NobodyMatches {
        /// The first host that is a glob.
        host: String,
        /// How many members are alive.
        alive: usize,
    },
}
