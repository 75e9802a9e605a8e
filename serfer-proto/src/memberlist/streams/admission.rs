//! Which streams of other nodes keep their places, if there are more streams than places.
//!
//! A stranger may open any number of streams, say nothing on them, and open another for each that is
//! closed. So a stream that finds all places taken may get that of another one:
//!
//! 1. The source with the most streams gives way. A source is an IP address or, in IPv6, where everybody
//!    has as many as they like, a network of 64 bits. The address of a member is a source by itself, and
//!    some streams for each member there do not count: strangers never keep members out, and members
//!    behind one address get more than a stranger.
//! 2. Of its streams, or of those of equal sources, one that has shown nothing goes first, then one whose
//!    request is not complete, then one that does not take our answer. A stream that is just being answered
//!    goes only if its source has more than the newcomer's.
//! 3. The oldest goes.
//!
//! Unlike Go, which has no bound on silent streams, and refuses push/pulls when it has 128 of them.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::api::StreamId;
use crate::machinery::{Cx, DropReason, Output, Timer};
use crate::memberlist::streams::exchange::{Exchange, ExchangePhase, Origin, SourceStreams};
use crate::memberlist::{Delegate, Memberlist};

/// How many streams a member may have before they count: a push/pull and a ping.
const STREAMS_PER_MEMBER: usize = 2;

/// The most that are not counted for one address, as a part of all places.
const ENTITLED_PART: usize = 4;

/// How many members at one address are looked at.
const MEMBERS_COUNTED: usize = 64;

/// A stream is slow after this part of the stream timeout.
const SLOW_PART: u32 = 10;

/// A stream is silent after this part of that. Whoever has just dialled had no time to say anything.
const SILENT_PART: u32 = 10;

/// The most that unfinished requests may take together, in streams of the greatest length.
const UNFINISHED_STREAMS: usize = 4;

/// How far a stream has got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// At most a label has come, although there was time for more.
    Silent,
    /// Its request is not complete.
    Unfinished,
    /// Our answer has been on its way for long.
    Slow,
    Answered,
}

/// The stream that goes next. The greatest of all candidates is the one.
type Candidate = (usize, Reverse<Standing>, Reverse<StreamId>);

impl<D: Delegate> Memberlist<D> {
    /// The source that an address belongs to, and how many streams it may have without giving way.
    pub(super) fn source_of(&self, cx: &Cx<'_>, ip: IpAddr) -> (IpAddr, usize) {
        let members = self.members.living_at(ip, MEMBERS_COUNTED);
        match (members, ip) {
            (0, IpAddr::V6(ip)) => (Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(), 0),
            (0, IpAddr::V4(_)) => (ip, 0),
            _ => {
                let most = (cx.params.limits.inbound_streams / ENTITLED_PART).max(1);
                (ip, most.min(STREAMS_PER_MEMBER * members))
            }
        }
    }

    /// Whether a source gets a place for one more stream, if necessary that of another one.
    pub(super) fn find_place(&mut self, cx: &mut Cx<'_>, source: IpAddr, entitled: usize) -> bool {
        let places = cx.params.limits.inbound_streams;
        if self.places_taken() < places {
            return true;
        }
        self.long_push_pulls.drop_abandoned(&self.exchanges);
        if self.places_taken() < places {
            return true;
        }
        if self.exchanges.inbound >= places && !self.take_place(cx, source, entitled) {
            return false;
        }
        while self.places_taken() >= places
            && let Some(peer) = self.drop_newest_orphan()
        {
            let why = &"too many push/pulls go on without their streams";
            cx.dropped_from(peer, DropReason::Full, why);
        }
        true
    }

    /// A push/pull that is not done counts even if its stream is gone: it takes as much memory.
    fn places_taken(&self) -> usize {
        self.exchanges.inbound + self.long_push_pulls.orphans(&self.exchanges)
    }

    fn drop_newest_orphan(&mut self) -> Option<SocketAddr> {
        let is_orphan = |stream| !self.exchanges.open.contains_key(&stream);
        self.long_push_pulls.drop_newest(is_orphan).map(|(peer, _)| peer)
    }

    /// Takes the place of another stream. Returns whether one gives way.
    fn take_place(&mut self, cx: &mut Cx<'_>, source: IpAddr, entitled: usize) -> bool {
        let open = self.exchanges.sources.get(&source).map_or(0, |it| it.open);
        // Its other streams are compared as if it had one more already.
        let newcomer = (source, SourceStreams { open: open + 1, entitled }.excess());
        let slow_after = slow_after(cx);
        let first = self.candidates(cx.now, slow_after, Some(newcomer)).max();
        let makes_room = |&(excess, Reverse(standing), _): &Candidate| {
            excess > newcomer.1 || excess == newcomer.1 && standing != Standing::Answered
        };
        let chosen = first.filter(makes_room).map(|(_, _, Reverse(stream))| stream);
        let Some(stream) = chosen.or_else(|| self.overdue(cx.now, slow_after)) else {
            return false;
        };
        self.evict(cx, stream, &"too many inbound streams: it made room for another");
        true
    }

