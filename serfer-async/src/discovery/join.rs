//! Joining through seeds: once, as often as it takes, or again when everybody is lost.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serfer_proto::Replay;

use crate::discovery::seeds::Finder;
use crate::error::{Closed, Error, SeedFailure, SeedFailures};
use crate::node::shared::Shared;
use crate::runtime::Runtime;

/// Who was reached by a join, and who was not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The addresses at which a member was found and all state exchanged.
    pub reached: Vec<SocketAddr>,
    /// The seeds that could not be joined, and why.
    pub failed: Vec<SeedFailure>,
}

/// What [`start`](crate::Builder::start) does if not all seeds can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JoinPolicy {
    /// The node starts even if no seed is reached. Seeds are tried again in the background for as long as
    /// it is alone.
    BestEffort,
    /// At least this many addresses must be reached, or the node does not start. `Require(1)` is the
    /// default.
    Require(usize),
    /// Tries again until one is reached, however long that takes, and waits longer after each try.
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

/// How long a node that is alone waits before it tries its seeds again, at first and at most.
const ALONE: Backoff = Backoff { next: Duration::from_secs(5), longest: Duration::from_secs(60) };

/// Tries all seeds once, each at all addresses that it has now.
pub(crate) async fn join(
    shared: &Shared,
    finder: &Arc<Finder>,
    seeds: &[String],
    replay: Replay,
) -> Result<Joined, Error> {
    // In a task of the node's: whoever joins may be anywhere.
    let find = finder.clone().find(seeds.to_vec());
    let mut found = shared.tasks.run(find).await.ok_or(Closed)?;
    if found.addrs.is_empty() && !found.failed.is_empty() {
        return Err(Error::NobodyReached(SeedFailures(found.failed)));
    }
    let addrs: Vec<SocketAddr> = found.addrs.iter().map(|(addr, _)| *addr).collect();
    let joining = shared.ask(|state, now, waiting| {
        let join = state.endpoint.join(now, &addrs, replay)?;
        state.joins.insert(join, waiting);
        Ok(())
    });
    let done = joining.await?;
    let seed_of = |addr: &SocketAddr| {
        let seed = found.addrs.iter().find(|(found, _)| found == addr);
        seed.map(|(_, seed)| seed.clone()).unwrap_or_default()
    };
    found.failed.extend(done.failed.iter().map(|(addr, failure)| SeedFailure::Join {
        seed: seed_of(addr),
        addr: *addr,
        failure: failure.clone(),
    }));
    if done.reached.is_empty() {
        return Err(Error::NobodyReached(SeedFailures(found.failed)));
    }
    Ok(Joined { reached: done.reached.to_vec(), failed: found.failed })
}

/// The seeds that a node was started with.
pub(crate) struct Seeds<R> {
    pub(crate) runtime: R,
    pub(crate) shared: Arc<Shared>,
    pub(crate) finder: Arc<Finder>,
    pub(crate) seeds: Vec<String>,
    pub(crate) replay: Replay,
}

impl<R: Runtime> Seeds<R> {
    /// Joins as the policy says. A seed may also be reached that is ourselves: that is how the first node of
    /// many that have the same seeds starts.
    pub(crate) async fn join_first(&self, policy: JoinPolicy) -> Result<(), Error> {
        self.join_as(policy).await?;
        if self.is_alone()? {
            tracing::info!(target: "serfer::join", seeds = ?self.seeds, "nobody else is there yet; the seeds are tried again");
        }
        Ok(())
    }

    fn is_alone(&self) -> Result<bool, Closed> {
        self.shared.with(|state| state.endpoint.stats().members_alive <= 1)
    }

    async fn join_as(&self, policy: JoinPolicy) -> Result<(), Error> {
        match policy {
            JoinPolicy::BestEffort => match self.join().await {
                Err(Error::NobodyReached(failures)) => {
                    tracing::warn!(target: "serfer::join", %failures, "no seed can be joined yet");
                    Ok(())
                }
                joined => joined.map(drop),
            },
            JoinPolicy::Require(required) => {
                let joined = self.join().await?;
                let reached = joined.reached.len();
                if reached < required {
                    let failures = SeedFailures(joined.failed);
                    return Err(Error::TooFewReached { reached, required, failures });
                }
                Ok(())
            }
            JoinPolicy::Retry { first, longest } => {
                let mut backoff = Backoff { next: first, longest };
                while let Err(error) = self.join().await {
                    let Error::NobodyReached(failures) = error else {
                        return Err(error);
                    };
                    let pause = backoff.pause();
                    tracing::warn!(target: "serfer::join", %failures, ?pause, "no seed can be joined yet");
                    self.runtime.sleep_until(self.runtime.now() + pause).await;
                }
                Ok(())
            }
        }
    }

    /// Looks for others whenever there are none, for as long as the node runs.
    pub(crate) async fn watch(self) {
        let mut backoff = ALONE;
        loop {
            self.runtime.sleep_until(self.runtime.now() + backoff.pause()).await;
            match self.is_alone() {
                Ok(true) => {}
                Ok(false) => {
                    backoff = ALONE;
                    continue;
                }
                Err(_broken) => return,
            }
            match self.join().await {
                Err(Error::NobodyReached(failures)) => {
                    tracing::debug!(target: "serfer::join", %failures, "still alone");
                }
                // We left, or are shut down.
                Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    async fn join(&self) -> Result<Joined, Error> {
        join(&self.shared, &self.finder, &self.seeds, self.replay).await
    }
}

/// Longer than anybody wants to wait, and short enough to be reckoned with.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A pause that doubles.
#[derive(Clone, Copy, Debug)]
struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    /// How long to wait now: somewhere in the upper half of what it may be, so that nodes that were
    /// started together do not try together.
    fn pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest).min(PAUSE_MAX);
        self.next = pause.saturating_mul(2);
        let mut byte = [0];
        // Without randomness, the middle will do.
        let part = getrandom::fill(&mut byte).map_or(128, |()| u32::from(byte[0]));
        pause / 2 + pause / 512 * part
    }
}
