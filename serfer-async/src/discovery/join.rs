//! Joining through seeds: once, or as a policy says when a node is started.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_channel::{Receiver, Sender};
use serfer_proto::{JoinError, Replay};

use super::attempt::{Attempt, Progress, check_name};
use super::failure::{SeedFailure, SeedFailures, SeedJoinError};
use super::pauses::DoublingPause;
use super::seeds::{self, SeedResolver};
use crate::node::closed::Closed;
use crate::node::notable::is_notable;
use crate::node::shared::Shared;

/// Which members were reached by a join, and which seeds were not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The addresses at which a member was found and all state exchanged. When some have been reached, those
    /// at which a member is then known count as reached, too.
    pub reached: Vec<SocketAddr>,
    /// The seeds that could not be joined, and why.
    pub failed: Vec<SeedFailure>,
}

/// What [`start`](crate::Builder::start) does if not all seeds can be reached.
///
/// `start` returns when the policy is met, 0.2 s later at most: seeds that are slower than that, or do not
/// answer, are tried in the background. A seed that leads to no address yet, such as an empty file or a name
/// that DNS does not know, counts as one at which nobody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinPolicy {
    /// The node starts even if no seed is reached: it starts when one is reached, when all have failed, or
    /// after two seconds. Seeds are tried again in the background for as long as it is alone.
    BestEffort,
    /// At least this many addresses must be reached, or the node does not start. `Require(1)` is the
    /// default.
    Require(usize),
    /// Tries again until one is reached, however long that takes, and waits longer after each try. Each seed
    /// is tried again by itself.
    Retry {
        /// How long to wait after the first try.
        first: Duration,
        /// How long to wait at most. No pause is longer than a day.
        longest: Duration,
    },
}

impl Default for JoinPolicy {
    fn default() -> Self {
        Self::Require(1)
    }
}

/// How long a join waits for its seeds.
const JOIN_TIME: Duration = Duration::from_secs(30);

/// How long a start waits for seeds that it does not depend on.
const BEST_EFFORT_TIME: Duration = Duration::from_secs(2);

/// How long a start whose policy is met waits for other seeds.
const GRACE: Duration = Duration::from_millis(200);

/// How often a start that tries again looks whether somebody else has joined us.
const LOOK: Duration = Duration::from_millis(200);

/// What is known of an attempt.
#[derive(Debug, Default)]
struct Outcome {
    reached: Vec<SocketAddr>,
    /// With the place of the seed.
    failed: Vec<(usize, SeedFailure)>,
    /// The seeds that have come to something.
    heard: Vec<usize>,
    is_done: bool,
}

impl Outcome {
    /// Waits for news until some time, until all is done, or until so many addresses are reached.
    async fn wait(
        &mut self,
        shared: &Shared,
        progress: &Receiver<Progress>,
        patience: Option<Duration>,
        enough: usize,
    ) -> Result<(), SeedJoinError> {
        let until = patience.map(|patience| shared.now() + patience);
        while !self.is_done && self.reached.len() < enough {
            let Some(news) = shared.tasks.timeout_at(until, progress.recv()).await else {
                break;
            };
            match news.map_err(|_| Closed)? {
                Progress::Reached { seed, addr } => {
                    self.heard.push(seed);
                    self.reached.push(addr);
                }
                Progress::Failed { seed, failure } => {
                    self.heard.push(seed);
                    self.failed.push((seed, failure));
                }
                Progress::Refused(error) => return Err(error),
                Progress::Done => self.is_done = true,
            }
        }
        Ok(())
    }

    /// What failed: first what led nowhere, then where nobody could be joined, each in the order of the seeds.
    /// Seeds of which nothing was heard yet have failed as well.
    fn failures(mut self, seeds: &[String]) -> SeedFailures {
        for (place, seed) in seeds.iter().enumerate() {
            if !self.is_done && !self.heard.contains(&place) {
                self.failed.push((place, SeedFailure::Unfinished { seed: seed.clone() }));
            }
        }
        self.failed.sort_by_key(|(place, it)| (matches!(it, SeedFailure::Join { .. }), *place));
        SeedFailures(self.failed.into_iter().map(|(_, failure)| failure).collect())
    }
}

/// Tries all seeds once, each at all addresses that it has now. What takes longer than [`JOIN_TIME`] goes on
/// in the background.
pub(crate) async fn join(
    shared: &Arc<Shared>,
    resolver: &Arc<SeedResolver>,
    seeds: Vec<String>,
    replay: Replay,
) -> Result<Joined, SeedJoinError> {
    if seeds.is_empty() {
        return Err(JoinError::NoPeers.into());
    }
    resolver.book.keep(seeds::usable(&seeds));
    let attempt = Attempt { seeds: seeds.clone(), replay, enough: 1 };
    let progress = attempt.begin(shared, resolver);
    let mut outcome = Outcome::default();
    outcome.wait(shared, &progress, Some(JOIN_TIME), usize::MAX).await?;
    let reached = std::mem::take(&mut outcome.reached);
    let failures = outcome.failures(&seeds);
    if reached.is_empty() {
        return Err(SeedJoinError::NobodyReached(failures));
    }
    Ok(Joined { reached, failed: failures.0 })
}

/// The seeds that a node is started with.
#[derive(Clone)]
pub(crate) struct StartupSeeds {
    pub(crate) shared: Arc<Shared>,
    pub(crate) resolver: Arc<SeedResolver>,
    pub(crate) seeds: Vec<String>,
    pub(crate) replay: Replay,
}

