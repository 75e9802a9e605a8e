//! Joining through seeds: once, until it succeeds, or again when the node is alone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serfer_proto::{JoinError, Replay};

use super::failure::{SeedFailure, SeedFailures, SeedJoinError};
use super::seeds::SeedResolver;
use crate::node::closed::Closed;
use crate::node::shared::Shared;
use crate::runtime::Runtime;

/// Which members were reached by a join, and which seeds were not.
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
const ALONE: DoublingPause =
    DoublingPause { next: Duration::from_secs(5), longest: Duration::from_secs(60) };

/// Tries all seeds once, each at all addresses that it has now.
pub(crate) async fn join(
    shared: &Shared,
    resolver: &Arc<SeedResolver>,
    seeds: &[String],
    replay: Replay,
) -> Result<Joined, SeedJoinError> {
    // This is a task of the node, because the caller may be on any runtime, or on none.
    let resolving = resolver.clone().resolve(seeds.to_vec());
    let mut resolved = shared.tasks.run(resolving).await.ok_or(Closed)?;
    if resolved.addrs.is_empty() && !resolved.failed.is_empty() {
        return Err(SeedJoinError::NobodyReached(SeedFailures(resolved.failed)));
    }
    let addrs: Vec<SocketAddr> = resolved.addrs.iter().map(|(addr, _)| *addr).collect();
    let joining = shared.ask::<_, JoinError, SeedJoinError>(|state, now, sender| {
        let join = state.endpoint.join(now, &addrs, replay)?;
        state.calls.joins.insert(join, sender);
        Ok(())
    });
    let done = joining.await?;
    check_name(shared)?;
    let seed_of = |addr: &SocketAddr| {
        let seed = resolved.addrs.iter().find(|(resolved, _)| resolved == addr);
        seed.map(|(_, seed)| seed.clone()).unwrap_or_default()
    };
    resolved.failed.extend(done.failed.iter().map(|(addr, failure)| SeedFailure::Join {
        seed: seed_of(addr),
        addr: *addr,
        failure: failure.clone(),
    }));
    if done.reached.is_empty() {
        return Err(SeedJoinError::NobodyReached(SeedFailures(resolved.failed)));
    }
    Ok(Joined { reached: done.reached.to_vec(), failed: resolved.failed })
}

/// Refuses to be one of two nodes of the same name.
fn check_name(shared: &Shared) -> Result<(), SeedJoinError> {
    shared.with(|state| match state.endpoint.name_in_use_at() {
        Some(addr) => {
            let name = state.endpoint.local_member().name().to_owned();
            Err(SeedJoinError::NameInUse { name, addr })
        }
        None => Ok(()),
    })?
}

/// The seeds that a node was started with.
pub(crate) struct StartupSeeds<R> {
    pub(crate) runtime: R,
    pub(crate) shared: Arc<Shared>,
    pub(crate) resolver: Arc<SeedResolver>,
    pub(crate) seeds: Vec<String>,
    pub(crate) replay: Replay,
}

impl<R: Runtime> StartupSeeds<R> {
    /// Joins as the policy says. A seed that is this node itself counts as reached. So the first of many
    /// nodes that have the same seeds can start.
    pub(crate) async fn join_at_start(&self, policy: JoinPolicy) -> Result<(), SeedJoinError> {
        self.join_by(policy).await?;
        if self.is_alone()? {
            tracing::info!(target: "serfer::join", seeds = ?self.seeds, "nobody else is there yet; the seeds are tried again");
        }
        Ok(())
    }

    fn is_alone(&self) -> Result<bool, Closed> {
        self.shared.with(|state| state.endpoint.stats().members_alive <= 1)
    }

    async fn join_by(&self, policy: JoinPolicy) -> Result<(), SeedJoinError> {
        match policy {
            JoinPolicy::BestEffort => match self.join().await {
                Err(SeedJoinError::NobodyReached(failures)) => {
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
                    return Err(SeedJoinError::TooFewReached { reached, required, failures });
                }
                Ok(())
            }
            JoinPolicy::Retry { first, longest } => {
                let mut pauses = DoublingPause { next: first, longest };
                while let Err(error) = self.join().await {
                    let SeedJoinError::NobodyReached(failures) = error else {
                        return Err(error);
                    };
                    let pause = pauses.next_pause();
                    tracing::warn!(target: "serfer::join", %failures, ?pause, "no seed can be joined yet");
                    self.runtime.sleep_until(self.runtime.now() + pause).await;
                }
                Ok(())
            }
        }
    }

    /// Tries the seeds again whenever the node is alone, for as long as it runs.
    pub(crate) async fn rejoin_when_alone(self) {
        let mut pauses = ALONE;
        loop {
            self.runtime.sleep_until(self.runtime.now() + pauses.next_pause()).await;
            match self.is_alone() {
                Ok(true) => {}
                Ok(false) => {
                    pauses = ALONE;
                    continue;
                }
                Err(_broken) => return,
            }
            match self.join().await {
                Err(SeedJoinError::NobodyReached(failures)) => {
                    tracing::debug!(target: "serfer::join", %failures, "still alone");
                }
                // If another node has our name, the members vote.
                Ok(_) | Err(SeedJoinError::NameInUse { .. }) => {}
                // We left, or are shut down.
                Err(_) => return,
            }
        }
    }

    async fn join(&self) -> Result<Joined, SeedJoinError> {
        join(&self.shared, &self.resolver, &self.seeds, self.replay).await
    }
}

/// Longer than anybody wants to wait, and short enough to calculate with.
const PAUSE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// A pause that doubles.
#[derive(Clone, Copy, Debug)]
struct DoublingPause {
    next: Duration,
    longest: Duration,
}

impl DoublingPause {
    /// How long to wait now. It is random, from half of the pause up to all of it, so that nodes that were
    /// started together do not try together.
    fn next_pause(&mut self) -> Duration {
        let pause = self.next.min(self.longest).min(PAUSE_MAX);
        self.next = pause.saturating_mul(2);
        let mut byte = [0];
        // Without randomness, the middle will do.
        let part = getrandom::fill(&mut byte).map_or(128, |()| u32::from(byte[0]));
        pause / 2 + pause / 512 * part
    }
}
