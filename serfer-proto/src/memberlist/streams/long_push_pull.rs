//! What streams brought or are to bring, and is not done yet.
//!
//! A push/pull of a few members is done in the call that brings it. One of a large cluster takes many
//! calls, each of which does a [`Portion`] of it. Everything else, other push/pulls of a few members
//! included, has its turn in between. The long ones are done one after another, in the order in which
//! they came, ours first, so only one of them has its inflated state in memory.

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::api::{Member, Replay, StreamId};
use crate::machinery::portion::PAUSE;
use crate::machinery::{Cx, Opener, Portion, Sealer, Timer};
use crate::memberlist::streams::exchange::{Exchanges, StreamRequest};
use crate::memberlist::streams::news::News;
use crate::memberlist::{Delegate, Memberlist, PushPullDelegate};
use crate::wire::stream::{PushPullBuf, PushPullCursor, Side};

/// All that are not done, in order.
#[derive(Debug)]
pub(crate) struct LongPushPulls<D: PushPullDelegate> {
    waiting: VecDeque<Job<D>>,
}

/// What is done portion by portion.
#[derive(Debug)]
pub(crate) enum Job<D: PushPullDelegate> {
    Send(Box<Sending<D>>),
    Receive(Box<Receiving<D>>),
}

/// A push/pull of ours on its way to a stream.
#[derive(Debug)]
pub(crate) struct Sending<D: PushPullDelegate> {
    pub(crate) stream: StreamId,
    /// Who opened the stream.
    pub(crate) side: Side,
    pub(crate) join: bool,
    pub(crate) stage: SendingStage<D>,
}

#[derive(Debug)]
pub(crate) enum SendingStage<D: PushPullDelegate> {
    /// What the layer above adds.
    Above(D::LocalState),
    /// The members, from this place of the table on.
    Members(usize, PushPullBuf),
    Sealing(Sealer),
}

/// What a stream brought.
#[derive(Debug)]
pub(crate) struct Receiving<D: PushPullDelegate> {
    pub(crate) peer: SocketAddr,
    pub(crate) origin: StreamUse,
    pub(crate) opener: Opener,
    pub(crate) news: News,
    pub(crate) stage: ReceivingStage<D>,
}

#[derive(Debug)]
pub(crate) enum ReceivingStage<D: PushPullDelegate> {
    Opening,
    Checking(PushPullCursor, Findings),
    Answering(Sending<D>, Findings),
    Merging(Findings),
    MergingAbove(D::RemoteState, Findings),
}

/// Which stream it is, and what it is for.
#[derive(Clone, Debug)]
pub(crate) enum StreamUse {
    Accepted(StreamId),
    Dialled(StreamRequest),
}

/// What a look at all members of a push/pull has found out.
#[derive(Debug)]
pub(crate) struct Findings {
    /// Where what the layer above added is, once all members have been looked at.
    pub(crate) end: PushPullCursor,
    /// Whether one of us is joining the other, and which user events are delivered then.
    pub(crate) join: Option<Replay>,
    /// Why we do not want to be one cluster with these.
    pub(crate) veto: Option<String>,
    /// The members that the application is to be asked about.
    pub(crate) members: Vec<Member>,
}

impl<D: Delegate> LongPushPulls<D> {
    /// Adds one, before those of a higher rank that have not had their turn.
    fn add(&mut self, job: Job<D>, rank: impl Fn(&Job<D>) -> JobRank) {
        let own = rank(&job);
        let first_behind = self.waiting.iter().skip(1).position(|other| rank(other) > own);
        match first_behind {
            Some(place) => self.waiting.insert(1 + place, job),
            None => self.waiting.push_back(job),
        }
    }

    /// How many were accepted on streams that are gone.
    pub(crate) fn orphans(&self, exchanges: &Exchanges) -> usize {
        self.waiting.iter().filter(|job| is_orphan(job, exchanges)).count()
    }

    /// Forgets those whose streams are gone before we have answered: nobody waits for that any more.
    pub(crate) fn drop_abandoned(&mut self, exchanges: &Exchanges) {
        self.waiting.retain(|job| !is_orphan(job, exchanges) || unanswered(job).is_none());
    }

