//! The events that the application receives.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use crate::api::ids::{JoinId, QueryId};
use crate::api::keys::{KeyReport, RotationReport, RotationStage, RotationStopped};
use crate::api::member::Member;
use crate::api::stored::StoredFile;

/// Something happened that the application may care about. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Members changed.
    Member(MemberEvent),
    /// A member, perhaps this node, sent a user event.
    User(UserEvent),
    /// A member, perhaps this node, asked a query that this node matches.
    Query(Query),
    /// A member has received a query of ours.
    Ack(Ack),
    /// A member answered a query of ours.
    Reply(Reply),
    /// A query of ours takes no more answers.
    QueryClosed(QueryClosed),
    /// A join has tried all its addresses.
    JoinDone(JoinDone),
    /// After a restart, the members in the snapshot have been tried.
    RejoinDone(RejoinDone),
    /// Two nodes claim one name. Told for each name the first time, the tenth, the hundredth, and at most eight
    /// times a minute.
    Conflict(Conflict),
    /// A change or listing of keys is over: all members have answered, or its time is up.
    KeysDone(KeyReport),
    /// A rotation of keys has reached a stage.
    RotationStage(RotationStage),
    /// A rotation of keys is complete.
    RotationDone(RotationReport),
    /// A rotation of keys cannot go on, because some member holds it up.
    RotationStopped(RotationStopped),
    /// This node should be shut down, without leaving. A runtime does that; if you drive an endpoint by
    /// hand, drop it.
    ShutdownWanted(ShutdownReason),
    /// We have left. The cluster was told and had time to pass it on.
    Left(LeaveReport),
    /// A file of this node cannot be written. The node goes on, and the file stays as it was. A snapshot
    /// is written anew as soon as possible.
    StoreFailed(StoreFailure),
}

/// One or more members changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberEvent {
    /// How they changed.
    pub change: MemberChange,
    /// The members, as they are now.
    pub members: Arc<[Member]>,
}

/// How a member changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberChange {
    /// It is here, or here again.
    Join,
    /// It left, or was declared to have left.
    Leave,
    /// It stopped answering.
    Failed,
    /// Its tags, versions or address changed.
    Update,
    /// It was gone for so long that it is forgotten.
    Reap,
}

/// A change of the list of members: see
/// [`Endpoint::take_deltas`](crate::Endpoint::take_deltas).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberDelta {
    /// A member is new or has changed: its new value.
    Changed(Member),
    /// A member is forgotten: its last value.
    Removed(Member),
}

impl std::fmt::Display for MemberChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Join => "member-join",
            Self::Leave => "member-leave",
            Self::Failed => "member-failed",
            Self::Update => "member-update",
            Self::Reap => "member-reap",
        })
    }
}

/// A message to every member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserEvent {
    /// When it was sent, by the Lamport clock of user events.
    pub ltime: u64,
    /// Its name.
    pub name: Arc<str>,
    /// Its payload.
    pub payload: Bytes,
    /// Whether receivers may coalesce several events of this name into the last one.
    pub coalesce: bool,
}

/// A query of a member. Answer it with [`Endpoint::respond`](crate::Endpoint::respond), once, until its
/// deadline.
///
/// A plain value: it may be sent to another thread and brought back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Which query this is.
    pub id: QueryId,
    /// Its name.
    pub name: Arc<str>,
    /// Its payload.
    pub payload: Bytes,
    /// The name of the node that asks; empty if that is older than serf 0.9.0.
    pub from: Arc<str>,
    /// When the asking node stops listening, by our clock.
    pub deadline: Instant,
    /// The address at which it asks for its answer, if it is one.
    pub(crate) addr: Option<SocketAddr>,
    /// The node that passed it on to us.
    pub(crate) via: SocketAddr,
    /// Through how many other members the answer is relayed as well.
    pub(crate) relay_factor: u8,
}

/// A member has received a query of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The query.
    pub query: QueryId,
    /// The member's name.
    pub from: Arc<str>,
}

/// A member's answer to a query of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The query.
    pub query: QueryId,
    /// The member's name.
    pub from: Arc<str>,
    /// The answer.
    pub payload: Bytes,
}

/// A query of ours takes no more answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryClosed {
    /// The query.
    pub query: QueryId,
    /// Why.
    pub end: QueryEnd,
    /// The members that were expected, as those are that [`QueryParams`](crate::QueryParams) names, are
    /// still live, and have neither acked nor replied, though they were asked
    /// [again](crate::Queries::ask_again). If the query wanted no acks, they may have had nothing to say.
    pub silent: Arc<[Arc<str>]>,
}

/// How a query of ours ended. See [`QueryParams`](crate::QueryParams).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QueryEnd {
    /// Every live member that matched its filters has replied, or is gone.
    Complete,
    /// All of them have at least acked, and nothing has come for the time set by
    /// [`QueryParams::settle`](crate::QueryParams::settle).
    Settled,
    /// Its time was up.
    TimedOut,
}