    /// No stream could be accepted, perhaps because the process has no more file descriptors: one that has
    /// shown nothing, or little, is given up. Returns whether there was one.
    pub(crate) fn on_accept_failed(&mut self, cx: &mut Cx<'_>) -> bool {
        let candidates = self.candidates(cx.now, slow_after(cx), None);
        let idle = candidates.filter(|(_, Reverse(standing), _)| *standing != Standing::Answered);
        let Some((_, _, Reverse(stream))) = idle.max() else {
            return false;
        };
        self.evict(cx, stream, &"no stream could be accepted: it made room for another");
        true
    }

    /// More of an unfinished request has come: if all of them take too much memory, the source with the
    /// most streams loses the longest.
    pub(super) fn bound_unfinished(&mut self, cx: &mut Cx<'_>, stream: StreamId) {
        let limits = &cx.params.limits;
        let len_max = limits.stream_len.saturating_mul(UNFINISHED_STREAMS);
        let len = |exchange: &Exchange| match &exchange.phase {
            ExchangePhase::Reading(None, reader) => reader.memory() + exchange.news.memory(),
            _ => 0,
        };
        // As long as each is this short, all of them together are short enough.
        let short = len_max / limits.inbound_streams.max(1);
        if self.exchanges.open.get(&stream).is_none_or(|exchange| len(exchange) <= short) {
            return;
        }
        while self.exchanges.open.values().map(len).sum::<usize>() > len_max {
            let candidates = self.candidates(cx.now, Duration::ZERO, None);
            let with_len = candidates.map(|(excess, _, Reverse(stream))| {
                (excess, self.exchanges.open.get(&stream).map_or(0, len), stream)
            });
            // A source may have many streams, and all that memory another one.
            let longest = with_len.filter(|&(_, len, _)| len > short).max();
            let Some((_, _, stream)) = longest else {
                return;
            };
            self.evict(cx, stream, &"unfinished requests take too much memory");
        }
    }

    /// The streams that others opened. `newcomer` is a source that may get one more, and the excess that it
    /// has then.
    fn candidates(
        &self,
        now: Instant,
        slow_after: Duration,
        newcomer: Option<(IpAddr, usize)>,
    ) -> impl Iterator<Item = Candidate> {
        self.exchanges.open.iter().filter_map(move |(&stream, exchange)| {
            let origin = exchange.origin?;
            let of_source = self.exchanges.sources.get(&origin.source)?;
            let excess = match newcomer {
                Some((source, excess)) if source == origin.source => excess,
                _ => of_source.excess(),
            };
            let standing = standing(exchange, origin, now, slow_after);
            Some((excess, Reverse(standing), Reverse(stream)))
        })
    }

    /// The oldest stream of any source whose request takes so long.
    fn overdue(&self, now: Instant, slow_after: Duration) -> Option<StreamId> {
        let is_it = |exchange: &Exchange| {
            exchange.origin.is_some_and(|origin| {
                now.saturating_duration_since(origin.since) > slow_after
                    && standing(exchange, origin, now, slow_after) <= Standing::Unfinished
            })
        };
        let found = self.exchanges.open.iter().find(|(_, exchange)| is_it(exchange));
        found.map(|(&stream, _)| stream)
    }

    fn evict(&mut self, cx: &mut Cx<'_>, stream: StreamId, why: &dyn std::fmt::Display) {
        if let Some(exchange) = self.exchanges.remove(stream) {
            cx.timers.clear(Timer::Stream(stream));
            cx.out.push(Output::Abort { stream });
            cx.dropped_from(exchange.peer, DropReason::Full, why);
            self.long_push_pulls.drop_abandoned(&self.exchanges);
        }
    }

    /// One more push/pull waits for its turn: if all of them take too much memory, the newest is given up,
    /// even if we have answered and begun to merge it.
    pub(super) fn bound_waiting(&mut self, cx: &mut Cx<'_>) {
        let len_max = cx.params.limits.stream_len.saturating_mul(UNFINISHED_STREAMS);
        if self.long_push_pulls.received_len() > len_max {
            self.long_push_pulls.drop_abandoned(&self.exchanges);
        }
        while self.long_push_pulls.received_len() > len_max
            && let Some((peer, unanswered)) = self.long_push_pulls.drop_newest(|_| true)
        {
            let why = &"push/pulls that wait for their turn take too much memory";
            match unanswered.filter(|stream| self.exchanges.open.contains_key(stream)) {
                Some(stream) => self.evict(cx, stream, why),
                None => cx.dropped_from(peer, DropReason::Full, why),
            }
        }
    }
}

impl SourceStreams {
    /// How many streams more than it is entitled to a source has.
    fn excess(self) -> usize {
        self.open.saturating_sub(self.entitled)
    }
}

fn standing(exchange: &Exchange, origin: Origin, now: Instant, slow_after: Duration) -> Standing {
    let age = now.saturating_duration_since(origin.since);
    match &exchange.phase {
        ExchangePhase::Reading(None, reader)
            if reader.is_silent() && age > slow_after / SILENT_PART =>
        {
            Standing::Silent
        }
        ExchangePhase::Reading(..) | ExchangePhase::Dialling(_) => Standing::Unfinished,
        ExchangePhase::Closing if age > slow_after => Standing::Slow,
        ExchangePhase::Closing => Standing::Answered,
    }
}

fn slow_after(cx: &Cx<'_>) -> Duration {
    cx.params.stream_timeout / SLOW_PART
}
