//! How a user event spreads: after how long half of the nodes, or nearly all, have it, and what that costs.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serfer_sim::{Event, Sim};

use super::clusters::{Setting, datagrams_sent};

/// How long each event is watched. Go's timing needs 3 s among a thousand nodes.
const WATCHED: Duration = Duration::from_secs(10);

/// What came of some user events, each of another node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    /// For each event, after how long the nodes had it, shortest first.
    rounds: Vec<Vec<Duration>>,
    nodes: usize,
    /// What each node sends in ten seconds without news.
    pub(crate) quiet: Traffic,
    /// What an event costs each node besides that.
    pub(crate) each: Traffic,
}

/// Datagrams and their bytes, which one node sends.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) datagrams: f64,
    pub(crate) bytes: f64,
}

impl Spread {
    /// After how long this part of the nodes had the event, in half of the rounds. `None` if not while it
    /// was watched.
    pub(crate) fn time(&self, part: f64) -> Option<Duration> {
        let at = (self.nodes as f64 * part).ceil() as usize - 1;
        let mut times: Vec<_> = self.rounds.iter().map(|round| round.get(at).copied()).collect();
        times.sort_unstable_by_key(|time| time.unwrap_or(Duration::MAX));
        times[times.len() / 2]
    }

    /// How many nodes did not get an event while it was watched, of all events together.
    pub(crate) fn missed(&self) -> usize {
        self.rounds.iter().map(|round| self.nodes - round.len()).sum()
    }
}

/// Sends user events in one cluster, and watches each for ten seconds.
pub(crate) fn measure(setting: &Setting, rounds: u32) -> Spread {
    let (mut sim, ids) = setting.cluster();
    let heard = Rc::new(RefCell::new(Vec::new()));
    for &id in &ids {
        let heard = heard.clone();
        sim.app(id, move |_, now, event| {
            if let Event::User(event) = event {
                heard.borrow_mut().push((event.payload.to_vec(), now));
            }
        });
    }
    // As long as all the events are watched, so that both have as many probes and push/pulls.
    let before = sent(&sim);
    sim.run_for(WATCHED * rounds);
    let quiet = sent(&sim).since(before);
    let mut spread = Spread { nodes: ids.len(), ..Spread::default() };
    let senders = setting.senders(&ids);
    let before = sent(&sim);
    for round in 0..rounds {
        let (began, payload) = (sim.now(), round.to_be_bytes());
        let sender = senders[round as usize % senders.len()];
        sim.user_event(sender, "news", &payload);
        sim.run_for(WATCHED);
        spread.rounds.push(times(&heard.take(), &payload, began));
    }
    let busy = sent(&sim).since(before).since(quiet);
    let share = ids.len() as f64 * f64::from(rounds);
    (spread.quiet, spread.each) = (quiet.over(share), busy.over(share));
    spread
}

/// When the event with this payload was heard, shortest first. A late one of an earlier round is not counted.
fn times(heard: &[(Vec<u8>, Instant)], payload: &[u8], began: Instant) -> Vec<Duration> {
    let wanted = heard.iter().filter(|(of, _)| of == payload);
    let mut times: Vec<_> = wanted.map(|(_, at)| *at - began).collect();
    times.sort_unstable();
    times
}

fn sent(sim: &Sim) -> Traffic {
    Traffic { datagrams: datagrams_sent(sim) as f64, bytes: sim.datagram_bytes_sent() as f64 }
}

impl Traffic {
    fn since(self, before: Self) -> Self {
        Self { datagrams: self.datagrams - before.datagrams, bytes: self.bytes - before.bytes }
    }

    fn over(self, share: f64) -> Self {
        Self { datagrams: self.datagrams / share, bytes: self.bytes / share }
    }
}
