//! What the tests share: time, configurations, and assertions about a cluster.

use std::time::{Duration, Instant};

use serfer_proto::{Config, Event, MemberChange, Replay, Status};

use crate::harness::cluster::Cluster;
use crate::harness::network::{Arrival, addr};

/// The time at which a test begins. The test adds to it whatever passes.
#[expect(clippy::disallowed_methods, reason = "an Instant can only be had from the clock")]
pub(crate) fn epoch() -> Instant {
    Instant::now()
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn name(node: usize) -> String {
    format!("n{node}")
}

pub(crate) fn lan(node: usize) -> Config {
    Config::lan(name(node))
}

/// With Go's timing: news waits for the beat, and everything is queued.
pub(crate) fn gos_timing(config: Config) -> Config {
    config.prompt_gossip(None)
}

pub(crate) fn local(node: usize) -> Config {
    Config::local(name(node))
}

impl Cluster {
    /// A cluster of nodes that all know each other.
    #[track_caller]
    pub(crate) fn joined(seed: u8, nodes: usize, config: impl Fn(usize) -> Config) -> Self {
        let mut cluster = Self::new(seed);
        for node in 0..nodes {
            cluster.add(config(node));
            if node > 0 {
                cluster.join(node, &(0..node).collect::<Vec<_>>());
            }
        }
        cluster.run_until(secs(5), |it| it.agree() && it.is_quiet());
        for node in &mut cluster.nodes {
            node.events.clear();
        }
        cluster
    }

    pub(crate) fn join(&mut self, node: usize, peers: &[usize]) {
        let peers: Vec<_> = peers.iter().map(|&peer| addr(peer)).collect();
        self.act(node, |node, now| node.join(now, &peers, Replay::Skip)).unwrap();
    }

    /// A packet arrives now, as if another node had sent it.
    pub(crate) fn hear(&mut self, at: usize, from: usize, packet: &[u8]) {
        self.arrive(at, Arrival::Datagram(addr(from), packet.to_vec()));
    }

    /// The status of one node in the member list of another.
    #[track_caller]
    pub(crate) fn status(&self, at: usize, of: usize) -> Option<Status> {
        self.node(at).member(&name(of)).map(|member| member.status())
    }

    /// Whether each running node lists exactly the running nodes as alive.
    pub(crate) fn agree(&self) -> bool {
        self.running().all(|at| {
            let alive = self.node(at).members().filter(|member| member.status() == Status::Alive);
            alive.count() == self.running().count()
                && self.running().all(|of| self.status(at, of) == Some(Status::Alive))
        })
    }

    /// Whether no node has anything left to gossip.
    pub(crate) fn is_quiet(&self) -> bool {
        self.running().all(|at| self.node(at).stats().queued == 0)
    }

    /// Whether all other running nodes list a node with this status.
    pub(crate) fn all_say(&self, of: usize, status: Status) -> bool {
        self.running().all(|at| at == of || self.status(at, of) == Some(status))
    }

    /// The member events that a node told its application: when, which change, and of whom.
    pub(crate) fn changes(&self, at: usize) -> Vec<(Duration, MemberChange, String)> {
        let events = self.nodes[at].events.iter();
        let changes = events.filter_map(|(at, event)| match event {
            Event::Member(event) => Some((*at, event.change, event.members[0].name().to_owned())),
            _ => None,
        });
        changes.collect()
    }

    /// How often a node told of this change of a member.
    pub(crate) fn count(&self, at: usize, change: MemberChange, of: usize) -> usize {
        let changes = self.changes(at);
        changes.iter().filter(|(_, how, who)| *how == change && *who == name(of)).count()
    }

    /// How often all nodes together told of this change of any member.
    pub(crate) fn count_all(&self, change: MemberChange) -> usize {
        let nodes = 0..self.nodes.len();
        nodes.flat_map(|at| self.changes(at)).filter(|(_, how, _)| *how == change).count()
    }
}
