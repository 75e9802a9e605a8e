//! What serfer's async runtimes have in common.
//!
//! Programs use an adapter crate, such as `serfer-tokio`, which re-exports everything here. It implements
//! one trait, [`Runtime`]; `examples/third_runtime.rs` shows what that takes for another runtime.
//!
//! [`Builder`] starts a node, [`Serfer`] is its handle, [`Router`] and [`Events`] tell what happens, and
//! [`EventUri`] says in one line what is sent to whom. Underneath, one loop on a thread of its own moves
//! what the [core](serfer_proto) says through the sockets of the runtime. The [`guide`] is for users of
//! all adapters.

mod address;
mod builder;
mod dns;
mod driver;
mod error;
mod events;
pub mod guide;
mod join;
mod keyring_file;
mod keys;
mod member_filter;
mod membership;
#[cfg(feature = "metrics")]
mod metrics;
mod options;
mod pattern;
mod query;
mod router;
mod runtime;
mod seeds;
mod serfer;
#[cfg(feature = "serde")]
mod settings;
mod shared;
mod snapshot;
mod store;
mod stream;
mod tasks;
#[cfg(test)]
mod testing;
mod thread;
mod uri;

pub use address::DEFAULT_PORT;
pub use builder::Builder;
pub use error::{AddressError, AddressProblem, Closed, Error, SeedFailure, SeedFailures};
pub use events::{Events, Lagged};
pub use join::{JoinPolicy, Joined};
pub use keyring_file::{KeyringFileError, KeyringFileProblem};
pub use member_filter::MemberFilter;
pub use membership::{Membership, MembershipUpdate};
pub use options::Options;
pub use pattern::{Pattern, PatternError, PatternProblem};
pub use query::{Answers, Replies};
pub use router::{
    Awaited, Blocking, Called, IntoAnswer, MaybeAnswer, Reaction, Request, Returned, Route,
    RouteError, Router, Work, blocking,
};
pub use runtime::Runtime;
pub use serfer::Serfer;
#[cfg(feature = "serde")]
pub use settings::Settings;
pub use snapshot::{SnapshotFileError, SnapshotFileProblem};
pub use uri::{EventUri, Sent, TagValue, UriError, UriKind, UriProblem};

pub use bytes::Bytes;
pub use serfer_proto::{
    self, AfterLeave, Coalesce, Coalescing, Compression, Config, ConfigError, Conflict, Coordinate,
    Coordinates, Delivery, DropReason, Encryption, Event, EventError, ExprProblem, ForceLeaveError,
    Gossip, InboundLabel, IpNet, JoinError, JoinFailure, Keyring, Label, Leave, LeaveReport,
    Limits, Member, MemberChange, MemberEvent, Members, NameConflicts, Neighbor, Probe, Prune,
    Queries, Query, QueryEnd, QueryError, QueryId, QueryParams, Reading, ReadingKind, Reclaim,
    Recovered, RejoinDone, Replay, Reply, RespondError, SecretKey, SecretKeyError, SeedKeeper,
    ShutdownReason, SnapshotError, SnapshotProblem, Stats, Status, StoreFailure, StoredFile,
    Suspicion, Tags, TagsError, UserEvent, Versions,
};
pub use serfer_proto::{
    Fingerprint, KeyAnswer, KeyError, KeyOp, KeyParams, KeyReport, KeyringError, Lag, Laggard,
    Retire, RotationParams, RotationReport, RotationStage, RotationStopped,
};
