//! One try of seeds: they are looked up, and what is found is dialled as it is found.
//!
//! Each address is a join of its own, so a slow one holds up no other. A few are dialled at once, and more
//! for as long as they do not answer. When enough have answered, members are known at most of the others,
//! which need no dial then; the rest is one join.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::{Receiver, Sender};
use futures_lite::future;
use serfer_proto::{Endpoint, JoinDone, JoinError, JoinFailure, Replay, Status};

use super::failure::{SeedFailure, SeedJoinError};
use super::seeds::{SeedFinding, SeedResolver};
use crate::node::shared::Shared;

/// The most addresses that are dialled for one attempt, or remembered of one seed; the rest is left out.
pub(crate) const ADDRS_MAX: usize = 1024;

/// How many addresses are dialled at once, and how many more for each while in which none answers, until
/// enough have answered.
const DIALS: usize = 8;
const WHILE: Duration = Duration::from_millis(250);

/// After so many answers, the rest is one join.
const ANSWERS: usize = 8;

/// What is tried.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) seeds: Vec<String>,
    pub(crate) replay: Replay,
    /// How many addresses are to be reached if possible.
    pub(crate) enough: usize,
}

/// What has come of an attempt so far.
#[derive(Debug)]
pub(crate) enum Progress {
    /// All state was exchanged with a member there, or is known to be.
    Reached {
        /// The place of the seed in the attempt.
        seed: usize,
        addr: SocketAddr,
    },
    Failed {
        seed: usize,
        failure: SeedFailure,
    },
    /// The endpoint refuses to join, or another node has our name. This is the last.
    Refused(SeedJoinError),
    /// All has been tried. This is the last.
    Done,
}

impl Attempt {
    /// Begins it. It goes on even if nobody listens any more. The channel is closed early if the node is shut
    /// down.
    pub(crate) fn begin(
        self,
        shared: &Arc<Shared>,
        resolver: &Arc<SeedResolver>,
    ) -> Receiver<Progress> {
        let (sender, progress) = async_channel::unbounded();
        let (task, resolver) = (shared.clone(), resolver.clone());
        shared.tasks.spawn(async move {
            let (findings_sender, findings) = async_channel::unbounded();
            let looking_up = resolver.clone().resolve(self.seeds.clone(), findings_sender);
            let dials = Dials::new(task, &resolver, self, sender.clone());
            let looking_up = async {
                looking_up.await;
                future::pending().await
            };
            // Who is refused does not wait for what is still looked up.
            let last = match future::or(dials.run(&findings), looking_up).await {
                Ok(()) => Progress::Done,
                Err(SeedJoinError::Closed) => return,
                Err(error) => Progress::Refused(error),
            };
            drop(sender.try_send(last));
        });
        progress
    }
}

/// The dials of an attempt.
struct Dials<'a> {
    shared: Arc<Shared>,
    resolver: &'a SeedResolver,
    attempt: Attempt,
    progress: Sender<Progress>,
    /// Where joins tell how they went, and how many have not yet.
    done: (Sender<JoinDone>, Receiver<JoinDone>),
    open: usize,
    /// How many may be open now.
    open_max: usize,
    /// When more may be open, unless somebody answers.
    more_at: Instant,
    answers: usize,
    waiting: VecDeque<SocketAddr>,
    /// How many of each seed were dialled.
    dialled: Vec<usize>,
    /// The seed of each address that was found.
    seed_of: BTreeMap<SocketAddr, usize>,
    /// All addresses of each seed.
    found: Vec<Vec<SocketAddr>>,
}

/// Why the dials go on.
enum DialStep {
    Found(Option<SeedFinding>),
    Done(Option<JoinDone>),
    /// Nobody has answered for a while.
    More,
}

impl<'a> Dials<'a> {
    fn new(
        shared: Arc<Shared>,
        resolver: &'a SeedResolver,
        attempt: Attempt,
        progress: Sender<Progress>,
    ) -> Self {
        let found = vec![Vec::new(); attempt.seeds.len()];
        let dialled = vec![0; attempt.seeds.len()];
        let more_at = shared.now() + WHILE;
        Self {
            shared,
            resolver,
            attempt,
            progress,
            done: async_channel::unbounded(),
            open: 0,
            open_max: DIALS,
            more_at,
            answers: 0,
            waiting: VecDeque::new(),
            dialled,
            seed_of: BTreeMap::new(),
            found,
        }
    }

