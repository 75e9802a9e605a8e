//! Why seeds cannot be joined.

use std::net::SocketAddr;

use serfer_proto::{JoinError, JoinFailure};

use super::address::AddressError;
use super::seed_text::Seed;
use crate::node::closed::Closed;

/// How many failures are shown; a name may have hundreds of addresses.
const SHOWN_MAX: usize = 32;

/// Why each seed could not be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFailures(pub Vec<SeedFailure>);

impl std::fmt::Display for SeedFailures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, failure) in self.0.iter().take(SHOWN_MAX).enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{failure}")?;
        }
        match self.0.len().saturating_sub(SHOWN_MAX) {
            0 => Ok(()),
            more => write!(f, "; and {more} more"),
        }
    }
}

/// Why a seed, or one of the addresses it has, could not be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SeedFailure {
    /// It does not parse or resolve.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// DNS has nothing usable about the service.
    #[error("{seed}: {reason}")]
    Service {
        /// The seed as it was given.
        seed: String,
        /// What is wrong, in words.
        reason: String,
    },
    /// A file of seeds cannot be read, or a line of it leads nowhere.
    #[error("{}{}: {reason}", path.display(), line.map(|line| format!(":{line}")).unwrap_or_default())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// The line, counted from 1, unless it is about all of the file.
        line: Option<usize>,
        /// What is wrong, in words.
        reason: String,
    },
    /// One of its addresses could not be joined.
    #[error("{}: {failure}{}", place(seed, *addr), advice(failure))]
    Join {
        /// The seed as it was given.
        seed: String,
        /// The address tried.
        addr: SocketAddr,
        /// Why not.
        failure: JoinFailure,
    },
    /// It takes longer than anybody waits for it. It is still being tried.
    #[error("{seed}: nothing yet; it is still being tried")]
    Unfinished {
        /// The seed as it was given.
        seed: String,
    },
}

/// A seed and one of its addresses, which may be the same.
fn place(seed: &str, addr: SocketAddr) -> String {
    match Seed::parse(seed) {
        Ok(Seed::Literal(literal)) if literal == addr => addr.to_string(),
        _ => format!("{seed} ({addr})"),
    }
}

/// What to do about an answer that says little to somebody who has just begun. The core and `serf agent` use
/// the same words about keys.
fn advice(failure: &JoinFailure) -> &'static str {
    let (JoinFailure::Refused(said) | JoinFailure::Unusable(said)) = failure else { return "" };
    if ["decrypt", "encrypt"].iter().any(|word| said.contains(word)) {
        "; each node's first key must be among the keys of all others, or no node has any"
    } else if matches!(failure, JoinFailure::Unusable(_)) {
        "; is there a serf node?"
    } else {
        ""
    }
}

/// Why a join as a whole failed.
#[derive(Debug)]
pub(crate) enum SeedJoinError {
    /// The node is shut down.
    Closed,
    /// The endpoint refuses to join.
    Refused(JoinError),
    /// A node that is there has our name.
    NameInUse { name: String, addr: SocketAddr },
    /// None of the seeds could be joined.
    NobodyReached(SeedFailures),
    /// Fewer addresses were reached than the policy requires.
    TooFewReached { reached: usize, required: usize, failures: SeedFailures },
}

impl From<Closed> for SeedJoinError {
    fn from(Closed: Closed) -> Self {
        Self::Closed
    }
}

impl From<JoinError> for SeedJoinError {
    fn from(error: JoinError) -> Self {
        Self::Refused(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_with_other_keys_or_that_is_no_serf_node_says_what_to_do() {
        let text = |failure| {
            let addr = SocketAddr::from(([10, 0, 0, 1], 7946));
            SeedFailure::Join { seed: addr.to_string(), addr, failure }.to_string()
        };
        let said = "no installed keys could decrypt the message".to_owned();
        let keys = "each node's first key must be among the keys of all others, or no node has any";
        assert_eq!(
            [JoinFailure::Refused(said.clone()), JoinFailure::Unusable(said.clone())].map(text),
            [
                format!("10.0.0.1:7946: the node there said: {said}; {keys}"),
                format!("10.0.0.1:7946: unusable answer: {said}; {keys}")
            ]
        );
        assert_eq!(
            text(JoinFailure::Unusable("message type 72 is not understood here".to_owned())),
            "10.0.0.1:7946: unusable answer: message type 72 is not understood here; is there a serf node?"
        );
        assert_eq!(text(JoinFailure::TimedOut), "10.0.0.1:7946: no answer in time");
        assert_eq!(
            text(JoinFailure::Refused("no".to_owned())),
            "10.0.0.1:7946: the node there said: no"
        );
    }

    #[test]
    fn hundreds_of_failures_are_one_line_that_can_be_read() {
        let failures = (0..500).map(|n| SeedFailure::Unfinished { seed: format!("seed-{n}") });
        let failures = SeedFailures(failures.collect());
        let shown = failures.to_string();
        assert!(shown.starts_with("seed-0: ") && shown.ends_with("; and 468 more"), "{shown}");
        assert!(shown.len() < 3000);
    }
}
