//! The checks of a [`Config`]: all of its faults at once.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::api::incarnation;
use crate::api::{ConfigError, ConfigFault, NameProblem, TagsError};
use crate::config::Config;

/// The longest answer that fits into a datagram together with everything around it, such as a label and
/// encryption.
pub(crate) const ANSWER_LEN_MAX: usize = 65_000;

/// How often a query can be asked again, at each quarter of its time.
pub(crate) const ASK_AGAIN_MAX: u32 = 3;

impl Config {
    /// Refuses settings that cannot work: all that is wrong, except that there is no address to
    /// [advertise](Self::advertise) yet, which a runtime finds out.
    ///
    /// # Errors
    /// If anything is wrong.
    pub fn check(&self) -> Result<(), ConfigError> {
        let mut faults = faults(self);
        faults.retain(|fault| *fault != ConfigFault::NoAdvertise);
        if faults.is_empty() { Ok(()) } else { Err(ConfigError { faults }) }
    }
}

/// All faults.
pub(super) fn faults(config: &Config) -> Vec<ConfigFault> {
    let strictly = if config.strict_names { check_strictly(&config.name) } else { Ok(()) };
    let name = check_name(&config.name).and(strictly).err();
    let name = name.map(|problem| ConfigFault::Name { name: config.name.clone(), problem });
    let tags = TagsError::check(&config.tags).err().map(ConfigFault::Tags);
    let ranges = ranges(config).into_iter().filter_map(|(setting, value, min, max)| {
        let fault = ConfigFault::Range { setting, value, min, max };
        (!(min..=max).contains(&value)).then_some(fault)
    });
    let times = times(config)
        .into_iter()
        .filter_map(|(setting, time)| time.is_zero().then_some(ConfigFault::Zero { setting }));
    let (timeout, interval) = (config.probe.timeout, config.probe.interval);
    let probe = (timeout >= interval).then_some(ConfigFault::ProbeTimeout { timeout, interval });
    let floor = config.rtt_probing.map_or(Duration::ZERO, |it| it.floor);
    let floor =
        (!floor.is_zero() && floor >= timeout).then_some(ConfigFault::RttFloor { floor, timeout });
    let advertise = match config.advertise {
        None => Some(ConfigFault::NoAdvertise),
        Some(addr) => check_address(addr).err(),
    };
    let checked = name.into_iter().chain(tags).chain(ranges).chain(times);
    checked.chain(probe).chain(floor).chain(advertise).collect()
}

/// Checks an address that we are to advertise.
pub(crate) fn check_address(addr: SocketAddr) -> Result<(), ConfigFault> {
    let is_for_many = |ip: IpAddr| ip.is_multicast() || ip == Ipv4Addr::BROADCAST;
    let ip = addr.ip().to_canonical();
    if ip.is_unspecified() || is_for_many(ip) || addr.port() == 0 {
        return Err(ConfigFault::Advertise { addr });
    }
    Ok(())
}

/// Checks the name of this node, or a name that the application asks about.
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
pub(super) fn check_strictly(name: &str) -> Result<(), NameProblem> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    match name.chars().find(|c| !is_plain(*c)) {
        Some(found) => Err(NameProblem::Strict { found }),
        None => check_name(name),
    }
}

