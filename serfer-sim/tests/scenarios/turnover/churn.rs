//! Half an hour of churn, and what nodes that stay can rely on.

use std::collections::BTreeMap;
use std::time::Duration;

use serfer_proto::{AfterLeave, QueryId, QueryParams, Recovered, Status};
use serfer_sim::{Config, Event, NodeId, Sim};

use crate::support::{lan, mins, ms, secs};

const NODES: usize = 200;

/// How many of them stay from the first minute to the last. The others come and go.
const STAYING: usize = 120;

/// How many of the others are not there at the beginning.
const LATECOMERS: usize = 20;

const CHURN_LASTS: Duration = mins(30);

/// In seconds, how often one of those that come and go starts, leaves or crashes.
const CHURN_EVERY: u64 = 2;

/// How long after it leaves a node's process ends.
const LEAVING_TAKES: Duration = secs(12);

/// In seconds, how often a member that stays sends a user event.
const EVENT_EVERY: u64 = 1;

/// In seconds, how often a member that stays sends a query to those with a tag.
const QUERY_EVERY: u64 = 20;

/// After the churn: the last failures are noticed, and the events under way arrive. What gossip did not bring to
/// somebody comes with a push/pull.
const SETTLES: Duration = mins(3);

/// Until all agree after that. With both seeds they agree at once. If gossip missed anything, the next
/// push/pull brings it: there is one every two minutes in a cluster of this size.
const AGREED_WITHIN: Duration = mins(2);

/// A random generator with a seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// The state of a node that comes and goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    NotStarted,
    Running,
    Crashed,
    Left,
}

struct Churn {
    sim: Sim,
    random: Random,
    staying: Vec<NodeId>,
    others: Vec<(NodeId, Life)>,
    /// The nodes that are leaving, and when their processes end.
    leaving: Vec<(Duration, NodeId)>,
    /// How often each event was delivered to each node that stays.
    delivered: BTreeMap<String, BTreeMap<NodeId, u32>>,
    sent: usize,
    queries: BTreeMap<QueryId, &'static str>,
    replies: usize,
    ltimes: BTreeMap<NodeId, [u64; 3]>,
}

fn role(name: &str) -> &'static str {
    let number: usize = name[1..].parse().expect("nodes are numbered");
    if number.is_multiple_of(3) { "web" } else { "db" }
}

/// A node that keeps a snapshot and has a tag.
fn config(name: String) -> Config {
    let role = role(&name);
    let config = lan(name).recovered(Recovered::nothing(AfterLeave::default()));
    config.tag("role", role).expect("it is short")
}

impl Churn {
    fn new(seed: u64) -> Self {
        let mut sim = Sim::new(seed);
        sim.network().latency(ms(1)..ms(20)).loss(0.1);
        let ids = sim.many(config, NODES);
        for &id in &ids {
            sim.app(id, |endpoint, now, event| {
                if let Event::Query(query) = event {
                    // A node that has just joined may not know the address of the sender yet.
                    let _ = endpoint.respond(now, query, b"here");
                }
            });
        }
        let (staying, others) = ids.split_at(STAYING);
        let (early, late) = others.split_at(others.len() - LATECOMERS);
        late.iter().for_each(|&id| sim.crash(id));
        for &id in staying[1..].iter().chain(early) {
            sim.join(id, &[staying[0], staying[1]]);
        }
        sim.run_for(mins(3));
        ids.iter().for_each(|&id| drop(sim.take_events(id)));
        let lives = early.iter().map(|&id| (id, Life::Running));
        let others = lives.chain(late.iter().map(|&id| (id, Life::NotStarted))).collect();
        Self {
            sim,
            random: Random(seed),
            staying: staying.to_vec(),
            others,
            leaving: Vec::new(),
            delivered: BTreeMap::new(),
            sent: 0,
            queries: BTreeMap::new(),
            replies: 0,
            ltimes: BTreeMap::new(),
        }
    }

    /// One of the nodes that come and go starts, leaves or crashes.
    fn churn(&mut self) {
        let which = self.random.below(self.others.len());
        let (id, life) = self.others[which];
        self.leaving.retain(|&(_, leaving)| leaving != id);
        self.others[which].1 = match life {
            Life::Running => match self.random.below(4) {
                0 => {
                    self.sim.leave(id);
                    self.leaving.push((self.sim.elapsed() + LEAVING_TAKES, id));
                    Life::Left
                }
                1 => {
                    self.sim.restart(id);
                    Life::Running
                }
                _ => {
                    self.sim.crash(id);
                    Life::Crashed
                }
            },
            // It rejoins from its snapshot.
            Life::Crashed => {
                self.sim.restart(id);
                Life::Running
            }
            Life::NotStarted | Life::Left => {
                self.sim.restart(id);
                let seed = self.random.pick(&self.staying);
                self.sim.join(id, &[seed]);
                Life::Running
            }
        };
    }

    /// Ends the processes of nodes that have left.
    fn end_left_nodes(&mut self) {
        let now = self.sim.elapsed();
        for (_, id) in self.leaving.extract_if(.., |(end, _)| *end <= now) {
            self.sim.crash(id);
        }
    }

