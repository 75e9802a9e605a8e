//! The clock: from one thing that is due to the next.

use std::time::Duration;

use serfer_proto::Endpoint;

use super::node::{NodeId, Pace};
use super::queue::Due;
use super::sim::Sim;

/// How often a condition is looked at while waiting for it.
const GLANCE: Duration = Duration::from_millis(1);

/// How long nothing may happen for it to be quiet: longer than a node in bad health, with the presets
/// for one place, takes from one probe to the next.
const QUIET: Duration = Duration::from_secs(10);

/// How often a node may want to be woken at one instant.
const WAKES_MAX: u32 = 10_000;

impl Sim {
    /// Lets this much time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until something is so, at most `max`, and says how long that took; `None` if it
    /// did not become so. It is looked at before, and then at most once in a millisecond.
    pub fn run_until(
        &mut self,
        max: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        let end = start + max;
        loop {
            if is_so(self) {
                return Some(self.now - start);
            }
            // Until something happens, nothing changes.
            if !self.step(end) {
                self.now = end;
                return None;
            }
            let glance = (self.now + GLANCE).min(end);
            while self.step(glance) {}
        }
    }

    /// Lets time pass until [`converged`](Self::converged), at most `max`.
    pub fn run_until_converged(&mut self, max: Duration) -> Option<Duration> {
        self.run_until(max, Self::converged)
    }

    /// Lets time pass until for ten seconds nothing has happened but that members were probed and
    /// answered, at most `max`: no event, no news under way, no suspicion, no stream. Returns when
    /// the last thing happened.
    pub fn run_until_quiet(&mut self, max: Duration) -> Option<Duration> {
        let start = self.now;
        let end = start + max;
        let (mut last_change, mut before) = (self.now, self.commotion());
        while self.now < end {
            self.run_for((QUIET / 50).min(end - self.now));
            let commotion = self.commotion();
            if commotion != before || commotion.unsettled > 0 {
                (last_change, before) = (self.now, commotion);
            } else if self.now - last_change >= QUIET {
                return Some(last_change - start);
            }
        }
        None
    }

    /// Does the next thing that is due until `end`; says whether there was one.
    fn step(&mut self, end: Duration) -> bool {
        let Some((at, due)) = self.queue.pop_until(end) else {
            return false;
        };
        self.now = at;
        match due {
            Due::Wake(node) => self.wake(node),
            Due::Datagram { from, to, bytes } => self.datagram_arrives(from, to, bytes),
            Due::SendFailed { node, life, to } => self.send_failed(node, life, to),
            Due::StoreFailed { node, life, file } => self.store_failed(node, life, file),
            Due::Segment(at) => self.segment_arrives(at),
            Due::Closed(at) => self.stream_closed(at),
        }
        true
    }

    /// A wake-up has come: it counts only if the node's deadline has come too.
    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.wake != Some(now) {
            return;
        }
        node.wake = None;
        if node.pace != Pace::Runs || node.until.is_none() {
            return;
        }
        if node.until.is_some_and(|until| until > now) {
            return self.schedule(id);
        }
        node.wakes_in_a_row += 1;
        let name = node.config.name();
        assert!(node.wakes_in_a_row < WAKES_MAX, "{name} wants to be woken for ever at {now:?}");
        self.with(id, Endpoint::handle_timeout);
    }

    /// Makes sure that a node is woken when its deadline comes.
    pub(crate) fn schedule(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        let Some(until) = node.until else {
            return;
        };
        if until > now {
            node.wakes_in_a_row = 0;
        }
        let at = until.max(now);
        if node.pace == Pace::Runs && node.wake.is_none_or(|wake| at < wake) {
            node.wake = Some(at);
            self.queue.push(at, Due::Wake(id));
        }
    }

    /// What changes only when something happens.
    fn commotion(&self) -> Commotion {
        let mut sum = Commotion { told: self.told, ..Commotion::default() };
        sum.unsettled = self.pipes.conversations() as u64;
        for id in self.running() {
            if let Some(endpoint) = self.endpoint(id) {
                let stats = endpoint.stats();
                sum.accusations += stats.suspicions + stats.refutations + stats.probes_failed;
                sum.unsettled += stats.queued as u64;
            }
        }
        sum
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Commotion {
    told: u64,
    accusations: u64,
    /// News and streams that are under way.
    unsettled: u64,
}
