//! What serfer's async runtimes have in common.
//!
//! Programs use an adapter crate, such as `serfer-tokio`, which re-exports everything here. An adapter
//! implements one trait, [`Runtime`]; `examples/third_runtime.rs` shows how to do that for another runtime.
//!
//! [`Builder`] starts a node, [`Serfer`] is its handle, [`Router`] and [`Events`] tell what happens, and
//! [`EventUri`] says in one line what to send, and to which nodes. Underneath, one loop on a thread of its own performs
//! what the [core](serfer_proto) wants, with the sockets of the runtime. The [`guide`] is for users of all
//! adapters.
//!
//! The rooms, from the bottom up: `node` (one node at work), `files`, `discovery` (seeds), `handle`,
//! `router`, `uri`, `builder`. Each of them says at its top what it is for and in which order to read it.

mod builder;
mod discovery;
mod error;
mod files;
pub mod guide;
mod handle;
mod node;
mod options;
mod pattern;
mod router;
mod runtime;
#[cfg(feature = "serde")]
mod settings;
mod uri;

pub use builder::Builder;
pub use discovery::address::{AddressError, AddressProblem, DEFAULT_PORT};
pub use discovery::failure::{SeedFailure, SeedFailures};
pub use discovery::join::{JoinPolicy, Joined};
pub use error::Error;
pub use files::keyring::{KeyringFileError, KeyringFileProblem};
pub use files::snapshot::{SnapshotFileError, SnapshotFileProblem};
pub use handle::events::Events;
pub use handle::member_filter::MemberFilter;
pub use handle::membership::Membership;
pub use handle::query::{Answers, Replies};
pub use handle::serfer::Serfer;
pub use node::closed::Closed;
pub use node::sockets::datagrams::receive;
pub use node::state::events::Lagged;
pub use node::state::members::MembershipUpdate;
pub use node::thread::NodeThread;
pub use options::Options;
pub use pattern::{Pattern, PatternError, PatternProblem};
pub use router::{
    Awaited, Blocking, Called, IntoAnswer, MaybeAnswer, Reaction, Request, Returned, Route,
    RouteError, Router, Work, blocking,
};
pub use runtime::Runtime;
#[cfg(feature = "serde")]
pub use settings::Settings;
pub use uri::{EventUri, Sent, TagValue, UriError, UriKind, UriProblem};

pub use bytes::Bytes;
pub use serfer_proto::{
    self, AfterLeave, Coalesce, Coalescing, Compression, Config, ConfigError, Conflict, Coordinate,
    Coordinates, Delivery, DropReason, Encryption, Event, EventError, ExprProblem, ForceLeaveError,
    Gossip, InboundLabel, IpNet, JoinError, JoinFailure, Keyring, Label, Leave, LeaveReport,
    Limits, Member, MemberChange, MemberEvent, Members, NameConflicts, Neighbor, Probe,
    PromptGossip, Prune, Queries, Query, QueryEnd, QueryError, QueryId, QueryParams, Reading,
    ReadingKind, Reclaim, Recovered, RejoinDone, Replay, Reply, RespondError, RttProbing,
    SecretKey, SecretKeyError, SeedKeeper, ShutdownReason, SnapshotError, SnapshotProblem, Stats,
    Status, StoreFailure, StoredFile, Suspicion, Tags, TagsError, UserEvent, Versions,
};
pub use serfer_proto::{
    Fingerprint, KeyAnswer, KeyError, KeyOp, KeyParams, KeyReport, KeyringError, Lag, Laggard,
    Retire, RotationParams, RotationReport, RotationStage, RotationStopped,
};
