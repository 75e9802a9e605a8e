//! News is sent at once: the first half of the sends of each message, a moment after it has come.
//!
//! The first is to the member after us on the ring
//! ([`successors`](crate::memberlist::members::successors)), so that each node hears what the one before it
//! has heard. The others are to members whose turn it is. The second half is left to the
//! [`tick`](super::tick). The news of one moment shares packets, and full packets cost nothing more however
//! soon they are sent. A node sends only so many packets in a second
//! ([`news_clock`](crate::machinery::news_clock)).
//!
//! Unlike Go, which sends everything at the tick, to members drawn anew each time: some hear it a second
//! late, and now and then one never.

use crate::machinery::{Cx, Timer};
use crate::memberlist::gossip::transmit::transmit_limit;
use crate::memberlist::members::list::Turns;
use crate::memberlist::{Delegate, Memberlist};

impl<D: Delegate> Memberlist<D> {
    pub(crate) fn on_news_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        cx.news.start(cx.now);
        if cx.params.gossip.nodes == 0 {
            return;
        }
        let mut picked = std::mem::take(&mut self.picked);
        let gossip = &cx.params.gossip;
        let limit = transmit_limit(gossip, self.members.len()) as usize;
        let count = limit.div_ceil(2).max(gossip.nodes);
        self.members.pick_in_turn(cx.rng, count, limit, Turns::FromUs, &mut picked);
        let mut waits = false;
        for (sends, &key) in picked.iter().enumerate() {
            // What was sent so often at most is news to this member, and what else fits goes with it.
            self.gossip_to(cx, up, key, 0, |cx, lanes, _| {
                let has_news = lanes.iter().any(|lane| lane.queue.has_sent_at_most(sends));
                waits |= has_news && !cx.take_packet();
                has_news && !waits
            });
        }
        self.picked = picked;
        if waits {
            cx.stats.news_waits += 1;
            cx.news_later();
        }
        if self.queue.is_empty()
            && !up.has_broadcasts()
            && self.corrections.is_empty()
            && !self.newcomers.wait()
        {
            cx.timers.clear(Timer::Gossip);
        }
    }
}
