//! All settings of a node, their default values and their checks.
//!
//! Read in this order: [`groups`], [`limits`] and [`choices`] are the settings that belong together,
//! [`presets`] has their default values, [`detection`] is for those who want to know of failures sooner,
//! [`faults`] checks a [`Config`] when a node starts, and [`params`] is
//! what the node then goes by: once it runs, the other rooms read settings from `Params` only. `file.rs`
//! reads a config from a file, [`callbacks`] are functions of the application.
//!
//! The presets [`Config::lan`], [`Config::wan`] and [`Config::local`] are those of Go's memberlist, and news
//! is sent at once ([`PromptGossip`]). All
//! members of a cluster should use the same preset: how fast failures are found and how much traffic there
//! is depends on the settings of all of them.
//!
//! Some settings of Go have no counterpart. `HandoffQueueDepth`: messages are handled as they arrive.
//! `BindAddr`, `Transport`, `DNSConfigPath`: the runtime binds, dials and looks up names.
//! `RequireNodeNames`: only transports that address nodes by name need it. `Logger`, `MetricLabels` and
//! `QueueCheckInterval`: the application uses `tracing` and [`Stats`](crate::Stats).
//!
//! Values that can be wrong by themselves have types that cannot hold a wrong value ([`Keyring`],
//! [`Label`]). `Endpoint::new` checks everything else, and lists all faults at once.

#[macro_use]
mod group;
mod callbacks;
mod choices;
mod detection;
mod faults;
#[cfg(feature = "serde")]
mod file;
mod groups;
mod label;
mod limits;
pub(crate) mod params;
mod presets;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

pub use choices::{Compression, Coordinates, Encryption, InboundLabel, NameConflicts};
pub use groups::{
    Coalescing, Gossip, Leave, Members, Probe, PromptGossip, Queries, Reclaim, RttProbing,
    SeedKeeper, Suspicion,
};
pub use label::Label;
pub use limits::Limits;

pub(crate) use callbacks::Callbacks;
pub(crate) use faults::{ANSWER_LEN_MAX, ASK_AGAIN_MAX, check_address, check_name};

use crate::api::{Keyring, Member, Tags, TagsError};
use crate::snapshot::Recovered;

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
///
/// With the feature `serde`, a config can also be read from a file: TOML, JSON or any other
/// self-describing format of serde. The file has `preset = "lan"`, `"wan"` or `"local"`, and the settings
/// that differ from the preset, under the names of the functions and fields here. `tags` is a table.
/// `keys` is a list of keys in base64, which are read but never written. Functions cannot be in a file.
///
/// **Functions** that are set here, like that of [`accept_member`](Self::accept_member), are called while a
/// message is handled, and the node waits for them. They must be quick and pure: the same arguments always
/// give the same result. They must not call the node, and they must not panic: both shut it down.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) name: String,
    pub(crate) strict_names: bool,
    pub(crate) advertise: Option<SocketAddr>,
    pub(crate) incarnation: u32,
    pub(crate) recovered: Option<Recovered>,
    pub(crate) tags: Tags,
    pub(crate) label: Option<Label>,
    pub(crate) inbound_label: InboundLabel,
    pub(crate) keys: Option<Keyring>,
    pub(crate) encryption: Encryption,
    pub(crate) store_keyring: bool,
    pub(crate) allowed_networks: Vec<IpNet>,
    pub(crate) callbacks: Callbacks,
    pub(crate) memberlist_protocol: u8,
    pub(crate) serf_protocol: u8,
    pub(crate) probe: Probe,
    pub(crate) rtt_probing: Option<RttProbing>,
    pub(crate) suspicion: Suspicion,
    pub(crate) gossip: Gossip,
    pub(crate) prompt_gossip: Option<PromptGossip>,
    pub(crate) push_pull_interval: Option<Duration>,
    pub(crate) stream_timeout: Duration,
    pub(crate) compression: Compression,
    pub(crate) reclaim: Reclaim,
    pub(crate) seed_keeper: Option<SeedKeeper>,
    pub(crate) members: Members,
    pub(crate) leave: Leave,
    pub(crate) queries: Queries,
    pub(crate) name_conflicts: NameConflicts,
    pub(crate) coalesce_members: Option<Coalescing>,
    pub(crate) coalesce_user_events: Option<Coalescing>,
    pub(crate) coordinates: Coordinates,
    pub(crate) user_event_len_max: usize,
    pub(crate) limits: Limits,
}

impl Config {
    /// The node's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Accepts only names like host names: `A-Z`, `a-z`, `0-9`, `-` and `.`, at most 128 bytes. This goes
    /// for the node's own name when it starts, for the names of members, and for clusters that are about to
    /// merge with this one: the merge fails if any member has another name. Off by default.
    /// Go: `ValidateNodeNames`.
    #[must_use]
    pub fn strict_names(mut self) -> Self {
        self.strict_names = true;
        self
    }

