//! The settings, in groups of those that belong together: plain numbers, checked when a node starts.

use std::time::Duration;

use crate::config::presets::secs;

/// How a member is checked on, one after another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How often a member, the next one, is pinged, and how long that may take in all. Lower finds
    /// failures sooner. Go: `ProbeInterval`. LAN 1 s, WAN 5 s, local 1 s.
    pub interval: Duration,
    /// How long to wait for the ack before asking others; must be shorter than the interval. The
    /// 99th percentile of your round trip times is a good value. Go: `ProbeTimeout`. LAN 500 ms,
    /// WAN 3 s, local 200 ms.
    pub timeout: Duration,
    /// How many others are asked to ping it too. Go: `IndirectChecks`. LAN and WAN 3, local 1.
    pub indirect_checks: usize,
    /// Whether it is pinged by stream as well, which tells a blocked UDP port from a dead node.
    /// Go: `!DisableTcpPings`. All true.
    pub stream_fallback: bool,
}

/// How long an accused member has to defend itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// The shortest time is this many probe intervals, times the logarithm of the cluster's size.
    /// Go: `SuspicionMult`. LAN 4, WAN 6, local 3.
    pub mult: u32,
    /// The longest time, while nobody else confirms the accusation, is this many times the shortest.
    /// Go: `SuspicionMaxTimeoutMult`. All 6.
    pub max_timeout_mult: u32,
    /// How far our own trouble may stretch our probes: up to this many intervals.
    /// Go: `AwarenessMaxMultiplier`. All 8.
    pub awareness_max: u32,
}

/// How news spreads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gossip {
    /// How often news is sent, while there is any. Go: `GossipInterval`. LAN 200 ms, WAN 500 ms,
    /// local 100 ms.
    pub interval: Duration,
    /// To how many members at once. Go: `GossipNodes`. LAN 3, WAN 4, local 3.
    pub nodes: usize,
    /// Each piece of news is sent this many times the logarithm of the cluster's size.
    /// Go: `RetransmitMult`. LAN and WAN 4, local 2.
    pub retransmit_mult: u32,
    /// How long the dead are still told, so that they can object, and then forgotten.
    /// Go: `GossipToTheDeadTime`. LAN 30 s, WAN 60 s, local 15 s.
    pub to_the_dead: Duration,
    /// The longest datagram to send, in bytes, at most 65,507. Raise it only if no path between
    /// members fragments. Go: `UDPBufferSize`. All 1,400.
    pub packet_len_max: usize,
}

/// When to compress what we send. Whatever arrives compressed is read in any case.
///
/// Unlike Go, which compresses datagrams unless told not to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Nothing.
    Off,
    /// What goes over streams, if it is longer than 1 KiB and shrinks.
    #[default]
    Streams,
    /// Datagrams that shrink, too, by a third. LZW costs more time than all else that happens to a
    /// packet.
    StreamsAndPackets,
}

/// How a cluster gets from plain to sealed messages without a pause: every node goes through these in
/// order, and none may take a step before all have taken the one before. Before the last of them, keys
/// can be neither changed nor listed while the cluster runs.
///
/// Without a key all of them mean: in the clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encryption {
    /// Reads both, sends in the clear. Go: `GossipVerifyIncoming` and `GossipVerifyOutgoing` false.
    Prepare,
    /// Reads both, seals what it sends. Go: `GossipVerifyIncoming` false.
    Prefer,
    /// Seals what it sends and refuses what is not sealed.
    #[default]
    Require,
}

/// Whether a node learns by its pings how far members are, and tells its own
/// [`Coordinate`](crate::Coordinate) with its acks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Coordinates {
    /// Neither. Go: `DisableCoordinates`.
    Off,
    /// Both.
    #[default]
    On,
}

/// What becomes of the label of what arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum InboundLabel {
    /// It must be ours.
    #[default]
    Check,
    /// Something before us takes it off, so there must be none. Go: `SkipInboundLabelCheck`.
    Stripped,
}

