//! The three presets: those of Go's memberlist.

use crate::api::Tags;
use crate::config::group::{ms, secs};
use crate::config::{
    Callbacks, Compression, Config, Coordinates, Encryption, Gossip, InboundLabel, Leave, Limits,
    Members, NameConflicts, Probe, PromptGossip, Queries, Reclaim, SeedKeeper, Suspicion,
};

impl Config {
    /// For one data centre: Go's `DefaultLANConfig`.
    ///
    /// `name` must be unique in the cluster: 1 to 128 bytes, without control characters and `/`.
    pub fn lan(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            strict_names: false,
            advertise: None,
            incarnation: 0,
            recovered: None,
            tags: Tags::new(),
            label: None,
            inbound_label: InboundLabel::default(),
            keys: None,
            encryption: Encryption::default(),
            store_keyring: false,
            allowed_networks: Vec::new(),
            callbacks: Callbacks::default(),
            memberlist_protocol: 2,
            serf_protocol: 5,
            probe: Probe {
                interval: secs(1),
                timeout: ms(500),
                indirect_checks: 3,
                stream_fallback: true,
            },
            rtt_probing: None,
            suspicion: Suspicion { mult: 4, max_timeout_mult: 6, awareness_max: 8 },
            gossip: Gossip {
                interval: ms(200),
                nodes: 3,
                retransmit_mult: 4,
                to_the_dead: secs(30),
                packet_len_max: 1400,
            },
            prompt_gossip: Some(PromptGossip::default()),
            push_pull_interval: Some(secs(30)),
            stream_timeout: secs(10),
            compression: Compression::Off,
            reclaim: Reclaim::default(),
            seed_keeper: Some(SeedKeeper::default()),
            members: Members::default(),
            leave: Leave::default(),
            queries: Queries::default(),
            name_conflicts: NameConflicts::default(),
            coalesce_members: None,
            coalesce_user_events: None,
            coordinates: Coordinates::default(),
            user_event_len_max: 512,
            limits: Limits::default(),
        }
    }

    /// For data centres that are far apart: Go's `DefaultWANConfig`. Slower and more patient.
    pub fn wan(name: impl Into<String>) -> Self {
        let lan = Self::lan(name);
        Self {
            probe: Probe { interval: secs(5), timeout: secs(3), ..lan.probe },
            suspicion: Suspicion { mult: 6, ..lan.suspicion },
            gossip: Gossip { interval: ms(500), nodes: 4, to_the_dead: secs(60), ..lan.gossip },
            prompt_gossip: Some(PromptGossip {
                packets_per_second: 500,
                ..PromptGossip::default()
            }),
            push_pull_interval: Some(secs(60)),
            stream_timeout: secs(30),
            compression: Compression::Streams,
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
            seed_keeper: Some(SeedKeeper { retry_max: secs(15), ..SeedKeeper::default() }),
            ..lan
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Unlike Go, which compresses everything with all of them.
    #[test]
    fn only_what_goes_far_is_compressed() {
        let presets = [Config::lan("a"), Config::wan("a"), Config::local("a")];
        let expected = [Compression::Off, Compression::Streams, Compression::Off];
        assert_eq!(presets.map(|it| it.compression), expected);
    }

    /// The values of Go's `DefaultLANConfig`, `DefaultWANConfig` and `DefaultLocalConfig`, in this order.
    #[test]
    fn the_presets_are_those_of_go() {
        let presets = [Config::lan("a"), Config::wan("a"), Config::local("a")];
        let times = |of: fn(&Config) -> Duration| presets.each_ref().map(of);
        let numbers = |of: fn(&Config) -> usize| presets.each_ref().map(of);
        let same = |all: usize| [all; 3];

        assert_eq!(times(|it| it.probe.interval), [secs(1), secs(5), secs(1)]);
        assert_eq!(times(|it| it.probe.timeout), [ms(500), secs(3), ms(200)]);
        assert_eq!(times(|it| it.gossip.interval), [ms(200), ms(500), ms(100)]);
        assert_eq!(times(|it| it.gossip.to_the_dead), [secs(30), secs(60), secs(15)]);
        assert_eq!(times(|it| it.push_pull_interval.unwrap()), [secs(30), secs(60), secs(15)]);
        assert_eq!(times(|it| it.stream_timeout), [secs(10), secs(30), secs(1)]);
        assert_eq!(numbers(|it| it.probe.indirect_checks), [3, 3, 1]);
        assert_eq!(numbers(|it| it.suspicion.mult as usize), [4, 6, 3]);
        assert_eq!(numbers(|it| it.suspicion.max_timeout_mult as usize), same(6));
        assert_eq!(numbers(|it| it.suspicion.awareness_max as usize), same(8));
        assert_eq!(numbers(|it| it.gossip.nodes), [3, 4, 3]);
        assert_eq!(numbers(|it| it.gossip.retransmit_mult as usize), [4, 4, 2]);
        assert_eq!(numbers(|it| it.gossip.packet_len_max), same(1400));
        assert_eq!(numbers(|it| it.memberlist_protocol.into()), same(2));
        assert!(presets.iter().all(|it| it.probe.stream_fallback));
        assert!(presets.iter().all(|it| it.reclaim.dead_after.is_none()));
        assert!(presets.iter().all(|it| it.encryption == Encryption::Require));
        assert!(presets.iter().all(|it| it.allowed_networks.is_empty() && it.label.is_none()));
    }
}