/// Numbers: each with the name of its setting, as in `Config` and in files, its value, its minimum and its
/// maximum.
fn ranges(config: &Config) -> [(&'static str, u64, u64, u64); 25] {
    let limits = &config.limits;
    let count = |count: usize| count as u64;
    let rtt_probing = config.rtt_probing.unwrap_or_default();
    let prompt = config.prompt_gossip.unwrap_or_default();
    [
        ("incarnation", config.incarnation.into(), 0, u64::from(incarnation::END) - 2),
        ("memberlist_protocol", config.memberlist_protocol.into(), 1, 5),
        ("serf_protocol", config.serf_protocol.into(), 2, 5),
        ("suspicion.mult", config.suspicion.mult.into(), 1, 1000),
        ("suspicion.max_timeout_mult", config.suspicion.max_timeout_mult.into(), 1, 1000),
        ("suspicion.awareness_max", config.suspicion.awareness_max.into(), 1, 1000),
        ("probe.indirect_checks", count(config.probe.indirect_checks), 0, 1000),
        ("rtt_probing.factor", rtt_probing.factor.into(), 2, 100),
        ("gossip.nodes", count(config.gossip.nodes), 0, 1000),
        ("gossip.retransmit_mult", config.gossip.retransmit_mult.into(), 1, 1000),
        ("gossip.packet_len_max", count(config.gossip.packet_len_max), 512, 65_507),
        ("prompt_gossip.packets_per_second", prompt.packets_per_second.into(), 1, 1_000_000),
        ("queries.timeout_mult", config.queries.timeout_mult.into(), 1, 100_000),
        ("queries.ask_again", config.queries.ask_again.into(), 0, ASK_AGAIN_MAX.into()),
        ("queries.len_max", count(config.queries.len_max), 1, 65_000),
        (
            "queries.response_len_max",
            count(config.queries.response_len_max),
            1,
            count(ANSWER_LEN_MAX),
        ),
        ("user_event_len_max", count(config.user_event_len_max), 1, 9216),
        ("limits.ring", count(limits.ring), 1, 1 << 20),
        ("limits.ring_slot", count(limits.ring_slot), 1, 1 << 20),
        ("limits.ring_bytes", count(limits.ring_bytes), 1, 1 << 30),
        ("limits.inflated_packet_len", count(limits.inflated_packet_len), 0, 1 << 30),
        ("limits.members", count(limits.members), 1, 1 << 31),
        ("limits.stream_len", count(limits.stream_len), 1024, 1 << 31),
        ("limits.joins_at_once", count(limits.joins_at_once), 1, 1 << 20),
        ("limits.join_answers", count(limits.join_answers), 1, 1 << 20),
    ]
}

/// Times that must not be zero.
fn times(config: &Config) -> [(&'static str, Duration); 14] {
    let keeper = config.seed_keeper.unwrap_or_default();
    let members = config.coalesce_members.unwrap_or_default();
    let events = config.coalesce_user_events.unwrap_or_default();
    [
        ("probe.interval", config.probe.interval),
        ("probe.timeout", config.probe.timeout),
        ("rtt_probing.floor", config.rtt_probing.unwrap_or_default().floor),
        ("gossip.interval", config.gossip.interval),
        ("push_pull_interval", config.push_pull_interval.unwrap_or(Duration::MAX)),
        ("stream_timeout", config.stream_timeout),
        ("members.reap_interval", config.members.reap_interval),
        ("members.reconnect_interval", config.members.reconnect_interval),
        ("seed_keeper.retry_min", keeper.retry_min),
        ("seed_keeper.retry_max", keeper.retry_max),
        ("coalesce_members.period", members.period),
        ("coalesce_members.quiescent", members.quiescent),
        ("coalesce_user_events.period", events.period),
        ("coalesce_user_events.quiescent", events.quiescent),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::params::Params;
    use crate::config::{
        Coalescing, Gossip, Limits, Probe, PromptGossip, Queries, RttProbing, SeedKeeper, Suspicion,
    };

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
    fn the_presets_have_no_faults() {
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
                "name \"\" is empty; give it one, or have it named after its host (`named_after_host`)",
                "serf_protocol of 6 is not within 2 to 5",
                "gossip.packet_len_max of 70000 is not within 512 to 65507",
                "gossip.interval must be longer than zero",
                "probe.timeout of 1s is not shorter than probe.interval of 1s",
                "no address to advertise",
            ]
        );
    }

    #[test]
    fn all_possible_faults_are_listed_at_once() {
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
        config.prompt_gossip =
            Some(PromptGossip { packets_per_second: 0, ..PromptGossip::default() });
        config.rtt_probing = Some(RttProbing { floor: Duration::ZERO, factor: 1 });
        config.queries = Queries { timeout_mult: 0, ask_again: 4, len_max: 0, response_len_max: 0 };
        let limits = Limits { ring: 0, ring_slot: 0, ring_bytes: 0, members: 0, ..config.limits };
        let inflated_packet_len = 2 << 30;
        config.limits = Limits {
            stream_len: 0,
            joins_at_once: 0,
            join_answers: 0,
            inflated_packet_len,
            ..limits
        };
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
        let others = ["name \"a\\nb\"", "tags", "probe.timeout of 0ns", "no address"];
        for fault in settings.clone().chain(others) {
            assert!(
                listed.iter().any(|listed| listed.starts_with(fault)),
                "no {fault}: {listed:#?}"
            );
        }
        assert_eq!(listed.len(), settings.count() + others.len(), "{listed:#?}");
    }

    #[test]
    fn a_floor_that_no_timeout_can_reach_is_refused() {
        let with = |floor| config().rtt_probing(Some(RttProbing { floor, ..Default::default() }));
        let ms = Duration::from_millis;
        let why = "rtt_probing.floor of 500ms is not shorter than probe.timeout of 500ms: lower it";
        assert_eq!(faults_of(&with(ms(500))), [why]);
        assert_eq!(faults_of(&with(ms(499))), [""; 0]);
    }

    #[test]
    fn unsafe_names_are_refused() {
        assert_eq!(check_name("web-1"), Ok(()));
        assert_eq!(check_name(&"x".repeat(128)), Ok(()));
        assert_eq!(check_name(&"x".repeat(129)), Err(NameProblem::TooLong { len: 129 }));
        assert_eq!(check_name("a\nb"), Err(NameProblem::ControlCharacter));
        assert_eq!(check_name("a/b"), Err(NameProblem::Slash));
    }

    #[test]
    fn strict_names_are_like_host_names() {
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
    fn an_unreachable_address_is_refused() {
        for addr in ["0.0.0.0:7946", "224.0.0.1:7946", "255.255.255.255:7946", "[ff02::1]:7946"] {
            let config = config().advertise(addr.parse().unwrap());
            let why = format!(
                "{addr} is not an address that others can reach: advertise one of this machine, with its port"
            );
            assert_eq!(faults_of(&config), [why]);
        }
    }

    #[test]
    fn too_many_tags_are_refused_where_they_are_set() {
        let error = config().tag("k", "v".repeat(600)).unwrap_err();
        assert_eq!(error.to_string(), "tags of 607 encoded bytes exceed 512 bytes");
        let tags = crate::Tags::from_iter([("k", "v".repeat(600))]);
        assert_eq!(config().tagged(tags).unwrap_err(), error);
        let tags = crate::Tags::from_iter([("k", "v")]);
        let config = config().tag("role", "web").unwrap().tagged(tags.clone()).unwrap();
        assert_eq!(*config.tags(), tags, "the others are replaced");
    }
}
