//! Our own address changes while we run.
//!
//! Nobody believes a living member that it is at another address: that is a name conflict, in Go as here. So
//! we say first that we leave, which frees the name, and when all have heard it, that we are alive at our new
//! address. Others see us leave or fail, and come back, within a second or two; without the farewell they
//! would see us fail and keep our name from us for as long as they remember it.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use crate::api::Node;
use crate::machinery::{Cx, Timer};
use crate::memberlist::gossip::queue::BroadcastKind;
use crate::memberlist::gossip::transmit::transmit_limit;
use crate::memberlist::members::messages;
use crate::memberlist::{Delegate, Memberlist};

/// How many of our former addresses are remembered.
const FORMER_MAX: usize = 8;

/// Our former addresses, the latest last. What others still say about us there is old, and no conflict.
#[derive(Debug, Default)]
pub(crate) struct FormerAddresses(VecDeque<SocketAddr>);

impl FormerAddresses {
    fn add(&mut self, addr: SocketAddr) {
        self.0.retain(|former| *former != addr);
        if self.0.len() >= FORMER_MAX {
            self.0.pop_front();
        }
        self.0.push_back(addr);
    }

    pub(crate) fn contain(&self, addr: SocketAddr) -> bool {
        self.0.contains(&addr)
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Others reach us at the address of the parameters from now on, and no more at `old`.
    pub(crate) fn relocate(&mut self, cx: &mut Cx<'_>, up: &mut D, old: SocketAddr) {
        let Some(me) = self.members.me().filter(|_| !self.leaving) else {
            return;
        };
        let new = cx.params.advertise;
        self.former_addresses.add(old);
        cx.stats.moves += 1;
        tracing::info!(target: "serfer::members", %old, %new, "our address changes");
        let Node { name, meta, versions, .. } = &*self.members[me].node;
        let (name, meta, versions) = (name.clone(), meta.clone(), *versions);
        let node = Arc::new(Node { name, ip: new.ip(), port: new.port(), meta, versions });
        self.members.set_node(me, node.clone());
        up.on_update(cx, &node);
        if self.members.live_others() == 0 {
            return self.on_relocated(cx);
        }
        let farewell = messages::dead(&node.name, self.incarnation(), &node.name);
        self.broadcast(cx, &farewell, BroadcastKind::About(me));
        let ticks = transmit_limit(&cx.params.gossip, self.members.len()) + 1;
        cx.timers.set(Timer::Relocation, cx.now + cx.params.gossip.interval * ticks);
    }

    /// All have heard the farewell.
    pub(crate) fn on_relocated(&mut self, cx: &mut Cx<'_>) {
        self.raise_incarnation(cx, 0);
        self.broadcast_alive_me(cx);
    }
}
