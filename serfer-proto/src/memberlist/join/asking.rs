//! Asking by name: whether a member that we lost is at its address.
//!
//! A push/pull makes one cluster of two. But the address of a member that is gone may belong to a node of
//! another cluster now. So unlike Go, which starts with the push/pull, we ask first: with a ping that names
//! the member, which only that member acks, be it ours or Go's. The ping is alone in its packet, because
//! gossip beside it would tell the stranger of us. After an ack comes the push/pull.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use crate::api::Node;
use crate::machinery::Cx;
use crate::memberlist::probe::ping;
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// The asks that wait for an ack, by the number of the ping. Each waits for a few seconds at most.
pub(crate) type Asks = BTreeMap<u32, Ask>;

#[derive(Debug)]
pub(crate) struct Ask {
    addr: SocketAddr,
    /// What the push/pull after the ack is for.
    reason: PushPullReason,
    until: Instant,
}

impl<D: Delegate> Memberlist<D> {
    /// Asks with a datagram. An ack counts for four probe timeouts.
    pub(crate) fn ask(&mut self, cx: &mut Cx<'_>, node: &Node, reason: PushPullReason) {
        let until = cx.now + 4 * cx.params.probe.timeout;
        let seq = self.open_ask(cx, node, reason, until);
        ping::ask_for(cx, node.name(), node.addr(), seq);
    }

    /// Asks over a stream.
    pub(crate) fn ask_over_stream(&mut self, cx: &mut Cx<'_>, node: &Node, reason: PushPullReason) {
        let until = cx.now + cx.params.stream_timeout;
        let seq = self.open_ask(cx, node, reason, until);
        self.dial_ping(cx, node, seq, until);
    }

    fn open_ask(
        &mut self,
        cx: &Cx<'_>,
        node: &Node,
        reason: PushPullReason,
        until: Instant,
    ) -> u32 {
        tracing::debug!(target: "serfer::join", name = %node.name(), addr = %node.addr(), "asking for a lost member");
        self.asks.retain(|_, ask| cx.now < ask.until);
        let seq = self.prober.next_seq();
        self.asks.insert(seq, Ask { addr: node.addr(), reason, until });
        seq
    }

    /// If this is the ack of a lost member, goes on with the push/pull.
    pub(crate) fn on_ask_acked(&mut self, cx: &mut Cx<'_>, seq: u32) -> bool {
        let Some(ask) = self.asks.remove(&seq) else {
            return false;
        };
        match ask.reason {
            _ if ask.until < cx.now => {}
            PushPullReason::SnapshotRejoin => self.on_rejoin_acked(cx, ask.addr),
            _ => self.on_found(cx, ask.addr),
        }
        true
    }
}
