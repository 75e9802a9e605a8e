//! The clock: how time passes, from one entry of the queue to the next.

use std::time::Duration;

use serfer_proto::Endpoint;

use super::queue::Due;
use super::sim::Sim;
use crate::node_id::NodeId;

/// How often a condition is checked while a test waits for it.
const CHECK_EVERY: Duration = Duration::from_millis(1);

/// How long nothing may happen until it counts as quiet. This is longer than the time between two
/// probes of a node in bad health, with the presets `local` and `lan`.
const QUIET: Duration = Duration::from_secs(10);

/// How often a node may want to be woken at one instant.
const WAKES_MAX: u32 = 10_000;

impl Sim {
    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until a condition holds, at most `max`. Returns how long that took, or `None`
    /// if it did not happen. The condition is checked at once, and then at most once in a
    /// millisecond.
    pub fn run_until(
        &mut self,
        max: Duration,
        mut holds: impl FnMut(&Self) -> bool,
    ) -> Option<Duration> {
        let start = self.now;
        let end = start + max;
        loop {
            if holds(self) {
                return Some(self.now - start);
            }
            // Nothing changes before the next entry of the queue.
            if !self.step(end) {
                self.now = end;
                return None;
            }
            let next_check = (self.now + CHECK_EVERY).min(end);
            while self.step(next_check) {}
        }
    }

    /// Lets time pass until the nodes have [`converged`](Self::converged), at most `max`. Returns how
    /// long that took.
    pub fn run_until_converged(&mut self, max: Duration) -> Option<Duration> {
        self.run_until(max, Self::converged)
    }

    /// Lets time pass until nothing has happened for ten seconds, at most `max`: no event, no queued
    /// broadcast, no suspicion, no stream. Probes that are acked do not count. Returns when the last
    /// thing happened.
    pub fn run_until_quiet(&mut self, max: Duration) -> Option<Duration> {
        let start = self.now;
        let end = start + max;
        let (mut last_change, mut before) = (self.now, self.activity());
        while self.now < end {
            self.run_for((QUIET / 50).min(end - self.now));
            let activity = self.activity();
            if activity != before || activity.unsettled > 0 {
                (last_change, before) = (self.now, activity);
            } else if self.now - last_change >= QUIET {
                return Some(last_change - start);
            }
        }
        None
    }

    /// Does the next thing that is due until `end`. Returns whether there was one.
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
            Due::KeyringStored { node, life } => self.keyring_stored(node, life),
            Due::Segment(at) => self.segment_arrives(at),
            Due::Closed(at) => self.stream_closed(at),
        }
        true
    }

    /// A wake-up is due. It counts only if the node's deadline has come.
    fn wake(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        if node.wake != Some(now) {
            return;
        }
        node.wake = None;
        let Some(deadline) = node.deadline.filter(|_| node.is_running()) else {
            return;
        };
        if deadline > now {
            return self.schedule(id);
        }
        node.wakes_in_a_row += 1;
        let name = node.config.name();
        assert!(
            node.wakes_in_a_row < WAKES_MAX,
            "{name} wants to be woken again and again at {now:?}"
        );
        self.with(id, Endpoint::handle_timeout);
    }

    /// Makes sure that a node is woken at its deadline.
    pub(crate) fn schedule(&mut self, id: NodeId) {
        let now = self.now;
        let node = &mut self.nodes[id.index()];
        let Some(deadline) = node.deadline else {
            return;
        };
        if deadline > now {
            node.wakes_in_a_row = 0;
        }
        let at = deadline.max(now);
        if node.is_running() && node.wake.is_none_or(|wake| at < wake) {
            node.wake = Some(at);
            self.queue.push(at, Due::Wake(id));
        }
    }

    /// Numbers that change only when something happens.
    fn activity(&self) -> Activity {
        let mut sum = Activity { events: self.events_told, ..Activity::default() };
        sum.unsettled = self.pipes.established() as u64;
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
struct Activity {
    events: u64,
    accusations: u64,
    /// Queued broadcasts and open streams.
    unsettled: u64,
}
