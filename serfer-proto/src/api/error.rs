//! One small error for each call that can be refused.
//!
//! Input from the network never becomes an error: it is counted and traced. An error here means that
//! nothing has changed.

use serfer_go_regex::ExprProblem;

use crate::api::tags::{TAGS_LEN_MAX, Tags};

/// A configuration that cannot work: every fault that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What is wrong; at least one thing.
    pub faults: Vec<ConfigFault>,
}

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, fault) in self.faults.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigFault {
    /// Choose another name: `Config::lan(name)`.
    #[error("name {name:?} {problem}{}", name_advice(*problem))]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// Call `Config::advertise`. A runtime that binds sockets does so itself.
    #[error("no address to advertise")]
    NoAdvertise,
    /// Others cannot reach us there; advertise an address of this machine.
    #[error(
        "{addr} is not an address that others can reach: advertise one of this machine, with its port"
    )]
    Advertise {
        /// The address.
        addr: std::net::SocketAddr,
    },
    /// Shorten or remove some tags.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// Shorten the label, or set none.
    #[error("label of {len} bytes is not 1 to 255 bytes long")]
    LabelLen {
        /// Its length.
        len: usize,
    },
    /// A number is outside its range.
    #[error("{setting} of {value} is not within {min} to {max}")]
    Range {
        /// What was set.
        setting: &'static str,
        /// To what.
        value: u64,
        /// The least it can be.
        min: u64,
        /// The most it can be.
        max: u64,
    },
    /// A time that has to pass must not be zero.
    #[error("{setting} must be longer than zero")]
    Zero {
        /// What was set.
        setting: &'static str,
    },
    /// Lengthen the probe interval or shorten the probe timeout.
    #[error("probe.timeout of {timeout:?} is not shorter than probe.interval of {interval:?}")]
    ProbeTimeout {
        /// The timeout.
        timeout: std::time::Duration,
        /// The interval.
        interval: std::time::Duration,
    },
    /// Lower the floor: a probe timeout that follows round trips is shorter than the others.
    #[error(
        "rtt_probing.floor of {floor:?} is not shorter than probe.timeout of {timeout:?}: lower it"
    )]
    RttFloor {
        /// The floor.
        floor: std::time::Duration,
        /// The timeout of all members.
        timeout: std::time::Duration,
    },
}

/// What to do about the name of a node.
fn name_advice(problem: NameProblem) -> &'static str {
    match problem {
        NameProblem::Empty => "; give it one, or have it named after its host (`named_after_host`)",
        _ => "",
    }
}

/// What is wrong with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameProblem {
    /// There is none.
    #[error("is empty")]
    Empty,
    /// The most is 128 bytes.
    #[error("of {len} bytes is longer than 128 bytes")]
    TooLong {
        /// Its length.
        len: usize,
    },
    /// With control characters it could forge a line of a log or a snapshot.
    #[error("contains a control character")]
    ControlCharacter,
    /// `serf join` takes the part before a `/` for a name.
    #[error("contains a slash")]
    Slash,
    /// See [`Config::strict_names`](crate::Config::strict_names).
    #[error("contains {found:?}, which is none of A-Z, a-z, 0-9, - and .")]
    Strict {
        /// The first such character.
        found: char,
    },
}

/// Tags that cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TagsError {
    /// Shorten or remove some: they travel with every message about the node.
    #[error("tags of {len} encoded bytes exceed {max} bytes")]
    TooLarge {
        /// How many bytes they take up.
        len: usize,
        /// How many they may.
        max: usize,
    },
    /// No member would hear of them.
    #[error("this node has left or is leaving")]
    Left,
}

impl TagsError {
    pub(crate) fn check(tags: &Tags) -> Result<(), Self> {
        match tags.encoded_len() {
            0..=TAGS_LEN_MAX => Ok(()),
            len => Err(Self::TooLarge { len, max: TAGS_LEN_MAX }),
        }
    }
}

/// A join that cannot be tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// Give at least one address.
    #[error("no address to join")]
    NoPeers,
    /// A node that left does not come back; start a new one.
    #[error("this node has left or is leaving")]
    Left,
}

