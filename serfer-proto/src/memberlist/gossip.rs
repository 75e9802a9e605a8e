//! One gossip tick: tell a few others what is new.
//!
//! Unlike Go, which ticks for ever: there is a tick only while something is queued and somebody could
//! be told, so an idle node sleeps through (a wake-up costs ten times what a datagram does).
//! Counterpart of Go's `gossip`.

use super::{Delegate, Memberlist};
use crate::context::Cx;
use crate::link::Checksum;
use crate::memberlist::members::State;

/// Peers that announce this protocol know checksums.
const CHECKSUM_SINCE: u8 = 5;

impl Memberlist {
    pub(crate) fn on_gossip_tick<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let mut picked = std::mem::take(&mut self.picked);
        picked.clear();
        let count = cx.params.gossip.nodes;
        self.members.pick(cx.rng, count, State::Dead, None, &mut picked);
        for &key in &picked {
            self.packet.reset(cx.link.message_len_max());
            self.fill_packet(cx, up);
            if self.packet.is_empty() {
                break;
            }
            let node = &self.members[key].node;
            let to = node.addr();
            let checksum = checksum_for(node.versions.protocol_max);
            tracing::trace!(%to, messages = self.packet.len(), "gossiping");
            self.send_packet(cx, up, to, checksum);
        }
        let somebody = !picked.is_empty();
        self.picked = picked;
        if somebody && (!self.queue.is_empty() || up.has_broadcasts()) {
            cx.gossip_soon();
        }
    }
}

pub(super) fn checksum_for(protocol_max: u8) -> Checksum {
    if protocol_max >= CHECKSUM_SINCE { Checksum::Add } else { Checksum::Omit }
}