    /// The advertised address, if it is set.
    pub fn advertised(&self) -> Option<SocketAddr> {
        self.advertise
    }

    /// Whether seeds and members that died are tried again, see [`seed_keeper`](Self::seed_keeper).
    pub fn keeps_seeds(&self) -> bool {
        self.seed_keeper.is_some()
    }

    /// The snapshot that [`recovered`](Self::recovered) set.
    pub fn recovery(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
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

    /// Replaces all tags.
    ///
    /// # Errors
    /// If they take up more than [`TAGS_LEN_MAX`](crate::TAGS_LEN_MAX) encoded bytes.
    pub fn tagged(mut self, tags: Tags) -> Result<Self, TagsError> {
        TagsError::check(&tags)?;
        self.tags = tags;
        Ok(self)
    }

    /// The tags set so far.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The keys set so far.
    pub fn keys(&self) -> Option<&Keyring> {
        self.keys.as_ref()
    }

    /// Stores the keys as [`StoredFile::Keyring`](crate::StoredFile::Keyring) whenever another node changes
    /// them. The change is in force when that is reported with
    /// [`handle_stored`](crate::Endpoint::handle_stored). A runtime that keeps a keyring file sets this itself. Go:
    /// `KeyringFile`. Off.
    #[must_use]
    pub fn store_keyring(mut self) -> Self {
        self.store_keyring = true;
        self
    }

    /// Accepts only members with addresses in these networks, and gossip about members only from these
    /// networks. If the list is empty, all are accepted. Go: `CIDRsAllowed`. Empty.
    #[must_use]
    pub fn allowed_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.allowed_networks = networks.into_iter().collect();
        self
    }

    /// Changes a part of how members are probed, and leaves the rest as it is.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serfer_proto::Config;
    /// let eager = Config::lan("web-1").probe_with(|probe| probe.timeout = Duration::from_millis(200));
    /// ```
    #[must_use]
    pub fn probe_with(mut self, change: impl FnOnce(&mut Probe)) -> Self {
        change(&mut self.probe);
        self
    }

    /// Changes a part of how long a suspected member has to refute, and leaves the rest as it is.
    #[must_use]
    pub fn suspicion_with(mut self, change: impl FnOnce(&mut Suspicion)) -> Self {
        change(&mut self.suspicion);
        self
    }

    /// Changes a part of how broadcasts spread, and leaves the rest as it is.
    #[must_use]
    pub fn gossip_with(mut self, change: impl FnOnce(&mut Gossip)) -> Self {
        change(&mut self.gossip);
        self
    }
}

/// Functions that set one field each: that of the same name, another one, or a callback.
macro_rules! setters {
    ($($(#[$doc:meta])* $name:ident: $type:ty $(=> $field:ident $(.$callback:ident)?)?;)+) => {
        impl Config {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, $name: $type) -> Self {
                setters!(@set self.$name $($field $(.$callback)?)?);
                self
            }
        )+}
    };
    (@set $config:ident.$name:ident) => { $config.$name = $name.into(); };
    (@set $config:ident.$name:ident $field:ident) => { $config.$field = $name.into(); };
    (@set $config:ident.$name:ident $field:ident.$callback:ident) => {
        $config.$field.$callback = Some(Arc::new($name));
    };
}

