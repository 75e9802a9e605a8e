//! A configuration that has been found to work, with what follows from it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use crate::api::error::{ConfigError, ConfigFault, NameProblem, TagsError};
use crate::api::incarnation;
use crate::api::member::{Member, Versions};
use crate::config::{
    ANSWER_LEN_MAX, Coalescing, Config, Gossip, Leave, Limits, Members, NameConflicts, Probe,
    Queries, Questions, Reclaim, SeedKeeper, Suspicion,
};
use crate::snapshot::Recovered;

/// What both layers go by. Never changes.
#[derive(Debug)]
pub(crate) struct Params {
    pub(crate) name: Box<str>,
    strict_names: bool,
    pub(crate) advertise: SocketAddr,
    pub(crate) incarnation: u32,
    pub(crate) keeps_snapshot: bool,
    pub(crate) versions: Versions,
    /// Where members may be; anywhere if there are none.
    networks: Vec<IpNet>,
    pub(crate) questions: Questions,
    pub(crate) probe: Probe,
    pub(crate) suspicion: Suspicion,
    pub(crate) gossip: Gossip,
    pub(crate) push_pull_interval: Option<Duration>,
    pub(crate) stream_timeout: Duration,
    pub(crate) reclaim: Reclaim,
    pub(crate) seed_keeper: Option<SeedKeeper>,
    pub(crate) members: Members,
    pub(crate) leave: Leave,
    pub(crate) queries: Queries,
    pub(crate) name_conflicts: NameConflicts,
    pub(crate) coalesce_members: Option<Coalescing>,
    pub(crate) coalesce_user_events: Option<Coalescing>,
    pub(crate) user_event_len_max: usize,
    pub(crate) limits: Limits,
    /// Whether the keys are written down when they change.
    pub(crate) stores_keyring: bool,
}

impl TryFrom<&Config> for Params {
    type Error = ConfigError;

    fn try_from(config: &Config) -> Result<Self, ConfigError> {
        let mut faults = faults(config);
        let advertise = match config.advertise {
            Some(addr) if addr.ip().is_unspecified() || addr.port() == 0 => {
                faults.push(ConfigFault::Advertise { addr });
                addr
            }
            Some(addr) => addr,
            None => {
                faults.push(ConfigFault::NoAdvertise);
                SocketAddr::from(([0, 0, 0, 0], 0))
            }
        };
        if !faults.is_empty() {
            return Err(ConfigError { faults });
        }
        Ok(Self {
            name: config.name.as_str().into(),
            strict_names: config.strict_names,
            advertise: SocketAddr::new(advertise.ip().to_canonical(), advertise.port()),
            incarnation: incarnation(config),
            keeps_snapshot: config.recovered.is_some(),
            versions: versions(config),
            networks: config.networks.clone(),
            questions: config.questions.clone(),
            probe: Probe {
                interval: bounded(config.probe.interval),
                timeout: bounded(config.probe.timeout),
                ..config.probe
            },
            suspicion: config.suspicion,
            gossip: Gossip {
                interval: bounded(config.gossip.interval),
                to_the_dead: bounded(config.gossip.to_the_dead),
                ..config.gossip
            },
            push_pull_interval: config.push_pull_interval.map(bounded),
            stream_timeout: bounded(config.stream_timeout),
            reclaim: Reclaim {
                dead_after: config.reclaim.dead_after.map(bounded),
                ..config.reclaim
            },
            seed_keeper: config.seed_keeper.map(|keeper| SeedKeeper {
                retry_min: bounded(keeper.retry_min),
                retry_max: bounded(keeper.retry_max),
                ..keeper
            }),
            members: Members {
                reap_interval: bounded(config.members.reap_interval),
                reconnect_interval: bounded(config.members.reconnect_interval),
                reconnect_timeout: bounded(config.members.reconnect_timeout),
                tombstone_timeout: bounded(config.members.tombstone_timeout),
                recent_intent_timeout: bounded(config.members.recent_intent_timeout),
                flap_timeout: bounded(config.members.flap_timeout),
            },
            leave: Leave {
                broadcast_timeout: bounded(config.leave.broadcast_timeout),
                propagate_delay: bounded(config.leave.propagate_delay),
            },
            queries: config.queries,
            name_conflicts: config.name_conflicts,
            coalesce_members: config.coalesce_members.map(coalescing),
            coalesce_user_events: config.coalesce_user_events.map(coalescing),
            user_event_len_max: config.user_event_len_max,
            limits: config.limits,
            stores_keyring: config.stores_keyring,
        })
    }
}

