//! The settings of a node that runs: a [`Config`] without faults, and what follows from it.

use std::net::{IpAddr, SocketAddr};
use std::ops::Deref;
use std::time::Duration;

use crate::api::{ConfigError, Member, NameProblem, Tags, Versions};
use crate::config::Config;
use crate::config::faults::{check_strictly, faults};
use crate::config::group::Bounded;
use crate::snapshot::Recovered;

/// The settings that both layers use. They never change, except for the address.
#[derive(Debug)]
pub(crate) struct Params {
    /// Its tags, keys and snapshot are gone: those change while the node runs, and are kept elsewhere.
    config: Config,
    pub(crate) name: Box<str>,
    /// The address at which others reach the node.
    pub(crate) advertise: SocketAddr,
    /// The node starts above this incarnation.
    pub(crate) incarnation: u32,
    pub(crate) keeps_snapshot: bool,
    /// The protocol versions that the node announces.
    pub(crate) versions: Versions,
}

impl Deref for Params {
    type Target = Config;

    fn deref(&self) -> &Config {
        &self.config
    }
}

impl TryFrom<&Config> for Params {
    type Error = ConfigError;

    fn try_from(config: &Config) -> Result<Self, ConfigError> {
        let faults = faults(config);
        let (Some(addr), true) = (config.advertise, faults.is_empty()) else {
            return Err(ConfigError { faults });
        };
        let recovered = config.recovered.as_ref().map_or(0, Recovered::incarnation);
        Ok(Self {
            config: bounded(config),
            name: config.name.as_str().into(),
            advertise: SocketAddr::new(addr.ip().to_canonical(), addr.port()),
            incarnation: recovered.max(config.incarnation),
            keeps_snapshot: config.recovered.is_some(),
            versions: Versions {
                protocol_min: 1,
                protocol_max: 5,
                protocol_cur: config.memberlist_protocol,
                delegate_min: 2,
                delegate_max: 5,
                delegate_cur: config.serf_protocol,
            },
        })
    }
}

fn bounded(config: &Config) -> Config {
    let mut config = Config { tags: Tags::new(), keys: None, recovered: None, ..config.clone() };
    config.probe.bound();
    config.rtt_probing.bound();
    config.gossip.bound();
    config.prompt_gossip.bound();
    config.push_pull_interval.bound();
    config.stream_timeout.bound();
    config.reclaim.bound();
    config.seed_keeper.bound();
    config.members.bound();
    config.leave.bound();
    config.coalesce_members.bound();
    config.coalesce_user_events.bound();
    config
}

impl Params {
    /// Whether a member may be at this address.
    #[inline]
    pub(crate) fn allows(&self, ip: IpAddr) -> bool {
        self.allowed_networks.is_empty() || self.is_within_allowed(ip.to_canonical())
    }

    fn is_within_allowed(&self, ip: IpAddr) -> bool {
        self.allowed_networks.iter().any(|network| network.contains(&ip))
    }

    /// Checks the name of another member, one that came from the network.
    pub(crate) fn check_received(&self, name: &str) -> Result<(), NameProblem> {
        if self.strict_names { check_strictly(name) } else { Ok(()) }
    }

    /// How long this member is remembered after it is gone, if members of its status are for `timeout`.
    pub(crate) fn timeout_of(&self, member: &Member, timeout: Duration) -> Duration {
        let callback = &self.callbacks.reconnect_timeout_of;
        let mut timeout =
            callback.as_ref().map_or(timeout, |timeout_of| timeout_of(member, timeout));
        timeout.bound();
        timeout
    }

    /// The port of a member that announced this one.
    #[inline]
    pub(crate) fn port(&self, announced: u16) -> u16 {
        // In the first protocol all members have the same port.
        let same_port = self.versions.protocol_cur < 2;
        if announced == 0 || same_port { self.advertise.port() } else { announced }
    }
}
