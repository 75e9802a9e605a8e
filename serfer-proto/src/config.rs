//! Everything that can be set, and what it is set to.
//!
//! Three presets, [`Config::lan`], [`Config::wan`] and [`Config::local`], are those of Go's
//! memberlist. All members of a cluster should use the same one: how long a failure goes unnoticed
//! and how much traffic there is depend on everybody's.
//!
//! Parts that can be wrong by themselves are types that cannot be built wrong ([`Keyring`],
//! [`Label`]); what can only be wrong together is found by `Endpoint::new`, all at once.

use std::net::SocketAddr;
use std::time::Duration;

use crate::error::{ConfigFault, TagsError};
use crate::keyring::Keyring;
use crate::tags::Tags;

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The settings of one node. Start from a preset and change what you must.
///
/// ```
/// use serfer_proto::{Config, Keyring, SecretKey};
///
/// let key = SecretKey::from_base64("U3VwZXJTZWN1cmVUb2tlbg==")?;
/// let config = Config::lan("web-1")
///     .advertise("10.0.0.5:7946".parse()?)
///     .keyring(Keyring::new(key))
///     .tag("role", "web")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) name: String,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) tags: Tags,
    pub(crate) label: Option<Label>,
    pub(crate) keyring: Option<Keyring>,
    pub(crate) serf_protocol: u8,
    pub(crate) probe: Probe,
    pub(crate) suspicion: Suspicion,
    pub(crate) gossip: Gossip,
    pub(crate) push_pull_interval: Option<Duration>,
    pub(crate) stream_timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) members: Members,
    pub(crate) leave: Leave,
    pub(crate) queries: Queries,
    pub(crate) user_event_len_max: usize,
    pub(crate) limits: Limits,
}

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Compression {
    /// Nothing.
    Off,
    /// What goes over streams, if it is longer than 1 KiB and shrinks.
    #[default]
    Streams,
    /// Datagrams that shrink, too. LZW costs more time than all else that happens to a packet.
    StreamsAndPackets,
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
}

impl Default for Members {
    fn default() -> Self {
        Self {
            reap_interval: secs(15),
            reconnect_interval: secs(30),
            reconnect_timeout: secs(24 * 3600),
            tombstone_timeout: secs(24 * 3600),
            recent_intent_timeout: secs(5 * 60),
        }
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

/// How queries are asked and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queries {
    /// A query waits, unless told otherwise, for this many gossip intervals, times the logarithm of
    /// the cluster's size. Go: `QueryTimeoutMult`. 16.
    pub timeout_mult: u32,
    /// The longest query to send, in encoded bytes. Go: `QuerySizeLimit`. 1,024.
    pub len_max: usize,
    /// The longest answer to send, in encoded bytes. Go: `QueryResponseSizeLimit`. 1,024.
    pub response_len_max: usize,
}

impl Default for Queries {
    fn default() -> Self {
        Self { timeout_mult: 16, len_max: 1024, response_len_max: 1024 }
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
    /// How much a broadcast queue holds, in bytes. 16 MiB.
    pub queue_bytes: usize,
    /// How many Lamport times back an event or query is still recognised as known. 512, as in Go.
    pub ring: usize,
    /// How many events or queries of one Lamport time are told apart. 256.
    pub ring_slot: usize,
    /// How many intents about unknown members are kept, unless there are so many members that twice
    /// their number is more. 4,096.
    pub recent_intents: usize,
    /// How many queries we can have open at once. 1,024.
    pub open_queries: usize,
    /// How many pings for others we can have open at once. 1,024.
    pub relayed_pings: usize,
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
            queue_bytes: 16 << 20,
            ring: 512,
            ring_slot: 256,
            recent_intents: 4096,
            open_queries: 1024,
            relayed_pings: 1024,
            joins_at_once: 16,
        }
    }
}

/// Keeps clusters that share a network apart: 1 to 255 bytes, sent in the clear. `serf agent` has
/// none, so a node with a label cannot join one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label(Box<[u8]>);

