//! The rejoin from a snapshot: a node that was started again looks for the members that it knew.
//!
//! They are [asked by name](super::asking) in random order: 16 each 100 ms by datagram and, after the probe
//! timeout, two each 100 ms over a stream. With the first that acks, everything is compared; with the
//! next one, if that takes too long. So a few that are there are found in seconds among hundreds that are
//! not. Those that are missing then are left to [`retries`](super::retries): unlike Go, which tries one
//! after another, and none twice, so that a cluster that was started again as a whole may never find
//! itself (hs#333). Counterpart of Go's `handleRejoin`.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::{JoinFailure, Node, RejoinDone};
use crate::machinery::{Cx, Timer};
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

const ROUND: Duration = Duration::from_millis(100);

/// How many are asked in a round, by datagram and over a stream.
const ASKED: usize = 16;
const ASKED_OVER_STREAM: usize = 2;

/// With how many everything is compared at once, at most.
const AT_ONCE: usize = 3;

/// A rejoin under way; all is empty when there is none.
#[derive(Debug, Default)]
pub(crate) struct SnapshotRejoin {
    /// Those to ask, the next at the end.
    waiting: Vec<Node>,
    /// Those that were asked by datagram, and since when.
    silent: VecDeque<(Instant, Node)>,
    /// Those that acked.
    answered: VecDeque<SocketAddr>,
    under_way: Vec<SocketAddr>,
    dialled_at: Option<Instant>,
    /// When to stop waiting for acks.
    until: Option<Instant>,
    asked: usize,
}

impl<D: Delegate> Memberlist<D> {
    /// Looks for the members of a snapshot until one answers.
    pub(crate) fn rejoin(&mut self, cx: &mut Cx<'_>, up: &mut D, mut nodes: Vec<Node>) {
        for last in (1..nodes.len()).rev() {
            nodes.swap(last, cx.rng.index(last + 1));
        }
        let is_over = nodes.is_empty();
        self.snapshot_rejoin.waiting = nodes;
        if is_over {
            self.retry_missing(cx, up);
        } else {
            self.on_rejoin_tick(cx, up);
        }
    }

    /// The next round.
    pub(crate) fn on_rejoin_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        let wait = 4 * cx.params.probe.timeout;
        for _ in 0..ASKED {
            let Some(node) = self.snapshot_rejoin.waiting.pop() else {
                break;
            };
            self.ask(cx, &node, PushPullReason::SnapshotRejoin);
            let rejoin = &mut self.snapshot_rejoin;
            rejoin.asked += 1;
            rejoin.until = Some(cx.now + wait);
            rejoin.silent.push_back((cx.now, node));
        }
        for _ in 0..ASKED_OVER_STREAM {
            let rejoin = &mut self.snapshot_rejoin;
            let first = rejoin.silent.front();
            if first.is_none_or(|(since, _)| cx.now < *since + cx.params.probe.timeout) {
                break;
            }
            let Some((_, node)) = rejoin.silent.pop_front() else {
                break;
            };
            rejoin.until = Some(cx.now + wait);
            self.ask_over_stream(cx, &node, PushPullReason::SnapshotRejoin);
        }
        self.compare_with_next(cx);
        let rejoin = &self.snapshot_rejoin;
        let is_over = rejoin.waiting.is_empty()
            && rejoin.silent.is_empty()
            && rejoin.answered.is_empty()
            && rejoin.under_way.is_empty()
            && rejoin.until.is_none_or(|until| until <= cx.now);
        if is_over {
            self.finish_rejoin(cx, up, None);
        } else {
            cx.timers.set(Timer::Rejoin, cx.now + ROUND);
        }
    }

    /// A member of the snapshot is there.
    pub(crate) fn on_rejoin_acked(&mut self, cx: &mut Cx<'_>, addr: SocketAddr) {
        let rejoin = &mut self.snapshot_rejoin;
        if rejoin.asked == 0 {
            // It is over.
            return;
        }
        rejoin.silent.retain(|(_, node)| node.addr() != addr);
        if !rejoin.under_way.contains(&addr) && !rejoin.answered.contains(&addr) {
            rejoin.answered.push_back(addr);
        }
        self.compare_with_next(cx);
    }

    /// Starts a push/pull with another member that acked, if none is under way or they take long.
    fn compare_with_next(&mut self, cx: &mut Cx<'_>) {
        let rejoin = &mut self.snapshot_rejoin;
        let take_long =
            rejoin.dialled_at.is_some_and(|at| at + 2 * cx.params.probe.timeout <= cx.now);
        let may = rejoin.under_way.is_empty() || take_long && rejoin.under_way.len() < AT_ONCE;
        if may && let Some(addr) = rejoin.answered.pop_front() {
            rejoin.under_way.push(addr);
            rejoin.dialled_at = Some(cx.now);
            self.dial_push_pull(cx, addr, PushPullReason::SnapshotRejoin);
        }
    }

    /// The push/pull with a member of the snapshot is over.
    pub(crate) fn on_snapshot_rejoin_tried(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        addr: SocketAddr,
        result: Result<(), JoinFailure>,
    ) {
        let rejoin = &mut self.snapshot_rejoin;
        let Some(place) = rejoin.under_way.iter().position(|&open| open == addr) else {
            // We leave, or another one was quicker.
            return;
        };
        rejoin.under_way.swap_remove(place);
        match result {
            Ok(()) => self.finish_rejoin(cx, up, Some(addr)),
            Err(failure) => {
                tracing::debug!(target: "serfer::join", %addr, %failure, "cannot rejoin");
                self.compare_with_next(cx);
            }
        }
    }

    fn finish_rejoin(&mut self, cx: &mut Cx<'_>, up: &mut D, reached: Option<SocketAddr>) {
        cx.timers.clear(Timer::Rejoin);
        let tried = std::mem::take(&mut self.snapshot_rejoin).asked;
        up.on_rejoin_done(cx, RejoinDone { reached, tried });
        self.retry_missing(cx, up);
    }

    /// Gives the rejoin up: we leave.
    pub(crate) fn cancel_rejoin(&mut self, cx: &mut Cx<'_>) {
        cx.timers.clear(Timer::Rejoin);
        self.snapshot_rejoin = SnapshotRejoin::default();
    }

    /// Leaves the members that are missing to the retries.
    fn retry_missing(&mut self, cx: &mut Cx<'_>, up: &D) {
        if let Some(settings) = cx.params.seed_keeper {
            let missing = up.missing(cx, settings.dead);
            self.on_missing(cx, &missing);
        }
    }
}
