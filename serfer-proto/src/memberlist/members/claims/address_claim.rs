//! Address claims: a node at another address says that it has a member's name.
//!
//! A member that is there keeps its name: the claim is reported as a conflict. One that left, or died
//! long enough ago, may be back at another address. So may one that is said to have left: a member that
//! moves says so itself, but from its new address, and so it is only suspected.
//!
//! Unlike Go, which believes that at once, so that a forged leave message and a forged alive message
//! take over any name (hm#370): the address that had the name is pinged first. If it answers, it keeps
//! the name and learns that it was said to be gone; if not, the claim holds. Costs one probe timeout,
//! and can be turned off.

use std::collections::BTreeMap;

use crate::api::Node;
use crate::machinery::{Cx, DropReason, Key, Timer};
use crate::memberlist::members::alive::CheckedAlive;
use crate::memberlist::members::swim_member::{SwimMember, SwimState};
use crate::memberlist::probe::ping;
use crate::memberlist::{Delegate, Memberlist};

/// How many names can be claimed at the same time.
const CLAIMS_MAX: usize = 1024;

/// The open claims, by the member whose name is claimed.
pub(crate) type AddressClaims = BTreeMap<Key, AddressClaim>;

#[derive(Debug)]
pub(crate) struct AddressClaim {
    node: Node,
    incarnation: u32,
    /// The number of the ping to the address that had the name.
    seq: u32,
}

impl<D: Delegate> Memberlist<D> {
    /// A node at another address says that it has a member's name.
    pub(crate) fn on_address_claim(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        alive: &CheckedAlive<'_>,
    ) {
        let member = &self.members[key];
        let can_move = match member.state() {
            SwimState::Left => true,
            SwimState::Dead => {
                let since = self.members.gone_since(key);
                let gone_for = since.map(|since| cx.now.saturating_duration_since(since));
                let enough = gone_for.zip(cx.params.reclaim.dead_after);
                enough.is_some_and(|(gone_for, after)| gone_for > after)
            }
            SwimState::Suspect => self.suspicions.is_farewell(key),
            SwimState::Alive => false,
        };
        if !can_move {
            let (node, other) = (member.node.clone(), alive.node().addr());
            return up.on_conflict(cx, &node, other);
        }
        if !cx.params.reclaim.ask_holder {
            return self.apply_alive(cx, up, key, alive);
        }
        if self.address_claims.contains_key(&key) {
            // Only the first claim counts, until it is decided.
            return;
        }
        if self.address_claims.len() >= CLAIMS_MAX {
            return cx.dropped(DropReason::Full, &"too many names claimed");
        }
        let (node, seq) = (member.node.clone(), self.prober.next_seq());
        let claim = AddressClaim { node: alive.node(), incarnation: alive.incarnation, seq };
        tracing::debug!(target: "serfer::swim", name = %node.name(), addr = %claim.node.addr(), "name claimed");
        self.address_claims.insert(key, claim);
        cx.timers.set(Timer::AddressClaim(key), cx.now + cx.params.probe.timeout);
        ping::ask_for(cx, node.name(), node.addr(), seq);
    }

    /// The address that had the name did not answer.
    pub(crate) fn on_address_claim_timeout(&mut self, cx: &mut Cx<'_>, up: &mut D, key: Key) {
        let member = self.members.get(key);
        let is_gone = member.is_some_and(SwimMember::is_gone) || self.suspicions.is_farewell(key);
        if let Some(claim) = self.address_claims.remove(&key).filter(|_| is_gone) {
            self.apply_alive(cx, up, key, &CheckedAlive::of(&claim.node, claim.incarnation));
        }
    }

    /// If this is the ack of an address whose name is claimed, the name stays there.
    pub(crate) fn refuse_address_claim(&mut self, cx: &mut Cx<'_>, seq: u32) -> bool {
        let claim = self.address_claims.iter().find(|(_, claim)| claim.seq == seq);
        let Some((&key, claim)) = claim else {
            return false;
        };
        cx.dropped_from(claim.node.addr(), DropReason::NameInUse, &claim.node.name());
        self.address_claims.remove(&key);
        cx.timers.clear(Timer::AddressClaim(key));
        self.notify_gone(cx, key);
        true
    }
}
