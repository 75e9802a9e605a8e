//! Asking again: a query of this node goes directly to those that have not been heard of.
//!
//! Gossip is a matter of luck: now and then a member of a quiet network does not get a query, and some
//! acks and replies are lost on a lossy one. So at each quarter of its time, a query is sent once more,
//! straight to each expected member that is silent, which need not pass it on. Whoever has it already
//! takes no notice, or [repeats](super::repeat) its answer. Go does not do this.
//!
//! Silent is who has neither acked nor replied. If no acks are wanted, or a member has acked and not
//! replied, it may have nothing to say: such a member is asked again only if at least half of the
//! members have replied.
//!
//! A call looks at only so many members and sends only so many messages, and the next one comes a moment
//! later; all queries together send only so many messages in a second.

use std::time::Duration;

use crate::api::QueryId;
use crate::machinery::{Cx, Timer};
use crate::serf::Serf;
use crate::serf::queries::incoming::send_direct;

/// How many members one call looks at.
const LOOKED_AT: usize = 4096;

/// How many members one call asks.
const ASKED: usize = 32;

/// How long it takes until the next call.
const PAUSE: Duration = Duration::from_millis(20);

/// How many members are asked again in one second, by all queries together.
const ASKED_PER_SECOND: usize = 1024;

/// A query that is going to be asked again.
#[derive(Debug)]
pub(crate) struct AskAgain {
    /// The query, not to be passed on.
    pub(crate) message: Vec<u8>,
    /// How often it is still to be asked again.
    pub(crate) rounds: u32,
    /// The time between two rounds.
    pub(crate) interval: Duration,
    /// The place in the member table where the current round goes on.
    pub(crate) place: usize,
}

impl Serf {
    /// Goes on asking the silent members, or begins to.
    pub(crate) fn on_query_again(&mut self, cx: &mut Cx<'_>, id: QueryId) {
        let Some((query, liveness)) = self.open_queries.get_mut(id) else {
            return;
        };
        let Some(again) = &mut query.again else {
            return;
        };
        let max = ASKED.min(self.asked_again.left(cx.now, ASKED_PER_SECOND));
        let mut asked = 0;
        let places = match query.pending.has_silent(query.wants_acks) {
            true => self.members.places(),
            false => 0,
        };
        let end = places.min(again.place + LOOKED_AT);
        while again.place < end && asked < max {
            let place = again.place;
            again.place += 1;
            let Some(state) = self.members.at(place) else {
                continue;
            };
            let (key, member) = (self.members.key_at(place as u32), &state.member);
            let is_other = *member.name() != *cx.params.name;
            if is_other
                && !self.departures.gone.contains_key(&key)
                && query.pending.is_silent(key, query.wants_acks, liveness)
            {
                send_direct(cx, member.addr(), &again.message);
                asked += 1;
            }
        }
        self.asked_again.add(asked);
        cx.stats.queries_repeated += asked as u64;
        if asked > 0 {
            tracing::debug!(target: "serfer::queries", ltime = id.ltime, asked, "asking silent members again, directly");
        }
        if again.place < places {
            return cx.timers.set(Timer::QueryAgain(id), cx.now + PAUSE);
        }
        again.place = 0;
        again.rounds -= 1;
        if again.rounds > 0 {
            cx.timers.set(Timer::QueryAgain(id), cx.now + again.interval);
        }
    }
}
