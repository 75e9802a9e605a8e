//! What a handler may touch besides its own state.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::api::{Event, StreamId};
use crate::config::Config;
use crate::config::params::Params;
use crate::machinery::link::{Checksum, Link};
use crate::machinery::news_clock::NewsClock;
use crate::machinery::output::{Outbox, Output};
use crate::machinery::rng::Rng;
use crate::machinery::stats::{DropReason, Stats, is_notable};
use crate::machinery::timers::{Timer, Timers};
use crate::wire::stream::{Side, StreamMessage};

/// A deadline that is seen so late is overdue because we stood still.
const LATE: Duration = Duration::from_millis(250);

/// How long verdicts wait then. It takes a runtime less to read full sockets.
const GRACE: Duration = Duration::from_millis(250);

/// A deadline that is seen so much later than the end of that is overdue because we stood still again.
const AGAIN: Duration = Duration::from_secs(5);

/// How often in a row verdicts wait.
const GRACES_MAX: u32 = 8;

/// What both layers share. Owned by the endpoint and lent out as a [`Cx`].
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) params: Params,
    pub(crate) rng: Rng,
    pub(crate) timers: Timers,
    pub(crate) link: Link,
    pub(crate) out: Outbox,
    pub(crate) stats: Stats,
    pub(crate) news: NewsClock,
    /// When the endpoint was made: gossip ticks are counted from here.
    epoch: Instant,
    /// The latest time that was passed in.
    last_now: Instant,
    /// Until when verdicts wait, because we stood still.
    grace: Option<Instant>,
    /// How often in a row we did.
    graces: u32,
}

impl Core {
    pub(crate) fn new(params: Params, config: &Config, rng: Rng, now: Instant) -> Self {
        Self {
            params,
            rng,
            timers: Timers::default(),
            link: Link::new(config),
            out: Outbox::default(),
            stats: Stats::default(),
            news: NewsClock::default(),
            epoch: now,
            last_now: now,
            grace: None,
            graces: 0,
        }
    }

    /// The latest time so far, `now` included: time never goes back in here.
    pub(crate) fn latest(&mut self, now: Instant) -> Instant {
        self.last_now = now.max(self.last_now);
        self.last_now
    }

    /// Until when verdicts wait, if deadlines are overdue by so much that we must have stood still. They
    /// wait once. But whoever wakes up for a moment only, and sleeps on, has read nothing, so they wait again;
    /// only so often, for a node that is always late would come to no verdict at all.
    pub(crate) fn grace(&mut self, now: Instant) -> Option<Instant> {
        let late = self.timers.next().map_or(Duration::ZERO, |(due, _)| now - due);
        let is_over = |end: Instant| late < LATE || now < end + AGAIN;
        self.grace = match self.grace {
            Some(end) if now < end => return Some(end),
            Some(end) if is_over(end) || self.graces >= GRACES_MAX => None,
            Some(_) => Some(now + GRACE),
            None => (late >= LATE).then(|| now + GRACE),
        };
        self.graces = if self.grace.is_some() { self.graces + 1 } else { 0 };
        self.grace
    }

    pub(crate) fn cx(&mut self, now: Instant) -> Cx<'_> {
        Cx {
            now: self.latest(now),
            from: self.params.advertise,
            params: &self.params,
            rng: &mut self.rng,
            timers: &mut self.timers,
            link: &mut self.link,
            out: &mut self.out,
            stats: &mut self.stats,
            news: &mut self.news,
            epoch: self.epoch,
        }
    }
}

/// The time, and everything shared that a handler may use or change.
pub(crate) struct Cx<'a> {
    pub(crate) now: Instant,
    /// The peer whose input is being handled; this node for a timer or a call.
    pub(crate) from: SocketAddr,
    pub(crate) params: &'a Params,
    pub(crate) rng: &'a mut Rng,
    pub(crate) timers: &'a mut Timers,
    pub(crate) link: &'a mut Link,
    pub(crate) out: &'a mut Outbox,
    pub(crate) stats: &'a mut Stats,
    pub(crate) news: &'a mut NewsClock,
    epoch: Instant,
}