    /// Forgets the last one that came on such a stream of another node, unless it has its turn. Returns who
    /// sent it and, if we have not answered, on which stream.
    pub(crate) fn drop_newest(
        &mut self,
        is_such: impl Fn(StreamId) -> bool,
    ) -> Option<(SocketAddr, Option<StreamId>)> {
        let is_it = |job: &Job<D>| accepted_on(job).is_some_and(&is_such);
        let newest = self.waiting.iter().rposition(is_it).filter(|&place| place > 0)?;
        let job = self.waiting.remove(newest)?;
        match &job {
            Job::Receive(receiving) => Some((receiving.peer, unanswered(&job))),
            Job::Send(_) => None,
        }
    }

    /// How many bytes wait to be merged.
    pub(crate) fn received_len(&self) -> usize {
        let len = |job: &Job<D>| match job {
            Job::Receive(receiving) => receiving.opener.memory() + receiving.news.memory(),
            Job::Send(_) => 0,
        };
        self.waiting.iter().map(len).sum()
    }

    /// Whether the answer to one of ours waits.
    pub(crate) fn has_answers(&self) -> bool {
        let is_answer = |job: &Job<D>| match job {
            Job::Receive(receiving) => matches!(receiving.origin, StreamUse::Dialled(_)),
            Job::Send(_) => false,
        };
        self.waiting.iter().any(is_answer)
    }
}

/// Whose turn is first: others may bring as many as they like, and a stream of ours has a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum JobRank {
    Ours,
    /// It came from the address of a member.
    OfMember,
    OfStranger,
}

/// The stream of a push/pull that we have not answered yet.
fn unanswered<D: PushPullDelegate>(job: &Job<D>) -> Option<StreamId> {
    let Job::Receive(receiving) = job else {
        return None;
    };
    match (&receiving.origin, &receiving.stage) {
        (_, ReceivingStage::Merging(..) | ReceivingStage::MergingAbove(..)) => None,
        (&StreamUse::Accepted(stream), _) => Some(stream),
        (StreamUse::Dialled(_), _) => None,
    }
}

fn is_orphan<D: PushPullDelegate>(job: &Job<D>, exchanges: &Exchanges) -> bool {
    accepted_on(job).is_some_and(|stream| !exchanges.open.contains_key(&stream))
}

/// The stream of another node on which it came.
fn accepted_on<D: PushPullDelegate>(job: &Job<D>) -> Option<StreamId> {
    match job {
        Job::Receive(receiving) => match receiving.origin {
            StreamUse::Accepted(stream) => Some(stream),
            StreamUse::Dialled(_) => None,
        },
        Job::Send(_) => None,
    }
}

impl<D: PushPullDelegate> Default for LongPushPulls<D> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<D: Delegate> Memberlist<D> {
    /// Does as much of it as one call may do. The rest waits for its turn.
    pub(crate) fn start_job(&mut self, cx: &mut Cx<'_>, up: &mut D, mut job: Job<D>) {
        if !self.go_on(cx, up, &mut job, &mut Portion::default()) {
            let members = &self.members;
            self.long_push_pulls.add(job, |job| match job {
                Job::Receive(theirs) if matches!(theirs.origin, StreamUse::Accepted(_)) => {
                    let is_known = members.living_at(theirs.peer.ip(), 1) > 0;
                    if is_known { JobRank::OfMember } else { JobRank::OfStranger }
                }
                Job::Send(_) | Job::Receive(_) => JobRank::Ours,
            });
            self.bound_waiting(cx);
            cx.timers.set_if_unset(Timer::Portion, cx.now + PAUSE);
        }
    }

    /// It is time for another portion.
    pub(crate) fn on_portion_tick(&mut self, cx: &mut Cx<'_>, up: &mut D) {
        cx.stats.portions += 1;
        let mut portion = Portion::default();
        while !portion.is_used_up()
            && let Some(mut job) = self.long_push_pulls.waiting.pop_front()
        {
            if !self.go_on(cx, up, &mut job, &mut portion) {
                self.long_push_pulls.waiting.push_front(job);
            }
        }
        if !self.long_push_pulls.waiting.is_empty() {
            cx.timers.set(Timer::Portion, cx.now + PAUSE);
        }
    }

    /// Returns whether it is done.
    fn go_on(
        &mut self,
        cx: &mut Cx<'_>,
        up: &mut D,
        job: &mut Job<D>,
        portion: &mut Portion,
    ) -> bool {
        match job {
            Job::Send(sending) => self.go_on_sending(cx, up, sending, portion),
            Job::Receive(receiving) => {
                cx.from = receiving.peer;
                self.go_on_receiving(cx, up, receiving, portion)
            }
        }
    }
}