impl StartupSeeds {
    /// Joins as the policy says. A seed that is this node itself counts as reached. So the first of many
    /// nodes that have the same seeds can start.
    pub(crate) async fn join_at_start(&self, policy: JoinPolicy) -> Result<(), SeedJoinError> {
        seeds::check(&self.seeds).map_err(SeedJoinError::NobodyReached)?;
        match policy {
            JoinPolicy::BestEffort => self.join_if_possible().await?,
            JoinPolicy::Require(required) => self.join_or_fail(required).await?,
            JoinPolicy::Retry { first, longest } => {
                self.join_at_last(DoublingPause::new(first, longest)).await?;
            }
        }
        check_name(&self.shared)?;
        for fault in seeds::faults(&self.seeds) {
            tracing::warn!(target: "serfer::join", %fault, "a seed leads nowhere; correct it");
        }
        if is_alone(&self.shared)? {
            tracing::info!(target: "serfer::join", seeds = ?self.seeds, "nobody else is there yet; the seeds are tried again");
        }
        Ok(())
    }

    fn begin(&self, seeds: &[String], enough: usize) -> Receiver<Progress> {
        let attempt = Attempt { seeds: seeds.to_vec(), replay: self.replay, enough };
        attempt.begin(&self.shared, &self.resolver)
    }

    async fn join_if_possible(&self) -> Result<(), SeedJoinError> {
        let (progress, mut outcome) = (self.begin(&self.seeds, 1), Outcome::default());
        outcome.wait(&self.shared, &progress, Some(BEST_EFFORT_TIME), 1).await?;
        if outcome.reached.is_empty() {
            let failures = outcome.failures(&self.seeds);
            tracing::warn!(target: "serfer::join", %failures, "no seed can be joined yet");
            return Ok(());
        }
        outcome.wait(&self.shared, &progress, Some(GRACE), usize::MAX).await
    }

    async fn join_or_fail(&self, required: usize) -> Result<(), SeedJoinError> {
        let (progress, mut outcome) = (self.begin(&self.seeds, required), Outcome::default());
        // Even if none is required, that all fail is an error.
        outcome.wait(&self.shared, &progress, None, required.max(1)).await?;
        let reached = outcome.reached.len();
        if reached == 0 {
            return Err(SeedJoinError::NobodyReached(outcome.failures(&self.seeds)));
        }
        if reached < required {
            let failures = outcome.failures(&self.seeds);
            return Err(SeedJoinError::TooFewReached { reached, required, failures });
        }
        outcome.wait(&self.shared, &progress, Some(GRACE), usize::MAX).await
    }

    /// Tries each seed again and again, until one is reached or somebody else has joined us.
    async fn join_at_last(&self, pauses: DoublingPause) -> Result<(), SeedJoinError> {
        let (sender, reached) = async_channel::bounded(1);
        for seed in seeds::usable(&self.seeds) {
            let (task, seed, sender) = (self.clone(), seed.clone(), sender.clone());
            self.shared.tasks.spawn(async move { task.retry(seed, pauses, &sender).await });
        }
        drop(sender);
        loop {
            let until = Some(self.shared.now() + LOOK);
            let tried = self.shared.tasks.timeout_at(until, reached.recv()).await;
            match tried {
                Some(result) => return result.map_err(|_| Closed)?,
                None if !is_alone(&self.shared)? => return Ok(()),
                None => {}
            }
        }
    }

    /// Tries one seed until it is reached, or nobody waits for that any more.
    async fn retry(
        &self,
        seed: String,
        mut pauses: DoublingPause,
        ended: &Sender<Result<(), SeedJoinError>>,
    ) {
        let seeds = [seed];
        for tries in 1_u64.. {
            let (progress, mut outcome) = (self.begin(&seeds, 1), Outcome::default());
            let tried = outcome.wait(&self.shared, &progress, None, 1).await;
            if tried.is_err() || !outcome.reached.is_empty() {
                drop(ended.try_send(tried));
                return;
            }
            let (failures, pause) = (outcome.failures(&seeds), pauses.next_pause());
            if is_notable(tries) {
                tracing::warn!(target: "serfer::join", %failures, tries, ?pause, "a seed cannot be joined yet; it is tried again");
            }
            let until = Some(self.shared.now() + pause);
            // Perhaps nobody waits any more.
            if self.shared.tasks.timeout_at(until, ended.closed()).await.is_some() {
                return;
            }
        }
    }
}

/// Whether this node knows no other that is alive.
pub(crate) fn is_alone(shared: &Shared) -> Result<bool, Closed> {
    shared.with(|state| state.endpoint.stats().members_alive <= 1)
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_lite::future::{block_on, poll_once};

    use crate::node::testing::TestNode;
    use crate::router::Router;

    use super::*;

    #[test]
    fn a_join_waits_half_a_minute_for_its_slowest_seed() {
        let node = TestNode::with(Router::new());
        // Nothing reads the settings of DNS, and nobody dials.
        let mut joining = pin!(node.serf.join(["srv+x", "10.0.0.1"]));
        for _ in 0..30 {
            assert!(block_on(poll_once(joining.as_mut())).is_none());
            node.advance(Duration::from_secs(1));
        }
        let error = block_on(poll_once(joining)).expect("it ends").unwrap_err().to_string();
        let expected = "cannot join: srv+x: nothing yet; it is still being tried; 10.0.0.1:7946: no answer in time";
        assert_eq!(error, expected);
    }
}
