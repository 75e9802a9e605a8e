//! The broadcasts of serf: a queue for each class of messages.
//!
//! Counterpart of `broadcasts`, `eventBroadcasts` and `queryBroadcasts` in Go's `serf.go`.

use crate::config::params::Params;
use crate::machinery::Cx;
use crate::memberlist::gossip::packing::Lane;
use crate::memberlist::gossip::queue::{BroadcastKind, BroadcastQueue};
use crate::wire;

/// The byte in front of a serf message in a packet.
pub(crate) const USER_MESSAGE: &[u8] = &[wire::kind::USER];

/// The queue of a broadcast. The order is the order in which the queues fill a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    Intent,
    Query,
    Event,
}

/// All broadcasts that wait to be sent.
#[derive(Debug)]
pub(crate) struct Broadcasts([ClassQueue; 3]);

#[derive(Debug)]
struct ClassQueue {
    queue: BroadcastQueue,
    /// The queue is deep, and the operator was warned.
    is_deep: bool,
}

impl Broadcasts {
    /// Each queue holds at most `bytes_max`.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self([(); 3].map(|()| ClassQueue { queue: BroadcastQueue::new(bytes_max), is_deep: false }))
    }

    /// Queues a message in a cluster of this many members.
    pub(crate) fn push(
        &mut self,
        cx: &mut Cx<'_>,
        members: usize,
        class: Class,
        message: &[u8],
        kind: BroadcastKind,
    ) {
        if message.len() > cx.link.queued_len_max() - USER_MESSAGE.len() {
            // It came in a packet that is larger than ours, so we can never pass it on.
            cx.stats.broadcasts_dropped += 1;
            return;
        }
        let limits = &cx.params.limits;
        let ClassQueue { queue, is_deep } = &mut self.0[class as usize];
        let dropped = queue.push(message, kind, limits.queue.max(2 * members));
        let stats = &mut *cx.stats;
        stats.broadcasts_dropped += dropped.total();
        match class {
            Class::Intent => {}
            Class::Query => {
                stats.own_queries_dropped += dropped.own;
                stats.others_queries_dropped += dropped.others;
            }
            Class::Event => {
                stats.own_events_dropped += dropped.own;
                stats.others_events_dropped += dropped.others;
            }
        }
        let (len, warning) = (queue.len(), limits.queue_warning);
        if len >= warning && !*is_deep {
            *is_deep = true;
            cx.stats.deep_queues += 1;
            tracing::warn!(target: "serfer::swim", queue = ?class, len, "a broadcast queue is deep");
        } else if len <= warning / 2 {
            *is_deep = false;
        }
        cx.news_soon(message.len());
    }

    /// Whether so few messages of a class were not sent to anybody yet that one more of ours will be news
    /// when it is sent; if not, how many wait and how many may. Receivers remember only so many
    /// ([`Limits::ring`](crate::Limits::ring)): what waits behind half as many may come too late.
    ///
    /// With Go's timing, everything is taken, as in Go.
    pub(crate) fn check_room(&self, params: &Params, class: Class) -> Result<(), (usize, usize)> {
        let waiting = self.0[class as usize].queue.unsent();
        let max = (params.limits.ring / 2).min(params.limits.queue).max(1);
        if waiting < max || params.prompt_gossip.is_none() {
            return Ok(());
        }
        Err((waiting, max))
    }

    /// How many messages of a class wait.
    pub(crate) fn len(&self, class: Class) -> usize {
        self.0[class as usize].queue.len()
    }

    /// How many messages wait.
    pub(crate) fn total_len(&self) -> usize {
        self.0.iter().map(|it| it.queue.len()).sum()
    }

    /// The queues, as memberlist fills a packet from them.
    pub(crate) fn lanes(&mut self, transmit_limit: u32) -> [Lane<'_>; 3] {
        let frame = USER_MESSAGE;
        self.0.each_mut().map(|it| Lane { queue: &mut it.queue, frame, transmit_limit })
    }

    /// The queue that our leave intent is in.
    pub(crate) fn intents(&mut self) -> &mut BroadcastQueue {
        &mut self.0[Class::Intent as usize].queue
    }
}
