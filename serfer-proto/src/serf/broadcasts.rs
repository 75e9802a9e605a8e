//! The broadcasts of serf: a queue for each class of messages.
//!
//! Counterpart of `broadcasts`, `eventBroadcasts` and `queryBroadcasts` in Go's `serf.go`.

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
        cx.stats.broadcasts_dropped += queue.push(message, kind, limits.queue.max(2 * members));
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
