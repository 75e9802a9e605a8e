//! Joins: a push/pull with each of several addresses.
//!
//! Some addresses are tried at a time, and it is enough that one can be reached; but each that cannot be
//! reached is reported with the reason. Counterpart of Go's `Join`, which tries all, one after another.
//!
//! A name may stand for hundreds of addresses, and the first answer tells all members of its cluster. So
//! unlike Go, an address at which a member was found in that way is not dialled: it counts as reached.
//! After a few answers, what is left is another island or dead: the [scheduler of
//! retries](super::retries) tries it at leisure.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::api::{JoinDone, JoinFailure, JoinId, Replay};
use crate::machinery::Cx;
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// The joins under way.
#[derive(Debug, Default)]
pub(crate) struct Joins {
    open: BTreeMap<JoinId, OpenJoin>,
    last_id: u64,
}

#[derive(Debug, Default)]
struct OpenJoin {
    replay: Replay,
    /// How many addresses are to be reached.
    enough: usize,
    /// How many have answered.
    answers: usize,
    waiting: VecDeque<SocketAddr>,
    under_way: Vec<SocketAddr>,
    reached: Vec<SocketAddr>,
    failed: Vec<(SocketAddr, JoinFailure)>,
}

impl OpenJoin {
    fn done(self, join: JoinId) -> JoinDone {
        JoinDone { join, reached: self.reached.into(), failed: self.failed.into() }
    }
}

impl Joins {
    /// Whether a join is under way whose user events from before are not to be delivered.
    pub(crate) fn skip_old_events(&self) -> bool {
        self.open.values().any(|join| join.replay == Replay::Skip)
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Starts to join through `addrs`, which is not empty, until `enough` are reached or none is left.
    pub(crate) fn join(
        &mut self,
        cx: &mut Cx<'_>,
        addrs: &[SocketAddr],
        replay: Replay,
        enough: usize,
    ) -> JoinId {
        addrs.iter().for_each(|&addr| self.retries.keep_seed(cx, addr, replay));
        self.joins.last_id += 1;
        let id = JoinId(self.joins.last_id);
        let waiting = addrs.iter().copied().collect();
        self.joins.open.insert(id, OpenJoin { replay, enough, waiting, ..OpenJoin::default() });
        self.dial_waiting(cx, id);
        id
    }

    /// An address of a join has been tried.
    pub(crate) fn on_join_tried(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        id: JoinId,
        addr: SocketAddr,
        result: Result<(), JoinFailure>,
    ) {
        let Some(join) = self.joins.open.get_mut(&id) else {
            return;
        };
        if let Some(place) = join.under_way.iter().position(|&open| open == addr) {
            join.under_way.swap_remove(place);
        }
        match result {
            Ok(()) => {
                join.answers += 1;
                join.reached.push(addr);
            }
            Err(failure) => {
                tracing::debug!(target: "serfer::join", %addr, %failure, "cannot join");
                join.failed.push((addr, failure));
            }
        }
        self.dial_waiting(cx, id);
        self.finish_joins(cx, up);
    }

    /// Ends the joins whose addresses have all been tried, once it is known whether another node has our
    /// name: nobody should take itself for joined who has to go.
    pub(crate) fn finish_joins(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        if self.own_name.is_asking() {
            return;
        }
        let is_done = |(_, join): &(&JoinId, &OpenJoin)| join.under_way.is_empty();
        while let Some((&id, _)) = self.joins.open.iter().find(is_done) {
            if let Some(join) = self.joins.open.remove(&id) {
                up.on_join_done(cx, join.done(id));
            }
        }
        if self.joins.open.is_empty() {
            // An emptied map keeps its last leaf, of 1.5 kB.
            self.joins.open = BTreeMap::new();
        }
    }

    /// Ends all joins: we leave.
    pub(crate) fn cancel_joins(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        while let Some((id, mut join)) = self.joins.open.pop_first() {
            let open = join.under_way.drain(..).chain(join.waiting.drain(..));
            join.failed.extend(open.map(|addr| (addr, JoinFailure::Left)));
            up.on_join_done(cx, join.done(id));
        }
    }

    fn dial_waiting(&mut self, cx: &mut Cx<'_>, id: JoinId) {
        let (limits, may_reserve) = (&cx.params.limits, cx.params.seed_keeper.is_some());
        while let Some(join) = self.joins.open.get(&id)
            && join.under_way.len() < limits.joins_at_once
            && let Some(&addr) = join.waiting.front()
        {
            let is_with_us = join.answers > 0 && self.is_with_us(addr);
            let Some(join) = self.joins.open.get_mut(&id) else {
                return;
            };
            join.waiting.pop_front();
            if is_with_us {
                join.reached.push(addr);
            } else if may_reserve
                && join.answers >= limits.join_answers
                && join.reached.len() >= join.enough
            {
                join.failed.push((addr, JoinFailure::Reserved));
                self.on_tried(cx, addr, false);
            } else {
                join.under_way.push(addr);
                let reason = PushPullReason::Join(id, join.replay);
                self.dial_push_pull(cx, addr, reason);
            }
        }
    }
}
