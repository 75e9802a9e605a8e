//! When news is sent at once, and how many packets may be sent for it.
//!
//! The beat of gossip is in [`Cx::gossip_soon`](crate::machinery::Cx::gossip_soon). This is the clock beside
//! it: it runs only if [`PromptGossip`] is on.

use std::time::{Duration, Instant};

use crate::config::PromptGossip;

/// As many packets may be sent at a time as there may be in so long.
const BURST: Duration = Duration::from_nanos(1_000_000_000 / 16);

#[derive(Debug, Default)]
pub(crate) struct NewsClock {
    /// When the timer is due, if it is set.
    due: Option<Instant>,
    /// When news was last sent.
    last: Option<Instant>,
    /// Not all of it could be sent.
    waits: bool,
    /// How many bytes of news have come since.
    fresh: usize,
    /// The packets sent so far are as many as there may be until then.
    spent_until: Option<Instant>,
}

impl NewsClock {
    /// Notes news of `len` bytes. Returns when it is to be sent, unless that is settled already.
    pub(crate) fn note(
        &mut self,
        settings: &PromptGossip,
        now: Instant,
        len: usize,
        packet_len: usize,
    ) -> Option<Instant> {
        self.fresh += len;
        let soon = now + settings.delay;
        let at = match self.last {
            Some(last) if self.fresh < packet_len => soon.max(last + settings.pause),
            _ => soon,
        };
        self.is_sooner(at).then_some(at)
    }

    /// Not all of the news could be sent: returns when to go on.
    pub(crate) fn wait(&mut self, settings: &PromptGossip, now: Instant) -> Option<Instant> {
        self.waits = true;
        let at = now + settings.pause.max(Duration::from_millis(1));
        self.is_sooner(at).then_some(at)
    }

    fn is_sooner(&mut self, at: Instant) -> bool {
        let is_sooner = self.due.is_none_or(|due| at < due);
        if is_sooner {
            self.due = Some(at);
        }
        is_sooner
    }

    /// The news is sent now.
    pub(crate) fn start(&mut self, now: Instant) {
        *self = Self { last: Some(now), spent_until: self.spent_until, ..Self::default() };
    }

    /// Whether not all news could be sent, and some still waits.
    pub(crate) fn waits(&self) -> bool {
        self.waits
    }

    /// Whether there is news that is sent in a moment, for nothing keeps it.
    pub(crate) fn is_near(&self) -> bool {
        self.due.is_some() && !self.waits
    }

    /// Whether one more packet may be sent; then it counts.
    pub(crate) fn take_packet(&mut self, settings: &PromptGossip, now: Instant) -> bool {
        let spent_until = self.spent_until.map_or(now, |it| it.max(now));
        let has_room = spent_until <= now + BURST;
        if has_room {
            let each = Duration::from_secs(1) / settings.packets_per_second.max(1);
            self.spent_until = Some(spent_until + each);
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::epoch;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn settings() -> PromptGossip {
        PromptGossip { delay: ms(2), pause: ms(20), packets_per_second: 160 }
    }

    #[test]
    fn the_first_news_goes_soon_and_what_follows_after_a_pause() {
        let (mut clock, start) = (NewsClock::default(), epoch());
        assert_eq!(clock.note(&settings(), start, 100, 1400), Some(start + ms(2)));
        assert_eq!(clock.note(&settings(), start + ms(1), 100, 1400), None);
        clock.start(start + ms(2));
        let next = clock.note(&settings(), start + ms(3), 100, 1400);
        assert_eq!(next, Some(start + ms(22)));
        clock.start(start + ms(22));
        let later = start + ms(500);
        assert_eq!(clock.note(&settings(), later, 100, 1400), Some(later + ms(2)));
    }

    #[test]
    fn what_fills_a_packet_does_not_pause() {
        let (mut clock, start) = (NewsClock::default(), epoch());
        clock.start(start);
        assert_eq!(clock.note(&settings(), start, 1000, 1400), Some(start + ms(20)));
        assert_eq!(clock.note(&settings(), start + ms(1), 400, 1400), Some(start + ms(3)));
        assert_eq!(clock.note(&settings(), start + ms(2), 400, 1400), None);
    }

    #[test]
    fn packets_are_counted_by_the_second() {
        let (mut clock, start) = (NewsClock::default(), epoch());
        let mut take = |at: Duration| {
            (0..1000).take_while(|_| clock.take_packet(&settings(), start + at)).count()
        };
        assert_eq!(take(ms(0)), 11, "a sixteenth of a second, and the one that exceeds it");
        assert_eq!(take(ms(0)), 0);
        let taken: usize = (1..=160).map(|n| take(ms(n * 1000 / 160))).sum();
        assert_eq!(taken, 160);
    }

    #[test]
    fn the_lowest_rate_is_a_packet_a_second() {
        let (mut clock, start) = (NewsClock::default(), epoch());
        let slow = PromptGossip { packets_per_second: 1, ..settings() };
        assert!(clock.take_packet(&slow, start) && !clock.take_packet(&slow, start));
        assert!(clock.take_packet(&slow, start + ms(1000)));
    }
}