/// A second leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// Wait for [`Event::Left`](crate::Event::Left).
    #[error("this node is leaving already")]
    Leaving,
}

/// A user event that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// Send less, or a reference to where the rest is.
    #[error(
        "user event of {len} encoded bytes exceeds {max} bytes; see `Config::user_event_len_max`"
    )]
    TooLarge {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// Raise [`Limits::ring_bytes`](crate::Limits::ring_bytes) on all nodes. No node would tell it from
    /// the next copy of it.
    #[error(
        "user event of {len} bytes cannot be remembered among recent ones of at most {max} bytes"
    )]
    TooManyRecent {
        /// How long it is.
        len: usize,
        /// How long all together may be.
        max: usize,
    },
    /// Send it later, or wait for room: a runtime's `user_event_when_possible` does. More can wait with a
    /// larger [`Limits::ring`](crate::Limits::ring), on all nodes.
    #[error(
        "{waiting} user events wait to be sent, at most {max} may; send later, or with \
         `user_event_when_possible`"
    )]
    QueueFull {
        /// How many wait.
        waiting: usize,
        /// How many may: half of [`Limits::ring`](crate::Limits::ring), and no more than
        /// [`Limits::queue`](crate::Limits::queue).
        max: usize,
    },
    /// A node that left sends nothing more.
    #[error("this node has left or is leaving")]
    Left,
}

/// A query that cannot be asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// Send less, or use fewer filters.
    #[error("query of {len} encoded bytes exceeds {max} bytes; see `Queries::len_max`")]
    TooLarge {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// Such names are reserved for serf itself.
    #[error("query name {name:?} starts with the reserved prefix {prefix:?}")]
    ReservedName {
        /// The name.
        name: String,
        /// What it must not start with.
        prefix: &'static str,
    },
    /// Write it as a regular expression of Go, or shorter. No member would match.
    #[error("expression {expr:?} for tag {tag:?} {problem}")]
    Filter {
        /// The tag it is for.
        tag: String,
        /// The expression.
        expr: String,
        /// What is wrong with it.
        problem: ExprProblem,
    },
    /// Filter by fewer tags, or by expressions that repeat less. No member would answer. See
    /// [`Limits::filter_steps`](crate::Limits::filter_steps).
    #[error("filters that take {steps} steps to compile exceed {max} steps")]
    FilterSteps {
        /// How many they take.
        steps: usize,
        /// How many they may.
        max: usize,
    },
    /// Wait until some have closed.
    #[error("{open} queries are open, the most there may be")]
    TooMany {
        /// How many are open.
        open: usize,
    },
    /// Ask later.
    #[error("{waiting} queries wait to be sent, at most {max} may; ask later")]
    QueueFull {
        /// How many wait, those of others included.
        waiting: usize,
        /// How many may: half of [`Limits::ring`](crate::Limits::ring), and no more than
        /// [`Limits::queue`](crate::Limits::queue).
        max: usize,
    },
    /// Queries came with serf protocol 4.
    #[error("serf protocol {protocol} has no queries, set 4 or 5")]
    Protocol {
        /// The protocol set.
        protocol: u8,
    },
    /// A node that left asks nothing more.
    #[error("this node has left")]
    Left,
}

/// An answer to a query that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// Send less: an answer is one datagram.
    #[error("answer of {len} encoded bytes exceeds {max} bytes; see `Queries::response_len_max`")]
    TooLarge {
        /// How long it is.
        len: usize,
        /// How long it may be.
        max: usize,
    },
    /// The asking node has stopped listening.
    #[error("the query's deadline has passed")]
    Late,
    /// A node answers a query once.
    #[error("the query was answered already")]
    Answered,
    /// The query named neither a node nor an address, so nobody can get the answer.
    #[error("the query says neither who asks nor where the answer should go to")]
    StrangeAddress,
}

/// A member that cannot be made to leave.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForceLeaveError {
    /// No member has such a name.
    #[error("name {name:?} {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// A node that left says nothing more.
    #[error("this node has left")]
    Left,
}