/// What we announce.
fn versions(config: &Config) -> Versions {
    Versions {
        protocol_min: 1,
        protocol_max: 5,
        protocol_cur: config.memberlist_protocol,
        delegate_min: 2,
        delegate_max: 5,
        delegate_cur: config.serf_protocol,
    }
}

/// The one to start above.
fn incarnation(config: &Config) -> u32 {
    config.recovered.as_ref().map_or(0, Recovered::incarnation).max(config.incarnation)
}

impl Params {
    /// Whether a member may be at this address.
    pub(crate) fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.networks.is_empty() || self.networks.iter().any(|network| network.contains(&ip))
    }

    /// Checks the name of another member, one that came from the network.
    pub(crate) fn check_received(&self, name: &str) -> Result<(), NameProblem> {
        if self.strict_names { check_strictly(name) } else { Ok(()) }
    }

    /// How long a member that is gone is remembered, if `timeout` is how long such members are.
    pub(crate) fn timeout_of(&self, member: &Member, timeout: Duration) -> Duration {
        let question = &self.questions.reconnect_timeout_of;
        question.as_ref().map_or(timeout, |timeout_of| bounded(timeout_of(member, timeout)))
    }

    /// The port of a member that names this one.
    pub(crate) fn port(&self, named: u16) -> u16 {
        // The first protocol knows one port for all.
        if named == 0 || self.versions.protocol_cur < 2 { self.advertise.port() } else { named }
    }
}

/// A century is for ever. What is longer could not be added to the time.
fn bounded(time: Duration) -> Duration {
    const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
    time.min(CENTURY)
}

fn coalescing(settings: Coalescing) -> Coalescing {
    Coalescing { period: bounded(settings.period), quiescent: bounded(settings.quiescent) }
}

/// Everything that is wrong, in the order of the settings.
fn faults(config: &Config) -> Vec<ConfigFault> {
    let mut faults = Vec::new();
    let strictly = if config.strict_names { check_strictly(&config.name) } else { Ok(()) };
    if let Err(problem) = check_name(&config.name).and(strictly) {
        let name = config.name.clone();
        faults.push(ConfigFault::Name { name, problem });
    }
    faults.extend(TagsError::check(&config.tags).err().map(ConfigFault::Tags));
    faults.extend(ranges(config).into_iter().filter_map(out_of_range));
    faults.extend(times(config).into_iter().filter_map(is_zero));
    if config.probe.timeout >= config.probe.interval {
        faults.push(ConfigFault::ProbeTimeout {
            timeout: config.probe.timeout,
            interval: config.probe.interval,
        });
    }
    faults
}

/// Checks a name that we give ourselves or ask others about.
pub(crate) fn check_name(name: &str) -> Result<(), NameProblem> {
    match name.len() {
        0 => Err(NameProblem::Empty),
        len @ 129.. => Err(NameProblem::TooLong { len }),
        _ if name.contains(char::is_control) => Err(NameProblem::ControlCharacter),
        _ if name.contains('/') => Err(NameProblem::Slash),
        _ => Ok(()),
    }
}

/// Go's `ValidateNodeName`.
fn check_strictly(name: &str) -> Result<(), NameProblem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    match name.chars().find(|c| !is_plain(*c)) {
        Some(found) => Err(NameProblem::Strict { found }),
        None => check_name(name),
    }
}

