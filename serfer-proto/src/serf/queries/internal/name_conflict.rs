//! Two nodes of one name: which of them keeps it.
//!
//! A node that meets another node of its own name asks all members where that name is. If most of the
//! answers name another address, this node is to shut down. Before that, memberlist finds out whether that
//! other node is there at all. Counterpart of `NotifyConflict`, `resolveNodeConflict` and
//! `handleNodeConflict` in Go's `serf.go`.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::api::{Event, ShutdownReason};
use crate::config::NameConflicts;
use crate::machinery::{Cx, is_notable};
use crate::serf::Serf;
use crate::serf::queries::internal::conflict_news::ConflictNews;
use crate::serf::queries::internal::names;
use crate::serf::queries::open_queries::Asker;
use crate::serf::queries::params::QueryParams;
use crate::wire::message::ip_from_bytes;
use crate::wire::serf_message::SerfMessage;

/// serf's status of a member that left, and of one that failed.
const LEFT: i64 = 3;
const FAILED: i64 = 4;

/// How many claims are remembered.
const CLAIMS_MAX: usize = 64;

/// The disputes about names that this node knows of.
#[derive(Debug, Default)]
pub(crate) struct NameDisputes {
    /// The latest claims to the names of other members: the name, and where the claim came from.
    claims: VecDeque<(Box<str>, SocketAddr)>,
    /// The vote on this node's own name.
    pub(crate) vote: Vote,
    /// How many votes there were.
    votes: u64,
    /// What the application has been told.
    pub(crate) told: ConflictNews,
}

impl NameDisputes {
    /// A node at this address claims the name of another member.
    pub(crate) fn note_claim(&mut self, name: &str, addr: SocketAddr) {
        if self.has_claim(name, addr) {
            return;
        }
        if self.claims.len() >= CLAIMS_MAX {
            self.claims.pop_front();
        }
        self.claims.push_back((name.into(), addr));
    }

    pub(crate) fn has_claim(&self, name: &str, addr: SocketAddr) -> bool {
        self.claims.iter().any(|(known, at)| **known == *name && *at == addr)
    }
}

/// The votes on which address has this node's name.
#[derive(Debug, Default)]
pub(crate) struct Vote {
    responses: usize,
    ours: usize,
}

impl Vote {
    /// Counts an answer, if it is valid. An answer that the name is not known counts, too.
    ///
    /// Unlike Go, whose members vote for a node that is dead to them: where a member has failed or left
    /// says nothing about who has its name.
    pub(crate) fn count(&mut self, ours: SocketAddr, answer: &[u8]) {
        let Ok(SerfMessage::ConflictResponse(known)) = SerfMessage::decode(answer) else {
            return;
        };
        let is_gone = known.is_some_and(|it| matches!(it.status, LEFT | FAILED));
        let known = known.and_then(|it| {
            let ip = ip_from_bytes(it.addr)?.to_canonical();
            Some(SocketAddr::new(ip, it.port))
        });
        if is_gone && known != Some(ours) {
            return;
        }
        self.responses += 1;
        self.ours += usize::from(known == Some(ours));
    }

    /// The query is closed: decides. This was the `count`th vote.
    fn close(&self, cx: &mut Cx<'_>, count: u64) {
        let Self { responses, ours } = *self;
        if !self.is_lost() {
            if is_notable(count) {
                tracing::info!(target: "serfer::members", ours, responses, count, "name conflict: we keep our name");
            } else {
                tracing::debug!(target: "serfer::members", ours, responses, count, "name conflict: we keep our name");
            }
            return;
        }
        tracing::warn!(target: "serfer::members", ours, responses, "name conflict: we lose our name and are to shut down; give each node a name of its own");
        cx.emit(Event::ShutdownWanted(ShutdownReason::NameTaken { ours, responses }));
    }

    /// Unlike Go, a node stays if there are no votes. Otherwise one forged message could shut down a
    /// node that is alone.
    fn is_lost(&self) -> bool {
        self.responses > 0 && self.ours < self.responses / 2 + 1
    }
}

impl Serf {
    /// The vote is over.
    pub(crate) fn on_vote_closed(&self, cx: &mut Cx<'_>) {
        let NameDisputes { vote, votes, .. } = &self.name_disputes;
        vote.close(cx, *votes);
    }

