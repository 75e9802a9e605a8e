//! One gossip tick: sends the queued broadcasts to a few random members.
//!
//! Unlike Go, which ticks for ever: there is a tick only while something is queued and there is another
//! member, so an idle node is never woken (a wake-up costs ten times what a datagram does). Counterpart
//! of Go's `gossip`.

use crate::machinery::{Cx, Key, checksum_for};
use crate::memberlist::gossip::packing::{self, Lane};
use crate::memberlist::gossip::transmit::transmit_limit;
use crate::memberlist::members::list::Turns;
use crate::memberlist::members::swim_member::SwimState;
use crate::memberlist::{Delegate, Memberlist};

impl<D: Delegate> Memberlist<D> {
    pub(crate) fn on_gossip_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        self.send_corrections(cx, up);
        self.introduce_newcomers(cx, up);
        let mut picked = std::mem::take(&mut self.picked);
        let (count, is_prompt) = (cx.params.gossip.nodes, cx.params.prompt_gossip.is_some());
        // The dead are gossiped to, so that they can refute, but they have no turn.
        if is_prompt && !self.members.has_dead() {
            let limit = transmit_limit(&cx.params.gossip, self.members.len()) as usize;
            let turns = if cx.news.waits() { Turns::FromUs } else { Turns::UsLast };
            self.members.pick_in_turn(cx.rng, count, limit, turns, &mut picked);
        } else {
            self.members.pick(cx.rng, count, SwimState::Dead, None, &mut picked);
        }
        // News is left to those whose turn it is.
        let sends_min = usize::from(cx.news.is_near() && self.has_live_others());
        for &key in &picked {
            let sent = self.gossip_to(cx, up, key, sends_min, |cx, lanes, sent| {
                let waiting = || lanes.iter().map(Lane::waiting_len).sum::<usize>();
                let is_full = || waiting() >= cx.link.message_len_max();
                sent == 0 || is_prompt && is_full() && cx.take_packet()
            });
            if sent == 0 {
                break;
            }
        }
        let has_targets = !picked.is_empty();
        self.picked = picked;
        if has_targets && (!self.queue.is_empty() || up.has_broadcasts()) {
            cx.gossip_soon();
        }
    }

    /// Sends a member packets of broadcasts, as long as `wants` says so, and no message twice. Returns
    /// how many.
    pub(crate) fn gossip_to(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        key: Key,
        sends_min: usize,
        mut wants: impl FnMut(&mut Cx<'_>, &[Lane<'_>], usize) -> bool,
    ) -> usize {
        let limit = transmit_limit(&cx.params.gossip, self.members.len());
        let node = &self.members[key].node;
        let (to, checksum) = (node.addr(), checksum_for(node.versions.protocol_max));
        let mut sent = 0;
        loop {
            let mut lanes = packing::lanes(&mut self.queue, limit, up.lanes(cx));
            self.packet.reset(cx.link.message_len_max());
            if wants(cx, &lanes, sent) {
                let len_max = cx.link.message_len_max();
                packing::fill(&mut lanes, &mut self.packet, len_max, sends_min);
            }
            if self.packet.is_empty() {
                packing::requeue(&mut lanes);
                return sent;
            }
            tracing::trace!(target: "serfer::swim", %to, messages = self.packet.len(), "gossiping");
            self.send_packet(cx, up, to, checksum);
            sent += 1;
        }
    }
}