fn ranges(config: &Config) -> [(&'static str, u64, u64, u64); 20] {
    let limits = &config.limits;
    let count = |count: usize| count as u64;
    [
        ("incarnation", config.incarnation.into(), 0, u64::from(incarnation::END) - 2),
        ("memberlist protocol", config.memberlist_protocol.into(), 1, 5),
        ("serf protocol", config.serf_protocol.into(), 2, 5),
        ("suspicion mult", config.suspicion.mult.into(), 1, 1000),
        ("suspicion max timeout mult", config.suspicion.max_timeout_mult.into(), 1, 1000),
        ("awareness max", config.suspicion.awareness_max.into(), 1, 1000),
        ("indirect checks", count(config.probe.indirect_checks), 0, 1000),
        ("gossip nodes", count(config.gossip.nodes), 0, 1000),
        ("retransmit mult", config.gossip.retransmit_mult.into(), 1, 1000),
        ("packet length", count(config.gossip.packet_len_max), 512, 65_507),
        ("query timeout mult", config.queries.timeout_mult.into(), 1, 100_000),
        ("query length", count(config.queries.len_max), 1, 65_000),
        ("query response length", count(config.queries.response_len_max), 1, count(ANSWER_LEN_MAX)),
        ("user event length", count(config.user_event_len_max), 1, 9216),
        ("ring limit", count(limits.ring), 1, 1 << 20),
        ("ring slot limit", count(limits.ring_slot), 1, 1 << 20),
        ("ring limit in bytes", count(limits.ring_bytes), 1, 1 << 30),
        ("member limit", count(limits.members), 1, 1 << 31),
        ("stream length limit", count(limits.stream_len), 1024, 1 << 31),
        ("joins at once", count(limits.joins_at_once), 1, 1 << 20),
    ]
}

fn out_of_range((setting, value, min, max): (&'static str, u64, u64, u64)) -> Option<ConfigFault> {
    let fault = ConfigFault::Range { setting, value, min, max };
    (!(min..=max).contains(&value)).then_some(fault)
}

fn times(config: &Config) -> [(&'static str, Duration); 13] {
    let keeper = config.seed_keeper.unwrap_or_default();
    let members = config.coalesce_members.unwrap_or_default();
    let events = config.coalesce_user_events.unwrap_or_default();
    [
        ("probe interval", config.probe.interval),
        ("probe timeout", config.probe.timeout),
        ("gossip interval", config.gossip.interval),
        ("push/pull interval", config.push_pull_interval.unwrap_or(Duration::MAX)),
        ("stream timeout", config.stream_timeout),
        ("reap interval", config.members.reap_interval),
        ("reconnect interval", config.members.reconnect_interval),
        ("first retry of a seed", keeper.retry_min),
        ("last retry of a seed", keeper.retry_max),
        ("period of coalesced members", members.period),
        ("quiescent time of coalesced members", members.quiescent),
        ("period of coalesced user events", events.period),
        ("quiescent time of coalesced user events", events.quiescent),
    ]
}

fn is_zero((setting, time): (&'static str, Duration)) -> Option<ConfigFault> {
    time.is_zero().then_some(ConfigFault::Zero { setting })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults_of(config: &Config) -> Vec<String> {
        match Params::try_from(config) {
            Ok(_) => Vec::new(),
            Err(error) => error.faults.iter().map(ToString::to_string).collect(),
        }
    }

    fn config() -> Config {
        Config::lan("web-1").advertise("10.0.0.1:7946".parse().unwrap())
    }

    #[test]
    fn the_presets_are_right() {
        for preset in [Config::lan, Config::wan, Config::local] {
            let config = preset("web-1".to_owned()).advertise("10.0.0.1:7946".parse().unwrap());
            assert_eq!(faults_of(&config), [""; 0]);
        }
    }

    #[test]
    fn every_fault_is_named_with_its_value_and_limit() {
        let mut config = Config::lan("").serf_protocol(6);
        config.probe.timeout = config.probe.interval;
        config.gossip.interval = Duration::ZERO;
        config.gossip.packet_len_max = 70_000;
        assert_eq!(
            faults_of(&config),
            [
                "name \"\" is empty",
                "serf protocol of 6 is not within 2 to 5",
                "packet length of 70000 is not within 512 to 65507",
                "gossip interval must be longer than zero",
                "probe timeout 1s is not shorter than probe interval 1s",
                "no address to advertise",
            ]
        );
    }

    #[test]
    fn all_faults_there_can_be_are_listed_at_once() {
        let mut config =
            Config::lan("a\nb").serf_protocol(0).memberlist_protocol(0).user_event_len_max(0);
        config.tags.insert("k", "v".repeat(600));
        config.incarnation = u32::MAX;
        config.suspicion = Suspicion { mult: 0, max_timeout_mult: 0, awareness_max: 0 };
        let (interval, timeout) = (Duration::ZERO, Duration::ZERO);
        config.probe = Probe { interval, timeout, indirect_checks: 1001, ..config.probe };
        config.gossip = Gossip {
            interval,
            nodes: 1001,
            retransmit_mult: 0,
            packet_len_max: 0,
            ..config.gossip
        };
        config.queries = Queries { timeout_mult: 0, len_max: 0, response_len_max: 0 };
        let limits = Limits { ring: 0, ring_slot: 0, ring_bytes: 0, members: 0, ..config.limits };
        config.limits = Limits { stream_len: 0, joins_at_once: 0, ..limits };
        config.push_pull_interval = Some(Duration::ZERO);
        config.stream_timeout = Duration::ZERO;
        config.members.reap_interval = Duration::ZERO;
        config.members.reconnect_interval = Duration::ZERO;
        let keeper = config.seed_keeper.unwrap_or_default();
        let (retry_min, retry_max) = (Duration::ZERO, Duration::ZERO);
        config.seed_keeper = Some(SeedKeeper { retry_min, retry_max, ..keeper });
        let (period, quiescent) = (Duration::ZERO, Duration::ZERO);
        config.coalesce_members = Some(Coalescing { period, quiescent });
        config.coalesce_user_events = Some(Coalescing { period, quiescent });

        let listed = faults_of(&config);

        let (ranges, times) = (ranges(&config), times(&config));
        let settings = ranges.iter().map(|row| row.0).chain(times.iter().map(|row| row.0));
        let others = ["name \"a\\nb\"", "tags", "probe timeout 0ns is not", "no address"];
        for fault in settings.clone().chain(others) {
            assert!(
                listed.iter().any(|listed| listed.starts_with(fault)),
                "no {fault}: {listed:#?}"
            );
        }
        assert_eq!(listed.len(), settings.count() + others.len(), "{listed:#?}");
    }

    #[test]
    fn names_that_others_would_choke_on_are_refused() {
        assert_eq!(check_name("web-1"), Ok(()));
        assert_eq!(check_name(&"x".repeat(128)), Ok(()));
        assert_eq!(check_name(&"x".repeat(129)), Err(NameProblem::TooLong { len: 129 }));
        assert_eq!(check_name("a\nb"), Err(NameProblem::ControlCharacter));
        assert_eq!(check_name("a/b"), Err(NameProblem::Slash));
    }

    #[test]
    fn strict_names_are_like_those_of_hosts() {
        for name in ["web-1", "Web.example.com", &"x".repeat(128)] {
            assert_eq!(check_strictly(name), Ok(()));
        }
        for (name, found) in [("web_1", '_'), ("a b", ' '), ("ünï", 'ü'), ("a/b", '/')] {
            assert_eq!(check_strictly(name), Err(NameProblem::Strict { found }));
        }
        assert_eq!(check_strictly(&"x".repeat(129)), Err(NameProblem::TooLong { len: 129 }));

        assert_eq!(faults_of(&config().named("web_1")), [""; 0]);
        assert_eq!(
            faults_of(&config().named("web_1").strict_names()),
            ["name \"web_1\" contains '_', which is none of A-Z, a-z, 0-9, - and ."]
        );
    }

    #[test]
    fn an_address_nobody_can_reach_is_refused() {
        let config = config().advertise("0.0.0.0:7946".parse().unwrap());
        assert_eq!(faults_of(&config), ["0.0.0.0:7946 is not an address that others can reach"]);
    }

    #[test]
    fn tags_that_do_not_fit_are_refused_where_they_are_set() {
        let error = config().tag("k", "v".repeat(600)).unwrap_err();
        assert_eq!(error.to_string(), "tags of 607 encoded bytes exceed 512 bytes");
        let tags = crate::Tags::from_iter([("k", "v".repeat(600))]);
        assert_eq!(config().tagged(tags).unwrap_err(), error);
        let tags = crate::Tags::from_iter([("k", "v")]);
        let config = config().tag("role", "web").unwrap().tagged(tags.clone()).unwrap();
        assert_eq!(*config.tags(), tags, "the others are replaced");
    }
}
