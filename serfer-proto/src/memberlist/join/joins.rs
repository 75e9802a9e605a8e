//! Joining: comparing everything with any of several addresses.
//!
//! All addresses are tried, some at a time, and it is enough that one can be reached; but every one
//! that cannot be comes back with its reason. Counterpart of Go's `Join`, which tries one after
//! another.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use crate::api::event::{JoinDone, JoinFailure, Replay};
use crate::api::ids::JoinId;
use crate::machinery::context::Cx;
use crate::memberlist::streams::push_pull::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

#[derive(Debug, Default)]
pub(crate) struct Joins {
    joins: BTreeMap<JoinId, Join>,
    last_id: u64,
}

#[derive(Debug)]
struct Join {
    replay: Replay,
    waiting: VecDeque<SocketAddr>,
    under_way: Vec<SocketAddr>,
    reached: Vec<SocketAddr>,
    failed: Vec<(SocketAddr, JoinFailure)>,
}

impl Join {
    fn done(self, join: JoinId) -> JoinDone {
        JoinDone { join, reached: self.reached.into(), failed: self.failed.into() }
    }
}

impl Joins {
    /// Ends all joins: we leave.
    pub(crate) fn cancel<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        while let Some((id, mut join)) = self.joins.pop_first() {
            let open = join.under_way.drain(..).chain(join.waiting.drain(..));
            join.failed.extend(open.map(|addr| (addr, JoinFailure::Left)));
            up.on_join_done(cx, join.done(id));
        }
    }
}

impl Memberlist {
    /// Starts to join through `addrs`, which is not empty.
    pub(crate) fn join(
        &mut self,
        cx: &mut Cx<'_>,
        addrs: impl IntoIterator<Item = SocketAddr>,
        replay: Replay,
    ) -> JoinId {
        let addrs: VecDeque<SocketAddr> = addrs.into_iter().collect();
        addrs.iter().for_each(|&addr| self.keeper.keep_seed(cx, addr));
        self.joins.last_id += 1;
        let id = JoinId(self.joins.last_id);
        let join = Join {
            replay,
            waiting: addrs,
            under_way: Vec::new(),
            reached: Vec::new(),
            failed: Vec::new(),
        };
        self.joins.joins.insert(id, join);
        self.dial_waiting(cx, id);
        id
    }

    /// One address has been tried.
    pub(crate) fn on_join_attempt<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        id: JoinId,
        addr: SocketAddr,
        result: Result<(), JoinFailure>,
    ) {
        let Some(join) = self.joins.joins.get_mut(&id) else {
            return;
        };
        if let Some(place) = join.under_way.iter().position(|&open| open == addr) {
            join.under_way.swap_remove(place);
        }
        match result {
            Ok(()) => join.reached.push(addr),
            Err(failure) => {
                tracing::debug!(target: "serfer::join", %addr, %failure, "cannot join");
                join.failed.push((addr, failure));
            }
        }
        self.dial_waiting(cx, id);
        let joins = &mut self.joins.joins;
        if joins.get(&id).is_some_and(|join| join.under_way.is_empty())
            && let Some(join) = joins.remove(&id)
        {
            up.on_join_done(cx, join.done(id));
        }
    }

    /// Whether a join is under way whose user events from before are not to be delivered.
    pub(crate) fn skips_old_events(&self) -> bool {
        self.joins.joins.values().any(|join| join.replay == Replay::Skip)
    }

    fn dial_waiting(&mut self, cx: &mut Cx<'_>, id: JoinId) {
        let at_once = cx.params.limits.joins_at_once;
        while let Some(join) = self.joins.joins.get_mut(&id)
            && join.under_way.len() < at_once
            && let Some(addr) = join.waiting.pop_front()
        {
            join.under_way.push(addr);
            let reason = PushPullReason::Join(id, join.replay);
            self.dial_push_pull(cx, addr, reason);
        }
    }
}
