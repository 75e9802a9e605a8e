//! One gossip tick: sends the queued broadcasts to a few random members.
//!
//! Unlike Go, which ticks for ever: there is a tick only while something is queued and there is another
//! member, so an idle node is never woken (a wake-up costs ten times what a datagram does). Counterpart
//! of Go's `gossip`.

use crate::machinery::{Cx, checksum_for};
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};

impl<D: Delegate> Memberlist<D> {
    pub(crate) fn on_gossip_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.send_corrections(cx, up);
        let mut picked = std::mem::take(&mut self.picked);
        let count = cx.params.gossip.nodes;
        self.members.pick(cx.rng, count, SwimState::Dead, None, &mut picked);
        for &key in &picked {
            self.packet.reset(cx.link.message_len_max());
            self.fill_packet(cx, up);
            if self.packet.is_empty() {
                break;
            }
            let node = &self.members[key].node;
            let to = node.addr();
            let checksum = checksum_for(node.versions().protocol_max);
            tracing::trace!(target: "serfer::swim", %to, messages = self.packet.len(), "gossiping");
            self.send_packet(cx, up, to, checksum);
        }
        let has_targets = !picked.is_empty();
        self.picked = picked;
        if has_targets && (!self.queue.is_empty() || up.has_broadcasts()) {
            cx.gossip_soon();
        }
    }
}
