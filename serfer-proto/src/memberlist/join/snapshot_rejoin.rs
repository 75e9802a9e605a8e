//! Coming back after a restart, through those whom an earlier life knew.
//!
//! They are tried in random order, one at a time, until one answers. Whoever is still missing then is
//! left to the seed keeper: unlike Go, which tries nobody twice, so that a cluster that was started
//! again as a whole may never find itself (hs#333). Counterpart of Go's `handleRejoin`.

use std::net::SocketAddr;

use crate::api::event::{JoinFailure, RejoinDone, Replay};
use crate::machinery::context::Cx;
use crate::memberlist::streams::push_pull::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

#[derive(Debug, Default)]
pub(crate) struct Rejoin {
    /// Whom to try, the next at the end.
    waiting: Vec<SocketAddr>,
    /// Who is being tried.
    under_way: Option<SocketAddr>,
    tried: usize,
}

impl Memberlist {
    /// Tries these until one answers.
    pub(crate) fn rejoin<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        mut addrs: Vec<SocketAddr>,
    ) {
        for last in (1..addrs.len()).rev() {
            addrs.swap(last, cx.rng.index(last + 1));
        }
        let nobody = addrs.is_empty();
        self.rejoin.waiting = addrs;
        if nobody {
            self.keep_missing(cx, up);
        } else {
            self.rejoin_next(cx, up);
        }
    }

    /// Whether user events from before a push/pull of ours are delivered, if it is a join of some kind.
    ///
    /// Who starts again with both a snapshot and seeds comes back through whichever answers first, and
    /// what seeds are joined for must not depend on that. Go: `eventJoinIgnore`.
    pub(crate) fn replay(&self, reason: PushPullReason) -> Option<Replay> {
        match reason {
            PushPullReason::Recover if self.skips_old_events() => Some(Replay::Skip),
            _ => reason.replay(),
        }
    }

    fn rejoin_next<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        match self.rejoin.waiting.pop() {
            Some(addr) => {
                self.rejoin.under_way = Some(addr);
                self.rejoin.tried += 1;
                self.dial_push_pull(cx, addr, PushPullReason::Recover);
            }
            None => self.rejoin_done(cx, up, None),
        }
    }

    /// One has been tried.
    pub(crate) fn on_rejoin_attempt<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        addr: SocketAddr,
        result: Result<(), JoinFailure>,
    ) {
        if self.rejoin.under_way.take() != Some(addr) {
            // We leave, and want nobody any more.
            return;
        }
        match result {
            Ok(()) => self.rejoin_done(cx, up, Some(addr)),
            Err(failure) => {
                tracing::debug!(target: "serfer::join", %addr, %failure, "cannot rejoin");
                self.rejoin_next(cx, up);
            }
        }
    }

    fn rejoin_done<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        reached: Option<SocketAddr>,
    ) {
        let tried = std::mem::take(&mut self.rejoin).tried;
        up.on_rejoin_done(cx, RejoinDone { reached, tried });
        self.keep_missing(cx, up);
    }

    /// Leaves those that are not here to the seed keeper.
    fn keep_missing<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &D) {
        if let Some(settings) = cx.params.seed_keeper {
            for node in up.missing(cx, settings.dead) {
                self.keeper.keep_missing(cx, node);
            }
        }
    }
}
