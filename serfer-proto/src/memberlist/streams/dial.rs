//! The streams that we dial: our request, and the answer. Counterpart of Go's `sendAndReceiveState` and
//! `sendPingAndWaitForAck`.

use std::net::SocketAddr;
use std::time::Instant;

use crate::api::{JoinFailure, Node, Replay, StreamId};
use crate::machinery::{Cx, Output, Refusal, Timer};
use crate::memberlist::probe::ping::PingSource;
use crate::memberlist::streams::exchange::{
    Exchange, ExchangePhase, PushPullReason, StreamRequest,
};
use crate::memberlist::streams::handler::set_deadline;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::stream::{FrameReader, Side, StreamMessage};

/// How much of an error text is kept.
const ERROR_TEXT_MAX: usize = 200;

impl<D: Delegate> Memberlist<D> {
    /// Dials a push/pull.
    pub(crate) fn dial_push_pull(
        &mut self,
        cx: &mut Cx<'_>,
        to: SocketAddr,
        reason: PushPullReason,
    ) {
        let deadline = cx.now + cx.params.stream_timeout;
        self.dial(cx, to, StreamRequest::PushPull(reason), deadline);
    }

    /// Pings over a stream, until `deadline`.
    pub(crate) fn dial_ping(&mut self, cx: &mut Cx<'_>, node: &Node, seq: u32, deadline: Instant) {
        let request = StreamRequest::Ping { seq, node: node.clone() };
        self.dial(cx, node.addr(), request, deadline);
    }

    fn dial(&mut self, cx: &mut Cx<'_>, to: SocketAddr, request: StreamRequest, deadline: Instant) {
        let stream = self.exchanges.dial(to, ExchangePhase::Dialling(request));
        cx.timers.set(Timer::Stream(stream), deadline);
        cx.out.push(Output::Connect { stream, to });
        cx.stats.streams_dialled += 1;
    }

    /// A stream that we dialled is open: sends our request.
    pub(crate) fn on_connected(&mut self, cx: &mut Cx<'_>, up: &mut D, stream: StreamId) {
        let Some(Exchange { phase, .. }) = self.exchanges.open.get_mut(&stream) else {
            return;
        };
        let ExchangePhase::Dialling(request) = phase else {
            return;
        };
        let request = request.clone();
        let reader = FrameReader::new(Side::Dialled, cx.params.limits.stream_len);
        *phase = ExchangePhase::Reading(Some(request.clone()), reader);
        match request {
            StreamRequest::PushPull(reason) => {
                set_deadline(cx, stream);
                let join = reason.replay().is_some();
                self.send_local_state(cx, up, stream, Side::Dialled, join);
            }
            StreamRequest::Ping { seq, node } => {
                let me = PingSource::of(cx);
                let ping = StreamMessage::Ping(me.ping(seq, node.name_text()));
                cx.write_stream(stream, Side::Dialled, &ping);
            }
        }
    }

    /// A stream that we dialled was not connected, for this reason.
    pub(crate) fn on_connect_failed(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        reason: &str,
    ) {
        let phase = self.exchanges.open.get(&stream).map(|exchange| &exchange.phase);
        if matches!(phase, Some(ExchangePhase::Dialling(_))) {
            let reason = reason.chars().take(ERROR_TEXT_MAX).collect();
            self.give_up(cx, up, stream, false, JoinFailure::NotConnected(reason));
        }
    }

    /// The answer to our request is here, and is no push/pull, or it cannot be read.
    pub(crate) fn on_answer(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        request: &StreamRequest,
        answer: Result<StreamMessage<'_>, Refusal>,
    ) {
        let reason = match *request {
            StreamRequest::PushPull(reason) => reason,
            StreamRequest::Ping { seq, .. } => {
                if matches!(answer, Ok(StreamMessage::Ack(ack)) if ack.seq == seq)
                    && !self.on_namesake_ack(cx, up, seq)
                {
                    self.prober.on_stream_ack(seq);
                    self.on_ask_acked(cx, seq);
                }
                return;
            }
        };
        let result = match answer {
            Ok(StreamMessage::Error(response)) => {
                let text = response.error.to_string_lossy();
                Err(JoinFailure::Refused(text.chars().take(ERROR_TEXT_MAX).collect()))
            }
            Ok(_) => Err(JoinFailure::Unusable("not a push/pull".to_owned())),
            Err(refusal) => Err(JoinFailure::Unusable(refusal.to_string())),
        };
        self.on_push_pull_done(cx, up, reason, result);
    }

    /// Whether user events from before a push/pull of ours are delivered; `None` if it is not a join.
    ///
    /// A node that starts again with both a snapshot and seeds comes back through whichever answers
    /// first, and what the seeds are joined for must not depend on that. Go: `eventJoinIgnore`.
    pub(crate) fn replay(&self, reason: PushPullReason) -> Option<Replay> {
        match reason {
            PushPullReason::SnapshotRejoin if self.joins.skip_old_events() => Some(Replay::Skip),
            // A member may have that address besides its own, as behind a proxy. What it has heard and we have
            // not is then no older than we are, but on its way to us.
            PushPullReason::SeedRetry(_) if self.members.live_others() > 0 => Some(Replay::Deliver),
            _ => reason.replay(),
        }
    }
}
