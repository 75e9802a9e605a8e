//! Plain counters: what came, what went, and what was dropped, by reason.

mod readings;

use std::ops::Index;

use crate::machinery::link::Refusal;
use crate::wire::msgpack::DecodeError;

pub use crate::machinery::stats::readings::{Reading, ReadingKind};

/// A look at the endpoint's insides. Counters only ever grow; gauges are as of the call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Datagrams received.
    pub datagrams_received: u64,
    /// Datagrams handed to the runtime.
    pub datagrams_sent: u64,
    /// Datagrams that the local network stack refused to send.
    pub sends_failed: u64,
    /// Streams accepted.
    pub streams_accepted: u64,
    /// Streams dialled.
    pub streams_dialled: u64,
    /// What was received and not used.
    pub dropped: Drops,
    /// Probes that ended with an ack, however it came.
    pub probes_acked: u64,
    /// Probes that ended without one.
    pub probes_failed: u64,
    /// Members that we did not accuse although their probe failed, because hardly anybody answers us.
    pub accusations_held: u64,
    /// Members that became suspect.
    pub suspicions: u64,
    /// Times we denied an accusation against ourselves.
    pub refutations: u64,
    /// Members that came, or came back.
    pub joins: u64,
    /// Members that left, or were made to.
    pub leaves: u64,
    /// Members that failed.
    pub failures: u64,
    /// Members that changed their tags or address.
    pub updates: u64,
    /// Members that were forgotten.
    pub reaps: u64,
    /// Members that were back soon after they failed, see
    /// [`Members::flap_timeout`](crate::Members::flap_timeout).
    pub flaps: u64,
    /// Times an address where a member was lost was tried again.
    pub seed_retries: u64,
    /// Broadcasts dropped because their queue was full.
    pub broadcasts_dropped: u64,
    /// Times a queue of serf's became deep, see
    /// [`Limits::queue_warning`](crate::Limits::queue_warning).
    pub deep_queues: u64,
    /// Times a file of ours could not be written.
    pub stores_failed: u64,
    /// Gauge: members that are not dead or left, ourselves included.
    pub members_alive: usize,
    /// Gauge: members of any status.
    pub members: usize,
    /// Gauge: members that failed and are remembered.
    pub members_failed: usize,
    /// Gauge: members that left and are remembered.
    pub members_left: usize,
    /// Gauge: the Lamport time of members.
    pub member_ltime: u64,
    /// Gauge: the Lamport time of user events.
    pub event_ltime: u64,
    /// Gauge: the Lamport time of queries.
    pub query_ltime: u64,
    /// Gauge: messages waiting to be gossiped, in all queues.
    pub queued: usize,
    /// Gauge: those of them that say who means to be a member, and who to leave.
    pub intents_queued: usize,
    /// Gauge: those of them that are user events.
    pub events_queued: usize,
    /// Gauge: those of them that are queries.
    pub queries_queued: usize,
    /// Gauge: Lifeguard's local health score; 0 is healthy.
    pub health_score: u32,
    /// Gauge: members that said where they are, see [`Coordinate`](crate::Coordinate).
    pub coordinates: usize,
    /// Times that our own coordinate was nonsense and we began anew. Go: `coordinate_resets`.
    pub coordinate_resets: u64,
    /// Gauge: what the endpoint waits for next.
    pub next_wake: Option<&'static str>,
}

/// Why something that was received was not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// A label that is not ours, or none where ours is required.
    Label,
    /// Sealed with none of our keys, or tampered with.
    Undecryptable,
    /// In the clear although we have a key.
    RefusedPlaintext,
    /// Sealed although we have no key (seen on streams only: a datagram is then malformed).
    RefusedSealed,
    /// A checksum that does not match.
    Checksum,
    /// Bytes that are not a message.
    Malformed,
    /// Larger than a limit allows.
    Oversized,
    /// A message type that does not belong where it came, or that nobody knows.
    UnknownType,
    /// A member name that is empty, too long, not UTF-8 or has control characters.
    Name,
    /// A member whose address is not 4 or 16 bytes long.
    Address,
    /// A member whose protocol versions contradict themselves or ours.
    Versions,
    /// A member outside of the allowed networks, or gossip about members from there.
    Network,
    /// A member or a merge that the application did not accept.
    Vetoed,
    /// An incarnation or Lamport time that is out of reach.
    OutOfReach,
    /// A table is full: members, streams, relayed pings, claimed names.
    Full,
    /// A name claimed from another address, while the member that was said to be gone is there.
    NameInUse,
    /// Addressed to another node.
    Misaddressed,
    /// A query, or a relayed answer, that asked for something to be sent to an address no member has.
    StrangeAnswerAddress,
    /// An answer to a query of ours from somebody who is no member.
    Stranger,
    /// A coordinate where no member can be, or of a version or with dimensions that we do not know.
    Coordinate,
    /// More than we do in a second: answers to relay, or filters of queries to match.
    TooOften,
    /// A stream that ended or stalled before its message was complete.
    Incomplete,
}

impl DropReason {
    const COUNT: usize = Self::Incomplete as usize + 1;

