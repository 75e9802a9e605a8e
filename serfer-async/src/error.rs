//! All that can go wrong between a user and a node.

use std::io;
use std::net::SocketAddr;

use serfer_proto::{
    ConfigError, EventError, ForceLeaveError, JoinError, JoinFailure, KeyError, QueryError,
    RespondError, RotationStopped, SecretKeyError, ShutdownReason, TagsError,
};

use crate::files::keyring::KeyringFileError;
use crate::files::snapshot::SnapshotFileError;
use crate::router::RouteError;
use crate::uri::UriError;

pub use crate::node::shared::Closed;

/// What a call was refused for. Unless it says otherwise, nothing has changed.
///
/// Its `Debug` is its `Display`, so that a `main` that returns it, like an `unwrap`, says in plain words what
/// is wrong and what to do.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Change the configuration as it says.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// Give a base64 key of 16, 24 or 32 bytes.
    #[error("key: {0}")]
    Key(#[from] SecretKeyError),
    /// Give `HOST`, `HOST:PORT`, an IPv4 or an IPv6 address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Somebody else has the address or port, or this machine does not have the address.
    #[error("cannot bind {addr}: {source}{}", advice(source))]
    Bind {
        /// What was to be bound.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Bind to an address of this machine, or say which one to advertise.
    #[error("bound to {bound}, but no interface has an address that others could reach")]
    NoAddressToAdvertise {
        /// What was bound.
        bound: SocketAddr,
    },
    /// The operating system gave something up: randomness, its host name, its interfaces.
    #[error("{what}: {source}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// What the operating system says.
        source: io::Error,
    },
    /// The snapshot cannot be used.
    #[error(transparent)]
    Snapshot(#[from] SnapshotFileError),
    /// A join cannot even be tried.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// None of the seeds could be joined.
    #[error("cannot join: {0}")]
    NobodyReached(SeedFailures),
    /// Fewer seeds were joined than [`JoinPolicy::Require`](crate::JoinPolicy::Require) asks for.
    #[error("joined at {reached} addresses, but {required} are required{}", because(failures))]
    TooFewReached {
        /// How many addresses were reached.
        reached: usize,
        /// How many are required.
        required: usize,
        /// Why the others were not.
        failures: SeedFailures,
    },
    /// A user event cannot be sent.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A query cannot be asked.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// A query cannot be answered.
    #[error(transparent)]
    Respond(#[from] RespondError),
    /// Tags cannot be set.
    #[error(transparent)]
    Tags(#[from] TagsError),
    /// A member cannot be made to leave.
    #[error(transparent)]
    ForceLeave(#[from] ForceLeaveError),
    /// Members cannot be asked about keys.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Some member holds a rotation of keys up.
    #[error(transparent)]
    Rotation(#[from] RotationStopped),
    /// The keyring file cannot be used.
    #[error(transparent)]
    KeyringFile(#[from] KeyringFileError),
    /// A route of the router cannot work: change it as it says.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// What an event URI says cannot be sent.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// The node shut itself down: give it a name of its own.
    #[error("the node shut itself down: {0}")]
    ShutDown(ShutdownReason),
    /// Start another node.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What to do if an address cannot be bound.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; choose another port, or leave it out to get the next that is free"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; bind to an address of this machine, and advertise the one that others are to use"
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023",
        _ => "",
    }
}

/// What there is to say about seeds that failed, if any did.
fn because(failures: &SeedFailures) -> String {
    if failures.0.is_empty() { String::new() } else { format!(": {failures}") }
}

/// An address that does not parse or resolve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("address {address:?} {problem}")]
pub struct AddressError {
    /// The address as it was given.
    pub address: String,
    /// What is wrong with it.
    pub problem: AddressProblem,
}

/// What is wrong with an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressProblem {
    /// There is no host before the port.
    #[error("has no host")]
    NoHost,
    /// What stands before a slash is a node name, which must not be empty.
    #[error("has an empty node name before the slash")]
    NoName,
    /// A port is a number up to 65535.
    #[error("has port {0:?}, which is not a number from 0 to 65535")]
    Port(String),
    /// The brackets of an IPv6 address are not closed.
    #[error("has an unclosed bracket")]
    Bracket,
    /// Nobody knows the host.
    #[error("does not resolve: {0}")]
    Unresolved(String),
}

/// Why each seed could not be joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeedFailures(pub Vec<SeedFailure>);

impl std::fmt::Display for SeedFailures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, failure) in self.0.iter().enumerate() {
            let separator = if n == 0 { "" } else { "; " };
            write!(f, "{separator}{failure}")?;
        }
        Ok(())
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
    /// It could not be joined at one of its addresses.
    #[error("{seed} ({addr}): {failure}")]
    Join {
        /// The seed as it was given.
        seed: String,
        /// The address tried.
        addr: SocketAddr,
        /// Why not.
        failure: JoinFailure,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_in_plain_words_what_to_do_however_it_is_shown() {
        let source = io::ErrorKind::AddrInUse.into();
        let error = Error::Bind { addr: SocketAddr::from(([127, 0, 0, 1], 7946)), source };
        let text = "cannot bind 127.0.0.1:7946: address in use; choose another port, or leave it out to get \
                    the next that is free";
        assert_eq!([format!("{error}"), format!("{error:?}")], [text, text]);
    }

    #[test]
    fn a_join_that_reached_too_few_says_why_the_others_failed_if_any_did() {
        let too_few = |failures| Error::TooFewReached { reached: 1, required: 2, failures };
        let text = too_few(SeedFailures(Vec::new())).to_string();
        assert_eq!(text, "joined at 1 addresses, but 2 are required");
        let failed = AddressError { address: ":80".to_owned(), problem: AddressProblem::NoHost };
        let text = too_few(SeedFailures(vec![failed.into()])).to_string();
        assert_eq!(text, "joined at 1 addresses, but 2 are required: address \":80\" has no host");
    }
}
