//! Everything that can be set, and what it is set to.
//!
//! Three presets, [`Config::lan`], [`Config::wan`] and [`Config::local`], are those of Go's
//! memberlist. All members of a cluster should use the same one: how long a failure goes unnoticed
//! and how much traffic there is depend on everybody's.
//!
//! What Go can set and this cannot has nothing to set here. `HandoffQueueDepth`: messages are handled
//! as they come. `BindAddr`, `Transport`, `DNSConfigPath`: runtimes bind, dial and look up names.
//! `RequireNodeNames`: only transports that go by names need it. `Logger`, `MetricLabels` and
//! `QueueCheckInterval`: `tracing` and [`Stats`](crate::Stats) leave that to the application.
//!
//! Parts that can be wrong by themselves are types that cannot be built wrong ([`Keyring`],
//! [`Label`]); what can only be wrong together is found by `Endpoint::new`, all at once.

mod callbacks;
mod groups;
mod label;
pub(crate) mod params;
mod presets;

use std::net::SocketAddr;
use std::time::Duration;

pub use groups::{
    Coalescing, Compression, Coordinates, Encryption, Gossip, InboundLabel, Leave, Limits, Members,
    NameConflicts, Probe, Queries, Reclaim, SeedKeeper, Suspicion,
};
pub use label::Label;

pub(crate) use callbacks::Questions;
pub(crate) use groups::ANSWER_LEN_MAX;

use std::sync::Arc;

use ipnet::IpNet;