    fn send(&mut self) {
        let name = format!("event-{}", self.sent);
        let sender = self.random.pick(&self.staying);
        self.sim.user_event(sender, &name, b"");
        self.delivered.insert(name, BTreeMap::new());
        self.sent += 1;
    }

    fn query(&mut self) {
        let sender = self.random.pick(&self.staying);
        let role = self.random.pick(&["web", "db"]);
        let params = QueryParams::new().tag("role", format!("^{role}$"));
        let query = self.sim.at(sender, |it, now| it.query(now, "there", b"", &params));
        self.queries.insert(query.expect("it is short"), role);
    }

    /// Checks the events and the clocks of the nodes that stay.
    fn check_events(&mut self) {
        for &id in &self.staying {
            for recorded in self.sim.take_events(id) {
                match recorded.event {
                    Event::User(event) => {
                        let delivered = self.delivered.get_mut(&*event.name).expect("it was sent");
                        *delivered.entry(id).or_default() += 1;
                    }
                    Event::Reply(reply) => {
                        let queried = self.queries[&reply.query];
                        assert_eq!(role(&reply.from), queried, "{} was not asked", reply.from);
                        self.replies += 1;
                    }
                    _ => {}
                }
            }
            let stats = self.sim.endpoint(id).expect("it stays").stats();
            let now = [stats.member_ltime, stats.event_ltime, stats.query_ltime];
            let before = self.ltimes.insert(id, now).unwrap_or_default();
            let went_back = before.iter().zip(&now).any(|(before, now)| before > now);
            assert!(!went_back, "clocks of {} went from {before:?} to {now:?}", self.sim.name(id));
        }
        for &(id, _) in &self.others {
            drop(self.sim.take_events(id));
        }
    }

    fn run(&mut self) {
        for second in 1..=CHURN_LASTS.as_secs() {
            if second.is_multiple_of(CHURN_EVERY) {
                self.churn();
            }
            if second.is_multiple_of(EVENT_EVERY) {
                self.send();
            }
            if second.is_multiple_of(QUERY_EVERY) {
                self.query();
            }
            self.sim.run_for(secs(1));
            self.end_left_nodes();
            self.check_events();
        }
        self.sim.run_for(SETTLES);
        self.end_left_nodes();
        self.check_events();
    }

    /// Every event was delivered once to every node that stayed.
    fn assert_all_delivered_once(&self) {
        for (event, delivered) in &self.delivered {
            for &id in &self.staying {
                let times = delivered.get(&id).copied().unwrap_or_default();
                assert_eq!(times, 1, "{} got {event} {times} times", self.sim.name(id));
            }
        }
    }
}

impl Churn {
    /// A difference between the nodes' lists of members. All nodes must list all running nodes as alive,
    /// and no others. Nodes that stay must also agree on those that are gone. A node that joins does
    /// not learn of those that were gone before.
    fn disagreement(&self) -> Option<String> {
        let sim = &self.sim;
        let running: Vec<NodeId> = sim.running().collect();
        let first = sim.endpoint(self.staying[0])?;
        for (id, endpoint) in running.iter().filter_map(|&id| Some((id, sim.endpoint(id)?))) {
            let name = sim.name(id);
            for &other in &running {
                let other = sim.name(other);
                if sim.status(id, other) != Some(Status::Alive) {
                    return Some(format!("{name} lists {other} as {:?}", sim.status(id, other)));
                }
            }
            let alive = endpoint.members().filter(|it| it.status() == Status::Alive).count();
            if alive != running.len() {
                return Some(format!("{name} lists {alive} as alive, not {}", running.len()));
            }
        }
        for &id in &self.staying {
            let endpoint = sim.endpoint(id)?;
            if let Some(odd) = first.members().find(|it| endpoint.member(it.name()) != Some(it)) {
                return Some(format!("{} and n1 differ in {odd:?}", sim.name(id)));
            }
        }
        None
    }

    /// Waits until there is no disagreement.
    fn agree(&mut self) -> Result<(), String> {
        let begin = self.sim.elapsed();
        while let Some(disagreement) = self.disagreement() {
            if self.sim.elapsed() - begin >= AGREED_WITHIN {
                return Err(disagreement);
            }
            self.sim.run_for(secs(1));
        }
        Ok(())
    }
}

fn half_an_hour(seed: u64) {
    let mut churn = Churn::new(seed);
    churn.run();
    churn.assert_all_delivered_once();
    // One node in three is a `web`, so each query is for at least a third of the nodes that stay.
    let least = churn.queries.len() * STAYING / 3;
    assert!(churn.replies >= least, "{} replies are less than {least}", churn.replies);
    if let Err(disagreement) = churn.agree() {
        panic!("the nodes do not agree after {AGREED_WITHIN:?}: {disagreement}");
    }
}

#[test]
fn nodes_that_stay_miss_nothing_in_half_an_hour_of_churn_and_loss_seed_1() {
    half_an_hour(1);
}

#[test]
#[ignore = "it takes a minute; `./check --full` runs it"]
fn nodes_that_stay_miss_nothing_in_half_an_hour_of_churn_and_loss_seed_2() {
    half_an_hour(2);
}
