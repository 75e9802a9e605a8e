//! Looking for others with the seeds, for as long as a node runs.
//!
//! A node that is alone tries its seeds again and again. In a cluster, about one node a minute looks the
//! seeds up again: parts of a cluster that do not know each other, but have the same seeds, find each other
//! so. The core dials an address at which no member is known
//! ([`update_seeds`](serfer_proto::Endpoint::update_seeds)).
//!
//! Unlike Go, where a seed is looked up once and islands stay apart until somebody joins them by hand (hs#605).
//!
//! How long name servers let an answer be kept does not matter here: it is they who keep it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serfer_proto::Replay;

use super::attempt::{Attempt, Progress, living};
use super::join::is_alone;
use super::pauses::{DoublingPause, half_to_all};
use super::seeds::SeedResolver;
use crate::node::shared::Shared;

/// No node of a cluster, however large, waits longer before it looks.
const LOOK_MAX: Duration = Duration::from_secs(60 * 60);

pub(crate) struct SeedWatch {
    pub(crate) shared: Arc<Shared>,
    pub(crate) resolver: Arc<SeedResolver>,
    pub(crate) replay: Replay,
    /// How often a node of a cluster looks the seeds up, and how often a node that is alone does at least.
    pub(crate) interval: Duration,
    /// Whether the core tries seeds again. If it does not, this joins at those where no member is known.
    pub(crate) keeps_seeds: bool,
}

/// When we looked last, and how much of the longest wait we wait now: from half of a second up to all of it.
struct LookTurn {
    since: Instant,
    share: Duration,
}

impl SeedWatch {
    pub(crate) async fn run(self) {
        let patient = DoublingPause::new(self.interval / 12, self.interval);
        let mut pauses = patient;
        let mut turn = self.next_turn();
        loop {
            self.resolver.book.some().await;
            self.shared.tasks.sleep_until(self.shared.now() + pauses.next_pause()).await;
            match is_alone(&self.shared) {
                Ok(true) => {
                    if !self.try_all().await {
                        return;
                    }
                }
                Ok(false) => {
                    pauses = patient;
                    if self.is_time(&turn) {
                        turn = self.next_turn();
                        self.look().await;
                    }
                }
                Err(_broken) => return,
            }
        }
    }

    fn next_turn(&self) -> LookTurn {
        LookTurn { since: self.shared.now(), share: half_to_all(Duration::from_secs(1)) }
    }

    /// Whether it is our turn to look. The more members, the rarer it is.
    fn is_time(&self, turn: &LookTurn) -> bool {
        let alive = self.shared.with(|state| state.endpoint.stats().members_alive);
        let alive = u32::try_from(alive.unwrap_or_default()).unwrap_or(u32::MAX);
        let longest = longest_wait(self.interval, alive);
        self.shared.now() >= turn.since + longest.mul_f64(turn.share.as_secs_f64())
    }

    /// Looks all seeds up.
    async fn look(&self) {
        let seeds = self.resolver.book.texts();
        let (sender, findings) = async_channel::unbounded();
        self.resolver.clone().resolve(seeds.clone(), sender).await;
        let mut found = vec![Vec::new(); seeds.len()];
        while let Ok(finding) = findings.try_recv() {
            match finding.result {
                Ok(addrs) => found[finding.seed].extend(addrs),
                Err(failure) => {
                    tracing::debug!(target: "serfer::join", %failure, "a seed leads nowhere now");
                }
            }
        }
        for (seed, addrs) in seeds.iter().zip(found) {
            self.resolver.book.found(seed, addrs);
        }
        self.update();
    }

    /// Tells the core where the seeds lead.
    fn update(&self) {
        let mut addrs = self.resolver.book.addrs();
        self.shared.tell(|state, now| {
            if self.keeps_seeds {
                return state.endpoint.update_seeds(now, &addrs, self.replay);
            }
            let known = living(&state.endpoint);
            addrs.retain(|addr| !known.contains(addr));
            // If there is none, or we leave, there is nothing to do.
            let _ = state.endpoint.join(now, &addrs, self.replay);
        });
    }

    /// Tries all seeds once. Returns whether that makes sense again: not if we left, or are shut down.
    async fn try_all(&self) -> bool {
        let seeds = self.resolver.book.texts();
        let attempt = Attempt { seeds, replay: self.replay, enough: 1 };
        let progress = attempt.begin(&self.shared, &self.resolver);
        loop {
            match progress.recv().await {
                Ok(Progress::Reached { .. }) => {}
                Ok(Progress::Failed { failure, .. }) => {
                    tracing::debug!(target: "serfer::join", %failure, "still alone");
                }
                Ok(Progress::Done) => {
                    // So that the core forgets where they led before.
                    if self.keeps_seeds {
                        self.update();
                    }
                    return true;
                }
                Ok(Progress::Refused(_)) | Err(_) => return false,
            }
        }
    }
}

/// How long each of so many members waits at most, so that about one of them looks in each interval.
fn longest_wait(interval: Duration, members: u32) -> Duration {
    interval.saturating_mul(members).min(LOOK_MAX.max(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_larger_a_cluster_the_rarer_each_of_its_nodes_looks() {
        let seconds =
            |interval, members| longest_wait(Duration::from_secs(interval), members).as_secs();
        assert_eq!(
            [2, 10, 1000, u32::MAX].map(|members| seconds(60, members)),
            [120, 600, 3600, 3600]
        );
        assert_eq!(seconds(86_400, 3), 86_400);
    }
}
