//! The checks of a [`Config`]: all of its faults at once.

use std::time::Duration;

use crate::api::incarnation;
use crate::api::{ConfigFault, NameProblem, TagsError};
use crate::config::Config;

/// The longest answer that fits into a datagram together with everything around it, such as a label and
/// encryption.
pub(crate) const ANSWER_LEN_MAX: usize = 65_000;

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
    let advertise = match config.advertise {
        None => Some(ConfigFault::NoAdvertise),
        Some(addr) if addr.ip().is_unspecified() || addr.port() == 0 => {
            Some(ConfigFault::Advertise { addr })
        }
        Some(_) => None,
    };
    let checked = name.into_iter().chain(tags).chain(ranges).chain(times);
    checked.chain(probe).chain(advertise).collect()
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

/// Numbers: each with its value, its minimum and its maximum.
fn ranges(config: &Config) -> [(&'static str, u64, u64, u64); 21] {
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
        ("inflated packet limit", count(limits.inflated_packet_len), 0, 1 << 30),
        ("member limit", count(limits.members), 1, 1 << 31),
        ("stream length limit", count(limits.stream_len), 1024, 1 << 31),
        ("joins at once", count(limits.joins_at_once), 1, 1 << 20),
    ]
}

/// Times that must not be zero.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::params::Params;
    use crate::config::{Coalescing, Gossip, Limits, Probe, Queries, SeedKeeper, Suspicion};

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
        config.queries = Queries { timeout_mult: 0, len_max: 0, response_len_max: 0 };
        let limits = Limits { ring: 0, ring_slot: 0, ring_bytes: 0, members: 0, ..config.limits };
        let inflated_packet_len = 2 << 30;
        config.limits = Limits { stream_len: 0, joins_at_once: 0, inflated_packet_len, ..limits };
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
        let config = config().advertise("0.0.0.0:7946".parse().unwrap());
        assert_eq!(faults_of(&config), ["0.0.0.0:7946 is not an address that others can reach"]);
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