    /// Dials what is found, until nothing more is found and all dials are over.
    async fn run(mut self, findings: &Receiver<SeedFinding>) -> Result<(), SeedJoinError> {
        let mut is_looking_up = true;
        while is_looking_up || self.open > 0 {
            match self.next(findings, is_looking_up).await {
                DialStep::Found(Some(finding)) => {
                    self.on_found(finding);
                    while let Ok(finding) = findings.try_recv() {
                        self.on_found(finding);
                    }
                }
                DialStep::Found(None) => {
                    is_looking_up = false;
                    self.note_found();
                }
                DialStep::Done(Some(done)) => self.on_done(&done)?,
                DialStep::Done(None) => {}
                DialStep::More => {
                    self.open_max += DIALS;
                    self.more_at = self.shared.now() + WHILE;
                }
            }
            self.dial_waiting()?;
        }
        Ok(())
    }

    async fn next(&self, findings: &Receiver<SeedFinding>, is_looking_up: bool) -> DialStep {
        let found = async {
            if !is_looking_up {
                future::pending::<()>().await;
            }
            DialStep::Found(findings.recv().await.ok())
        };
        let done = async { DialStep::Done(self.done.1.recv().await.ok()) };
        let more = async {
            if self.waiting.is_empty() || self.answers >= self.attempt.enough {
                future::pending::<()>().await;
            }
            self.shared.tasks.sleep_until(self.more_at).await;
            DialStep::More
        };
        future::or(done, future::or(found, more)).await
    }

    fn on_found(&mut self, SeedFinding { seed, result }: SeedFinding) {
        match result {
            Ok(addrs) => {
                let room = ADDRS_MAX.saturating_sub(self.found[seed].len());
                self.found[seed].extend(addrs.iter().take(room));
                for addr in addrs {
                    if self.seed_of.len() < ADDRS_MAX && !self.seed_of.contains_key(&addr) {
                        self.seed_of.insert(addr, seed);
                        self.waiting.push_back(addr);
                    }
                }
            }
            Err(failure) => self.tell(Progress::Failed { seed, failure }),
        }
    }

    /// All seeds have been looked up: remembers where each led.
    fn note_found(&mut self) {
        for (seed, addrs) in self.attempt.seeds.iter().zip(std::mem::take(&mut self.found)) {
            self.resolver.book.found(seed, addrs);
        }
    }

    fn on_done(&mut self, done: &JoinDone) -> Result<(), SeedJoinError> {
        check_name(&self.shared)?;
        self.open -= 1;
        self.answers += done.reached.len();
        if !done.reached.is_empty() {
            self.more_at = self.shared.now() + WHILE;
        }
        for &addr in done.reached.iter() {
            let seed = self.seed_of.get(&addr).copied().unwrap_or_default();
            self.tell(Progress::Reached { seed, addr });
        }
        for (addr, failure) in done.failed.iter() {
            let place = self.seed_of.get(addr).copied().unwrap_or_default();
            let seed = self.attempt.seeds[place].clone();
            if *failure != JoinFailure::Reserved {
                let failure = SeedFailure::Join { seed, addr: *addr, failure: failure.clone() };
                self.tell(Progress::Failed { seed: place, failure });
            }
        }
        Ok(())
    }

    fn dial_waiting(&mut self) -> Result<(), SeedJoinError> {
        let has_enough = self.answers >= ANSWERS.max(self.attempt.enough);
        if has_enough && !self.waiting.is_empty() {
            self.skip_known()?;
        }
        while !self.waiting.is_empty() && self.open < self.open_max {
            let addrs: Vec<SocketAddr> = match has_enough {
                true => self.waiting.drain(..).collect(),
                false => self.take_next().into_iter().collect(),
            };
            let Attempt { replay, .. } = self.attempt;
            self.shared.call::<_, JoinError, SeedJoinError>(|state, now| {
                let join = state.endpoint.join(now, &addrs, replay)?;
                state.calls.joins.insert(join, self.done.0.clone());
                Ok(())
            })?;
            self.open += 1;
        }
        Ok(())
    }

    /// The address to be dialled next: one of the seed of which the fewest were dialled. So a name with many
    /// addresses that do not answer holds up no other seed.
    fn take_next(&mut self) -> Option<SocketAddr> {
        let dialled = |(_, addr): &(usize, &SocketAddr)| self.dialled[self.seed_of[*addr]];
        let (at, addr) = self.waiting.iter().enumerate().min_by_key(dialled)?;
        self.dialled[self.seed_of[addr]] += 1;
        self.waiting.remove(at)
    }