setters! {
    /// Sets another name.
    named: impl Into<String> => name;

    /// Sets the address at which others reach the node, for datagrams and streams. It is required, but a
    /// runtime that binds sockets sets it itself unless it is given.
    advertise: SocketAddr;

    /// Starts above this incarnation: the last one of an earlier run of this node, see
    /// [`Endpoint::incarnation`](crate::Endpoint::incarnation). So others believe at once that the node is
    /// back; without it, the node first has to refute that it is dead. Go does not have this. 0.
    incarnation: u32;

    /// Keeps a snapshot, and continues from the snapshot of an earlier run. The node starts with the clocks
    /// and the incarnation of that run, ignores the user events and queries that it had then, and rejoins
    /// the cluster through the members that it knew, see
    /// [`Event::RejoinDone`](crate::Event::RejoinDone). What is to be written comes as
    /// [`Output::Store`](crate::Output::Store). By default there is no snapshot.
    ///
    /// A runtime that reads the file itself sets this. Go: `SnapshotPath`.
    recovered: Recovered;

    /// Encrypts what the node sends and refuses plain text, unless [`encryption`](Self::encryption) says
    /// otherwise. Without keys, everything is sent as plain text. Go: `Keyring`. None.
    keyring: Keyring => keys;

    /// Sets how strictly the keys are used, to introduce them in a running cluster.
    /// [`Encryption::Require`].
    encryption: Encryption;

    /// Joins only members with the same label. Go: `Label`. None.
    label: Label;

    /// Sets which label incoming messages must have. [`InboundLabel::Check`].
    inbound_label: InboundLabel;

    /// Calls this function whenever a node announces something new: may it be a member? If not, the node is
    /// ignored and the error is traced. Must be a pure function. Go: `AliveDelegate`.
    accept_member: impl Fn(&Member) -> Result<(), String> + Send + Sync + 'static
        => callbacks.accept_member;

    /// Calls this function with all members of another cluster before it merges with this one: when the node
    /// joins, or when another node joins through it. If the function refuses, nothing from the other cluster
    /// is believed, and the node's own join fails with the error. Must be a pure function.
    /// Go: `MergeDelegate`.
    accept_merge: impl Fn(&[Member]) -> Result<(), String> + Send + Sync + 'static
        => callbacks.accept_merge;

    /// Calls this function for a member that does not answer datagrams: is it also pinged by stream?
    /// [`Probe::stream_fallback`] must be on, too. Must be a pure function. Go: `!DisableTcpPingsForNode`.
    ping_by_stream: impl Fn(&Member) -> bool + Send + Sync + 'static => callbacks.ping_by_stream;

    /// Calls this function to learn how long a member that failed or left is remembered. The second argument
    /// is the time that [`Members`] has for all members of this status. Must be a pure function.
    /// Go: `ReconnectTimeoutOverride`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serfer_proto::Config;
    /// // Nobody waits for workers.
    /// let config = Config::lan("web-1").reconnect_timeout_of(|member, timeout| {
    ///     if member.name().starts_with("worker-") { Duration::from_secs(600) } else { timeout }
    /// });
    /// ```
    reconnect_timeout_of: impl Fn(&Member, Duration) -> Duration + Send + Sync + 'static
        => callbacks.reconnect_timeout_of;

    /// Speaks another memberlist protocol, 1 to 5. Default 2, as `serf agent`. With 1, all members must use
    /// the same port, and encrypted messages are padded. Go: `ProtocolVersion`.
    memberlist_protocol: u8;

    /// Speaks an older Serf protocol, 2 to 5. Default 5, as `serf agent`. Go: `ProtocolVersion` of Serf.
    serf_protocol: u8;

    /// Sets how members are probed.
    probe: Probe;

    /// Makes probe timeouts follow the round trips of each member. `None`, the default, is as in Go: all members
    /// have the whole [`Probe::timeout`].
    rtt_probing: Option<RttProbing>;

    /// Sets how long a suspected member has to refute.
    suspicion: Suspicion;

    /// Sets how broadcasts spread.
    gossip: Gossip;

    /// Sets how news is sent at once. `None` is Go's timing and Go's choice of members: everything waits for
    /// the beat of [`Gossip::interval`]. On by default, see [`PromptGossip`].
    prompt_gossip: Option<PromptGossip>;

    /// Sets how often the node does a push/pull with a random member, which repairs what gossip missed;
    /// `None` is never. Go: `PushPullInterval`. LAN 30 s, WAN 60 s, local 15 s; longer in clusters of more
    /// than 32.
    push_pull_interval: Option<Duration>;

    /// Sets how long each step of a stream may take: dialling, sending, receiving.
    /// Go: `TCPTimeout`. LAN 10 s, WAN 30 s, local 1 s.
    stream_timeout: Duration;

    /// Sets what is compressed before it is sent. Go: `EnableCompression`. [`Compression::Off`], and
    /// [`Compression::Streams`] in the WAN preset.
    compression: Compression;

    /// Sets when a name may move to another address.
    reclaim: Reclaim;

    /// Sets the seed retry: how the node tries addresses again where it has lost contact. `None` is never, as
    /// in Go. On by default, see [`SeedKeeper`].
    seed_keeper: Option<SeedKeeper>;

    /// Sets how long members are remembered after they are gone.
    members: Members;

    /// Sets how long a leave may take.
    leave: Leave;

    /// Sets how queries are sent and answered.
    queries: Queries;

    /// Sets whether the node measures round trip times. Go: `!DisableCoordinates`. On.
    coordinates: Coordinates;

    /// Sets what to do about another node with the same name. Go: `EnableNameConflictResolution`.
    /// [`NameConflicts::Vote`].
    name_conflicts: NameConflicts;

    /// Sets the longest user event to send, in encoded bytes, at most 9,216. Go: `UserEventSizeLimit`. 512.
    user_event_len_max: usize;

    /// Holds back changes of members for a moment, and reports only their outcome: one event for each kind
    /// of change, with all members that changed in this way. Changes that cancel each other, such as a
    /// failure and a return, are not reported. Other events are reported meanwhile. `None`, the default,
    /// reports every change at once. `serf agent` has [`Coalescing::default`].
    coalesce_members: Option<Coalescing>;

    /// Holds back user events that were sent with [`Coalesce::Yes`](crate::Coalesce::Yes) for a moment, and
    /// reports only the newest of each name. `None`, the default, reports all of them at once. `serf agent`
    /// has [`Coalescing::default`].
    coalesce_user_events: Option<Coalescing>;

    /// Sets the most that the node accepts from anybody.
    limits: Limits;
}
