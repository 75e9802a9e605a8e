//! Streams that fail while datagrams pass: a firewall knows UDP only, or a path loses large segments.
//!
//! Such a member looks alive to everybody, and yet nothing is ever compared with it, and nobody can join
//! through it. So a push/pull that failed is repeated once, as soon as the member answers a datagram. If that
//! fails as well, it is counted, and the first, tenth, hundredth time is a warning.
//!
//! Unlike Go, which logs each failure by itself and repeats nothing.

use std::net::SocketAddr;

use crate::api::JoinFailure;
use crate::machinery::{Cx, Key, is_notable};
use crate::memberlist::members::swim_member::{StreamHealth, SwimState};
use crate::memberlist::streams::exchange::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};

/// After how many of our push/pulls without any stream of others we say so.
const QUIET_TICKS: u32 = 30;

impl<D: Delegate> Memberlist<D> {
    /// A push/pull with a member is over.
    pub(crate) fn note_stream_health(
        &mut self,
        cx: &mut Cx<'_>,
        peer: SocketAddr,
        result: Result<(), &JoinFailure>,
    ) {
        let Some(key) = self.members.find_addr(peer).filter(|key| Some(*key) != self.members.me())
        else {
            return;
        };
        let member = &mut self.members[key];
        let has_failed = matches!(
            result,
            Err(JoinFailure::Unreachable | JoinFailure::Unanswered | JoinFailure::TimedOut)
        );
        if !has_failed {
            member.stream_health = StreamHealth::Fine;
        } else if member.state() != SwimState::Alive || member.missed {
            // The member is not there, or the network is not.
        } else if member.stream_health == StreamHealth::Repeated {
            cx.stats.streams_blocked += 1;
            self.trace_stream_blocked(cx, key);
        } else {
            member.stream_health = StreamHealth::Failed;
        }
    }

    /// A member has answered a datagram: if the last push/pull with it failed, that was not because the
    /// member is gone.
    #[inline]
    pub(crate) fn repeat_failed_push_pull(&mut self, cx: &mut Cx<'_>, key: Key) {
        let member = &mut self.members[key];
        if member.stream_health == StreamHealth::Failed {
            member.stream_health = StreamHealth::Repeated;
            let to = member.node.addr();
            self.dial_push_pull(cx, to, PushPullReason::Periodic);
        }
    }

    /// One of our push/pulls is due. All members have as many, so with each of ours about one of others is
    /// with us.
    pub(crate) fn note_quiet_tick(&mut self, cx: &Cx<'_>) {
        let ticks = &mut self.exchanges.quiet_ticks;
        *ticks = ticks.saturating_add(1);
        if ticks.is_multiple_of(QUIET_TICKS) && is_notable(u64::from(*ticks / QUIET_TICKS)) {
            let (advertised, ticks) = (cx.params.advertise, *ticks);
            tracing::warn!(target: "serfer::swim", %advertised, push_pulls = ticks, "no other node has dialled us for so many of our own push/pulls: TCP to our address is blocked, or others have push/pulls turned off");
        }
    }

    fn trace_stream_blocked(&self, cx: &Cx<'_>, key: Key) {
        let (node, count) = (&self.members[key].node, cx.stats.streams_blocked);
        let (name, addr) = (node.name(), node.addr());
        if is_notable(count) {
            tracing::warn!(target: "serfer::swim", %name, %addr, count, "answers datagrams but not streams: let TCP through between us as well, or else nothing that gossip misses is repaired");
        } else {
            tracing::debug!(target: "serfer::swim", %name, %addr, "answers datagrams but not streams");
        }
    }
}
