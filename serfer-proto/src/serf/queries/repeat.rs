//! Repeated answers: whoever asks again has not heard our ack or our reply.
//!
//! A node that [asks again](super::ask_again) sends the query directly, with the flag that it is not to be
//! passed on, and Go never sends such a query. If this node has had it already, it acks once more, and
//! repeats the reply that it gave. The asker takes only the first of each.

use std::collections::VecDeque;
use std::time::Instant;

use crate::api::{Query, QueryId};
use crate::config::ASK_AGAIN_MAX;
use crate::machinery::Cx;
use crate::serf::Serf;
use crate::serf::queries::held_answers::AnswerTo;
use crate::serf::queries::incoming::{response, send_direct};
use crate::wire::serf_message::FLAG_ACK;

/// How many replies are kept. If there are more, the oldest is forgotten.
const KEPT_MAX: usize = 256;

/// How many bytes they take together, at most.
const KEPT_BYTES_MAX: usize = 256 << 10;

/// The replies of this node to others' queries that are still open, oldest first.
#[derive(Debug, Default)]
pub(crate) struct KeptReplies {
    replies: VecDeque<KeptReply>,
    bytes: usize,
}

#[derive(Debug)]
struct KeptReply {
    to: QueryId,
    until: Instant,
    message: Vec<u8>,
}

impl KeptReplies {
    pub(crate) fn keep(&mut self, query: &Query, message: Vec<u8>, now: Instant) {
        self.bytes += message.len();
        self.replies.push_back(KeptReply { to: query.id, until: query.deadline, message });
        while self.replies.front().is_some_and(|it| it.until <= now)
            || self.replies.len() > KEPT_MAX
            || self.bytes > KEPT_BYTES_MAX
        {
            let Some(oldest) = self.replies.pop_front() else { return };
            self.bytes -= oldest.message.len();
        }
    }

    fn find(&self, query: QueryId, now: Instant) -> Option<&[u8]> {
        let kept = self.replies.iter().rev().find(|it| it.to == query && it.until > now);
        kept.map(|it| &*it.message)
    }
}

impl Serf {
    /// A query of another node came again, directly: its filters matched when it came first. Repeats what
    /// this node has answered.
    pub(crate) fn repeat_answer(&mut self, cx: &mut Cx<'_>, query: &Query, wants_ack: bool) {
        let known = self.queries.find_mut(query.id.ltime, |past| past.id.cmp(&query.id.id));
        let Some(past) = known.filter(|past| past.matched && past.repeats < ASK_AGAIN_MAX) else {
            return;
        };
        past.repeats += 1;
        let Some(AnswerTo::Member(to)) = self.answer_to(query) else {
            return;
        };
        if wants_ack {
            let ack = response(cx, query.id, FLAG_ACK, &[]).to_vec();
            send_direct(cx, to, &ack);
            cx.stats.answers_repeated += 1;
        }
        if let Some(reply) = self.kept_replies.find(query.id, cx.now) {
            send_direct(cx, to, reply);
            cx.stats.answers_repeated += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::epoch;

    fn query(ltime: u64, deadline: Instant) -> Query {
        Query {
            id: QueryId { ltime, id: 1 },
            name: "a".into(),
            payload: Default::default(),
            from: "b".into(),
            deadline,
            addr: None,
            via: std::net::SocketAddr::from(([10, 0, 0, 1], 7946)),
            relay_factor: 0,
        }
    }

    #[test]
    fn kept_replies_have_bounds() {
        let (now, later) = (epoch(), epoch() + Duration::from_secs(1));
        let mut kept = KeptReplies::default();
        for ltime in 0..1000 {
            kept.keep(&query(ltime, later), vec![7; 100], now);
        }
        let ids = [0, 743, 744, 999].map(|ltime| QueryId { ltime, id: 1 });
        assert_eq!(ids.map(|id| kept.find(id, now).is_some()), [false, false, true, true]);
        kept.keep(&query(1000, later), vec![7; KEPT_BYTES_MAX], now);
        assert_eq!((kept.replies.len(), kept.bytes), (1, KEPT_BYTES_MAX));
        kept.keep(&query(1001, later), vec![7; KEPT_BYTES_MAX + 1], now);
        assert_eq!((kept.replies.len(), kept.bytes), (0, 0), "one that is too large is not kept");

        kept.keep(&query(1, later), vec![7; 10], now);
        assert_eq!(kept.find(QueryId { ltime: 1, id: 1 }, later), None, "nobody waits for it");
        kept.keep(&query(2, later + Duration::from_secs(1)), vec![7; 10], later);
        assert_eq!((kept.replies.len(), kept.bytes), (1, 10));
    }
}