/// How long members are remembered once they are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members {
    /// How often to look whom to forget. Go: `ReapInterval`. 15 s.
    pub reap_interval: Duration,
    /// How often to try a failed member again. Go: `ReconnectInterval`. 30 s.
    pub reconnect_interval: Duration,
    /// After how long a failed member is forgotten. Go: `ReconnectTimeout`. 24 h.
    pub reconnect_timeout: Duration,
    /// After how long a member that left is forgotten. Go: `TombstoneTimeout`. 24 h.
    pub tombstone_timeout: Duration,
    /// How long an intent waits for the member it is about. Go: `RecentIntentTimeout`. 5 min.
    pub recent_intent_timeout: Duration,
    /// A member that is back so soon after it failed is counted in
    /// [`Stats::flaps`](crate::Stats::flaps). Go: `FlapTimeout`. 60 s.
    pub flap_timeout: Duration,
}

impl Default for Members {
    fn default() -> Self {
        Self {
            reap_interval: secs(15),
            reconnect_interval: secs(30),
            reconnect_timeout: secs(24 * 3600),
            tombstone_timeout: secs(24 * 3600),
            recent_intent_timeout: secs(5 * 60),
            flap_timeout: secs(60),
        }
    }
}

/// How long events are held so that only what came of them is told.
///
/// ```
/// # use serfer_proto::{Coalescing, Config};
/// // As `serf agent` does.
/// let config = Config::lan("web-1").coalesce_members(Some(Coalescing::default()));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Coalescing {
    /// For how long at most. Go: `CoalescePeriod`, `UserCoalescePeriod`. 3 s.
    pub period: Duration,
    /// No longer than until nothing more has come for this long. Go: `QuiescentPeriod`,
    /// `UserQuiescentPeriod`. 1 s.
    pub quiescent: Duration,
}

impl Default for Coalescing {
    fn default() -> Self {
        Self { period: secs(3), quiescent: secs(1) }
    }
}

/// How patiently we leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leave {
    /// How long to wait, twice, until our farewell has been sent often enough.
    /// Go: `BroadcastTimeout`. 5 s.
    pub broadcast_timeout: Duration,
    /// How long to stay around afterwards, so that it spreads. Go: `LeavePropagateDelay`. 1 s.
    pub propagate_delay: Duration,
}

impl Default for Leave {
    fn default() -> Self {
        Self { broadcast_timeout: secs(5), propagate_delay: secs(1) }
    }
}

/// The longest answer that fits into a datagram, whatever else is in there: a label, a seal.
pub(crate) const ANSWER_LEN_MAX: usize = 65_000;

/// How queries are asked and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queries {
    /// A query waits, unless told otherwise, for this many gossip intervals, times the logarithm of
    /// the cluster's size. Go: `QueryTimeoutMult`. 16.
    pub timeout_mult: u32,
    /// The longest query to send, in encoded bytes. Go: `QuerySizeLimit`. 1,024.
    pub len_max: usize,
    /// The longest answer to send, in encoded bytes. Each is one datagram; one that is longer than a
    /// [packet](Gossip::packet_len_max) travels in fragments, and all are lost if one is. Go:
    /// `QueryResponseSizeLimit`. 1,024.
    pub response_len_max: usize,
}

impl Default for Queries {
    fn default() -> Self {
        Self { timeout_mult: 16, len_max: 1024, response_len_max: 1024 }
    }
}

/// What to do about another node with our name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum NameConflicts {
    /// Ask everybody whose the name is. If most of those who answer side with the other node, this
    /// one wants to be [shut down](crate::Event::ShutdownWanted).
    #[default]
    Vote,
    /// Only [report](crate::Event::Conflict) it.
    Report,
}

/// When a name may move to another address: after a node has gone and comes back elsewhere, like a
/// pod that was rescheduled. One that left may come back at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reclaim {
    /// How long a member must have been dead. `None` is until it is forgotten, see
    /// [`Gossip::to_the_dead`]. Set a few seconds where nodes come and go under fixed names.
    /// Go: `DeadNodeReclaimTime`. None.
    pub dead_after: Option<Duration>,
    /// Whether the address that had the name is pinged first, and keeps it if it answers, so that
    /// nobody can take over a name with forged messages. Go does not. True.
    pub ask_holder: bool,
}

impl Default for Reclaim {
    fn default() -> Self {
        Self { dead_after: None, ask_holder: true }
    }
}

