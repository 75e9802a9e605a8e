//! What users see: members, tags, events, errors, ids, keys.
//!
//! Plain types with little behaviour. Every room above the wire may use them; they use only the wire. Read
//! [`member`], [`tags`] and [`event`] first; then [`error`], [`keyring`] and [`keys`]. [`incarnation`]
//! bounds how fast the number of a member rises, [`node`] is what a member shares between its copies, [`ids`] and
//! [`stored`] are small.

pub(crate) mod error;
pub(crate) mod event;
pub(crate) mod ids;
pub(crate) mod incarnation;
pub(crate) mod keyring;
pub(crate) mod keys;
pub(crate) mod member;
pub(crate) mod node;
pub(crate) mod stored;
pub(crate) mod tags;

pub use error::{
    ConfigError, ConfigFault, EventError, ForceLeaveError, JoinError, LeaveError, NameProblem,
    QueryError, RespondError, TagsError,
};
pub use event::{
    Ack, Conflict, Delivery, Event, JoinDone, JoinFailure, LeaveReport, MemberChange, MemberDelta,
    MemberEvent, Query, QueryClosed, QueryEnd, RejoinDone, Replay, Reply, ShutdownReason,
    StoreFailure, UserEvent,
};
pub use ids::{JoinId, QueryId, StreamId};
pub use keyring::{Fingerprint, Keyring, KeyringError, SecretKey, SecretKeyError};
pub use keys::{
    KeyAnswer, KeyError, KeyOp, KeyParams, KeyReport, Lag, Laggard, Retire, RotationParams,
    RotationReport, RotationStage, RotationStopped,
};
pub use member::{Member, Status, Versions};
pub use stored::{Durability, StoreWrite, StoredFile};
pub use tags::{TAGS_LEN_MAX, Tags};

pub(crate) use member::received_name;
pub(crate) use node::Node;
