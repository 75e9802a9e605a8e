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

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_lite::future;
use serfer_proto::Replay;

use super::attempt::{ADDRS_MAX, Attempt, Progress, living};
use super::failure::SeedJoinError;
use super::join::is_alone;
use super::pauses::{DoublingPause, half_to_all};
use super::seeds::{SeedFinding, SeedResolver};
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
        let Ok(member_lost) = self.shared.with(|state| state.member_lost.clone()) else {
            return;
        };
        let patient = DoublingPause::new(self.interval / 12, self.interval);
        let mut pauses = patient;
        let mut turn = self.next_turn();
        loop {
            self.resolver.book.some().await;
            match is_alone(&self.shared) {
                Ok(true) => {
                    self.shared.tasks.sleep_until(self.shared.now() + pauses.next_pause()).await;
                    let is_still_alone = is_alone(&self.shared).unwrap_or_default();
                    if is_still_alone && !self.try_all().await {
                        return;
                    }
                }
                Ok(false) => {
                    pauses = patient;
                    // Who loses nobody sleeps long: an idle node should not wake up to find nothing.
                    let look_at = self.look_at(&turn);
                    let then = look_at.min(self.shared.now() + self.interval);
                    let later = self.shared.tasks.sleep_until(then);
                    future::or(later, member_lost.wait()).await;
                    if self.shared.now() >= self.look_at(&turn) {
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

    /// When it is our turn to look. The more members, the later it is.
    fn look_at(&self, turn: &LookTurn) -> Instant {
        let alive = self.shared.with(|state| state.endpoint.stats().members_alive);
        let alive = u32::try_from(alive.unwrap_or_default()).unwrap_or(u32::MAX);
        let longest = longest_wait(self.interval, alive);
        turn.since + longest.mul_f64(turn.share.as_secs_f64())
    }

    /// Looks all seeds up.
    async fn look(&self) {
        let seeds = self.resolver.book.texts();
        let (sender, findings) = async_channel::unbounded();
        let looking_up = self.resolver.clone().resolve(seeds.clone(), sender);
        let mut found = vec![BTreeSet::new(); seeds.len()];
        let noting = async {
            while let Ok(SeedFinding { seed, result }) = findings.recv().await {
                match result {
                    Ok(addrs) => {
                        // A name server says what it likes.
                        let room = ADDRS_MAX.saturating_sub(found[seed].len());
                        found[seed].extend(addrs.into_iter().take(room));
                    }
                    Err(failure) => {
                        tracing::debug!(target: "serfer::join", %failure, "a seed leads nowhere now");
                    }
                }
            }
        };
        future::zip(looking_up, noting).await;
        for (seed, addrs) in seeds.iter().zip(found) {
            self.resolver.book.found(seed, addrs.into_iter().collect());
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
                Ok(Progress::Refused(error)) => return passes(&error),
                Err(_) => return false,
            }
        }
    }
}

/// Whether what refuses a try does not do so for ever. Who keeps a name is settled within seconds.
fn passes(error: &SeedJoinError) -> bool {
    matches!(error, SeedJoinError::NameInUse { .. })
}

/// How long each of so many members waits at most, so that about one of them looks in each interval.
fn longest_wait(interval: Duration, members: u32) -> Duration {
    interval.saturating_mul(members).min(LOOK_MAX.max(interval))
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use futures_lite::future::block_on;
    use serfer_proto::JoinError;

    use super::*;
    use crate::node::tasks::BoxFuture;
    use crate::node::testing::TestNode;
    use crate::router::Router;

    #[test]
    fn a_name_with_thousands_of_addresses_is_not_remembered_with_all_of_them() {
        let node = TestNode::with(Router::new());
        let addrs: Vec<SocketAddr> =
            (1..=5000).map(|port| SocketAddr::from(([10, 0, 0, 1], port))).collect();
        let hosts = Box::new(move |_, _| -> BoxFuture<_> {
            let addrs = addrs.clone();
            Box::pin(async { Ok(addrs) })
        });
        let resolver = Arc::new(SeedResolver::new(node.runtime.clone(), hosts, Vec::new()));
        resolver.book.begin_with(["many".to_owned()].iter());
        let (shared, interval) = (node.shared, Duration::from_secs(60));
        let watch =
            SeedWatch { shared, resolver, replay: Replay::Skip, interval, keeps_seeds: true };
        block_on(watch.look());
        assert_eq!(watch.resolver.book.addrs().len(), ADDRS_MAX);
    }

    #[test]
    fn a_name_that_another_node_has_does_not_end_the_search_for_others() {
        let addr = SocketAddr::from(([10, 0, 0, 1], 7946));
        assert!(passes(&SeedJoinError::NameInUse { name: "a".to_owned(), addr }));
        assert!(!passes(&SeedJoinError::Refused(JoinError::Left)));
        assert!(!passes(&SeedJoinError::Closed));
    }

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
