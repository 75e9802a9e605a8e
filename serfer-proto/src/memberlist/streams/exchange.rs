//! Reliable exchanges: one message each way over a stream.
//!
//! memberlist uses streams for three things: comparing everything (push/pull), a ping where
//! datagrams may be blocked, and messages to one node. Whoever dials sends, whoever accepts answers
//! and closes. A stream is a small state machine here; a runtime only moves its bytes. Counterpart
//! of Go's `handleConn`, `sendAndReceiveState`, `sendPingAndWaitForAck`.
//!
//! Every stream has a deadline from the moment it is accepted or dialled until the runtime reports
//! that it is closed, so a peer that sends nothing, sends slowly or never reads costs one slot for a
//! bounded time.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::api::event::{JoinFailure, Replay};
use crate::api::ids::StreamId;
use crate::api::member::Node;
use crate::machinery::context::Cx;
use crate::machinery::link::Refusal;
use crate::machinery::output::Output;
use crate::machinery::stats::DropReason;
use crate::machinery::timers::Timer;
use crate::memberlist::probe::prober::{Source, is_for_us};
use crate::memberlist::streams::push_pull::PushPullReason;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::message::{Ack, ErrorResponse};
use crate::wire::msgpack::{DecodeError, Text};
use crate::wire::stream::{FrameReader, Side, StreamMessage};

/// How a stream ended, as the runtime reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamEnd {
    /// The other side sends no more, but may still read what we write.
    Eof,
    /// The stream is gone: closed as asked for, broken, or it could not be dialled.
    Closed,
}

#[derive(Debug, Default)]
pub(crate) struct Exchanges {
    streams: BTreeMap<StreamId, Exchange>,
    last_id: u64,
    inbound: usize,
}

#[derive(Debug)]
struct Exchange {
    peer: SocketAddr,
    side: Side,
    phase: Phase,
}

impl Exchange {
    fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing)
    }
}

#[derive(Debug)]
enum Phase {
    /// We dialled and wait until somebody answers.
    Dialling(Request),
    /// We sent our request and wait for the answer.
    Awaiting(Request, FrameReader),
    /// Somebody dialled us; we wait for the request.
    Serving(FrameReader),
    /// All is said; the runtime flushes and closes.
    Closing,
}

/// What we want of the other side.
#[derive(Clone, Debug)]
enum Request {
    PushPull(PushPullReason),
    Ping { seq: u32, node: Arc<Node> },
}

impl Exchanges {
    fn open(&mut self, peer: SocketAddr, side: Side, phase: Phase) -> StreamId {
        self.last_id += 1;
        let stream = StreamId(self.last_id);
        self.inbound += usize::from(side == Side::Accepted);
        self.streams.insert(stream, Exchange { peer, side, phase });
        stream
    }

    fn forget(&mut self, cx: &mut Cx<'_>, stream: StreamId) -> Option<Exchange> {
        let exchange = self.streams.remove(&stream)?;
        self.inbound -= usize::from(exchange.side == Side::Accepted);
        cx.timers.clear(Timer::Stream(stream));
        Some(exchange)
    }
}

impl Memberlist {
    /// Dials somebody to compare everything.
    pub(crate) fn dial_push_pull(
        &mut self,
        cx: &mut Cx<'_>,
        to: SocketAddr,
        reason: PushPullReason,
    ) {
        let deadline = cx.now + cx.params.stream_timeout;
        self.dial(cx, to, Request::PushPull(reason), deadline);
    }

    /// Pings over a stream, until `deadline`.
    pub(crate) fn dial_ping(
        &mut self,
        cx: &mut Cx<'_>,
        node: &Arc<Node>,
        seq: u32,
        deadline: Instant,
    ) {
        let request = Request::Ping { seq, node: node.clone() };
        self.dial(cx, node.addr(), request, deadline);
    }

    fn dial(&mut self, cx: &mut Cx<'_>, to: SocketAddr, request: Request, deadline: Instant) {
        let dialling = Phase::Dialling(request);
        let stream = self.exchanges.open(to, Side::Dialled, dialling);
        cx.timers.set(Timer::Stream(stream), deadline);
        cx.out.push(Output::Connect { stream, to });
        cx.stats.streams_dialled += 1;
    }

    /// Somebody dialled us; `None` if too many have.
    ///
    /// Unlike Go, which counts push/pulls only: a stream costs us the same whatever comes over it.
    pub(crate) fn on_accepted(&mut self, cx: &mut Cx<'_>, from: SocketAddr) -> Option<StreamId> {
        if self.exchanges.inbound >= cx.params.limits.inbound_streams {
            cx.dropped(DropReason::Full, from, &"too many inbound streams");
            return None;
        }
        cx.stats.streams_accepted += 1;
        let reader = FrameReader::new(Side::Accepted, cx.params.limits.stream_len);
        let stream = self.exchanges.open(from, Side::Accepted, Phase::Serving(reader));
        let deadline = cx.now + cx.params.stream_timeout;
        cx.timers.set(Timer::Stream(stream), deadline);
        Some(stream)
    }

