//! Return claims: another node says that a member is alive, which is gone as the layer above remembers.
//!
//! The member itself, a higher incarnation, or an intent to be a member that is newer than its departure
//! bring it back. All else may be an old list: of a machine that was suspended for a while, say. So the
//! address is pinged first, and if it answers, the member is back. With the ping it is told that it is
//! gone. So it refutes, and others need not ask.
//!
//! Unlike Go, which believes any alive message once it has forgotten the member: all nodes are told that
//! it joined, and then that it failed.

use std::collections::BTreeMap;

use crate::api::Node;
use crate::machinery::{Checksum, Cx, DropReason, Timer};
use crate::memberlist::members::alive::CheckedAlive;
use crate::memberlist::members::messages;
use crate::memberlist::probe::ping::PingSource;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::Message;

/// How many members can be asked at the same time.
const CLAIMS_MAX: usize = 4096;

/// The open claims.
#[derive(Debug, Default)]
pub(crate) struct ReturnClaims {
    /// By the number of the ping to the address.
    open: BTreeMap<u32, ReturnClaim>,
    by_name: BTreeMap<Box<str>, u32>,
}

#[derive(Debug)]
struct ReturnClaim {
    node: Node,
    incarnation: u32,
}

impl ReturnClaims {
    fn remove(&mut self, seq: u32) -> Option<ReturnClaim> {
        let claim = self.open.remove(&seq)?;
        self.by_name.remove(claim.node.name());
        Some(claim)
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Another node says that a member is alive, which was gone with this incarnation: asks it.
    pub(crate) fn on_return_claim(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        alive: &CheckedAlive<'_>,
        gone_with: u32,
    ) {
        let node = alive.node();
        let claims = &mut self.return_claims;
        if claims.by_name.contains_key(node.name()) {
            return;
        }
        if claims.open.len() >= CLAIMS_MAX {
            return cx.dropped(DropReason::Full, &"too many members said to be back");
        }
        let seq = self.prober.next_seq();
        claims.by_name.insert(node.name().into(), seq);
        let claim = ReturnClaim { node: node.clone(), incarnation: alive.incarnation };
        claims.open.insert(seq, claim);
        cx.timers.set(Timer::ReturnClaim(seq), cx.now + cx.params.probe.timeout);
        tracing::debug!(target: "serfer::swim", name = %node.name(), addr = %node.addr(), "asking whether it is back");
        let me = PingSource::of(cx);
        self.packet.reset(cx.link.message_len_max());
        // It hears this first, so its ack can bring its refutation.
        let dead = messages::dead(&cx.params.name, gone_with, node.name_text());
        self.packet.push_first(|out| dead.encode(out));
        self.encoded.clear();
        Message::Ping(me.ping(seq, node.name_text())).encode(&mut self.encoded);
        self.packet.push(&[&self.encoded]);
        self.send_packet(cx, up, node.addr(), Checksum::Omit);
    }

    /// If this is the ack of a member that is said to be back, it is.
    pub(crate) fn on_return_acked(&mut self, cx: &mut Cx<'_>, up: &mut D, seq: u32) -> bool {
        let Some(ReturnClaim { node, incarnation }) = self.return_claims.remove(seq) else {
            return false;
        };
        cx.timers.clear(Timer::ReturnClaim(seq));
        if self.members.find(node.name()).is_none() {
            self.enter(cx, up, &CheckedAlive::of(&node, incarnation));
        }
        true
    }

    /// A member that is said to be back has not answered.
    pub(crate) fn on_return_claim_timeout(&mut self, cx: &mut Cx<'_>, seq: u32) {
        if let Some(claim) = self.return_claims.remove(seq) {
            cx.dropped_from(claim.node.addr(), DropReason::Unconfirmed, &claim.node.name());
        }
    }
}
