//! A node's numbers for the `metrics` facade.
//!
//! All of [`Stats`], and how often which user event and query came and went.
//! Whoever installs a recorder gets them every few seconds, and once more when the node is shut down.
//! Names of events come from the network, so that they are labels only if the application says so;
//! all others are one, `other`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use serfer_proto::{Event, ReadingKind, Stats};

use crate::node::shared::Shared;

/// How often the numbers are handed out.
const INTERVAL: Duration = Duration::from_secs(5);

/// The label of all names that are not allowed to be one.
const OTHER: &str = "other";

const DROPPED: &str = "serfer_dropped_total";

/// By name: what it is called, and what it is.
const BY_NAME: [(Way, &str, &str); 4] = [
    (
        Way::EventReceived,
        "serfer_user_events_received_total",
        "user events that the application was told of, our own included",
    ),
    (Way::EventSent, "serfer_user_events_sent_total", "user events that we sent"),
    (
        Way::QueryReceived,
        "serfer_queries_received_total",
        "queries that the application was asked, our own included",
    ),
    (Way::QuerySent, "serfer_queries_sent_total", "queries that we asked"),
];

/// What happened to something that has a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    EventReceived,
    EventSent,
    QueryReceived,
    QuerySent,
}

/// How often each happened, in the order of [`Way`].
type Counts = [u64; BY_NAME.len()];

/// Counts by name. What it takes is bounded by the names that are allowed.
#[derive(Debug, Default)]
pub(crate) struct Names {
    allowed: BTreeMap<Arc<str>, Counts>,
    other: Counts,
}

impl Names {
    pub(crate) fn new(names: Vec<String>) -> Self {
        let names = names.into_iter().filter(|name| name != OTHER);
        let allowed = names.map(|name| (name.into(), Counts::default())).collect();
        Self { allowed, other: Counts::default() }
    }

    pub(crate) fn count(&mut self, way: Way, name: &str) {
        let counts = self.allowed.get_mut(name).unwrap_or(&mut self.other);
        counts[way as usize] += 1;
    }

    /// Counts what the application is told of.
    pub(crate) fn count_received(&mut self, event: &Event) {
        match event {
            Event::User(event) => self.count(Way::EventReceived, &event.name),
            Event::Query(query) => self.count(Way::QueryReceived, &query.name),
            _ => {}
        }
    }

    fn snapshot(&self) -> Vec<(Arc<str>, Counts)> {
        let allowed = self.allowed.iter().map(|(name, counts)| (name.clone(), *counts));
        allowed.chain([(OTHER.into(), self.other)]).collect()
    }
}

/// Hands out the numbers for as long as the node runs, and for the last time when its `writer`, whose
/// part this takes, has written all.
pub(crate) fn export_besides<W: Future<Output = ()>>(
    shared: &Arc<Shared>,
    names: Vec<String>,
    writer: W,
) -> impl Future<Output = ()> + use<W> {
    let _ = shared.with(|state| state.names = Names::new(names));
    // A recorder is the application's, and may take its time.
    shared.tasks.spawn_outside(export_regularly(shared.clone()));
    let shared = shared.clone();
    async move {
        writer.await;
        export(&shared);
    }
}

/// Hands out the numbers until the node is shut down.
async fn export_regularly(shared: Arc<Shared>) {
    loop {
        export(&shared);
        shared.tasks.sleep_until(shared.now() + INTERVAL).await;
    }
}

/// Hands out the numbers as they are now. No recorder is called under the lock.
fn export(shared: &Shared) {
    let numbers = shared.with(|state| {
        let node: Arc<str> = state.endpoint.local_member().name().into();
        (node, state.endpoint.stats(), state.names.snapshot())
    });
    let Ok((node, stats, names)) = numbers else {
        return;
    };
    export_stats(&node, &stats);
    // As often as the rest: whatever recorder is there by now knows what it is told.
    for (way, metric, help) in BY_NAME {
        describe_counter!(metric, help);
        for (name, counts) in &names {
            counter!(metric, "node" => node.clone(), "name" => name.clone())
                .absolute(counts[way as usize]);
        }
    }
}

fn export_stats(node: &Arc<str>, stats: &Stats) {
    for reading in stats.readings() {
        match reading.kind {
            ReadingKind::Counter => {
                let metric = format!("serfer_{}_total", reading.name);
                describe_counter!(metric.clone(), reading.help);
                counter!(metric, "node" => node.clone()).absolute(reading.value);
            }
            ReadingKind::Gauge => {
                let metric = format!("serfer_{}", reading.name);
                describe_gauge!(metric.clone(), reading.help);
                gauge!(metric, "node" => node.clone()).set(reading.value as f64);
            }
        }
    }
    describe_counter!(DROPPED, "what was received and not used, by reason");
    for (reason, count) in stats.dropped.iter() {
        counter!(DROPPED, "node" => node.clone(), "reason" => reason.name()).absolute(count);
    }
}

#[cfg(test)]
mod tests;
