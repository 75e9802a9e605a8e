//! Another node is said to have our name: is anybody there?
//!
//! We ask whoever is at that address, with a ping and a stream ping that name us: only a node of our name
//! answers. If one does, the layer above settles which of us keeps the name. If nobody does, the others
//! remember an earlier life of ours, at an address that is gone. They take us in once they have found it
//! dead, so until then we announce ourselves now and then, and ask again. Not for ever: after a while the
//! layer above settles it all the same.
//!
//! Unlike Go, where a node that comes back at another address is voted down before anybody has noticed
//! that it died.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::Node;
use crate::config::NameConflicts;
use crate::machinery::{Cx, Timer, is_notable};
use crate::memberlist::probe::ping;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::Ping;

/// How long after an outcome it is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// How long the others have to find our earlier life dead and to forget it. Go's memberlist forgets the
/// dead after half a minute.
const WAIT_MAX: Duration = Duration::from_secs(300);

/// Who has our name.
#[derive(Debug, Default)]
pub(crate) struct OwnName {
    claim: Option<OwnNameClaim>,
    /// Another node has shown that it knows us at our address.
    is_known: bool,
    /// How often we began to wait for others to find our earlier life dead.
    waits: u64,
}

/// Another node is said to have our name.
#[derive(Debug)]
struct OwnNameClaim {
    node: Node,
    /// When we first heard of it.
    since: Instant,
    phase: ClaimPhase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClaimPhase {
    /// We have sent it pings of this number.
    Asked(u32),
    /// Nobody answered: we wait until the others know that.
    Waiting,
    /// It is there.
    InUse,
    /// There is nothing to do about it.
    Harmless,
}

impl OwnName {
    fn phase(&self) -> Option<ClaimPhase> {
        self.claim.as_ref().map(|claim| claim.phase)
    }

    /// Whether it is not known yet if somebody else has our name.
    pub(crate) fn is_asking(&self) -> bool {
        matches!(self.phase(), Some(ClaimPhase::Asked(_)))
    }

    /// Whether this is the number of our question.
    fn is_question(&self, seq: u32) -> bool {
        self.phase() == Some(ClaimPhase::Asked(seq))
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Where another node has just answered to our name.
    pub(crate) fn name_in_use_at(&self) -> Option<SocketAddr> {
        let claim = self.own_name.claim.as_ref()?;
        (claim.phase == ClaimPhase::InUse).then(|| claim.node.addr())
    }

    /// Another node is said to have our name.
    pub(crate) fn on_own_name_claimed(&mut self, cx: &mut Cx<'_>, node: Node) {
        if cx.params.name_conflicts == NameConflicts::Report {
            return;
        }
        match &mut self.own_name.claim {
            Some(claim) if claim.phase == ClaimPhase::Waiting => claim.node = node,
            Some(_) => {}
            None => {
                let (since, phase) = (cx.now, ClaimPhase::Harmless);
                self.own_name.claim = Some(OwnNameClaim { node, since, phase });
                self.ask_namesake(cx);
            }
        }
    }

    /// The next step about a claim to our name is due.
    pub(crate) fn on_own_name_timer(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        match self.own_name.phase() {
            Some(ClaimPhase::Asked(_)) => self.on_namesake_silent(cx, up),
            Some(ClaimPhase::Waiting) if !self.own_name.is_known && !self.leaving => {
                self.ask_namesake(cx);
            }
            _ => self.own_name.claim = None,
        }
    }

    /// If this number is that of our question, it is answered: another node has our name.
    pub(crate) fn on_namesake_ack(&mut self, cx: &mut Cx<'_>, up: &mut D, seq: u32) -> bool {
        let is_answer = self.own_name.is_question(seq);
        if is_answer && let Some(addr) = self.settle_own_name(cx, up, ClaimPhase::InUse) {
            up.on_namesake(cx, addr);
        }
        is_answer
    }

    /// Whether a ping is our own question, which came back to us because the address is ours as well. Any
    /// other ping that is for us shows that its sender knows us at our address.
    pub(crate) fn is_own_question(&mut self, cx: &mut Cx<'_>, up: &mut D, ping: &Ping<'_>) -> bool {
        let is_own = ping.source_node.is_some_and(|by| *by.0 == *cx.params.name.as_bytes());
        if !is_own {
            let is_known = self.own_name.is_known || self.members.knows_addr(cx.from);
            self.own_name.is_known = is_known;
        } else if self.own_name.is_question(ping.seq) {
            let addr = self.settle_own_name(cx, up, ClaimPhase::Harmless);
            tracing::debug!(target: "serfer::swim", ?addr, "others know us at another address of ours");
            return true;
        }
        false
    }

    /// Another node says that we are where we are.
    pub(crate) fn on_own_name_known(&mut self) {
        self.own_name.is_known = true;
    }

    fn ask_namesake(&mut self, cx: &mut Cx<'_>) {
        let Some(claim) = &mut self.own_name.claim else {
            return;
        };
        let (node, seq) = (claim.node.clone(), self.prober.next_seq());
        claim.phase = ClaimPhase::Asked(seq);
        let deadline = cx.now + cx.params.probe.timeout;
        cx.timers.set(Timer::OwnName, deadline);
        ping::ask_for(cx, node.name(), node.addr(), seq);
        self.dial_ping(cx, &node, seq, deadline);
    }

    /// Nobody answered to our name.
    fn on_namesake_silent(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let has_no_reason = self.own_name.is_known || !self.has_live_others() || self.leaving;
        let began = self.own_name.claim.as_ref().map_or(cx.now, |claim| claim.since);
        if has_no_reason {
            self.settle_own_name(cx, up, ClaimPhase::Harmless);
        } else if cx.now >= began + WAIT_MAX {
            if let Some(addr) = self.settle_own_name(cx, up, ClaimPhase::Harmless) {
                up.on_namesake(cx, addr);
            }
        } else {
            let addr = self.settle_own_name(cx, up, ClaimPhase::Waiting);
            if began + cx.params.probe.timeout >= cx.now {
                self.own_name.waits += 1;
                trace_wait(addr, self.own_name.waits);
            }
            self.broadcast_alive_me(cx);
        }
    }

    /// It is known whether there is another node of our name. Returns where it was looked for.
    fn settle_own_name(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        phase: ClaimPhase,
    ) -> Option<SocketAddr> {
        cx.timers.set(Timer::OwnName, cx.now + PAUSE);
        let claim = self.own_name.claim.as_mut()?;
        claim.phase = phase;
        let addr = claim.node.addr();
        self.finish_joins(cx, up);
        Some(addr)
    }
}

/// We begin to wait, for the `count`th time.
fn trace_wait(addr: Option<SocketAddr>, count: u64) {
    let addr = addr.map(tracing::field::display);
    if is_notable(count) {
        tracing::warn!(target: "serfer::members", addr, count, "the others know our name at another address, where nobody answers; they take us in when they have found that out, which takes up to a minute or two");
    } else {
        tracing::debug!(target: "serfer::members", addr, count, "the others know our name at another address, where nobody answers");
    }
}