    /// All reasons, in the order of their declaration.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Label,
        Self::Undecryptable,
        Self::RefusedPlaintext,
        Self::RefusedSealed,
        Self::Checksum,
        Self::Malformed,
        Self::Oversized,
        Self::UnknownType,
        Self::Name,
        Self::Address,
        Self::Versions,
        Self::Network,
        Self::Vetoed,
        Self::OutOfReach,
        Self::Full,
        Self::NameInUse,
        Self::Misaddressed,
        Self::StrangeAnswerAddress,
        Self::Stranger,
        Self::Coordinate,
        Self::TooOften,
        Self::Incomplete,
    ];

    /// Its name in exports, which does not change: `refused_plaintext`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Undecryptable => "undecryptable",
            Self::RefusedPlaintext => "refused_plaintext",
            Self::RefusedSealed => "refused_sealed",
            Self::Checksum => "checksum",
            Self::Malformed => "malformed",
            Self::Oversized => "oversized",
            Self::UnknownType => "unknown_type",
            Self::Name => "name",
            Self::Address => "address",
            Self::Versions => "versions",
            Self::Network => "network",
            Self::Vetoed => "vetoed",
            Self::OutOfReach => "out_of_reach",
            Self::Full => "full",
            Self::NameInUse => "name_in_use",
            Self::Misaddressed => "misaddressed",
            Self::StrangeAnswerAddress => "strange_answer_address",
            Self::Stranger => "stranger",
            Self::Coordinate => "coordinate",
            Self::TooOften => "too_often",
            Self::Incomplete => "incomplete",
        }
    }
}

impl DropReason {
    /// What to do about it, where that is a matter of settings and not of the internet's noise.
    pub(crate) const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Label => "the sender has another label; all nodes of a cluster need the same",
            Self::Undecryptable => {
                "none of our keys opens it; each node's first key must be among the keys of all others"
            }
            Self::RefusedPlaintext => {
                "it is not sealed, but we have a key; give the sender one, too"
            }
            Self::RefusedSealed => "it is sealed, but we have no key; give us the sender's",
            Self::Versions => "its protocol versions do not fit ours",
            Self::Network => "the address is outside the networks that we allow",
            Self::Full => "it exceeds one of our `Limits`; raise it if the cluster needs that",
            Self::NameInUse => "two nodes have the same name; give each its own",
            Self::Misaddressed => {
                "it is meant for another node; one of us advertises a wrong address"
            }
            Self::StrangeAnswerAddress => {
                "no member has the address to answer to; the sender may advertise a wrong one"
            }
            Self::Checksum
            | Self::Malformed
            | Self::Oversized
            | Self::UnknownType
            | Self::Name
            | Self::Address
            | Self::Vetoed
            | Self::OutOfReach
            | Self::Stranger
            | Self::Coordinate
            | Self::TooOften
            | Self::Incomplete => return None,
        })
    }
}

/// Whether what happens for the `count`th time is worth the attention of an operator: the first,
/// tenth, hundredth time and so on, so that a flood of it does not flood a log.
pub(crate) fn is_notable(count: u64) -> bool {
    count.checked_ilog10().is_some_and(|zeros| 10_u64.pow(zeros) == count)
}

impl From<DecodeError> for DropReason {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Checksum => Self::Checksum,
            DecodeError::Label => Self::Label,
            DecodeError::TooLarge { .. } => Self::Oversized,
            DecodeError::UnknownType(_) => Self::UnknownType,
            DecodeError::Truncated
            | DecodeError::WrongType
            | DecodeError::OutOfRange
            | DecodeError::Empty
            | DecodeError::Compression => Self::Malformed,
        }
    }
}

impl From<Refusal> for DropReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Label => Self::Label,
            Refusal::Undecryptable => Self::Undecryptable,
            Refusal::Plaintext => Self::RefusedPlaintext,
            Refusal::Sealed => Self::RefusedSealed,
            Refusal::Broken(error) => error.into(),
        }
    }
}

/// How often each [`DropReason`] applied. Indexed by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drops([u64; DropReason::COUNT]);

impl Drops {
    /// All counters, with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL.into_iter().zip(self.0)
    }

    /// How often anything was dropped at all.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Counts one more, and says how many that makes.
    pub(crate) fn count(&mut self, reason: DropReason) -> u64 {
        let count = &mut self.0[reason as usize];
        *count += 1;
        *count
    }
}

impl Default for Drops {
    fn default() -> Self {
        Self([0; DropReason::COUNT])
    }
}

impl Index<DropReason> for Drops {
    type Output = u64;

    fn index(&self, reason: DropReason) -> &u64 {
        &self.0[reason as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter() {
        let mut drops = Drops::default();
        for (n, reason) in DropReason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, n);
            for _ in 0..=n {
                drops.count(reason);
            }
        }
        assert!(drops.iter().zip(1..).all(|((_, count), n)| count == n));
        assert_eq!(drops[DropReason::Undecryptable], 2);
    }

    #[test]
    fn the_first_the_tenth_and_the_hundredth_time_are_notable() {
        let notable: Vec<u64> = (0..=1000).filter(|count| is_notable(*count)).collect();
        assert_eq!(notable, [1, 10, 100, 1000]);
        assert!(!is_notable(u64::MAX));
    }
}
