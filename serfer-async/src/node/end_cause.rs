//! Why a node ends.

use serfer_proto::ShutdownReason;

/// Why a node has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EndCause {
    #[error("it was told to")]
    Told,
    #[error("its last handle was dropped; keep one for as long as the node is to live")]
    HandleDropped,
    #[error("it has left, and its last handle was dropped")]
    DroppedAfterLeaving,
    #[error("it could not join")]
    NotJoined,
    #[error("it was given up before it had started")]
    GivenUp,
    #[error("{0}")]
    ByItself(ShutdownReason),
    #[error("the runtime of its handlers has ended")]
    RuntimeEnded,
    #[error("it panicked, or a function did that it calls")]
    Panicked,
}
