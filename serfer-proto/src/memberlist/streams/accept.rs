//! The streams that others dial: their request, and our answer.

use crate::api::StreamId;
use crate::machinery::{Cx, DropReason, Output, Refusal};
use crate::memberlist::probe::ping::is_for_us;
use crate::memberlist::streams::exchange::{ExchangePhase, Origin};
use crate::memberlist::streams::handler::set_deadline;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Ack, ErrorResponse};
use crate::wire::msgpack::Text;
use crate::wire::stream::{FrameReader, Side, StreamMessage};

impl<D: Delegate> Memberlist<D> {
    /// Another node dialled us; `None` if there is no place for its stream.
    ///
    /// Unlike Go, which counts push/pulls only: a stream costs us the same whatever comes over it.
    pub(crate) fn on_accepted(&mut self, cx: &mut Cx<'_>) -> Option<StreamId> {
        let (source, entitled) = self.source_of(cx, cx.from.ip());
        if !self.find_place(cx, source, entitled) {
            cx.dropped(DropReason::Full, &"too many inbound streams");
            return None;
        }
        cx.stats.streams_accepted += 1;
        self.exchanges.quiet_ticks = 0;
        let reader = FrameReader::new(Side::Accepted, cx.params.limits.stream_len);
        let reading = ExchangePhase::Reading(None, reader);
        let origin = Origin { source, since: cx.now };
        let stream = self.exchanges.accept(cx.from, reading, origin, entitled);
        set_deadline(cx, stream);
        Some(stream)
    }

    /// The request of another node is here, and is no push/pull, or it cannot be read.
    pub(crate) fn serve(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        request: Result<StreamMessage<'_>, Refusal>,
    ) {
        // What is long may be served only when its stream is gone.
        let is_open = self.exchanges.open.contains_key(&stream);
        match request {
            // Unlike Go: an unknown label, or a message that is broken, gets no answer.
            Err(Refusal::Label | Refusal::Broken(_)) => {}
            Err(_) | Ok(StreamMessage::Ping(_)) if !is_open => {}
            Err(refusal) => {
                let text = refusal.to_string();
                let error = StreamMessage::Error(ErrorResponse { error: Text(text.as_bytes()) });
                cx.write_stream(stream, Side::Accepted, &error);
            }
            Ok(StreamMessage::Ping(ping))
                if is_for_us(cx, ping.node) && self.is_own_question(cx, up, &ping) => {}
            Ok(StreamMessage::Ping(ping)) if is_for_us(cx, ping.node) => {
                let ack = StreamMessage::Ack(Ack { payload: &[], seq: ping.seq });
                cx.write_stream(stream, Side::Accepted, &ack);
            }
            Ok(StreamMessage::Ping(ping)) => {
                cx.dropped(DropReason::Misaddressed, &ping.node.to_string_lossy());
            }
            Ok(StreamMessage::User([])) => {}
            Ok(StreamMessage::User(message)) => up.on_message(cx, message),
            // Push/pulls take another way.
            Ok(StreamMessage::Ack(_) | StreamMessage::Error(_) | StreamMessage::PushPull(_)) => {
                cx.dropped(DropReason::UnknownType, &"an answer to nothing");
            }
        }
        if is_open {
            cx.out.push(Output::Close { stream });
        }
    }
}
