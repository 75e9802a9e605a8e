//! The settings of a node beyond its [`Config`](serfer_proto::Config): where it listens, through which seeds
//! it joins, where its files are.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serfer_proto::{AfterLeave, Replay, SecretKey};

use crate::discovery::join::JoinPolicy;

/// The plain settings of a [`Builder`](crate::Builder). It has a function for each, mostly with the same name.
///
/// ```
/// # use serfer_async::Options;
/// let options = Options { join: vec!["seed.example".to_owned()], ..Options::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen: `HOST` or `HOST:PORT`. `0.0.0.0`.
    /// See [`Builder::bind`](crate::Builder::bind).
    pub bind: String,
    /// Where others reach the node: `HOST` or `HOST:PORT`. Not set: the address of the default route.
    /// See [`Builder::advertise`](crate::Builder::advertise).
    pub advertise: Option<String>,
    /// Whether the node is named after this machine. False.
    /// See [`Builder::named_after_host`](crate::Builder::named_after_host).
    pub named_after_host: bool,
    /// The file that keeps the keys. Not set.
    /// See [`Builder::keyring_file`](crate::Builder::keyring_file).
    pub keyring_file: Option<PathBuf>,
    /// What the keyring file is created with, if it is not there. Without a keyring file, a key like others. Not set.
    /// See [`Builder::keyring_file_or_create`](crate::Builder::keyring_file_or_create).
    pub first_key: Option<SecretKey>,
    /// The file that keeps the snapshot. Not set. See [`Builder::snapshot`](crate::Builder::snapshot).
    pub snapshot: Option<PathBuf>,
    /// Whether a node that left rejoins by itself when it is started again. By default it does not.
    /// See [`Builder::after_leave`](crate::Builder::after_leave).
    pub after_leave: AfterLeave,
    /// The seeds to join through. None. See [`Builder::join`](crate::Builder::join).
    pub join: Vec<String>,
    /// What to do if not all seeds can be reached. By default at least one must be.
    pub join_policy: JoinPolicy,
    /// The name servers to ask about services. By default those of `/etc/resolv.conf`.
    /// See [`Builder::dns_servers`](crate::Builder::dns_servers).
    pub dns_servers: Vec<SocketAddr>,
    /// How often seeds are looked up again while the node runs, 10 ms to a day. Default one minute.
    /// See [`Builder::seed_interval`](crate::Builder::seed_interval).
    pub seed_interval: Duration,
    /// Whether user events from before the node joined are delivered. By default they are not.
    pub replay: Replay,
    /// How many events a reader may fall behind before it loses the oldest, 1 to 65,536. Default 1,024.
    pub event_buffer: usize,
    /// Which names of user events and queries become labels of metrics. None.
    /// See [`Builder::metric_names`](crate::Builder::metric_names).
    pub metric_names: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            bind: "0.0.0.0".to_owned(),
            advertise: None,
            named_after_host: false,
            keyring_file: None,
            first_key: None,
            snapshot: None,
            after_leave: AfterLeave::default(),
            join: Vec::new(),
            join_policy: JoinPolicy::default(),
            dns_servers: Vec::new(),
            seed_interval: Duration::from_secs(60),
            replay: Replay::default(),
            event_buffer: 1024,
            metric_names: Vec::new(),
        }
    }
}
