//! Two nodes of one name: who keeps it.
//!
//! A node that meets another of its own name asks everybody where that name is. If most of those who
//! answer know another address, it is the one to go. Counterpart of `NotifyConflict`,
//! `resolveNodeConflict` and `handleNodeConflict` in Go's `serf.go`.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::api::event::{Event, ShutdownReason};
use crate::config::NameConflicts;
use crate::machinery::context::Cx;
use crate::serf::Serf;
use crate::serf::queries::internal;
use crate::serf::queries::outgoing::Asker;
use crate::serf::queries::params::QueryParams;
use crate::wire::message::ip_from_bytes;
use crate::wire::serf_message::SerfMessage;

/// How many claims to names of others are remembered.
const CONTENDERS_MAX: usize = 64;

/// What was said about where our name is.
#[derive(Debug, Default)]
pub(crate) struct Vote {
    responses: usize,
    ours: usize,
}

impl Vote {
    /// Counts an answer, if it is one. Not to know the name is one, too.
    pub(crate) fn count(&mut self, ours: SocketAddr, answer: &[u8]) {
        let Ok(SerfMessage::ConflictResponse(known)) = SerfMessage::decode(answer) else {
            return;
        };
        let known = known.and_then(|it| {
            let ip = ip_from_bytes(it.addr)?.to_canonical();
            Some(SocketAddr::new(ip, it.port))
        });
        self.responses += 1;
        self.ours += usize::from(known == Some(ours));
    }

    /// All have voted who would.
    pub(crate) fn close(&self, cx: &mut Cx<'_>) {
        let Self { responses, ours } = *self;
        if !self.is_lost() {
            tracing::info!(target: "serfer::members", ours, responses, "name conflict: we keep our name");
            return;
        }
        tracing::warn!(target: "serfer::members", ours, responses, "name conflict: we lose our name and are to shut down; give each node a name of its own");
        cx.emit(Event::ShutdownWanted(ShutdownReason::NameTaken { ours, responses }));
    }

    /// Unlike Go: where nobody votes, we stay. Otherwise one forged message would shut a node down
    /// that is alone.
    fn is_lost(&self) -> bool {
        self.responses > 0 && self.ours < self.responses / 2 + 1
    }
}

/// Where names of other members were claimed lately from elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Contenders(VecDeque<(Box<str>, SocketAddr)>);

impl Contenders {
    pub(crate) fn note(&mut self, name: &str, addr: SocketAddr) {
        if self.contains(name, addr) {
            return;
        }
        if self.0.len() >= CONTENDERS_MAX {
            self.0.pop_front();
        }
        self.0.push_back((name.into(), addr));
    }

    pub(crate) fn contains(&self, name: &str, addr: SocketAddr) -> bool {
        self.0.iter().any(|(known, at)| **known == *name && *at == addr)
    }
}

impl Serf {
    /// Somebody else has our name: asks everybody whose it is, unless that is being asked.
    ///
    /// Takes all the time that a query has, as in Go: so a stream of forged claims costs the cluster
    /// one query every few seconds, and those whom we get to know meanwhile have a say.
    pub(crate) fn start_vote(&mut self, cx: &mut Cx<'_>) {
        if cx.params.name_conflicts == NameConflicts::Report || self.asked.is_voting() {
            return;
        }
        let (name, asker) = (cx.params.name.clone(), Asker::Conflict(Vote::default()));
        let params = QueryParams::new().without_acks().until_timeout();
        if let Err(error) = self.ask(cx, internal::CONFLICT, name.as_bytes(), &params, asker) {
            tracing::debug!(target: "serfer::members", %error, "cannot ask whose our name is");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::message::ip_bytes;
    use crate::wire::serf_message::MemberRecord;

    const HERE: &str = "10.0.0.1:7946";

    fn vote(answers: &[Option<&str>]) -> Vote {
        let mut vote = Vote::default();
        for addr in answers {
            let addr = addr.map(|addr| addr.parse::<SocketAddr>().unwrap());
            let ip = addr.map(|addr| ip_bytes(addr.ip()));
            let record = addr.zip(ip.as_ref()).map(|(addr, ip)| MemberRecord {
                addr: ip,
                port: addr.port(),
                ..MemberRecord::default()
            });
            let mut answer = Vec::new();
            SerfMessage::ConflictResponse(record).encode(&mut answer);
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
    fn who_does_not_know_the_name_votes_against_it_and_nobody_at_all_does_not() {
        assert!(vote(&[None]).is_lost());
        assert!(!vote(&[]).is_lost());
        let mut nonsense = Vote::default();
        for answer in [&b""[..], b"ok", b"\x06", b"\x08\x80"] {
            nonsense.count(HERE.parse().unwrap(), answer);
        }
        assert!(!nonsense.is_lost());
    }

    #[test]
    fn only_the_last_claims_are_remembered() {
        let mut contenders = Contenders::default();
        for port in 1..=100 {
            contenders.note("a", SocketAddr::from(([10, 0, 0, 1], port)));
            contenders.note("a", SocketAddr::from(([10, 0, 0, 1], port)));
        }
        let knows = |port| contenders.contains("a", SocketAddr::from(([10, 0, 0, 1], port)));
        assert_eq!((knows(36), knows(37), knows(100)), (false, true, true));
    }
}
