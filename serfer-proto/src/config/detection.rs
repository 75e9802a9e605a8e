//! How soon a failure is noticed, and settings for those who want to know sooner.

use std::time::Duration;

use crate::config::Config;

/// How many probe intervals pass until some member probes the dead one, that probe fails, and others confirm
/// the suspicion: hardly ever more, in networks that lose nothing.
const INTERVALS: f64 = 7.0;

/// A tick of gossip takes this part of a probe interval, as in Go's preset for a LAN.
const GOSSIP_TICKS: u32 = 5;

impl Config {
    /// Notices failures sooner: makes the probe interval so short that in a cluster of `members` the death of
    /// one is known to all others within `time`, and the probe timeout half as long.
    ///
    /// That is `time / (7 + suspicion.mult × max(1, log10(members)))`, as measured in simulated networks that
    /// lose nothing: hardly any death takes longer there. With loss, some do. The gossip interval becomes a
    /// fifth of the probe interval, unless it is shorter already. So the packets that each member sends grow
    /// as the time shrinks: for half the time, twice as many.
    ///
    /// A member has to answer within the probe timeout, or it is suspected. So choose a time at least thirty
    /// times as long as a round trip at its worst, pauses of the machines included; those are often longer
    /// than the network takes. All members should have the same settings.
    ///
    /// ```
    /// use std::time::Duration;
    /// use serfer_proto::Config;
    ///
    /// let config = Config::lan("web-1").detect_within(Duration::from_secs(3), 10);
    /// ```
    #[must_use]
    pub fn detect_within(mut self, time: Duration, members: usize) -> Self {
        let scale = (members as f64).log10().max(1.0);
        let intervals = f64::from(self.suspicion.mult).mul_add(scale, INTERVALS);
        self.probe.interval = time.div_f64(intervals);
        self.probe.timeout = self.probe.interval / 2;
        self.gossip.interval = self.gossip.interval.min(self.probe.interval / GOSSIP_TICKS);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_probe_interval_follows_from_the_time_and_the_size() {
        let interval = |secs, members| {
            let config = Config::lan("a").detect_within(Duration::from_secs(secs), members);
            let (probe, gossip) = (config.probe, config.gossip);
            assert_eq!(probe.timeout, probe.interval / 2);
            assert!(gossip.interval <= Duration::from_millis(200).min(probe.interval / 5));
            probe.interval.as_millis()
        };
        assert_eq!([interval(11, 0), interval(11, 1), interval(11, 10)], [1000; 3]);
        assert_eq!([interval(3, 10), interval(3, 100), interval(15, 100)], [272, 200, 1000]);
        assert_eq!(interval(0, 10), 0, "which is refused at the start");
    }
}
