//! Settings that are one of a few choices.

/// When to compress what the node sends. Compressed messages are always read.
///
/// Unlike Go, which compresses everything by default. A push/pull among 10,000 members, both sides together:
///
/// | tags of 64 bytes | instructions | bytes |
/// |---|---|---|
/// | any, [`Off`](Self::Off) | 40 million | 3.1 million |
/// | alike (role, data centre, version, rack), [`Streams`](Self::Streams) | 188 million | 0.5 million |
/// | random, [`Streams`](Self::Streams) | 343 million | 2.0 million |
///
/// So it takes longer to compress what is saved than to send it if the network brings more than some 100 to 500
/// Mbit/s. Within a data centre it does; over the internet bytes may cost more than time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Never.
    #[default]
    Off,
    /// Messages on streams, if they are longer than 1 KiB and become shorter.
    Streams,
    /// Also datagrams, if they become shorter by a third. LZW takes more time than everything else that
    /// happens to a packet.
    StreamsAndPackets,
}

/// How a running cluster changes from plain text to encryption without a pause. Every node goes through
/// these values in order, and no node takes a step before all have taken the previous one. Until the last
/// step, keys can be neither changed nor listed while the cluster runs.
///
/// Without a key, all of them mean plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Reads both, sends plain text. Go: `GossipVerifyIncoming` and `GossipVerifyOutgoing` false.
    Prepare,
    /// Reads both, encrypts what it sends. Go: `GossipVerifyIncoming` false.
    Prefer,
    /// Encrypts what it sends, and refuses plain text.
    #[default]
    Require,
}

/// Whether a node measures round trip times with its pings, and sends its own
/// [`Coordinate`](crate::Coordinate) with its acks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Coordinates {
    /// Neither. Go: `DisableCoordinates`.
    Off,
    /// Both.
    #[default]
    On,
}

/// Which label incoming messages must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InboundLabel {
    /// The node's own.
    #[default]
    Check,
    /// None, because a proxy before the node removes it. Go: `SkipInboundLabelCheck`.
    Stripped,
}

/// What to do about another node with the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameConflicts {
    /// Ask whoever is at the other address. If a node of this name answers, ask all members which node has the
    /// name. If most of those that answer name the other node, this node asks to be
    /// [shut down](crate::Event::ShutdownWanted). If nobody answers at the other address, it is that of an
    /// earlier life: go on until the others have found out.
    #[default]
    Vote,
    /// Only [report](crate::Event::Conflict) it.
    Report,
}
