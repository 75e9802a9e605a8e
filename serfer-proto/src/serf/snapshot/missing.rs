//! Members that the previous run knew and that this one has not seen yet.
//!
//! They are expected for as long as a member that failed is remembered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::api::{Event, Member, Node, RejoinDone, Status};
use crate::machinery::Cx;
use crate::memberlist::RejoinDelegate;
use crate::serf::Serf;
use crate::snapshot::{Fate, Record};

impl RejoinDelegate for Serf {
    fn on_rejoin_done(&mut self, cx: &mut Cx<'_>, done: RejoinDone) {
        tracing::info!(target: "serfer::join", reached = ?done.reached, tried = done.tried, "rejoined");
        cx.emit(Event::RejoinDone(done));
    }

    fn missing(&self, cx: &Cx<'_>, count: usize) -> Vec<Arc<Node>> {
        let others = self.missing.iter().filter(|(_, peer)| peer.addr != cx.params.advertise);
        let nodes = others.take(count).map(|(name, peer)| {
            let (name, ip, port) = (name.clone(), peer.addr.ip(), peer.addr.port());
            Arc::new(Node { name, ip, port, meta: [].into(), versions: cx.params.versions })
        });
        nodes.collect()
    }

    /// Not if it left, was made to leave, or is back at another address. A node that we do not know
    /// was either forgotten because it had been gone for too long, and may come back, or it was
    /// pruned, and must not.
    fn wants_back(&self, cx: &Cx<'_>, node: &Arc<Node>, since: Instant) -> bool {
        match self.members.find(&node.name) {
            Some(key) => self.members[key].member.status == Status::Failed,
            None if self.missing.contains_key(&node.name) => true,
            None => {
                let member = Member { node: node.clone(), status: Status::Failed };
                let settings = &cx.params.members;
                cx.now > since + cx.params.timeout_of(&member, settings.reconnect_timeout)
            }
        }
    }
}

impl Serf {
    /// The addresses of the missing members that were alive, without our own. Begins to expect them.
    pub(crate) fn expect_missing(&self, cx: &mut Cx<'_>) -> Vec<SocketAddr> {
        self.arm_reap(cx);
        let alive = self.missing.values().filter(|peer| peer.fate == Fate::Alive);
        alive.map(|peer| peer.addr).filter(|&addr| addr != cx.params.advertise).collect()
    }

    /// A missing member left, or was made to leave: it is not expected any more.
    pub(crate) fn on_missing_left(&mut self, cx: &mut Cx<'_>, name: &str) {
        if self.missing.remove(name).is_some()
            && let Some(it) = &mut self.snapshotter
        {
            it.push(&Record::NotAlive(name));
            cx.snapshot_soon();
        }
    }

    /// Expects the missing members no longer if they have been missing for too long.
    pub(crate) fn give_up_missing(&mut self, cx: &mut Cx<'_>) {
        if let Some(it) = &mut self.snapshotter
            && !self.missing.is_empty()
            && u64::from(cx.uptime()) >= cx.params.members.reconnect_timeout.as_secs()
        {
            let missing = std::mem::take(&mut self.missing);
            missing.keys().for_each(|name| it.push(&Record::Reaped(name)));
            cx.snapshot_soon();
        }
    }
}