    /// A stream that we dialled is open: send what we dialled it for.
    pub(crate) fn on_connected<D: Delegate>(&mut self, cx: &mut Cx<'_>, up: &D, stream: StreamId) {
        let Some(Exchange { phase, .. }) = self.exchanges.streams.get_mut(&stream) else {
            return;
        };
        let Phase::Dialling(request) = phase else {
            return;
        };
        let request = request.clone();
        let reader = FrameReader::new(Side::Dialled, cx.params.limits.stream_len);
        *phase = Phase::Awaiting(request.clone(), reader);
        match request {
            Request::PushPull(reason) => {
                let deadline = cx.now + cx.params.stream_timeout;
                cx.timers.set(Timer::Stream(stream), deadline);
                let join = reason.replay().is_some();
                self.write_local_state(cx, up, stream, Side::Dialled, join);
            }
            Request::Ping { seq, node } => {
                let me = Source::of(cx);
                let ping = StreamMessage::Ping(me.ping(seq, Text(node.name.as_bytes())));
                write(cx, stream, Side::Dialled, &ping);
            }
        }
    }

    /// Bytes have come.
    pub(crate) fn on_stream_data<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        data: &[u8],
    ) {
        let Some(exchange) = self.exchanges.streams.get_mut(&stream) else {
            return;
        };
        let reader = match &mut exchange.phase {
            Phase::Awaiting(_, reader) | Phase::Serving(reader) => reader,
            Phase::Dialling(_) | Phase::Closing => return,
        };
        let pushed = reader.push(data);
        if pushed == Ok(false) {
            return;
        }
        let (peer, side) = (exchange.peer, exchange.side);
        let phase = std::mem::replace(&mut exchange.phase, Phase::Closing);
        let (request, mut reader) = match phase {
            Phase::Awaiting(request, reader) => (Some(request), reader),
            Phase::Serving(reader) => (None, reader),
            Phase::Dialling(_) | Phase::Closing => return,
        };
        let mut inflated = Vec::new();
        let message = match pushed {
            Ok(_) => open(cx, side, &mut reader, &mut inflated),
            Err(error) => Err(error.into()),
        };
        if let Err(refusal) = &message {
            cx.dropped((*refusal).into(), peer, refusal);
        }
        match request {
            Some(request) => {
                cx.out.push(Output::Close { stream });
                self.on_answer(cx, up, peer, &request, message);
            }
            None => {
                let deadline = cx.now + cx.params.stream_timeout;
                cx.timers.set(Timer::Stream(stream), deadline);
                self.serve(cx, up, stream, peer, message);
            }
        }
    }

    /// Somebody's request is here, or cannot be read.
    fn serve<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        peer: SocketAddr,
        message: Result<StreamMessage<'_>, Refusal>,
    ) {
        match message {
            // Unlike Go: what is no message, or a compressed one that is broken, gets no answer.
            Err(Refusal::Label | Refusal::Broken(_)) => {}
            Err(refusal) => {
                let text = refusal.to_string();
                let error = Text::from(text.as_str());
                let error = StreamMessage::Error(ErrorResponse { error });
                write(cx, stream, Side::Accepted, &error);
            }
            Ok(StreamMessage::Ping(ping)) if is_for_us(cx, ping.node) => {
                let ack = Ack { payload: &[], seq: ping.seq };
                write(cx, stream, Side::Accepted, &StreamMessage::Ack(ack));
            }
            Ok(StreamMessage::Ping(ping)) => {
                cx.dropped(DropReason::Misaddressed, peer, &ping.node.to_string_lossy());
            }
            Ok(StreamMessage::PushPull(theirs)) => {
                // Our state goes out as it was before theirs is merged, so that neither waits.
                self.write_local_state(cx, up, stream, Side::Accepted, theirs.join);
                cx.out.push(Output::Close { stream });
                // Others are not asked to spare us old events: that is for whoever joins to say.
                let join = theirs.join.then_some(Replay::Deliver);
                if let Err(failure) = self.merge(cx, up, peer, join, &theirs) {
                    tracing::debug!(target: "serfer::swim", %peer, %failure, "cannot merge");
                }
                return;
            }
            Ok(StreamMessage::User([])) => {}
            Ok(StreamMessage::User(message)) => up.on_message(cx, peer, message),
            Ok(StreamMessage::Ack(_) | StreamMessage::Error(_)) => {
                cx.dropped(DropReason::UnknownType, peer, &"an answer to nothing");
            }
        }
        cx.out.push(Output::Close { stream });
    }

    /// The answer to our request is here, or cannot be read.
    fn on_answer<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        peer: SocketAddr,
        request: &Request,
        message: Result<StreamMessage<'_>, Refusal>,
    ) {
        match (request, message) {
            (Request::Ping { seq, .. }, Ok(StreamMessage::Ack(ack))) if ack.seq == *seq => {
                self.prober.on_stream_ack(*seq);
            }
            (Request::Ping { .. }, _) => {}
            (Request::PushPull(reason), Ok(StreamMessage::PushPull(theirs))) => {
                let result = self.merge(cx, up, peer, self.replay(*reason), &theirs);
                self.on_push_pull_done(cx, up, peer, *reason, result);
            }
            (Request::PushPull(reason), Ok(StreamMessage::Error(response))) => {
                let text = response.error.to_string_lossy();
                let failure = JoinFailure::Refused(text.chars().take(TEXT_MAX).collect());
                self.on_push_pull_done(cx, up, peer, *reason, Err(failure));
            }
            (Request::PushPull(reason), Ok(_)) => {
                let failure = JoinFailure::Unusable("not a push/pull".to_owned());
                self.on_push_pull_done(cx, up, peer, *reason, Err(failure));
            }
            (Request::PushPull(reason), Err(refusal)) => {
                let failure = JoinFailure::Unusable(refusal.to_string());
                self.on_push_pull_done(cx, up, peer, *reason, Err(failure));
            }
        }
    }

    /// The stream is over, or the other side has said all it will.
    pub(crate) fn on_stream_end<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
        end: StreamEnd,
    ) {
        let exchange = self.exchanges.streams.get(&stream);
        if end == StreamEnd::Eof && exchange.is_some_and(Exchange::is_closing) {
            return;
        }
        let Some(exchange) = self.exchanges.forget(cx, stream) else {
            return;
        };
        if end == StreamEnd::Eof {
            cx.out.push(Output::Abort { stream });
        }
        let failure = match exchange.phase {
            Phase::Dialling(_) => JoinFailure::Unreachable,
            Phase::Awaiting(..) | Phase::Serving(_) | Phase::Closing => JoinFailure::Unanswered,
        };
        self.give_up(cx, up, exchange, failure);
    }

    /// The stream took too long.
    pub(crate) fn on_stream_timeout<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        stream: StreamId,
    ) {
        let Some(exchange) = self.exchanges.forget(cx, stream) else {
            return;
        };
        cx.out.push(Output::Abort { stream });
        self.give_up(cx, up, exchange, JoinFailure::TimedOut);
    }

    fn give_up<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        exchange: Exchange,
        failure: JoinFailure,
    ) {
        match exchange.phase {
            Phase::Dialling(Request::PushPull(reason))
            | Phase::Awaiting(Request::PushPull(reason), _) => {
                self.on_push_pull_done(cx, up, exchange.peer, reason, Err(failure));
            }
            // A connection without a word is somebody's health check.
            Phase::Serving(_) if failure == JoinFailure::TimedOut => {
                cx.dropped(DropReason::Incomplete, exchange.peer, &"the rest did not come in time");
            }
            Phase::Serving(reader) if !reader.is_empty() => {
                cx.dropped(
                    DropReason::Incomplete,
                    exchange.peer,
                    &"the stream ended before the rest came",
                );
            }
            Phase::Serving(_)
            | Phase::Dialling(Request::Ping { .. })
            | Phase::Awaiting(Request::Ping { .. }, _)
            | Phase::Closing => {}
        }
    }

    fn on_push_pull_done<D: Delegate>(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        peer: SocketAddr,
        reason: PushPullReason,
        result: Result<(), JoinFailure>,
    ) {
        match reason {
            PushPullReason::Join(..) | PushPullReason::Rejoin => {
                self.keeper.on_tried(cx, peer, result.is_ok());
            }
            PushPullReason::Periodic | PushPullReason::Recover | PushPullReason::Reconnect => {}
        }
        match reason {
            PushPullReason::Join(join, _) => self.on_join_attempt(cx, up, join, peer, result),
            PushPullReason::Recover => self.on_rejoin_attempt(cx, up, peer, result),
            PushPullReason::Periodic | PushPullReason::Reconnect | PushPullReason::Rejoin => {
                if let Err(failure) = result {
                    tracing::debug!(target: "serfer::swim", %peer, %failure, "push/pull failed");
                }
            }
        }
    }
}

/// How much of another node's error text is kept.
const TEXT_MAX: usize = 200;

pub(crate) fn write(cx: &mut Cx<'_>, stream: StreamId, side: Side, message: &StreamMessage<'_>) {
    let (link, rng) = (&mut *cx.link, &mut *cx.rng);
    cx.out.write(stream, |out| link.seal_stream(rng, side, message, out));
}

/// Opens a complete frame and decodes what is in it.
fn open<'a>(
    cx: &mut Cx<'_>,
    side: Side,
    reader: &'a mut FrameReader,
    inflated: &'a mut Vec<u8>,
) -> Result<StreamMessage<'a>, Refusal> {
    let frame = reader.frame().ok_or(DecodeError::Truncated)?;
    let len_max = cx.params.limits.inflated_stream_len;
    let message = cx.link.open_stream(side, frame, len_max, inflated)?;
    Ok(StreamMessage::decode(message)?)
}