impl Label {
    /// Takes a label of 1 to 255 bytes.
    ///
    /// # Errors
    /// If it is shorter or longer.
    pub fn new(label: impl AsRef<[u8]>) -> Result<Self, ConfigFault> {
        let label = label.as_ref();
        match label.len() {
            1..=255 => Ok(Self(label.into())),
            len => Err(ConfigFault::LabelLen { len }),
        }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Config {
    /// For one data centre: Go's `DefaultLANConfig`.
    ///
    /// `name` must be unique in the cluster: 1 to 128 bytes, without control characters and `/`.
    pub fn lan(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            advertise: None,
            tags: Tags::new(),
            label: None,
            keyring: None,
            serf_protocol: 5,
            probe: Probe {
                interval: secs(1),
                timeout: ms(500),
                indirect_checks: 3,
                stream_fallback: true,
            },
            suspicion: Suspicion { mult: 4, max_timeout_mult: 6, awareness_max: 8 },
            gossip: Gossip {
                interval: ms(200),
                nodes: 3,
                retransmit_mult: 4,
                to_the_dead: secs(30),
                packet_len_max: 1400,
            },
            push_pull_interval: Some(secs(30)),
            stream_timeout: secs(10),
            compression: Compression::default(),
            members: Members::default(),
            leave: Leave::default(),
            queries: Queries::default(),
            user_event_len_max: 512,
            limits: Limits::default(),
        }
    }

    /// For data centres far apart: Go's `DefaultWANConfig`. Slower and more patient.
    pub fn wan(name: impl Into<String>) -> Self {
        let lan = Self::lan(name);
        Self {
            probe: Probe { interval: secs(5), timeout: secs(3), ..lan.probe },
            suspicion: Suspicion { mult: 6, ..lan.suspicion },
            gossip: Gossip { interval: ms(500), nodes: 4, to_the_dead: secs(60), ..lan.gossip },
            push_pull_interval: Some(secs(60)),
            stream_timeout: secs(30),
            ..lan
        }
    }

    /// For one machine: Go's `DefaultLocalConfig`. Finds failures sooner.
    pub fn local(name: impl Into<String>) -> Self {
        let lan = Self::lan(name);
        Self {
            probe: Probe { timeout: ms(200), indirect_checks: 1, ..lan.probe },
            suspicion: Suspicion { mult: 3, ..lan.suspicion },
            gossip: Gossip {
                interval: ms(100),
                retransmit_mult: 2,
                to_the_dead: secs(15),
                ..lan.gossip
            },
            push_pull_interval: Some(secs(15)),
            stream_timeout: secs(1),
            ..lan
        }
    }

    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the address that others reach us at, for datagrams and streams. Required, but a runtime
    /// that binds sockets sets it itself unless it is given.
    #[must_use]
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise = Some(addr);
        self
    }

    /// Adds a tag, or replaces it.
    ///
    /// # Errors
    /// If the tags would take up more than [`TAGS_LEN_MAX`](crate::TAGS_LEN_MAX) encoded bytes.
    pub fn tag(
        mut self,
        key: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, TagsError> {
        self.tags.insert(key, value);
        TagsError::check(&self.tags)?;
        Ok(self)
    }

    /// Seals what we send and refuses what is not sealed.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// The keys set so far.
    pub fn keys(&self) -> Option<&Keyring> {
        self.keyring.as_ref()
    }

    /// Keeps to members with the same label.
    #[must_use]
    pub fn label(mut self, label: Label) -> Self {
        self.label = Some(label);
        self
    }

    /// Speaks an older serf protocol, 2 to 5. Default 5, as `serf agent`.
    #[must_use]
    pub fn serf_protocol(mut self, version: u8) -> Self {
        self.serf_protocol = version;
        self
    }

    /// Sets how a member is checked on.
    #[must_use]
    pub fn probe(mut self, probe: Probe) -> Self {
        self.probe = probe;
        self
    }

    /// Sets how long an accused member has to defend itself.
    #[must_use]
    pub fn suspicion(mut self, suspicion: Suspicion) -> Self {
        self.suspicion = suspicion;
        self
    }

    /// Sets how news spreads.
    #[must_use]
    pub fn gossip(mut self, gossip: Gossip) -> Self {
        self.gossip = gossip;
        self
    }

    /// Sets how often everything is compared with a random member, which mends what gossip missed;
    /// `None` is never. Go: `PushPullInterval`. LAN 30 s, WAN 60 s, local 15 s; longer in clusters
    /// of more than 32.
    #[must_use]
    pub fn push_pull_interval(mut self, interval: Option<Duration>) -> Self {
        self.push_pull_interval = interval;
        self
    }

    /// Sets how long each step of a stream may take: dialling, sending, receiving.
    /// Go: `TCPTimeout`. LAN 10 s, WAN 30 s, local 1 s.
    #[must_use]
    pub fn stream_timeout(mut self, timeout: Duration) -> Self {
        self.stream_timeout = timeout;
        self
    }

    /// Sets when to compress what we send.
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets how long members are remembered once they are gone.
    #[must_use]
    pub fn members(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// Sets how patiently we leave.
    #[must_use]
    pub fn leave(mut self, leave: Leave) -> Self {
        self.leave = leave;
        self
    }

    /// Sets how queries are asked and answered.
    #[must_use]
    pub fn queries(mut self, queries: Queries) -> Self {
        self.queries = queries;
        self
    }

    /// Sets the longest user event to send, in encoded bytes, at most 9,216.
    /// Go: `UserEventSizeLimit`. 512.
    #[must_use]
    pub fn user_event_len_max(mut self, len: usize) -> Self {
        self.user_event_len_max = len;
        self
    }

    /// Sets what we accept, at most, from anybody.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
