//! What a stream brought, portion by portion: opened, checked, answered, merged.
//!
//! All of a push/pull is checked before any of it is merged. Our state is sent before theirs is merged, so
//! that the other side does not wait. Counterpart of Go's `handleConn` and `mergeRemoteState`.

use crate::api::{JoinFailure, Replay};
use crate::machinery::{Cx, DropReason, Opener, Portion, Refusal, cost};
use crate::memberlist::members::alive::is_known;
use crate::memberlist::streams::exchange::{PushPullReason, StreamRequest};
use crate::memberlist::streams::long_push_pull::{
    Findings, Job, Receiving, ReceivingStage, Sending, StreamUse,
};
use crate::memberlist::streams::news::News;
use crate::memberlist::streams::push_pull::member;
use crate::memberlist::{Delegate, Memberlist};
use crate::wire::error::DecodeError;
use crate::wire::kind;
use crate::wire::message::PushNodeState;
use crate::wire::msgpack::{Reader, Value};
use crate::wire::stream::{PushPullCursor, Side, StreamMessage};

impl<D: Delegate> Memberlist<D> {
    /// The message of the other side is here, or cannot be read. It came from `cx.from`.
    pub(crate) fn receive(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        origin: StreamUse,
        opener: Result<Opener, Refusal>,
        news: News,
    ) {
        match opener {
            Ok(opener) => {
                let stage = ReceivingStage::Opening;
                let receiving = Receiving { peer: cx.from, origin, opener, news, stage };
                self.start_job(cx, up, Job::Receive(Box::new(receiving)));
            }
            Err(refusal) => self.refuse(cx, up, &origin, refusal),
        }
    }

    /// Returns whether it is done.
    pub(crate) fn go_on_receiving(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        receiving: &mut Receiving<D>,
        portion: &mut Portion,
    ) -> bool {
        while !portion.is_used_up() {
            match self.next_stage(cx, up, receiving, portion) {
                Ok(Some(next)) => receiving.stage = next,
                Ok(None) => return false,
                Err(Ending::Done) => return true,
                Err(Ending::Refused(refusal)) => {
                    self.refuse(cx, up, &receiving.origin, refusal);
                    return true;
                }
                Err(Ending::Compared(result)) => {
                    self.on_compared(cx, up, &receiving.origin, result);
                    return true;
                }
            }
        }
        false
    }

    /// Goes on with the present stage. Returns the next, or `None` if the portion was not enough.
    fn next_stage(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        receiving: &mut Receiving<D>,
        portion: &mut Portion,
    ) -> Result<Option<ReceivingStage<D>>, Ending> {
        let Receiving { origin, opener, news, stage, .. } = receiving;
        match stage {
            ReceivingStage::Opening => {
                if !opener.step(portion)? {
                    return Ok(None);
                }
                self.on_opened(cx, up, origin, opener).map(Some)
            }
            ReceivingStage::Checking(cursor, findings) => {
                if !self.check_members(cx, opener, news, cursor, findings, portion)? {
                    return Ok(None);
                }
                self.on_checked(cx, origin, findings.take()).map(Some)
            }
            ReceivingStage::Answering(sending, findings) => {
                if !self.go_on_sending(cx, up, sending, portion) {
                    return Ok(None);
                }
                begin_merge(cx, findings.take()).map(Some)
            }
            ReceivingStage::Merging(findings) => {
                if !self.merge_news(cx, up, opener.message(), news, findings, portion) {
                    return Ok(None);
                }
                let above = D::RemoteState::default();
                Ok(Some(ReceivingStage::MergingAbove(above, findings.take())))
            }
            ReceivingStage::MergingAbove(progress, findings) => {
                let state = findings.end.user_state(opener.message())?;
                let is_done = state.is_empty()
                    || up.on_remote_state(cx, findings.join, state, progress, portion);
                if is_done { Err(Ending::Compared(compared(news))) } else { Ok(None) }
            }
        }
    }

    fn on_opened(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        origin: &StreamUse,
        opener: &Opener,
    ) -> Result<ReceivingStage<D>, Ending> {
        let message = opener.message();
        if message.first() == Some(&kind::PUSH_PULL) {
            let start = PushPullCursor::begin(message)?;
            let join = match *origin {
                // Old events are delivered: only the joining node may ask not to get them.
                StreamUse::Accepted(_) => start.join.then_some(Replay::Deliver),
                StreamUse::Dialled(StreamRequest::PushPull(reason)) => self.replay(reason),
                // It is no ack.
                StreamUse::Dialled(StreamRequest::Ping { .. }) => return Err(Ending::Done),
            };
            let findings = Findings::new(start.end(message), join);
            if opener.is_checked() && !findings.asks_about_members(cx) {
                return self.on_checked(cx, origin, findings);
            }
            return Ok(ReceivingStage::Checking(start, findings));
        }
        let message = StreamMessage::decode(message)?;
        match origin {
            StreamUse::Accepted(stream) => self.serve(cx, up, *stream, Ok(message)),
            StreamUse::Dialled(request) => self.on_answer(cx, up, request, Ok(message)),
        }
        Err(Ending::Done)
    }

    fn on_checked(
        &self,
        cx: &mut Cx<'_>,
        origin: &StreamUse,
        findings: Findings,
    ) -> Result<ReceivingStage<D>, Ending> {
        match *origin {
            StreamUse::Accepted(stream) => {
                let answer = Sending::new(stream, Side::Accepted, findings.join.is_some());
                Ok(ReceivingStage::Answering(answer, findings))
            }
            StreamUse::Dialled(_) => begin_merge(cx, findings),
        }
    }