impl std::fmt::Display for QueryEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Complete => "complete",
            Self::Settled => "settled",
            Self::TimedOut => "timed-out",
        })
    }
}

/// Whether user events that were sent before we joined are delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Replay {
    /// Only those sent from now on, as `serf agent` does.
    #[default]
    Skip,
    /// Also those from before, as far as others remember them.
    Deliver,
}

/// A join has reached enough of its addresses, or has tried all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinDone {
    /// Which join this was.
    pub join: JoinId,
    /// The addresses with which all state was exchanged, and those at which a living member was known from
    /// that when it was their turn: nothing is left to ask there.
    pub reached: Arc<[SocketAddr]>,
    /// The other addresses, each with the reason.
    pub failed: Arc<[(SocketAddr, JoinFailure)]>,
}

/// A restarted node has asked the members in its snapshot, many at a time, until it had all from one. Emitted
/// once, and only if members in the snapshot were alive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejoinDone {
    /// The address that answered. If none did, the seed retry goes on trying.
    pub reached: Option<SocketAddr>,
    /// How many were asked.
    pub tried: usize,
}

/// Why an address could not be joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinFailure {
    /// Nothing there accepts connections, or there is no route to it.
    #[error("cannot connect")]
    Unreachable,
    /// The same; this is what the operating system says.
    #[error("cannot connect: {0}")]
    NotConnected(String),
    /// It accepted our connection and closed it before its answer was complete. Nodes with another label do
    /// that, nodes that serve too many streams already, and servers that do not speak serf.
    #[error("closed without an answer: it has another label, no room, or is no serf node")]
    Unanswered,
    /// There was no complete answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// It refused us, usually because one side has a key that the other lacks.
    #[error("the node there said: {0}")]
    Refused(String),
    /// Its answer cannot be used: usually because one side has a key that the other lacks.
    #[error("unusable answer: {0}")]
    Unusable(String),
    /// The application did not accept its members, see
    /// [`Config::accept_merge`](crate::Config::accept_merge).
    #[error("not accepted: {0}")]
    Vetoed(String),
    /// It was not its turn yet when enough others had been reached. The seed retry tries it soon.
    #[error("kept in reserve: enough others were reached")]
    Reserved,
    /// We left, or are leaving.
    #[error("left meanwhile")]
    Left,
}

/// How a leave went: the delivery of our two messages, the leave intent of serf and the leave message of
/// memberlist (the *farewell*).
///
/// Gossip has no receipts. But every member that hears of our leaving passes it on, and some of these
/// messages come back to us. If at least one member confirmed it, all will hear of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeaveReport {
    /// How many other members were alive.
    pub others: usize,
    /// How many of them we sent it to.
    pub told: usize,
    /// How many of them passed it on to us, and so have heard.
    pub confirmed: usize,
    /// The delivery of the leave intent.
    pub intent: Delivery,
    /// The delivery of the leave message.
    pub farewell: Delivery,
    /// How many other messages, such as user events, were still queued.
    pub unsent: usize,
}

/// The delivery of a message to everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// There was no member to send it to.
    #[default]
    Nobody,
    /// It was sent as often as it should be.
    Drained,
    /// It was not, within [`Leave::broadcast_timeout`](crate::Leave::broadcast_timeout).
    TimedOut,
}

impl std::fmt::Display for LeaveReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { others, told, confirmed, intent, farewell, unsent } = self;
        write!(f, "told {told} of {others} others, of whom {confirmed} confirmed it; ")?;
        write!(f, "intent {intent}, farewell {farewell}, {unsent} messages unsent")
    }
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Nobody => "to nobody",
            Self::Drained => "drained",
            Self::TimedOut => "timed out",
        })
    }
}

/// Why a node should be shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownReason {
    /// Another node has our name, and most members know the name at its address. See
    /// [`Config::name_conflicts`](crate::Config::name_conflicts).
    #[error(
        "another node has this name, and only {ours} of {responses} members side with this one: \
         give each node a name of its own"
    )]
    NameTaken {
        /// How many members know the name at our address.
        ours: usize,
        /// How many members answered.
        responses: usize,
    },
}

/// Two nodes claim one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The member that had the name first.
    pub existing: Member,
    /// The address of the other node.
    pub other: SocketAddr,
}

/// A file that cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreFailure {
    /// The file.
    pub file: StoredFile,
    /// The reason, in the runtime's words.
    pub reason: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_called_as_in_go() {
        let changes = [
            (MemberChange::Join, "member-join"),
            (MemberChange::Leave, "member-leave"),
            (MemberChange::Failed, "member-failed"),
            (MemberChange::Update, "member-update"),
            (MemberChange::Reap, "member-reap"),
        ];
        assert!(changes.iter().all(|(change, called)| change.to_string() == *called));
    }
}
