//! Why bytes are not the message they should be.

/// Why bytes are not the value they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside a value.
    #[error("input ends inside a value")]
    Truncated,
    /// A value of another type stands where this one belongs.
    #[error("value of the wrong type")]
    WrongType,
    /// A number does not fit its field.
    #[error("number out of range")]
    OutOfRange,
    /// A message type that does not belong here, or that nobody knows.
    #[error("message type {0} is not understood here")]
    UnknownType(u8),
    /// A message without even its type byte.
    #[error("empty message")]
    Empty,
    /// A stored checksum differs from the computed one.
    #[error("checksum mismatch")]
    Checksum,
    /// A label header that is cut short or empty.
    #[error("broken label header")]
    Label,
    /// A compressed message that is corrupt or inflates to nothing.
    #[error("broken compression")]
    Compression,
    /// Something is larger than its limit.
    #[error("larger than the limit of {max}")]
    TooLarge {
        /// The limit, in the unit of the thing that exceeded it.
        max: u64,
    },
}