    /// Looks at members until all have been looked at, which it says, or the portion is used up.
    fn check_members(
        &self,
        cx: &Cx<'_>,
        opener: &Opener,
        news: &mut News,
        cursor: &mut PushPullCursor,
        findings: &mut Findings,
        portion: &mut Portion,
    ) -> Result<bool, DecodeError> {
        let (message, asks) = (opener.message(), findings.asks_about_members(cx));
        while !portion.is_used_up() {
            let place = cursor.at();
            let Some(node) = cursor.next(message)? else {
                cursor.user_state(message)?;
                findings.end = *cursor;
                return Ok(true);
            };
            portion.spend(cost::LOOK + cost::bytes(cursor.at() - place));
            if !opener.is_checked() {
                portion.spend(cost::COMPARE);
                news.note(is_known(&self.members, cx.params, &node), place);
            }
            if asks {
                findings.note(cx, &node, portion);
            }
        }
        Ok(false)
    }

    /// Returns whether all are merged.
    fn merge_news(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        message: &[u8],
        news: &mut News,
        findings: &mut Findings,
        portion: &mut Portion,
    ) -> bool {
        while !portion.is_used_up() {
            // To drop all of them at once would take long.
            let dropped = findings.members.pop();
            let Some(place) = news.next() else {
                if dropped.is_none() {
                    return true;
                }
                portion.spend(cost::LOOK);
                continue;
            };
            // All have been checked.
            let from = &mut Reader::new(message.get(place..).unwrap_or_default());
            let Ok(node) = PushNodeState::take(from) else {
                return true;
            };
            let len = message.len() - place - from.rest().len();
            portion.spend(cost::MERGE + cost::bytes(len));
            news.any_fits |= self.merge_node(cx, up, &node);
        }
        false
    }

    fn refuse(&mut self, cx: &mut Cx<'_>, up: &mut D, origin: &StreamUse, refusal: Refusal) {
        cx.dropped(refusal.into(), &refusal);
        match origin {
            StreamUse::Accepted(stream) => self.serve(cx, up, *stream, Err(refusal)),
            StreamUse::Dialled(request) => self.on_answer(cx, up, request, Err(refusal)),
        }
    }

    /// A push/pull is over.
    fn on_compared(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        origin: &StreamUse,
        result: Result<(), JoinFailure>,
    ) {
        match (origin, result) {
            (StreamUse::Dialled(StreamRequest::PushPull(reason)), result) => {
                let reason: PushPullReason = *reason;
                self.on_push_pull_done(cx, up, reason, result);
            }
            (_, Ok(())) => {}
            (_, Err(failure)) => {
                tracing::debug!(target: "serfer::swim", peer = %cx.from, %failure, "cannot merge");
            }
        }
    }
}

/// Why nothing more is to be done with what a stream brought.
enum Ending {
    Done,
    Refused(Refusal),
    /// It was a push/pull, and this is how it went.
    Compared(Result<(), JoinFailure>),
}

impl From<Refusal> for Ending {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<DecodeError> for Ending {
    fn from(error: DecodeError) -> Self {
        Self::Refused(error.into())
    }
}

/// Asks the application whether it wants to be one cluster with these, if one of us is joining the other.
fn begin_merge<D: Delegate>(
    cx: &mut Cx<'_>,
    mut findings: Findings,
) -> Result<ReceivingStage<D>, Ending> {
    if findings.join.is_some()
        && findings.veto.is_none()
        && let Some(accept) = &cx.params.callbacks.accept_merge
    {
        findings.veto = accept(&findings.members).err();
    }
    if let Some(why) = findings.veto {
        cx.dropped(DropReason::Vetoed, &why);
        return Err(Ending::Compared(Err(JoinFailure::Vetoed(why))));
    }
    Ok(ReceivingStage::Merging(findings))
}

impl Findings {
    fn new(end: PushPullCursor, join: Option<Replay>) -> Self {
        Self { end, join, veto: None, members: Vec::new() }
    }

    /// For the next stage.
    fn take(&mut self) -> Self {
        let next = Self::new(self.end, self.join);
        std::mem::replace(self, next)
    }

    /// Whether it matters who they are before any of them is merged: only if one of us is joining the other.
    fn asks_about_members(&self, cx: &Cx<'_>) -> bool {
        let may_refuse = cx.params.strict_names || cx.params.callbacks.accept_merge.is_some();
        self.join.is_some() && may_refuse
    }

    fn note(&mut self, cx: &Cx<'_>, node: &PushNodeState<'_>, portion: &mut Portion) {
        if self.veto.is_none() && cx.params.strict_names {
            let name = node.name.to_string_lossy();
            let checked = cx.params.check_received(&name);
            self.veto = checked.map_err(|problem| format!("name {name:?} {problem}")).err();
        }
        if cx.params.callbacks.accept_merge.is_some() {
            portion.spend(cost::LOOK);
            self.members.extend(member(cx, node));
        }
    }
}

/// How the comparison went, once all is merged.
fn compared(news: &News) -> Result<(), JoinFailure> {
    if news.any_fits {
        return Ok(());
    }
    let why = "none of its members has a name, an address and protocol versions that we can take";
    Err(JoinFailure::Unusable(why.to_owned()))
}