    /// Addresses at which a member is known by now need no dial.
    fn skip_known(&mut self) -> Result<(), SeedJoinError> {
        let known = self.shared.with(|state| living(&state.endpoint))?;
        let (known, unknown) = self.waiting.drain(..).partition(|addr| known.contains(addr));
        self.waiting = unknown;
        let known: VecDeque<SocketAddr> = known;
        for addr in known {
            let seed = self.seed_of.get(&addr).copied().unwrap_or_default();
            self.tell(Progress::Reached { seed, addr });
        }
        Ok(())
    }

    fn tell(&self, progress: Progress) {
        // Nobody may listen any more.
        drop(self.progress.try_send(progress));
    }
}

/// Refuses to be one of two nodes of the same name. A join is not done before that is known.
pub(crate) fn check_name(shared: &Shared) -> Result<(), SeedJoinError> {
    shared.with(|state| match state.endpoint.name_in_use_at() {
        Some(addr) => {
            let name = state.endpoint.local_member().name().to_owned();
            Err(SeedJoinError::NameInUse { name, addr })
        }
        None => Ok(()),
    })?
}

/// The addresses of all members that are alive.
pub(crate) fn living(endpoint: &Endpoint) -> BTreeSet<SocketAddr> {
    let living = endpoint.members().filter(|member| member.status() == Status::Alive);
    living.map(|member| member.addr()).collect()
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_lite::future::{block_on, poll_once};

    use super::*;
    use crate::error::Error;
    use crate::node::testing::TestNode;
    use crate::router::Router;

    #[test]
    fn a_seed_with_many_addresses_holds_up_no_other() {
        let node = TestNode::with(Router::new());
        let runtime = node.runtime.clone();
        let resolver = SeedResolver::new(
            runtime,
            Box::new(|_, _| Box::pin(async { Ok(Vec::new()) })),
            Vec::new(),
        );
        let seeds = ["many", "one"].map(str::to_owned).to_vec();
        let attempt = Attempt { seeds, replay: Replay::Skip, enough: 1 };
        let (sender, _progress) = async_channel::unbounded();
        let mut dials = Dials::new(node.shared, &resolver, attempt, sender);
        let addr = |n| SocketAddr::from(([10, 0, 0, n], 7946));
        dials.on_found(SeedFinding { seed: 0, result: Ok((1..=200).map(addr).collect()) });
        dials.on_found(SeedFinding { seed: 1, result: Ok(vec![addr(250)]) });
        let order = [(); 4].map(|()| dials.take_next().unwrap());
        assert_eq!(order, [addr(1), addr(250), addr(2), addr(3)]);
    }

    #[test]
    fn names_that_are_still_looked_up_hold_up_no_address_that_is_found() {
        let node = TestNode::with(Router::new());
        let (send, findings) = async_channel::unbounded();
        let (shared, runtime) = (node.shared.clone(), node.runtime.clone());
        node.shared.tasks.spawn(async move {
            let resolver = SeedResolver::new(
                runtime,
                Box::new(|_, _| Box::pin(async { Ok(Vec::new()) })),
                Vec::new(),
            );
            let attempt = Attempt { seeds: vec!["x".to_owned()], replay: Replay::Skip, enough: 1 };
            let dials = Dials::new(shared, &resolver, attempt, async_channel::unbounded().0);
            drop(dials.run(&findings).await);
        });
        // Nobody answers, and now and then another address is found.
        for n in 0..30 {
            let addr = SocketAddr::from(([10, 0, 0, n], 7946));
            send.try_send(SeedFinding { seed: 0, result: Ok(vec![addr]) }).unwrap();
            node.settle();
            node.advance(Duration::from_millis(100));
        }
        let dialled = node.shared.with(|state| state.calls.joins.len()).unwrap();
        assert_eq!(dialled, 30, "all of them");
    }

    #[test]
    fn a_node_that_may_not_join_does_not_wait_for_slow_lookups() {
        let node = TestNode::with(Router::new());
        node.shared.tell(|state, now| state.endpoint.leave(now).unwrap());
        // Nothing reads the settings of DNS.
        let mut joining = pin!(node.serf.join(["srv+x", "10.0.0.1"]));
        assert!(block_on(poll_once(joining.as_mut())).is_none());
        node.settle();
        let error = block_on(poll_once(joining)).expect("it is refused at once").unwrap_err();
        assert!(matches!(error, Error::Join(JoinError::Left)), "{error}");
    }
}
