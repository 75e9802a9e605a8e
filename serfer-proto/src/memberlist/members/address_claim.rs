//! A name at a new address: whether it may have it.
//!
//! A member that is there keeps its name: whoever claims it from elsewhere is reported as a conflict.
//! One that left, or died long enough ago, may be back at another address.
//!
//! Unlike Go, which believes that at once, so that a forged farewell and a forged word from elsewhere
//! take anybody's name away (hm#370): the address that had the name is pinged first. If it answers,
//! it keeps the name and learns that it was said to be gone; if not, the claim holds. Costs one probe
//! timeout, and can be turned off.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::member::Node;
use crate::machinery::context::Cx;
use crate::machinery::stats::DropReason;
use crate::machinery::table::Key;
use crate::machinery::timers::Timer;
use crate::memberlist::members::list::State;
use crate::memberlist::members::state::News;
use crate::memberlist::probe::prober::Source;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::Message;
use crate::wire::msgpack::Text;

/// How many names can be claimed at the same time.
const CLAIMS_MAX: usize = 1024;

/// The claims whose outcome is open, by the member whose name is claimed.
pub(crate) type Claims = BTreeMap<Key, Claim>;

#[derive(Debug)]
pub(crate) struct Claim {
    node: Arc<Node>,
    incarnation: u32,
    /// The number of the ping to the address that had the name.
    seq: u32,
}

impl Memberlist {
    /// A node at another address says that it has a member's name.
    pub(crate) fn on_claim<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        from: SocketAddr,
        key: Key,
        news: &News<'_>,
    ) {
        let peer = &self.members[key];
        let can_move = match peer.state() {
            State::Left => true,
            State::Dead => {
                let since = self.members.gone_since(key);
                let gone_for = since.map(|since| cx.now.saturating_duration_since(since));
                let enough = gone_for.zip(cx.params.reclaim.dead_after);
                enough.is_some_and(|(gone_for, after)| gone_for > after)
            }
            State::Alive | State::Suspect => false,
        };
        if !can_move {
            let (node, other) = (peer.node.clone(), news.node().addr());
            return up.on_conflict(cx, &node, other);
        }
        if !cx.params.reclaim.ask_holder {
            return self.take_word(cx, up, key, news);
        }
        if self.claims.contains_key(&key) {
            // Whoever came first has it, or nobody.
            return;
        }
        if self.claims.len() >= CLAIMS_MAX {
            return cx.dropped(DropReason::Full, from, &"too many names claimed");
        }
        let (node, seq) = (peer.node.clone(), self.prober.next_seq());
        let claim = Claim { node: news.node(), incarnation: news.incarnation, seq };
        tracing::debug!(target: "serfer::swim", name = %node.name, addr = %claim.node.addr(), "name claimed");
        self.claims.insert(key, claim);
        cx.timers.set(Timer::Claim(key), cx.now + cx.params.probe.timeout);
        let me = Source::of(cx);
        let ping = Message::Ping(me.ping(seq, Text(node.name.as_bytes())));
        self.send(cx, up, node.addr(), &ping);
    }

    /// The address that had the name did not answer.
    pub(crate) fn on_claim_timeout<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D, key: Key) {
        let claim = self.claims.remove(&key);
        let is_gone =
            self.members.get(key).is_some_and(crate::memberlist::members::list::Peer::is_gone);
        if let Some(claim) = claim.filter(|_| is_gone) {
            self.take_word(cx, up, key, &News::of(&claim.node, claim.incarnation));
        }
    }

    /// If this answers the ping to an address whose name is claimed, the name stays there.
    pub(crate) fn refuse_claim(&mut self, cx: &mut Cx<'_>, seq: u32) -> bool {
        let claim = self.claims.iter().find(|(_, claim)| claim.seq == seq);
        let Some((&key, claim)) = claim else {
            return false;
        };
        cx.dropped(DropReason::NameInUse, claim.node.addr(), &claim.node.name);
        self.claims.remove(&key);
        cx.timers.clear(Timer::Claim(key));
        self.contradict(cx, key);
        true
    }
}