impl Cx<'_> {
    /// Handles something as input of this node itself, whatever else is being handled.
    pub(crate) fn as_ourselves<T>(&mut self, handle: impl FnOnce(&mut Self) -> T) -> T {
        let from = std::mem::replace(&mut self.from, self.params.advertise);
        let result = handle(self);
        self.from = from;
        result
    }

    /// How many seconds the endpoint has existed.
    pub(crate) fn uptime(&self) -> u32 {
        u32::try_from((self.now - self.epoch).as_secs()).unwrap_or(u32::MAX)
    }

    /// Queues one datagram with the messages that `write` appends.
    pub(crate) fn send(
        &mut self,
        to: SocketAddr,
        checksum: Checksum,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let (link, rng) = (&mut *self.link, &mut *self.rng);
        self.out.datagram(to, |out| link.seal_packet(rng, checksum, write, out));
        self.stats.datagrams_sent += 1;
    }

    /// Queues the one message that we send over a stream. `side` is which side of it we are.
    pub(crate) fn write_stream(
        &mut self,
        stream: StreamId,
        side: Side,
        message: &StreamMessage<'_>,
    ) {
        let (link, rng) = (&mut *self.link, &mut *self.rng);
        self.out.write(stream, |out| link.seal_stream(rng, side, message, out));
    }

    /// Tells the application.
    pub(crate) fn emit(&mut self, event: Event) {
        self.out.push(Output::Event(event));
    }

    /// Sets the timer for the next gossip tick, because something was queued. Ticks come at fixed times,
    /// so broadcasts queued together go out together.
    pub(crate) fn gossip_soon(&mut self) {
        if self.timers.is_set(Timer::Gossip) {
            return;
        }
        let interval = self.params.gossip.interval.as_nanos();
        let since_tick = (self.now - self.epoch).as_nanos() % interval;
        let to_tick = u64::try_from(interval - since_tick).unwrap_or(u64::MAX);
        let tick = self.now + Duration::from_nanos(to_tick);
        self.timers.set(Timer::Gossip, tick);
    }

    /// News of `len` bytes was queued: sets the timers to send it, at once if that is on, and at the beat.
    pub(crate) fn news_soon(&mut self, len: usize) {
        self.gossip_soon();
        if let Some(settings) = &self.params.prompt_gossip
            && let Some(at) =
                self.news.note(settings, self.now, len, self.params.gossip.packet_len_max)
        {
            self.timers.set(Timer::News, at);
        }
    }

    /// Not all of the news could be sent: goes on a little later.
    pub(crate) fn news_later(&mut self) {
        if let Some(settings) = &self.params.prompt_gossip
            && let Some(at) = self.news.wait(settings, self.now)
        {
            self.timers.set(Timer::News, at);
        }
    }

    /// Whether one more packet of gossip may be sent besides those of the beat; then it counts.
    pub(crate) fn take_packet(&mut self) -> bool {
        let settings = self.params.prompt_gossip.as_ref();
        settings.is_some_and(|settings| self.news.take_packet(settings, self.now))
    }

    /// Sets the timer for the snapshot, because there is something to record.
    pub(crate) fn snapshot_soon(&mut self) {
        if self.params.keeps_snapshot {
            self.timers.set_if_unset(Timer::Snapshot, self.now);
        }
    }

    /// Counts and traces something that was received and is not used. If a setting can be the reason, the
    /// first, tenth, hundredth time is a warning.
    pub(crate) fn dropped(&mut self, reason: DropReason, why: &dyn std::fmt::Display) {
        self.dropped_from(self.from, reason, why);
    }

    /// The same for something that came from `from`, at another time.
    pub(crate) fn dropped_from(
        &mut self,
        from: SocketAddr,
        reason: DropReason,
        why: &dyn std::fmt::Display,
    ) {
        let count = self.stats.dropped.count(reason);
        match reason.advice() {
            Some(advice) if is_notable(count) => {
                tracing::warn!(target: "serfer::wire", ?reason, %from, %why, count, "dropped: {advice}");
            }
            _ => tracing::debug!(target: "serfer::wire", ?reason, %from, %why, "dropped"),
        }
    }
}
