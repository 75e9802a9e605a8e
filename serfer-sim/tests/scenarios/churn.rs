//! Half an hour of comings and goings, and what is promised to those who stay.

use std::collections::BTreeMap;
use std::time::Duration;

use serfer_proto::{AfterLeave, QueryId, QueryParams, Recovered, Status};
use serfer_sim::{Config, Event, NodeId, Sim};

use crate::support::{lan, mins, ms, secs};

const NODES: usize = 200;

/// How many of them are there from the first minute to the last. The others come and go.
const STAYING: usize = 120;

/// How many of the others have yet to come when it begins.
const LATECOMERS: usize = 20;

const CHURN_LASTS: Duration = mins(30);

/// One of those that come and go does something else this often.
const CHURN_EVERY: u64 = 2;

/// How long somebody who leaves takes, at most, until its process ends.
const LEAVING_TAKES: Duration = secs(12);

/// A member that stays sends a user event this often.
const EVENT_EVERY: u64 = 1;

/// A member that stays asks those with a tag this often.
const QUERY_EVERY: u64 = 20;

/// What is on its way when the churn is over arrives, and who has just died is noticed.
const SETTLES: Duration = secs(30);

/// Until all agree after that. Both seeds agree at once; if gossip missed anything, the next push/pull
/// brings it, of which there is one every two minutes in a cluster of this size.
const AGREED_WITHIN: Duration = mins(2);

/// Numbers by chance, the same with every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// What one of those who come and go is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// Not started yet.
    Unborn,
    Up,
    Killed,
    Left,
}

struct Churn {
    sim: Sim,
    chance: Chance,
    staying: Vec<NodeId>,
    others: Vec<(NodeId, Life)>,
    /// Those that are leaving, and when their process ends.
    leaving: Vec<(Duration, NodeId)>,
    /// How often each event was told to each of those who stay.
    told: BTreeMap<String, BTreeMap<NodeId, u32>>,
    sent: usize,
    asked: BTreeMap<QueryId, &'static str>,
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
                    // Who came a moment ago may not know yet where to answer.
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
        let lives = early.iter().map(|&id| (id, Life::Up));
        let others = lives.chain(late.iter().map(|&id| (id, Life::Unborn))).collect();
        Self {
            sim,
            chance: Chance(seed),
            staying: staying.to_vec(),
            others,
            leaving: Vec::new(),
            told: BTreeMap::new(),
            sent: 0,
            asked: BTreeMap::new(),
            replies: 0,
            ltimes: BTreeMap::new(),
        }
    }

    /// One of those that come and go comes or goes.
    fn churn(&mut self) {
        let which = self.chance.below(self.others.len());
        let (id, life) = self.others[which];
        self.leaving.retain(|&(_, leaving)| leaving != id);
        self.others[which].1 = match life {
            Life::Up => match self.chance.below(4) {
                0 => {
                    self.sim.leave(id);
                    self.leaving.push((self.sim.elapsed() + LEAVING_TAKES, id));
                    Life::Left
                }
                1 => {
                    self.sim.restart(id);
                    Life::Up
                }
                _ => {
                    self.sim.crash(id);
                    Life::Killed
                }
            },
            // Its snapshot tells it whom to rejoin.
            Life::Killed => {
                self.sim.restart(id);
                Life::Up
            }
            Life::Unborn | Life::Left => {
                self.sim.restart(id);
                let seed = self.chance.pick(&self.staying);
                self.sim.join(id, &[seed]);
                Life::Up
            }
        };
    }

    /// Ends the processes of those that have left.
    fn end_those_that_left(&mut self) {
        let now = self.sim.elapsed();
        for (_, id) in self.leaving.extract_if(.., |(end, _)| *end <= now) {
            self.sim.crash(id);
        }
    }

    fn send(&mut self) {
        let name = format!("event-{}", self.sent);
        let sender = self.chance.pick(&self.staying);
        self.sim.user_event(sender, &name, b"");
        self.told.insert(name, BTreeMap::new());
        self.sent += 1;
    }

    fn ask(&mut self) {
        let asking = self.chance.pick(&self.staying);
        let role = self.chance.pick(&["web", "db"]);
        let params = QueryParams::new().tag("role", format!("^{role}$"));
        let query = self.sim.at(asking, |it, now| it.query(now, "there", b"", &params));
        self.asked.insert(query.expect("it is short"), role);
    }

    /// Looks at what those who stay were told, and at their clocks.
    fn listen(&mut self) {
        for &id in &self.staying {
            for recorded in self.sim.take_events(id) {
                match recorded.event {
                    Event::User(event) => {
                        let told = self.told.get_mut(&*event.name).expect("it was sent");
                        *told.entry(id).or_default() += 1;
                    }
                    Event::Reply(reply) => {
                        let asked = self.asked[&reply.query];
                        assert_eq!(role(&reply.from), asked, "{} was not asked", reply.from);
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
                self.ask();
            }
            self.sim.run_for(secs(1));
            self.end_those_that_left();
            self.listen();
        }
        self.sim.run_for(SETTLES);
        self.end_those_that_left();
        self.listen();
    }

    /// Every event has reached everybody who stayed, once.
    fn assert_all_told_once(&self) {
        for (event, told) in &self.told {
            for &id in &self.staying {
                let times = told.get(&id).copied().unwrap_or_default();
                assert_eq!(times, 1, "{} was told of {event} {times} times", self.sim.name(id));
            }
        }
    }
}

impl Churn {
    /// What is wrong with what they list. Everybody lists all that run as alive, and nobody else; those
    /// who stay list those who are gone alike, too. Who comes is not told of those who went before.
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

    /// Waits until nothing is wrong.
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
    churn.assert_all_told_once();
    // Of those asked, two thirds are always there.
    let least = churn.asked.len() * STAYING / 3;
    assert!(churn.replies >= least, "{} replies are less than {least}", churn.replies);
    if let Err(disagreement) = churn.agree() {
        panic!("they do not agree after {AGREED_WITHIN:?}: {disagreement}");
    }
}

#[test]
fn who_stays_misses_nothing_in_half_an_hour_of_churn_and_loss_seed_1() {
    half_an_hour(1);
}

#[test]
fn who_stays_misses_nothing_in_half_an_hour_of_churn_and_loss_seed_2() {
    half_an_hour(2);
}