/// How addresses are tried again where we lost somebody: those we were told to join, for as long as
/// nobody there is with us, and those of members that died.
///
/// It is what merges a cluster again that was torn apart for longer than the dead are remembered.
/// Go has no such thing. After a partition has healed it takes `retry_max` and however long an exchange
/// takes until both sides are one, and more only if chance has it: in a cluster of more than five, a node
/// tries the dead only as often as makes it four tries at a time, on average, of all nodes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeedKeeper {
    /// How long to wait before the first retry, at most; half of it at least. 1 s.
    pub retry_min: Duration,
    /// The wait doubles with each retry, up to this. LAN and WAN 60 s, local 15 s.
    pub retry_max: Duration,
    /// How many of the addresses given to `join` are kept. 256.
    pub seeds: usize,
    /// How many members that died are kept, until they are found or nobody expects them any more
    /// (they left, or were pruned). 128.
    pub dead: usize,
}

impl Default for SeedKeeper {
    fn default() -> Self {
        Self { retry_min: secs(1), retry_max: secs(60), seeds: 256, dead: 128 }
    }
}

/// What we accept, at most, from anybody: checked before memory is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What a packet may inflate to, in bytes. 1 MiB.
    pub inflated_packet_len: usize,
    /// What a stream may inflate to, in bytes. 40 MiB.
    pub inflated_stream_len: usize,
    /// How much a stream may bring, in bytes. 20 MiB, as in Go.
    pub stream_len: usize,
    /// How many streams others may have open to us at once. 128.
    pub inbound_streams: usize,
    /// How many members there may be, those that are gone but remembered included. 200,000.
    pub members: usize,
    /// How long the encoded tags of another member may be, in bytes. 4,096.
    pub received_meta_len: usize,
    /// How many messages a broadcast queue holds, unless there are so many members that twice their
    /// number is more. 4,096.
    pub queue: usize,
    /// From how many messages on a queue of serf's broadcasts is deep: a warning is traced, and again
    /// only once it has been half as deep since. Go: `QueueDepthWarning`. 128.
    pub queue_warning: usize,
    /// How much a broadcast queue holds, in bytes. 16 MiB.
    pub queue_bytes: usize,
    /// How many Lamport times back an event or query is still recognised as known. 512, as in Go.
    pub ring: usize,
    /// How many events or queries of one Lamport time are told apart. 256.
    pub ring_slot: usize,
    /// How much the user events that are remembered may take up, in bytes. All of them go into every
    /// push/pull. 4 MiB.
    pub ring_bytes: usize,
    /// How many intents about unknown members are kept, unless there are so many members that twice
    /// their number is more. 4,096.
    pub recent_intents: usize,
    /// How many queries we can have open at once. 1,024.
    pub open_queries: usize,
    /// How many steps the filters of others' queries may take in a second; a query with more gets no
    /// answer from us, and our own with more is refused. A step is some 10 ns. To compile an expression
    /// takes one for each byte that comes of it (`^web$` 1,000, `.{0,1000}` 450,000) and none while it
    /// is remembered; to match it, one for each of its states and each byte of the tag. Names take none.
    /// 4 Mi.
    pub filter_steps: usize,
    /// Through how many members our answers to a query are relayed, however many it asks for. 10.
    pub relay_factor: u8,
    /// How many answers we relay for others in a second. 1,024.
    pub relayed_answers: usize,
    /// How many pings for others we can have open at once. 1,024.
    pub relayed_pings: usize,
    /// How long a snapshot may be, in bytes, before it is compacted; 256 bytes for each member are
    /// always allowed. 128 KiB, as in Go.
    pub snapshot_len: usize,
    /// How many addresses are joined at the same time. 16.
    pub joins_at_once: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inflated_packet_len: 1 << 20,
            inflated_stream_len: 40 << 20,
            stream_len: 20 << 20,
            inbound_streams: 128,
            members: 200_000,
            received_meta_len: 4096,
            queue: 4096,
            queue_warning: 128,
            queue_bytes: 16 << 20,
            ring: 512,
            ring_slot: 256,
            ring_bytes: 4 << 20,
            recent_intents: 4096,
            open_queries: 1024,
            filter_steps: 4 << 20,
            relay_factor: 10,
            relayed_answers: 1024,
            relayed_pings: 1024,
            snapshot_len: 128 << 10,
            joins_at_once: 16,
        }
    }
}
