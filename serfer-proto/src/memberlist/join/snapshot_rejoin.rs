//! The rejoin from a snapshot: a node that was started again tries the members that it knew.
//!
//! They are tried in random order, one at a time, until one answers. Those that are missing then are
//! left to [`seed_retry`](super::seed_retry): unlike Go, which tries no member twice, so that a cluster
//! that was started again as a whole may never find itself (hs#333). Counterpart of Go's `handleRejoin`.

use std::net::SocketAddr;

use crate::api::{JoinFailure, RejoinDone};
use crate::machinery::Cx;
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

#[derive(Debug, Default)]
pub(crate) struct SnapshotRejoin {
    /// The addresses to try, the next at the end.
    waiting: Vec<SocketAddr>,
    under_way: Option<SocketAddr>,
    tried: usize,
}

impl<D: Delegate> Memberlist<D> {
    /// Tries the addresses of a snapshot until one answers.
    pub(crate) fn rejoin(&mut self, cx: &mut Cx<'_>, up: &D, mut addrs: Vec<SocketAddr>) {
        for last in (1..addrs.len()).rev() {
            addrs.swap(last, cx.rng.index(last + 1));
        }
        self.snapshot_rejoin.waiting = addrs;
        if !self.rejoin_next(cx) {
            self.retry_missing(cx, up);
        }
    }

    /// Dials the next address, if there is one.
    fn rejoin_next(&mut self, cx: &mut Cx<'_>) -> bool {
        let rejoin = &mut self.snapshot_rejoin;
        rejoin.under_way = rejoin.waiting.pop();
        if let Some(addr) = rejoin.under_way {
            rejoin.tried += 1;
            self.dial_push_pull(cx, addr, PushPullReason::SnapshotRejoin);
        }
        self.snapshot_rejoin.under_way.is_some()
    }

    /// An address of the snapshot has been tried.
    pub(crate) fn on_snapshot_rejoin_tried(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        addr: SocketAddr,
        result: Result<(), JoinFailure>,
    ) {
        if self.snapshot_rejoin.under_way != Some(addr) {
            // We leave, and the rejoin was given up.
            return;
        }
        let reached = result.is_ok().then_some(addr);
        if let Err(failure) = result {
            tracing::debug!(target: "serfer::join", %addr, %failure, "cannot rejoin");
            if self.rejoin_next(cx) {
                return;
            }
        }
        let tried = std::mem::take(&mut self.snapshot_rejoin).tried;
        up.on_rejoin_done(cx, RejoinDone { reached, tried });
        self.retry_missing(cx, up);
    }

    /// Leaves the members that are missing to the seed retries.
    fn retry_missing(&mut self, cx: &mut Cx<'_>, up: &D) {
        if let Some(settings) = cx.params.seed_keeper {
            let missing = up.missing(cx, settings.dead);
            self.seed_retries.on_missing(cx, &missing);
        }
    }
}
