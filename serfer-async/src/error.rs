//! Everything that can go wrong between a program and a node.
//!
//! Each module has an error of its own. Only the calls of a program, those of the builder and the handle,
//! return the sum of them, [`enum@Error`].

use std::io;
use std::net::{IpAddr, SocketAddr};

use serfer_proto::{
    ConfigError, EventError, ForceLeaveError, JoinError, KeyError, QueryError, RespondError,
    RotationStopped, SecretKeyError, ShutdownReason, TagsError,
};

use crate::discovery::address::AddressError;
use crate::discovery::failure::{SeedFailures, SeedJoinError};
use crate::files::keyring::KeyringFileError;
use crate::files::snapshot::SnapshotFileError;
use crate::node::closed::Closed;
use crate::node::thread::NoThread;
use crate::router::RouteError;
use crate::uri::UriError;

/// Why a call was refused. Unless it says otherwise, nothing has changed.
///
/// Its `Debug` is the same as its `Display`. So a `main` that returns it, or an `unwrap`, says in plain words
/// what is wrong and what to do.
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
    /// Another program has the address or port, or this machine does not have the address.
    #[error("cannot bind {addr}: {source}{}", advice(*addr, source))]
    Bind {
        /// What was to be bound.
        addr: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// Bind to an address of this machine, or say which address to advertise.
    #[error(
        "bound to {bound}, but no interface has an address that others could reach there{}; bind 127.0.0.1 to \
         try it on this machine alone, or say which address to advertise",
        instead(*unheard)
    )]
    NoAddressToAdvertise {
        /// What was bound.
        bound: SocketAddr,
        /// An address of this machine that would do if the node were bound to `[::]`.
        unheard: Option<IpAddr>,
    },
    /// The operating system did not give something: randomness, its host name, its interfaces, a thread.
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
    /// A member holds up a rotation of keys.
    #[error(transparent)]
    Rotation(#[from] RotationStopped),
    /// The keyring file cannot be used.
    #[error(transparent)]
    KeyringFile(#[from] KeyringFileError),
    /// A route of the router cannot work: change it as it says.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// An event URI cannot be sent.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// Another node has this name, and it is there: give each node a name of its own.
    #[error("name {name:?} is in use at {addr}; give this node another name")]
    NameInUse {
        /// The name.
        name: String,
        /// Where the other node is.
        addr: SocketAddr,
    },
    /// Other machines are called like that, too: name the node yourself, and do not
    /// [name it after the host](crate::Builder::named_after_host).
    #[error(
        "this machine is called {name:?}, as others may be; name its node yourself (`Config::lan(name)`) \
         instead of after the host"
    )]
    HostName {
        /// The name of the host.
        name: String,
    },
    /// Several settings are wrong.
    #[error("{}", joined(.0))]
    Several(Vec<Self>),
    /// The node shut itself down: give it a name of its own.
    #[error("the node shut itself down: {0}")]
    ShutDown(ShutdownReason),
    /// The runtime that its handlers run on has ended, and the node with it.
    #[error("the node has ended, because the runtime of its handlers has")]
    RuntimeEnded,
    /// The node has ended because of a panic: in one of the functions of its
    /// [`Config`](serfer_proto::Config), in a subscriber to its traces, or because of a bug.
    #[error("the node has ended, because it or a function that it calls panicked")]
    Panicked,
    /// Start another node.
    #[error(transparent)]
    Closed(#[from] Closed),
}

impl From<SeedJoinError> for Error {
    fn from(error: SeedJoinError) -> Self {
        match error {
            SeedJoinError::Closed => Self::Closed(Closed),
            SeedJoinError::Refused(error) => Self::Join(error),
            SeedJoinError::NameInUse { name, addr } => Self::NameInUse { name, addr },
            SeedJoinError::NobodyReached(failures) => Self::NobodyReached(failures),
            SeedJoinError::TooFewReached { reached, required, failures } => {
                Self::TooFewReached { reached, required, failures }
            }
        }
    }
}

impl From<NoThread> for Error {
    fn from(NoThread { what, source }: NoThread) -> Self {
        Self::System { what, source }
    }
}

impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// What to do about an address that cannot be bound.
fn advice(addr: SocketAddr, error: &io::Error) -> &'static str {
    if let SocketAddr::V6(addr) = addr
        && addr.ip().is_unicast_link_local()
        && addr.scope_id() == 0
    {
        return "; write the interface behind it, as in [fe80::1%eth0]";
    }
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "; choose another port, or leave it out to get the next that is free"
        }
        io::ErrorKind::AddrNotAvailable => {
            "; bind to an address of this machine, and advertise the one that others are to use"
        }
        io::ErrorKind::PermissionDenied => "; choose a port above 1023",
        _ if addr.is_ipv6() => "; if this machine has no IPv6, bind 0.0.0.0",
        _ => "",
    }
}

/// Several errors in one line.
fn joined(errors: &[Error]) -> String {
    let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
    errors.join("; ")
}

/// What to bind to be reached at this address.
fn instead(unheard: Option<IpAddr>) -> String {
    unheard.map_or_else(String::new, |ip| format!("; bind [::] to be reached at {ip}"))
}

/// Why seeds failed, if any did.
fn because(failures: &SeedFailures) -> String {
    if failures.0.is_empty() { String::new() } else { format!(": {failures}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discovery::address::AddressProblem;

    #[test]
    fn an_error_says_in_plain_words_what_to_do_however_it_is_shown() {
        let source = io::ErrorKind::AddrInUse.into();
        let error = Error::Bind { addr: SocketAddr::from(([127, 0, 0, 1], 7946)), source };
        let text = "cannot bind 127.0.0.1:7946: address in use; choose another port, or leave it out to get \
                    the next that is free";
        assert_eq!([format!("{error}"), format!("{error:?}")], [text, text]);
    }

    #[test]
    fn a_machine_with_addresses_of_the_other_family_is_told_what_to_bind() {
        let bound = SocketAddr::from(([0, 0, 0, 0], 7946));
        let error = |unheard| Error::NoAddressToAdvertise { bound, unheard }.to_string();
        let text = error(Some("fd00::1".parse().unwrap()));
        assert!(text.contains("bind [::] to be reached at fd00::1"), "{text}");
        let text = error(None);
        assert!(text.contains("bind 127.0.0.1 to try it on this machine alone"), "{text}");
    }

    #[test]
    fn a_join_that_reached_too_few_says_why_the_others_failed() {
        let too_few = |failures| Error::TooFewReached { reached: 1, required: 2, failures };
        let text = too_few(SeedFailures(Vec::new())).to_string();
        assert_eq!(text, "joined at 1 addresses, but 2 are required");
        let failed = AddressError { address: ":80".to_owned(), problem: AddressProblem::NoHost };
        let text = too_few(SeedFailures(vec![failed.into()])).to_string();
        assert_eq!(text, "joined at 1 addresses, but 2 are required: address \":80\" has no host");
    }
}
