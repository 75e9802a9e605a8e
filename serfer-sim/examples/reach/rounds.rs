//! Rounds: in each, one node asks a query or sends a user event. Who hears it, and when?

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use serfer_sim::{Event, NodeId, Sim};

use super::clusters::{Setting, datagrams_sent};

/// A user event that comes later than this is late.
pub(crate) const IN_TIME: Duration = Duration::from_secs(1);

/// How long to wait between two rounds, so that what is queued is sent.
const PAUSE: Duration = Duration::from_secs(1);

/// What is sent in each round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum News {
    /// A query to all, with acks, which everybody answers at once.
    Query,
    UserEvent,
}

/// What came of some rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// In how many some member missed the query, or had the event late.
    pub(crate) missed: usize,
    /// In how many the asker lacks somebody's reply.
    pub(crate) unanswered: usize,
    /// How many datagrams a round takes, besides those that a quiet cluster sends.
    pub(crate) datagrams: f64,
    /// When the last member had it, for each round in which all had, shortest first.
    last: Vec<Duration>,
}

impl Rounds {
    /// In what time the last member had it in this part of the rounds.
    pub(crate) fn quantile(&self, part: f64) -> Option<Duration> {
        let at = (self.last.len() as f64 * part) as usize;
        self.last.get(at.min(self.last.len().checked_sub(1)?)).copied()
    }
}

/// What the members of a cluster have heard in this round.
#[derive(Debug, Default)]
struct Heard {
    round: [u8; 4],
    /// How many members have heard this round's news.
    members: usize,
    replies: usize,
    closed: bool,
}

/// Plays rounds in one cluster, with another sender each time.
pub(crate) fn measure(setting: &Setting, news: News, rounds: u32) -> Rounds {
    let (mut sim, ids) = setting.cluster();
    let senders = setting.senders(&ids);
    let heard = listen(&mut sim, &ids);
    let idle = idle_rate(&mut sim);
    let (start, before) = (sim.elapsed(), datagrams_sent(&sim));
    let mut measured = Rounds::default();
    for round in 0..rounds {
        *heard.borrow_mut() = Heard { round: round.to_be_bytes(), ..Heard::default() };
        let sender = senders[round as usize % senders.len()];
        let last = match news {
            News::Query => ask(&mut sim, sender, round, &heard),
            News::UserEvent => {
                sim.user_event(sender, "news", &round.to_be_bytes());
                sim.run_until(IN_TIME, |_| heard.borrow().members == ids.len())
            }
        };
        let heard = heard.borrow();
        let is_everywhere = heard.members == ids.len();
        measured.missed += usize::from(!is_everywhere);
        measured.last.extend(last.filter(|_| is_everywhere));
        let is_unanswered = news == News::Query && heard.replies < ids.len();
        measured.unanswered += usize::from(is_unanswered);
        drop(heard);
        sim.run_for(PAUSE);
    }
    let quiet = idle * (sim.elapsed() - start).as_secs_f64();
    let sent = (datagrams_sent(&sim) - before) as f64;
    measured.datagrams = (sent - quiet) / f64::from(rounds);
    measured.last.sort_unstable();
    measured
}

/// Asks a query, and waits until it is closed. Returns when all had it.
fn ask(sim: &mut Sim, asker: NodeId, round: u32, heard: &RefCell<Heard>) -> Option<Duration> {
    let members = sim.ids().count();
    sim.query(asker, "news", &round.to_be_bytes());
    let closes_within = Duration::from_secs(60);
    let everywhere = |it: &Heard| it.closed || it.members == members;
    let last = sim.run_until(closes_within, |_| everywhere(&heard.borrow()));
    sim.run_until(closes_within, |_| heard.borrow().closed).expect("every query is closed");
    last
}

/// Makes all nodes note what they hear, and answer queries.
fn listen(sim: &mut Sim, ids: &[NodeId]) -> Rc<RefCell<Heard>> {
    let heard = Rc::new(RefCell::new(Heard::default()));
    for &id in ids {
        let heard = heard.clone();
        sim.app(id, move |endpoint, now, event| {
            let mut heard = heard.borrow_mut();
            match event {
                Event::Query(query) if query.payload == heard.round[..] => {
                    heard.members += 1;
                    endpoint.respond(now, query, b"fine").expect("it is in time");
                }
                Event::User(event) if event.payload == heard.round[..] => heard.members += 1,
                Event::Reply(_) => heard.replies += 1,
                Event::QueryClosed(_) => heard.closed = true,
                _ => {}
            }
        });
    }
    heard
}

/// How many datagrams the cluster sends in a second while there is no news.
fn idle_rate(sim: &mut Sim) -> f64 {
    const WATCHED: Duration = Duration::from_secs(60);
    let before = datagrams_sent(sim);
    sim.run_for(WATCHED);
    (datagrams_sent(sim) - before) as f64 / WATCHED.as_secs_f64()
}
