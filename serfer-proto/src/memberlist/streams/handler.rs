//! The life of a stream: from its first byte until it is gone. Counterpart of Go's `handleConn`.
//!
//! Every stream has a deadline from the moment it is accepted or dialled until the runtime reports
//! that it is closed, so a peer that sends nothing, sends slowly or never reads costs one slot for a
//! bounded time.

use crate::api::{JoinFailure, StreamId};
use crate::machinery::{Cx, DropReason, Opener, Output, Timer};
use crate::memberlist::members::alive::is_known;
use crate::memberlist::streams::exchange::{Exchange, ExchangePhase, StreamEnd, StreamRequest};
use crate::memberlist::streams::long_push_pull::StreamUse;
use crate::memberlist::{Delegate, Memberlist};

impl<D: Delegate> Memberlist<D> {
    /// Bytes have come.
    pub(crate) fn on_stream_data(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        data: &[u8],
    ) {
        let Some(exchange) = self.exchanges.open.get_mut(&stream) else {
            return;
        };
        let ExchangePhase::Reading(_, reader) = &mut exchange.phase else {
            return;
        };
        let (members, params, news) = (&self.members, cx.params, &mut exchange.news);
        let pushed = reader.push_and_see(data, &mut |node, place| {
            news.note(is_known(members, params, node), place);
        });
        if pushed == Ok(false) {
            return self.bound_unfinished(cx, stream);
        }
        if let Some(origin) = &mut exchange.origin {
            origin.since = cx.now;
        }
        cx.from = exchange.peer;
        let side = exchange.side;
        let news = std::mem::take(&mut exchange.news);
        let phase = std::mem::replace(&mut exchange.phase, ExchangePhase::Closing);
        let ExchangePhase::Reading(request, reader) = phase else {
            return;
        };
        if request.is_some() {
            cx.out.push(Output::Close { stream });
        } else {
            set_deadline(cx, stream);
        }
        let len_max = cx.params.limits.inflated_stream_len;
        let opener = match pushed {
            Ok(_) => Opener::begin(cx.link, side, reader, len_max),
            Err(error) => Err(error.into()),
        };
        self.receive(
            cx,
            up,
            request.map_or(StreamUse::Accepted(stream), StreamUse::Dialled),
            opener,
            news,
        );
    }

    /// The stream is over, or the other side has sent all it will.
    pub(crate) fn on_stream_end(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        end: StreamEnd,
    ) {
        let failure = match self.exchanges.open.get(&stream).map(|exchange| &exchange.phase) {
            Some(ExchangePhase::Closing) if end == StreamEnd::Eof => return,
            Some(ExchangePhase::Dialling(_)) => JoinFailure::Unreachable,
            _ => JoinFailure::Unanswered,
        };
        self.give_up(cx, up, stream, end == StreamEnd::Eof, failure);
    }

    /// The stream took too long.
    pub(crate) fn on_stream_timeout(&mut self, cx: &mut Cx<'_>, up: &mut D, stream: StreamId) {
        self.give_up(cx, up, stream, true, JoinFailure::TimedOut);
    }

    pub(crate) fn give_up(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        abort: bool,
        failure: JoinFailure,
    ) {
        let Some(Exchange { peer, phase, .. }) = self.exchanges.remove(stream) else {
            return;
        };
        cx.from = peer;
        cx.timers.clear(Timer::Stream(stream));
        if abort {
            cx.out.push(Output::Abort { stream });
        }
        match phase {
            ExchangePhase::Dialling(StreamRequest::PushPull(reason))
            | ExchangePhase::Reading(Some(StreamRequest::PushPull(reason)), _) => {
                self.on_push_pull_done(cx, up, reason, Err(failure));
            }
            ExchangePhase::Reading(None, _) if failure == JoinFailure::TimedOut => {
                cx.dropped(DropReason::Incomplete, &"the rest did not come in time");
            }
            // A connection that ends before its first byte is a health check.
            ExchangePhase::Reading(None, reader) if !reader.is_empty() => {
                cx.dropped(DropReason::Incomplete, &"the stream ended before the rest came");
            }
            _ => {}
        }
    }
}

/// Gives a stream the whole stream timeout, from now on.
pub(crate) fn set_deadline(cx: &mut Cx<'_>, stream: StreamId) {
    cx.timers.set(Timer::Stream(stream), cx.now + cx.params.stream_timeout);
}
