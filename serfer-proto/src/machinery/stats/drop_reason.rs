//! Why something that was received was not used, and how often.

use std::ops::Index;

use crate::machinery::link::Refusal;
use crate::wire::error::DecodeError;

/// Makes the enum from one table: variant, name in exports, and advice for an operator where a setting
/// may be the reason.
macro_rules! reasons {
    ($($(#[$doc:meta])* $reason:ident $name:literal $(=> $advice:literal)?,)*) => {
        /// Why something that was received was not used.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum DropReason {
            $($(#[$doc])* $reason,)*
        }

        impl DropReason {
            const COUNT: usize = [$(Self::$reason),*].len();

            /// All reasons, in the order of their declaration.
            pub const ALL: [Self; Self::COUNT] = [$(Self::$reason),*];

            /// Its name in exports, which does not change: `refused_plaintext`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }

            /// What to do about it; `None` if no setting can be the reason.
            pub(crate) const fn advice(self) -> Option<&'static str> {
                match self {
                    $($(Self::$reason => Some($advice),)?)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// A label that is not ours, or none where ours is required.
    Label "label" => "the sender has another label; all nodes of a cluster need the same",
    /// Sealed with none of our keys, or tampered with.
    Undecryptable "undecryptable"
        => "none of our keys opens it; each node's first key must be among the keys of all others",
    /// In the clear although we have a key.
    RefusedPlaintext "refused_plaintext"
        => "it is not sealed, but we have a key; give the sender one, too",
    /// Sealed although we have no key (seen on streams only: a datagram is then malformed).
    RefusedSealed "refused_sealed" => "it is sealed, but we have no key; give us the sender's",
    /// A checksum that does not match.
    Checksum "checksum",
    /// Bytes that are not a message.
    Malformed "malformed",
    /// Larger than a limit allows.
    Oversized "oversized",
    /// A message type that does not belong where it came, or that nobody knows.
    UnknownType "unknown_type",
    /// A member name that is empty, too long, not UTF-8 or has control characters.
    Name "name",
    /// A member whose address is not 4 or 16 bytes long.
    Address "address",
    /// A member whose protocol versions contradict themselves or ours.
    Versions "versions" => "its protocol versions do not fit ours",
    /// A member outside of the allowed networks, or gossip about members from there.
    Network "network" => "the address is outside the networks that we allow",
    /// A member that is gone, is alive as another node says, and does not answer.
    Unconfirmed "unconfirmed",
    /// A member or a merge that the application did not accept.
    Vetoed "vetoed",
    /// An incarnation or Lamport time that is out of reach.
    OutOfReach "out_of_reach",
    /// A table is full: members, streams, relayed pings, claimed names.
    Full "full" => "it exceeds one of our `Limits`; raise it if the cluster needs that",
    /// A name claimed from another address, while the member that was said to be gone is there.
    NameInUse "name_in_use" => "two nodes have the same name; give each its own",
    /// Addressed to another node.
    Misaddressed "misaddressed"
        => "it is meant for another node; one of us advertises a wrong address",
    /// A query, or a relayed answer, that asked for something to be sent to an address no member has.
    StrangeAnswerAddress "strange_answer_address"
        => "no member has the address to answer to; the sender may advertise a wrong one",
    /// An answer to a query of ours from somebody who is no member.
    Stranger "stranger",
    /// A coordinate where no member can be, or of a version or with dimensions that we do not know.
    Coordinate "coordinate",
    /// More than we do in a second: answers to relay, or filters of queries to match.
    TooOften "too_often",
    /// A stream that ended or stalled before its message was complete.
    Incomplete "incomplete",
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
#[derive(Clone, Copy, PartialEq, Eq)]
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

/// Those that are not zero, by name.
impl std::fmt::Debug for Drops {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let counted = self.iter().filter(|(_, count)| *count > 0);
        f.debug_map().entries(counted.map(|(reason, count)| (reason.name(), count))).finish()
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
    fn drops_are_shown_by_name_without_those_that_are_zero() {
        let mut drops = Drops::default();
        assert_eq!(format!("{drops:?}"), "{}");
        for reason in [DropReason::Label, DropReason::Full, DropReason::Full] {
            drops.count(reason);
        }
        assert_eq!(format!("{drops:?}"), "{\"label\": 1, \"full\": 2}");
    }
}