use crate::api::error::TagsError;
use crate::api::keyring::Keyring;
use crate::api::member::Member;
use crate::api::tags::Tags;
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
/// With the feature `serde` it comes from a file as well, of TOML, JSON or whatever else serde reads:
/// `preset = "lan"`, `"wan"` or `"local"`, and what is to be different, by the names of the functions
/// and fields here; `tags` is a table, `keys` a list of keys in base64, which are read but never
/// written. Functions cannot be in a file.
///
/// **Functions** that are given here, like that of [`accept_member`](Self::accept_member), are called in the
/// middle of a message, and nothing else happens meanwhile: they must be quick and pure, so that the same
/// question always has the same answer. They must not call the node that asks, nor panic: either shuts it
/// down.
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
    pub(crate) keyring: Option<Keyring>,
    pub(crate) encryption: Encryption,
    pub(crate) stores_keyring: bool,
    pub(crate) networks: Vec<IpNet>,
    pub(crate) questions: Questions,
    pub(crate) memberlist_protocol: u8,
    pub(crate) serf_protocol: u8,
    pub(crate) probe: Probe,
    pub(crate) suspicion: Suspicion,
    pub(crate) gossip: Gossip,
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

    /// Sets another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Accepts only names like those of hosts, of `A-Z`, `a-z`, `0-9`, `-` and `.`, at most 128 bytes
    /// long: of ourselves when the node starts, of members, and of clusters that are about to become
    /// one with ours, which fails if any member has another name. Off unless called.
    /// Go: `ValidateNodeNames`.
    #[must_use]
    pub fn strict_names(mut self) -> Self {
        self.strict_names = true;
        self
    }

    /// Sets the address that others reach us at, for datagrams and streams. Required, but a runtime
    /// that binds sockets sets it itself unless it is given.
    #[must_use]
    pub fn advertise(mut self, addr: SocketAddr) -> Self {
        self.advertise = Some(addr);
        self
    }

    /// The address to advertise, if it is set.
    pub fn advertised(&self) -> Option<SocketAddr> {
        self.advertise
    }

    /// Starts above this incarnation: the one that an earlier life of this node ended with, see
    /// [`Endpoint::incarnation`](crate::Endpoint::incarnation). Others then believe at once that it is
    /// back, where without it they have to contradict it first. Go has no such thing. 0.
    #[must_use]
    pub fn incarnation(mut self, incarnation: u32) -> Self {
        self.incarnation = incarnation;
        self
    }

    /// Keeps a snapshot and goes on from what an earlier life left in it: with its clocks and its
    /// incarnation, without the user events and queries that it had, and back in the cluster through
    /// the members that it knew, see [`Event::RejoinDone`](crate::Event::RejoinDone). What is to be
    /// written comes as [`Output::Store`](crate::Output::Store). By default there is none.
    ///
    /// A runtime that reads the file itself sets this. Go: `SnapshotPath`.
    #[must_use]
    pub fn recovered(mut self, recovered: Recovered) -> Self {
        self.recovered = Some(recovered);
        self
    }

    /// What was set by [`recovered`](Self::recovered).
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

    /// Sets all tags at once.
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

    /// Seals what we send and refuses what is not sealed, unless [`encryption`](Self::encryption) says
    /// otherwise. Without keys, everything is sent in the clear. Go: `Keyring`. None.
    #[must_use]
    pub fn keyring(mut self, keyring: Keyring) -> Self {
        self.keyring = Some(keyring);
        self
    }

    /// Sets how strictly the keys are used, to introduce them in a cluster that runs.
    /// [`Encryption::Require`].
    #[must_use]
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// Has the keys stored as [`StoredFile::Keyring`](crate::StoredFile::Keyring) whenever others
    /// change them. A runtime that keeps a keyring file sets this itself. Go: `KeyringFile`. Off.
    #[must_use]
    pub fn store_keyring(mut self) -> Self {
        self.stores_keyring = true;
        self
    }

    /// The keys set so far.
    pub fn keys(&self) -> Option<&Keyring> {
        self.keyring.as_ref()
    }

    /// Keeps to members with the same label. Go: `Label`. None.
    #[must_use]
    pub fn label(mut self, label: Label) -> Self {
        self.label = Some(label);
        self
    }

    /// Sets what becomes of the label of what arrives. [`InboundLabel::Check`].
    #[must_use]
    pub fn inbound_label(mut self, inbound_label: InboundLabel) -> Self {
        self.inbound_label = inbound_label;
        self
    }

    /// Accepts only members with addresses in these networks, and gossip about members only from
    /// there; if there are none, all are accepted. Go: `CIDRsAllowed`. None.
    #[must_use]
    pub fn allowed_networks(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.networks = networks.into_iter().collect();
        self
    }

    /// Asks `accept` whether a node may be a member, whenever it says something about itself; if
    /// not, it is ignored and the text is traced. Must be a pure function. Go: `AliveDelegate`.
    #[must_use]
    pub fn accept_member(
        mut self,
        accept: impl Fn(&Member) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.questions.accept_member = Some(Arc::new(accept));
        self
    }

    /// Asks `accept` about all members of another cluster when it and ours are about to become one:
    /// when we join, or somebody joins through us. If not, nothing of it is believed, and our join
    /// fails with the text. Must be a pure function. Go: `MergeDelegate`.
    #[must_use]
    pub fn accept_merge(
        mut self,
        accept: impl Fn(&[Member]) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        self.questions.accept_merge = Some(Arc::new(accept));
        self
    }

    /// Asks `ping` whether a member that does not answer datagrams is pinged by stream as well, where
    /// [`Probe::stream_fallback`] is on. Must be a pure function. Go: `!DisableTcpPingsForNode`.
    #[must_use]
    pub fn ping_by_stream(
        mut self,
        ping: impl Fn(&Member) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.questions.ping_by_stream = Some(Arc::new(ping));
        self
    }

    /// Asks `timeout` for how long a member that failed or left is remembered, instead of what
    /// [`Members`] says for all members of its status, which is its second argument. Must be a pure
    /// function. Go: `ReconnectTimeoutOverride`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use serfer_proto::Config;
    /// // Nobody waits for workers.
    /// let config = Config::lan("web-1").reconnect_timeout_of(|member, timeout| {
    ///     if member.name().starts_with("worker-") { Duration::from_secs(600) } else { timeout }
    /// });
    /// ```
    #[must_use]
    pub fn reconnect_timeout_of(
        mut self,
        timeout: impl Fn(&Member, Duration) -> Duration + Send + Sync + 'static,
    ) -> Self {
        self.questions.reconnect_timeout_of = Some(Arc::new(timeout));
        self
    }

    /// Speaks another memberlist protocol, 1 to 5. Default 2, as `serf agent`. With 1 all members
    /// must use the same port, and sealed messages are padded. Go: `ProtocolVersion`.
    #[must_use]
    pub fn memberlist_protocol(mut self, version: u8) -> Self {
        self.memberlist_protocol = version;
        self
    }

    /// Speaks an older serf protocol, 2 to 5. Default 5, as `serf agent`. Go: `ProtocolVersion` of serf.
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

    /// Changes a part of how a member is checked on, and leaves the rest as it is.
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

    /// Sets how long an accused member has to defend itself.
    #[must_use]
    pub fn suspicion(mut self, suspicion: Suspicion) -> Self {
        self.suspicion = suspicion;
        self
    }

    /// Changes a part of how long an accused member has to defend itself, and leaves the rest as it is.
    #[must_use]
    pub fn suspicion_with(mut self, change: impl FnOnce(&mut Suspicion)) -> Self {
        change(&mut self.suspicion);
        self
    }

    /// Sets how news spreads.
    #[must_use]
    pub fn gossip(mut self, gossip: Gossip) -> Self {
        self.gossip = gossip;
        self
    }

    /// Changes a part of how news spreads, and leaves the rest as it is.
    #[must_use]
    pub fn gossip_with(mut self, change: impl FnOnce(&mut Gossip)) -> Self {
        change(&mut self.gossip);
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

    /// Sets when to compress what we send. Go: `EnableCompression`. [`Compression::Streams`].
    #[must_use]
    pub fn compression(mut self, compression: Compression) -> Self {
        self.compression = compression;
        self
    }

    /// Sets when a name may move to another address.
    #[must_use]
    pub fn reclaim(mut self, reclaim: Reclaim) -> Self {
        self.reclaim = reclaim;
        self
    }

    /// Sets how addresses are tried again where we lost somebody; `None` is never, as in Go. By default they
    /// are, see [`SeedKeeper`].
    #[must_use]
    pub fn seed_keeper(mut self, seed_keeper: Option<SeedKeeper>) -> Self {
        self.seed_keeper = seed_keeper;
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

    /// Sets whether we learn how far members are. Go: `!DisableCoordinates`. On.
    #[must_use]
    pub fn coordinates(mut self, coordinates: Coordinates) -> Self {
        self.coordinates = coordinates;
        self
    }

    /// Sets what to do about another node with our name. Go: `EnableNameConflictResolution`.
    /// [`NameConflicts::Vote`].
    #[must_use]
    pub fn name_conflicts(mut self, name_conflicts: NameConflicts) -> Self {
        self.name_conflicts = name_conflicts;
        self
    }

    /// Sets the longest user event to send, in encoded bytes, at most 9,216.
    /// Go: `UserEventSizeLimit`. 512.
    #[must_use]
    pub fn user_event_len_max(mut self, len: usize) -> Self {
        self.user_event_len_max = len;
        self
    }

    /// Holds back what happens to members for a moment, and tells only what came of it: one event for
    /// each kind of change, with all members that changed so. What came to nothing, such as a failure
    /// and a return, is not told. Other events overtake what is held. `None`, as it is unless set,
    /// tells everything at once. `serf agent` has [`Coalescing::default`].
    #[must_use]
    pub fn coalesce_members(mut self, coalescing: Option<Coalescing>) -> Self {
        self.coalesce_members = coalescing;
        self
    }

    /// Holds back user events that were sent with [`Coalesce::Yes`](crate::Coalesce::Yes) for a
    /// moment, and tells only the newest of each name. `None`, as it is unless set, tells all of them
    /// at once. `serf agent` has [`Coalescing::default`].
    #[must_use]
    pub fn coalesce_user_events(mut self, coalescing: Option<Coalescing>) -> Self {
        self.coalesce_user_events = coalescing;
        self
    }

    /// Sets what we accept, at most, from anybody.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}