    /// Another node has this node's name: asks all members whose it is, unless a vote is under way.
    ///
    /// The query stays open until its timeout, as in Go. So a stream of forged claims costs the cluster
    /// only one query every few seconds, and members that this node meets meanwhile have a vote.
    pub(crate) fn start_vote(&mut self, cx: &mut Cx<'_>, other: SocketAddr) {
        if cx.params.name_conflicts == NameConflicts::Report || self.open_queries.is_voting() {
            return;
        }
        self.name_disputes.vote = Vote::default();
        self.name_disputes.votes += 1;
        trace_vote(other, self.name_disputes.votes);
        let (query, name) = (names::CONFLICT, cx.params.name.as_bytes());
        let params = QueryParams::new().without_acks().until_timeout();
        if let Err(error) = self.send_query(cx, query, name, &params, Asker::NameConflict) {
            tracing::debug!(target: "serfer::members", %error, "cannot ask whose our name is");
        }
    }
}

/// The `count`th vote begins.
fn trace_vote(other: SocketAddr, count: u64) {
    if is_notable(count) {
        tracing::warn!(target: "serfer::members", %other, count, "name conflict: another node has our name, and the members vote which of us keeps it; give each node a name of its own");
    } else {
        tracing::debug!(target: "serfer::members", %other, count, "name conflict: the members vote");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::ip_bytes;
    use crate::wire::serf_message::MemberRecord;

    const HERE: &str = "10.0.0.1:7946";

    fn vote(answers: &[Option<&str>]) -> Vote {
        let alive: Vec<_> = answers.iter().map(|addr| addr.map(|addr| (addr, 1))).collect();
        vote_with(&alive)
    }

    /// The answers say where the name is, and with which status.
    fn vote_with(answers: &[Option<(&str, i64)>]) -> Vote {
        let mut vote = Vote::default();
        for answer in answers {
            let addr = answer.map(|(addr, _)| addr.parse::<SocketAddr>().unwrap());
            let ip = addr.map(|addr| ip_bytes(addr.ip()));
            let record = addr.zip(ip.as_ref()).map(|(addr, ip)| MemberRecord {
                addr: ip,
                port: addr.port(),
                status: answer.map_or(0, |(_, status)| status),
                ..MemberRecord::default()
            });
            let answer = SerfMessage::ConflictResponse(record).to_vec();
            vote.count(HERE.parse().unwrap(), &answer);
        }
        vote
    }

    #[test]
    fn the_majority_keeps_the_name() {
        let there = "10.0.0.2:7946";
        assert!(!vote(&[Some(HERE)]).is_lost());
        assert!(vote(&[Some(there)]).is_lost());
        assert!(vote(&[Some(HERE), Some(there)]).is_lost());
        assert!(!vote(&[Some(HERE), Some(there), Some(HERE)]).is_lost());
        assert!(vote(&[Some("10.0.0.1:7947")]).is_lost());
        assert!(!vote(&[Some("[::ffff:10.0.0.1]:7946")]).is_lost());
    }

    #[test]
    fn a_member_that_does_not_know_the_name_votes_against_it() {
        assert!(vote(&[None]).is_lost());
        assert!(!vote(&[]).is_lost());
        let mut nonsense = Vote::default();
        for answer in [&b""[..], b"ok", b"\x06", b"\x08\x80"] {
            nonsense.count(HERE.parse().unwrap(), answer);
        }
        assert!(!nonsense.is_lost());
    }

    #[test]
    fn nobody_votes_for_a_node_that_has_failed_or_left() {
        let there = "10.0.0.2:7946";
        for (status, lost) in [(1, true), (2, true), (LEFT, false), (FAILED, false)] {
            assert_eq!(vote_with(&[Some((there, status))]).is_lost(), lost, "{status}");
        }
        assert!(vote_with(&[Some((there, FAILED)), Some((there, 1))]).is_lost());
        assert!(!vote_with(&[Some((there, FAILED)), Some((HERE, FAILED))]).is_lost());
    }

    #[test]
    fn only_the_last_claims_are_remembered() {
        let mut disputes = NameDisputes::default();
        for port in 1..=100 {
            disputes.note_claim("a", SocketAddr::from(([10, 0, 0, 1], port)));
            disputes.note_claim("a", SocketAddr::from(([10, 0, 0, 1], port)));
        }
        let knows = |port| disputes.has_claim("a", SocketAddr::from(([10, 0, 0, 1], port)));
        assert_eq!((knows(36), knows(37), knows(100)), (false, true, true));
    }
}
